// What is said of cameras, clips and the proof.

import assert from "node:assert/strict";
import { test } from "node:test";
import { mark, told, whole } from "./clip.js";
import { alarming, away, checked, described, held, over, proven, released, standing, wrong } from "./words.js";

const condition = { state: "filming", since: 5, word: "filming", text: "it films, as it says", troubles: [], notes: [] };
const dark = { state: "no-picture", since: 5, word: "no picture for 2 min", text: "no picture for 2 min: no route", troubles: [], notes: [] };
const camera = { condition, online: true, newest_us: 1e15, bits_per_second: 1_500_000, waiting: 0, clock_offset_ms: -250, clock_is_off: false, retired: false, to_do: null, replaced: 0, conflicts: 0 };
const proof = { worth: "fresh", head_size: 28, witnesses: 3, of_witnesses: 4, age: 40, checked: 12, problem: null, unexpected: 0, alarms: 0, unreleasable: 0 };

test("a camera is described by what is wrong with it, and by nothing else", () => {
  assert.match(described(camera, 1e15), /^last segment \d\d:\d\d:\d\d · 1.5 Mbit\/s · clock −0.3 s$/);
  assert.match(described({ ...camera, waiting: 7 }, 1e15), /7 segments wait at the camera/);
  assert.doesNotMatch(described({ ...camera, waiting: null }, 1e15), /wait/);
  assert.match(described(camera, 1e15 + 31e6), /\(31 s ago\)/);
  assert.match(described({ ...camera, newest_us: 0, clock_is_off: true, clock_offset_ms: 90_000 }, 1e15), /^nothing stored yet .*CLOCK OFF by 90 s$/);
});

test("a retired camera films nothing more, and nothing is wrong with it", () => {
  const retired = { ...camera, retired: true, condition: { ...condition, state: "offline", text: "not connected; its newest picture is 34 s old" } };
  assert.match(described(retired, 2e15), /^retired: it films nothing more · last segment /);
  assert.equal(wrong(retired, 2e15), "");
  assert.equal(over("Waiting for the camera.", retired), "retired: it films nothing more");
});

test("a copied key is worse than a camera that is away", () => {
  assert.deepEqual(standing(camera), ["filming", "good"]);
  assert.deepEqual(standing({ ...camera, clock_is_off: true }), ["filming", "warn"]);
  const offline = { ...condition, state: "offline", word: "offline" };
  assert.deepEqual(standing({ ...camera, online: false, condition: offline }), ["offline", "bad"]);
  assert.deepEqual(standing({ ...camera, replaced: 1 }), ["filming", "good"], "a network that changed");
  assert.equal(standing({ ...camera, replaced: 2 })[1], "bad");
  const conflict = standing({ ...camera, conflicts: 1 });
  assert.ok(conflict[1] === "bad" && conflict[0].includes("new key"), "it is said with what to do");
});

test("a camera that is connected and films nothing is red, with the reason", () => {
  const failing = { ...camera, condition: dark };
  assert.deepEqual(standing(failing), ["no picture for 2 min", "bad"]);
  assert.match(described(failing, 1e15), /^no picture for 2 min: no route · last segment/);
  for (const state of ["silent", "not-stored"]) assert.equal(standing({ ...camera, condition: { ...dark, state } })[1], "bad");
  assert.equal(standing({ ...camera, condition: { ...dark, state: "resting" } })[1], "warn", "not filmed by its owner's rule");
  // Over a picture that does not move, and only there.
  assert.equal(over("connecting", failing), dark.text);
  assert.equal(over("", failing), "");
  assert.equal(over("connecting", camera), "connecting");
  assert.equal(over("connecting", undefined), "connecting");
  const noSound = { ...camera, condition: { ...condition, troubles: [{ kind: "sound", text: "sound has not come" }] } };
  assert.deepEqual(standing(noSound), ["filming", "warn"]);
  assert.match(described(noSound, 1e15), / · sound has not come$/);
  assert.equal(wrong(camera, 1e15), "");
  assert.equal(wrong(noSound, 1e15 + 3e6), "filmed 3 s ago · sound has not come");
  assert.equal(wrong({ ...noSound, newest_us: 0 }, 1e15), "sound has not come");
  assert.equal(wrong(failing, 1e15), dark.text);
  // What its configuration chose is no trouble.
  const silenced = { ...camera, condition: { ...condition, notes: ["no sound is recorded"] } };
  assert.deepEqual(standing(silenced), ["filming", "good"]);
  assert.equal(wrong(silenced, 1e15), "");
  assert.match(described(silenced, 1e15), / · no sound is recorded$/);
});

