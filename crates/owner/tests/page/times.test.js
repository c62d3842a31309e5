// Times as people read them, in the time zone of whoever looks.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ahead, bounds, clock, lasting, moment, named, rate, size, when, zone } from "./times.js";

test("times are local, and say of which zone", () => {
  process.env.TZ = "Asia/Kolkata";
  assert.equal(moment(1_795_996_000e6), "2026-11-30 05:16:40");
  assert.equal(ahead(0), 5.5 * 3600);
  assert.equal(zone(0), "UTC+05:30");
  assert.equal(clock(0), "05:30:00");
  assert.equal(clock(0, false), "05:30");
  process.env.TZ = "America/St_Johns";
  assert.equal(zone(0), "UTC−03:30");
  assert.equal(moment(0), "1969-12-31 20:30:00");
});

/** Microseconds of a time that is written with its offset. */
const at = (text) => Date.parse(text) * 1000;

test("a minute that comes twice is told with its offset, and no other is", () => {
  process.env.TZ = "Europe/Zurich";
  const [first, second] = [at("2026-10-25T02:30:00+02:00"), at("2026-10-25T02:30:00+01:00")];
  assert.equal(moment(first), "2026-10-25 02:30:00 UTC+02:00");
  assert.equal(moment(second), "2026-10-25 02:30:00 UTC+01:00");
  assert.equal(clock(second, false), "02:30 UTC+01:00");
  // Every quarter of an hour of that night has a name of its own.
  const night = Array.from({ length: 32 }, (_, quarter) => moment(at("2026-10-24T22:00:00+02:00") + quarter * 900e6));
  assert.equal(new Set(night).size, 32);
  assert.equal(night.filter((name) => name.includes("UTC")).length, 8);
  assert.equal(clock(at("2026-10-25T01:59:59+02:00")), "01:59:59");
  assert.equal(clock(at("2026-10-25T03:00:00+01:00")), "03:00:00");
  assert.equal(clock(at("2026-03-29T03:00:00+02:00")), "03:00:00");
  // Half an hour is turned back there, and at another hour.
  process.env.TZ = "Australia/Lord_Howe";
  assert.equal(clock(at("2026-04-05T01:45:00+11:00")), "01:45:00 UTC+11:00");
  assert.equal(clock(at("2026-04-05T01:45:00+10:30")), "01:45:00 UTC+10:30");
  assert.equal(clock(at("2026-04-05T02:00:00+10:30")), "02:00:00");
});

test("a local time names one moment, two, or none", () => {
  process.env.TZ = "Europe/Zurich";
  assert.deepEqual(named("2026-10-25", "02:30"), [at("2026-10-25T02:30:00+02:00"), at("2026-10-25T02:30:00+01:00")]);
  assert.deepEqual(named("2026-03-29", "02:30"), []);
  assert.deepEqual(named("2026-11-25", "14:03:20"), [at("2026-11-25T13:03:20Z")]);
  for (const zone of ["Pacific/Auckland", "Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu", "America/St_Johns"]) {
    process.env.TZ = zone;
    const [us, ...more] = named("2026-11-25", "14:03:20");
    assert.deepEqual([moment(us), more], ["2026-11-25 14:03:20", []], zone);
  }
});

test("a day is as long as it is, and is told where it is another one", () => {
  process.env.TZ = "Europe/Zurich";
  const hours = ([from, to]) => (to - from) / 3600e6;
  assert.deepEqual(["2026-10-25", "2026-03-29", "2026-06-01"].map((day) => hours(bounds(at(`${day}T12:00:00Z`)))), [25, 23, 24]);
  assert.deepEqual(bounds(at("2026-11-01T00:30:00+01:00"), -1), [at("2026-10-31T00:00:00+01:00"), at("2026-11-01T00:00:00+01:00")]);
  const midnight = at("2026-11-25T00:00:00+01:00");
  assert.equal(when(midnight, midnight + 1e6), "00:00:00");
  assert.equal(when(midnight - 1e6, midnight), "2026-11-24 23:59:59");
});

test("lengths and sizes are in the largest unit that fits", () => {
  assert.deepEqual([-3, 0.4, 119, 120, 7200, 172800].map(lasting), ["0 s", "0 s", "119 s", "2 min", "2 h", "2 days"]);
  assert.deepEqual([1, 999_999, 1_500_000].map(size), ["1 kB", "1000 kB", "1.5 MB"]);
  assert.deepEqual([64_000, 1_500_000].map(rate), ["64 kbit/s", "1.5 Mbit/s"]);
});
