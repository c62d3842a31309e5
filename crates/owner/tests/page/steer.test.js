// What is done with a picture at each look.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "./pace.js";
import { steer } from "./steer.js";

const begun = (more) => ({ word: "showing", paused: false, at: 10, wanted: 5, rate: 1, over: false, queued: 0, arrived: 0, pace: new Pace(), ...more });
const live = (more) => begun({ wanted: undefined, ...more });

test("a recording begins at the wanted picture, as soon as that is there", () => {
  const opening = begun({ word: "opening", at: 0, rate: 2 });
  assert.deepEqual(steer(0, [], opening), {});
  assert.deepEqual(steer(0, [[1, 4]], opening), {}, "what leads to it");
  assert.deepEqual(steer(0, [[1, 8]], opening), { word: "showing", say: "", seek: 5, rate: 2 });
  assert.deepEqual(steer(0, [[7, 8]], opening).seek, 7, "the first there is");
  assert.deepEqual(steer(0, [[1, 4]], { ...opening, over: true }).seek, 3.99, "the last there is");
});

test("a stretch of which nothing was stored ends, and is not waited for", () => {
  const opening = begun({ word: "opening", over: true });
  assert.deepEqual(steer(0, [], opening), { word: "done" });
  assert.deepEqual(steer(0, [], { ...opening, paused: true }), { word: "done" });
  assert.deepEqual(steer(0, [], { ...opening, queued: 1 }), {}, "something came, and is not buffered yet");
});

test("a live view begins close to the newest picture", () => {
  const { word, seek, rate } = steer(0, [[1, 8]], live({ word: "opening" }));
  assert.equal(word, "showing");
  assert.equal(rate, 1);
  assert.ok(seek > 7.5 && seek < 8, `${seek}`);
});

test("a live view keeps its pace, and jumps when it is far behind", () => {
  assert.deepEqual(steer(0, [[0, 10.06]], live()), { rate: 1 });
  assert.ok(steer(0, [[0, 10.5]], live()).rate > 1);
  const far = steer(0, [[0, 20]], live());
  assert.ok(far.seek > 19 && far.rate === undefined);
  assert.deepEqual(steer(0, [[0, 20]], live({ paused: true })), {});
});

test("a hole is jumped over", () => {
  for (const state of [live(), begun({ over: true })]) {
    assert.deepEqual(steer(0, [[0, 10.05], [30, 40]], state), { seek: 30.01 });
  }
  assert.equal(steer(0, [[0, 10.2], [30, 40]], begun({ over: true })).seek, undefined, "not before its edge");
});

test("silence of a live view is told, and taken back", () => {
  const quiet = steer(7000, [[0, 10.06]], live());
  assert.deepEqual([quiet.word, quiet.say], ["stalled", "No new picture for 7 s."]);
  const back = steer(7000, [[0, 10.06]], live({ word: "stalled", arrived: 6900 }));
  assert.deepEqual([back.word, back.say], ["showing", ""]);
  assert.deepEqual(steer(7000, [[0, 10.06]], live({ paused: true })), {}, "nobody waits");
  assert.equal(steer(7000, [[0, 20]], begun({ over: true })).word, undefined, "a recording waits for nobody");
});

test("more of a recording is asked for ahead, by speed, and not before what came is buffered", () => {
  assert.equal(steer(0, [[0, 21]], begun()).more, true);
  assert.equal(steer(0, [[0, 23]], begun()).more, undefined);
  assert.equal(steer(0, [[0, 23]], begun({ rate: 4 })).more, true);
  assert.equal(steer(0, [[0, 21]], begun({ over: true })).more, undefined);
  assert.equal(steer(0, [[0, 21]], begun({ queued: 3 })).more, undefined);
});

test("a recording that was played to its end is done, unless it is held there", () => {
  const end = begun({ at: 20.9, over: true });
  assert.deepEqual(steer(0, [[0, 21]], end), { word: "done" });
  assert.deepEqual(steer(0, [[0, 21]], { ...end, paused: true }), {});
  assert.deepEqual(steer(0, [[0, 21]], { ...end, queued: 1 }), {});
  assert.equal(steer(0, [[0, 21]], { ...end, over: false }).word, undefined);
});

test("whoever waits, rests or is over does nothing", () => {
  for (const word of ["lost", "resting", "unplayable", "done", "closed"]) {
    assert.deepEqual(steer(99999, [[0, 10], [20, 30]], begun({ word })), {}, word);
  }
});

test("a recording that waits says what for, and takes it back", () => {
  const dry = begun({ at: 19.95 });
  assert.equal(steer(4000, [[0, 20]], dry).word, undefined, "not at once");
  const waits = steer(7000, [[0, 20]], dry);
  assert.deepEqual(waits, { more: true, word: "stalled", say: "Waiting for the relay: nothing of this recording came for 7 s." });
  assert.match(steer(7000, [[0, 20]], { ...dry, queued: 2 }).say, /^What follows is here, and this browser/);
  assert.equal(steer(7000, [[0, 20]], { ...dry, paused: true }).word, undefined, "nobody waits");
  assert.equal(steer(7000, [[0, 26]], dry).word, undefined, "there is something to show");
  assert.equal(steer(7000, [[0, 19.96], [30, 40]], dry).word, undefined, "a hole is jumped over");
  const back = steer(7000, [[0, 26]], { ...dry, word: "stalled", arrived: 6900 });
  assert.deepEqual([back.word, back.say], ["showing", ""]);
  const opening = steer(7000, [], begun({ word: "opening", at: 0 }));
  assert.deepEqual(opening, { say: "Waiting for the relay: nothing of this recording came for 7 s." });
});