test("what is not of now is not green", () => {
  const told = { relay_problem: null, relay_heard: 100e6, now: 101e6 };
  assert.equal(away(told), "");
  assert.deepEqual(standing(camera, away(told)), ["filming", "good"]);
  assert.match(away({ ...told, relay_problem: "no route" }), /^the relay is away since \d\d:\d\d:\d\d$/);
  assert.match(away({ ...told, now: 131e6 }), /^the relay is away since/, "a question that hangs");
  assert.equal(away({ ...told, relay_problem: "no route", relay_heard: 0 }), "the relay is not reached");
  assert.match(away(told, 100e6), /^the app is away since \d\d:\d\d:\d\d$/);
  assert.equal(standing(camera, away(told, 100e6))[1], "bad");
  const other = standing({ ...camera, condition: dark, conflicts: 1 }, away(told, 100e6));
  assert.ok(other[0].includes("new key"), "what is to be done stays");
});

test("too few trustees that hold a share are red, and nothing is said of what was not checked", () => {
  const holders = { camera: "door", until_us: 10e6, trustees: 5, needed: 3, holding: 5, unread: 0, read_at: 1, without: [] };
  assert.deepEqual(held(null, 5e6), ["Who holds shares of it is not known.", "warn"]);
  assert.deepEqual(held(holders, 5e6), ["5 of 5 trustees hold a share of what is filmed now; 3 are needed.", "good"]);
  const [text, kind] = held({ ...holders, holding: 4, without: [{ trustee: "t2.example", why: "lost" }] }, 5e6);
  assert.deepEqual([text, kind], ["4 of 5 trustees hold a share of what is filmed now; 3 are needed (t2.example: it lost its key).", "warn"]);
  assert.equal(held({ ...holders, holding: 3 }, 5e6)[1], "warn");
  const red = held({ ...holders, holding: 2 }, 11e6);
  assert.deepEqual(red, ["TOO FEW: 2 of 5 trustees hold a share of what was filmed last; 3 are needed.", "bad"]);
  assert.match(held({ ...holders, holding: 3, unread: 2 }, 5e6)[0], /of 2 more the log was not read yet\.$/);
  assert.equal(held({ ...holders, holding: 2, unread: 2 }, 5e6)[1], "warn", "not known to be too few");
  assert.equal(held(holders, 700e6)[1], "warn", "read too long ago");
  assert.match(held(holders, 700e6)[0], /was last read 12 min ago\.$/);
  assert.match(held({ ...holders, trustees: 0, needed: 0, holding: 0 }, 5e6)[0], /^Nothing .* is escrowed/);
});

test("the proof is never said to be better than it is", () => {
  assert.equal(proven(proof), "log head 28, 3 of 4 witnesses, 40 s ago");
  assert.equal(proven({ ...proof, worth: "stale" }), "STALE: log head 28, 3 of 4 witnesses, 40 s ago");
  assert.equal(proven({ ...proof, worth: "stale", head_size: null }), "STALE: no verified head yet");
  assert.equal(proven({ ...proof, worth: "forked" }), "THE LOG HAS FORKED");
  assert.equal(checked(proof), "checked 12 s ago");
  assert.equal(checked({ ...proof, worth: "stale", age: 7300 }), "NOT CHECKED for 2 h");
  assert.equal(checked({ ...proof, worth: "stale", head_size: null }), "NOT CHECKED");
  assert.equal(checked({ ...proof, worth: "unchecked" }), "checking");
  assert.equal(checked({ ...proof, worth: "forked" }), "NOT TO BE TRUSTED");
  assert.equal(alarming(proof), "");
  assert.equal(alarming({ ...proof, problem: "once" }), "", "one failure is no alarm yet");
  assert.equal(alarming({ ...proof, worth: "forked", problem: "two histories" }), "two histories");
  assert.match(alarming({ ...proof, unexpected: 1 }), /^1 record about your cameras is not yours/);
  assert.match(alarming({ ...proof, unexpected: 2, alarms: 1 }), /not yours, or the log lost.*2 records about your cameras are not yours/);
  assert.match(alarming({ ...proof, unreleasable: 1 }), /released to nobody/);
});

test("a release says whether anything can be opened", () => {
  const release = { kind: "emergency", agency: "police.example", from: 0, to: 6e7, state: "attempted", reason: null, leaf_index: 5, when: 0, grants: 1, expected: false, remarks: [] };
  assert.match(released(release).what, /^emergency by police.example, .*Granted by too few trustees/);
  assert.match(released({ ...release, state: "completed" }).what, /RELEASED/);
  assert.match(released({ ...release, agency: null, state: null }).what, /by you, .*Shared by you\.$/);
  assert.equal(released(release).why, "No reason stands in the log.");
});

test("a mark on the wrong side takes the place of the other one", () => {
  const both = mark(mark({}, "from", 10e6), "to", 20e6);
  assert.deepEqual(whole(both), { from: 10e6, to: 20e6 });
  assert.match(told(both), /10 s$/);
  assert.deepEqual(mark(both, "from", 20e6), { from: 20e6 });
  assert.deepEqual(mark(both, "to", 5e6), { to: 5e6 });
  assert.equal(whole({ to: 5e6 }), undefined);
  assert.match(told({ to: 5e6 }), /mark the start/);
});
