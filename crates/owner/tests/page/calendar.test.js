// Days and hours of the past.

import assert from "node:assert/strict";
import { test } from "node:test";
import { busy, days, hours, onwards, seen, told } from "./calendar.js";

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

test("what comes after a moment is asked for in days, however long ago it was", () => {
  const DAY = 86400e6;
  // Both changes of the clocks lie behind each of these, and at Troll it is two hours.
  for (const zone of ["Europe/Zurich", "Pacific/Auckland", "America/Havana", "Antarctica/Troll"]) {
    process.env.TZ = zone;
    for (const now of ["2026-04-20T09:00:00Z", "2026-11-20T21:30:00Z"].map(at)) {
      for (const ago of [0.01, 1, 29, 30, 31, 32, 60, 90, 400]) {
        let edge = now - ago * DAY;
        for (let rounds = 0; edge < now; rounds += 1) {
          const edges = onwards(edge, 30, now);
          assert.ok(edges.length >= 2 && edges.length <= 31 && rounds < 15, "a question of the right size");
          assert.equal(edges[0], edge, "nothing is left out");
          for (let day = 1; day < edges.length; day += 1) {
            const length = edges[day] - edges[day - 1];
            assert.ok(length > 0 && length <= 26 * 3600e6, `${zone}, ${ago} days ago: ${length / 3600e6} hours`);
          }
          edge = edges.at(-1);
        }
        assert.equal(edge, now);
      }
    }
  }
  process.env.TZ = "Europe/Zurich";
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
  assert.equal(told(day, null, undefined), "2026-11-25, nothing of it at the relay");
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
