// Days and hours of the past.

import assert from "node:assert/strict";
import { test } from "node:test";
import { busy, days, hours, seen, told } from "./calendar.js";

process.env.TZ = "Europe/Zurich";

const at = (text) => Date.parse(text) * 1000;
const MINUTE = 60e6;

test("the days of a strip are the clock's own, from the first one on and not too many", () => {
  const [first, now] = [at("2026-10-24T10:00:00+02:00"), at("2026-10-26T09:00:00+01:00")];
  const strip = days(first, now, 31);
  assert.deepEqual(strip.map(({ from }) => from), ["2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"].map(at));
  assert.deepEqual(strip.map(({ from, to }) => (to - from) / 3600e6), [24, 25, 24]);
  for (let day = 1; day < strip.length; day += 1) assert.equal(strip[day].from, strip[day - 1].to);
  assert.equal(days(0, now, 31).length, 31);
});

test("of a day only that is counted which was in sight as a whole", () => {
  const [from, to] = [at("2026-11-25T00:00:00+01:00"), at("2026-11-26T00:00:00+01:00")];
  const known = { from, to, recorded: [], gaps: [{ from: from - 1, to: from + 1 }, { from: from + 1, to: from + 2 }], releases: [] };
  const events = [{ from: from + MINUTE, to, permille: 30 }, { from: to, to, permille: 30 }];
  assert.deepEqual(seen({ from, to }, known, events, to + MINUTE), { gaps: 1, events: 1 });
  assert.deepEqual(seen({ from, to }, known, undefined, to + MINUTE), { gaps: 1, events: undefined });
  const half = { ...known, to: to - 3600e6 };
  assert.equal(seen({ from, to }, half, events, to + MINUTE), undefined, "its evening was not looked at");
  assert.equal(seen({ from, to }, { ...known, from: from + 1 }, events, to + MINUTE), undefined, "nor its morning");
  assert.deepEqual(seen({ from, to }, half, [], to - 3600e6 + 5e6), { gaps: 1, events: 0 }, "the day is not over");
});

test("a day says what is known of it, and nothing else", () => {
  const day = { from: at("2026-11-25T00:00:00+01:00"), to: 0 };
  assert.equal(told(day, undefined, undefined), "2026-11-25, not known yet");
  assert.equal(told(day, null, undefined), "2026-11-25, nothing was recorded");
  assert.equal(told(day, 5, undefined), "2026-11-25, recorded");
  assert.equal(told(day, 5, { gaps: 1, events: 0 }), "2026-11-25, recorded, no events, 1 gap");
  assert.equal(told(day, 5, { gaps: 0, events: undefined }), "2026-11-25, recorded, no gaps");
});

test("a busy day's events stand under their hours, and an hour that comes twice is two", () => {
  const event = (text, permille) => ({ from: at(text), to: at(text) + MINUTE, permille });
  const events = [
    event("2026-10-25T02:10:00+02:00", 30),
    event("2026-10-25T02:50:00+02:00", 450),
    event("2026-10-25T02:20:00+01:00", 60),
    event("2026-10-25T23:59:59+01:00", 20),
  ];
  const grouped = hours(events);
  assert.deepEqual(grouped.map(({ events }) => events.length), [1, 1, 2]);
  assert.equal(grouped[2].events[0], events[1], "newest first");
  assert.deepEqual(grouped.map(busy), [
    "23:00 to 00:00: 1 event, up to 2 % of the picture moved",
    "02:00 UTC+01:00 to 03:00: 1 event, up to 6 % of the picture moved",
    "02:00 UTC+02:00 to 02:00 UTC+01:00: 2 events, up to 45 % of the picture moved",
  ]);
  process.env.TZ = "Asia/Kathmandu";
  assert.match(busy(hours([event("2026-10-25T12:50:00Z", 20)])[0]), /^18:00 to 19:00: 1 event/);
  assert.deepEqual(hours([]), []);
});
