// What is made of what the app sends.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Feed } from "./feed.js";

/** A feed that was never opened, and everything that it told, in order. */
function heard(...messages) {
  const told = [];
  const keep = (word) => (...what) => told.push([word, ...what]);
  const on = { opening: keep("opening"), init: keep("init"), fragment: keep("fragment"), gap: keep("gap"), fault: keep("fault"), lost: keep("lost") };
  const feed = new Feed(() => ({ camera: "", track: 0 }), on);
  for (const message of messages) {
    if (message instanceof ArrayBuffer) feed.take(message);
    else feed.told(message);
  }
  // Nothing is opened again when the test is over.
  feed.close();
  return { feed, told };
}

function tagged(tag, seconds, ...bytes) {
  const data = new ArrayBuffer(9 + bytes.length);
  const view = new DataView(data);
  view.setUint8(0, tag);
  view.setFloat64(1, seconds);
  new Uint8Array(data, 9).set(bytes);
  return data;
}

test("bytes come with the codec of their run and the start of their segment", () => {
  const { told } = heard(
    { event: "run", codec: "avc1" },
    tagged(0, 0, 1, 2),
    { event: "segment", epoch: 0, sequence: 4, start_us: 5_500_000 },
    tagged(1, 0.25, 3),
    tagged(1, 0.5, 4),
    { event: "segment-verified", sequence: 4, duration_us: 1 },
  );
  assert.deepEqual(told, [
    ["init", Uint8Array.of(1, 2), "avc1"],
    ["fragment", Uint8Array.of(3), 0.25, 5.5],
    ["fragment", Uint8Array.of(4), 0.5, 5.5],
  ]);
});

test("faults are told and more comes; the end is the end", () => {
  const gap = { event: "gap", from_us: 1, to_us: 2, reason: "lost" };
  const { feed, told } = heard(gap, { event: "refused", sequence: 1, reason: "forged" }, { event: "policy-alarm" }, { event: "ended" });
  assert.deepEqual(told[0], ["gap", gap]);
  assert.deepEqual(told[1], ["fault", "A segment was refused: forged."]);
  assert.match(told[2][1], /a policy that is not yours/);
  assert.equal(told.length, 3);
  assert.equal(feed.over, true);
});

test("what is lost is told with its reason, and waited for longer each time until a picture is shown", () => {
  const { feed, told } = heard({ event: "failed", reason: "no relay" }, { event: "stopped" });
  assert.deepEqual(told, [["lost", "no relay. Trying again."], ["lost", "The app was stopped. Trying again."]]);
  assert.equal(feed.failures, 2);
  assert.equal(feed.over, false);
  feed.works();
  assert.equal(feed.failures, 0);
});
