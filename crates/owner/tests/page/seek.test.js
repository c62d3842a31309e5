// Where seeks land. Times are seconds here, and Unix microseconds in the page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { neighbour, next, pointed, stepped, wished } from "./seek.js";

const S = 1e6;

/** A window from `from` to `to`, and what was recorded in it. */
const known = (from, to, ...recorded) => ({ from: from * S, to: to * S, recorded: recorded.map((stretch) => stretch.map((at) => at * S)) });

/** Where it lands, in seconds, and whether that is told. */
const landed = ({ at, say }) => [at === undefined ? "live" : at / S, say !== undefined];

test("a step back that asks for more than was filmed lands on the earliest picture and says so", () => {
  // Three seconds were filmed, and now is within four seconds of their start.
  const young = known(0, 1003, [1000, 1003]);
  assert.deepEqual(landed(stepped(young, 1002.8 * S, -5 * S, 1003 * S)), [1000, true]);
  assert.deepEqual(landed(stepped(young, 1002.8 * S, -60 * S, 1003 * S)), [1000, true]);
  assert.deepEqual(landed(stepped(young, 1000 * S, -5 * S, 1100 * S)), [1000, true], "and again");
  // Before the line knows of any recording, the app is asked and says what is missing.
  assert.deepEqual(landed(stepped(known(0, 0), 1002 * S, -5 * S, 1003 * S)), [997, false]);
});

test("a step back counts what was recorded: no hole holds it up, however long", () => {
  const holes = known(0, 1000, [100, 104], [500, 502], [900, 1000]);
  assert.deepEqual(landed(stepped(holes, 990 * S, -5 * S, 2000 * S)), [985, false]);
  assert.deepEqual(landed(stepped(holes, 901 * S, -2 * S, 2000 * S)), [501, false]);
  assert.deepEqual(landed(stepped(holes, 900 * S, -5 * S, 2000 * S)), [101, false]);
  assert.deepEqual(landed(stepped(holes, 700 * S, -1 * S, 2000 * S)), [501, false], "from within a hole");
  assert.deepEqual(landed(stepped(holes, 900 * S, -7 * S, 2000 * S)), [100, true]);
});

test("a step back near the edge of what is known goes beyond it", () => {
  const cut = known(900, 1000, [900, 1000]);
  assert.deepEqual(landed(stepped(cut, 902 * S, -5 * S, 2000 * S)), [897, false]);
});

test("a step back from live goes back, though the line is late or the camera's clock ahead", () => {
  const late = known(0, 990, [900, 990]);
  assert.deepEqual(landed(stepped(late, 999 * S, -5 * S, 1000 * S)), [994, false]);
  assert.deepEqual(landed(stepped(late, 1010 * S, -5 * S, 1000 * S)), [1005, false]);
});

test("a step on leads over a hole, and near now to live", () => {
  const holes = known(0, 1000, [100, 104], [500, 1000]);
  assert.deepEqual(landed(stepped(holes, 101 * S, 2 * S, 1000 * S)), [103, false]);
  assert.deepEqual(landed(stepped(holes, 101 * S, 5 * S, 1000 * S)), [500, true]);
  assert.deepEqual(landed(stepped(holes, 993 * S, 5 * S, 1000 * S)), ["live", false]);
});

test("a place on the line is the next picture, told where it is another moment; the end of it is live", () => {
  const holes = known(0, 1000, [100, 104], [500, 990]);
  assert.deepEqual(landed(pointed(holes, 102 * S, 1000 * S)), [102, false]);
  assert.deepEqual(landed(pointed(holes, 10 * S, 1000 * S)), [100, true]);
  assert.match(pointed(holes, 10 * S, 1000 * S).say, /^The earliest picture in sight is of /);
  assert.match(pointed(holes, 200 * S, 1000 * S).say, /^The relay gives nothing of .*: the next picture is of /);
  assert.deepEqual(landed(pointed(holes, 99.5 * S, 1000 * S)), [100, false], "as good as asked for");
  assert.deepEqual(landed(pointed(holes, 997 * S, 1000 * S)), ["live", false]);
  // Filmed for less than four seconds: the start of it is no place near now.
  assert.deepEqual(landed(pointed(known(0, 1000, [998, 1000]), 900 * S, 1000 * S)), [998, true]);
});

test("what is known to be recorded is shown and never taken for now", () => {
  const holes = known(0, 1000, [100, 104], [500, 1000]);
  assert.deepEqual(landed(next(holes, 999 * S)), [999, false]);
  assert.deepEqual(landed(next(holes, 2000 * S)), [2000, false], "outside of the window nothing is known");
});

test("a moment that was asked for by name is shown, or what was recorded next, and it is said which", () => {
  const holes = known(0, 1000, [100, 104], [500, 990]);
  assert.deepEqual(landed(wished(holes, 102 * S)), [102, true]);
  assert.match(wished(holes, 102 * S).say, /^This is /);
  assert.match(wished(holes, 99.5 * S).say, /^This is /, "as good as asked for");
  assert.deepEqual(landed(wished(holes, 10 * S)), [100, true]);
  assert.match(wished(holes, 10 * S).say, /^The relay gives nothing of .*: the next picture is of /);
  assert.equal(wished(holes, 995 * S), undefined, "what follows is not known");
  // Looked for further on, and still told of the moment that was asked for.
  const later = wished(holes, -5000 * S, 300 * S);
  assert.deepEqual(landed(later), [500, true]);
  assert.match(later.say, /^The relay gives nothing of /);
});

test("jumps lead to events beside the one that is watched", () => {
  const events = [10, 20, 30].map((at) => ({ from: at * S }));
  assert.equal(neighbour(events, 19 * S, 1), events[2], "with its lead, this one is watched");
  assert.equal(neighbour(events, 19 * S, -1), events[0]);
  assert.equal(neighbour(events, 30 * S, 1), undefined);
  assert.equal(neighbour(events, 10 * S, -1), undefined);
});
