// How fast a live view plays.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "./pace.js";

/** Plays fragments of 100 ms that all arrive in time, `seconds` long; what is in hand at its worst then. */
function settle(pace, hand, seconds) {
  let worst = Infinity;
  for (let look = 0; look < seconds * 10; look += 1) {
    const rate = pace.rate(hand);
    if (rate === undefined) hand = pace.behind;
    else hand += 0.1 - 0.1 * rate;
    if (look > seconds * 10 - 20) worst = Math.min(worst, hand);
  }
  return worst;
}

test("what is in hand settles at the margin, from above and from below", () => {
  for (const hand of [0.02, 0.3, 1.2]) {
    const left = settle(new Pace(), hand, 60);
    assert.ok(left > 0.03 && left < 0.12, `${hand} became ${left}`);
  }
});

test("the rate stays within what is not heard", () => {
  const pace = new Pace();
  for (const hand of [0, 0.05, 0.5, 1, 1.4]) {
    const rate = pace.rate(hand);
    assert.ok(rate >= 0.95 && rate <= 1.08, `${hand}: ${rate}`);
  }
  assert.equal(pace.rate(2), undefined, "too far to chase");
});

test("a picture that stood still is given more in hand, up to a bound, and less again with time", () => {
  const pace = new Pace();
  pace.stood();
  const first = pace.behind;
  settle(pace, 0.3, 4);
  assert.ok(pace.behind <= first, "at the beginning standing still means nothing");
  for (let time = 0; time < 20; time += 1) pace.stood();
  assert.ok(pace.behind > first && pace.behind < first + 0.6);
  const most = pace.behind;
  settle(pace, 0.3, 60);
  assert.ok(pace.behind < most);
});
