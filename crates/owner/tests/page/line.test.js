// Where the timeline draws a moment, and what a place on it means.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Line, height } from "./line.js";

const S = 1e6;
const MINUTES = 600 * S;

test("a line that follows the clock has a little of the future in sight", () => {
  const line = new Line(10_000 * S, MINUTES, undefined);
  assert.equal(line.to, 10_012 * S);
  assert.equal(line.from, 9_412 * S);
  assert.equal(line.at(10_000 * S), 98);
  assert.equal(new Line(10_000 * S, MINUTES, 5_000 * S).to, 5_000 * S);
});

test("a stretch is cut at both edges", () => {
  const line = new Line(0, MINUTES, 1_000 * S);
  assert.deepEqual(line.placed(460 * S, 520 * S), { left: 10, width: 10 });
  assert.deepEqual(line.placed(0, 460 * S), { left: 0, width: 10 });
  assert.deepEqual(line.placed(940 * S, 5_000 * S), { left: 90, width: 10 });
  assert.equal(line.placed(0, 100 * S).width, 0, "out of sight");
});

test("a place means a moment in the window that is not in the future", () => {
  const line = new Line(1_000 * S, MINUTES, undefined);
  assert.equal(line.moment(0.5, 1_000 * S), line.from + 300 * S);
  assert.equal(line.moment(-1, 1_000 * S), line.from);
  assert.equal(line.moment(1, 1_000 * S), 1_000 * S);
  assert.ok(line.has(line.from) && line.has(line.to) && !line.has(line.to + 1));
});

test("ticks stand at round local times", () => {
  const hours = new Line(0, 6 * 3600 * S, 100_000 * S);
  const ahead = 5.5 * 3600;
  const ticks = hours.ticks(() => ahead);
  assert.ok(ticks.length >= 5 && ticks.length <= 7, `${ticks.length}`);
  for (const us of ticks) {
    assert.equal((us / S + ahead) % 3600, 0);
    assert.ok(us >= hours.from && us < hours.to);
  }
});

test("where clocks are changed in sight, ticks stand at round times on either side", () => {
  // They go back by an hour.
  const ahead = (us) => (us < 50_400 * S ? 7200 : 3600);
  const ticks = new Line(0, 6 * 3600 * S, 61_200 * S).ticks(ahead);
  assert.deepEqual(ticks.map((us) => us / S), [39_600, 43_200, 46_800, 50_400, 54_000, 57_600]);
  const day = new Line(0, 86_400 * S, 86_400 * S).ticks(ahead);
  assert.deepEqual(day.map((us) => (us / S + ahead(us)) % 14_400), [0, 0, 0, 0, 0, 0]);
});

test("a person far away still shows", () => {
  assert.ok(height(20) > 20);
  assert.equal(height(500), 60);
  assert.equal(height(1000), 60);
});
