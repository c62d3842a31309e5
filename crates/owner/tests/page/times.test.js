// Times as people read them, in the time zone of whoever looks.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ahead, clock, lasting, moment, rate, size, zone } from "./times.js";

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

test("lengths and sizes are in the largest unit that fits", () => {
  assert.deepEqual([-3, 0.4, 119, 120, 7200, 172800].map(lasting), ["0 s", "0 s", "119 s", "2 min", "2 h", "2 days"]);
  assert.deepEqual([1, 999_999, 1_500_000].map(size), ["1 kB", "1000 kB", "1.5 MB"]);
  assert.deepEqual([64_000, 1_500_000].map(rate), ["64 kbit/s", "1.5 Mbit/s"]);
});
