// Cells of a picture: their text, the pointer's way over them, keys.

import assert from "node:assert/strict";
import { test } from "node:test";
import { COLUMNS, ROWS, at, beside, between, parsed, placed, written } from "./cells.js";

test("cells are read as they are written, the first one the highest bit", () => {
  const text = "800000000000000000000000000000000001";
  const cells = parsed(text);
  assert.equal(cells.length, COLUMNS * ROWS);
  assert.deepEqual(cells.flatMap((is, cell) => (is ? [cell] : [])), [0, 143]);
  assert.equal(written(cells), text);
  assert.equal(written(Array(144).fill(false)), "0".repeat(36));
});

test("every place is in a cell, also one beyond the picture", () => {
  assert.equal(at(0, 0), 0);
  assert.equal(at(0.999, 0.999), 143);
  assert.equal(at(0.5, 0.5), 4 * 16 + 8);
  assert.equal(at(-3, 0.12), 16);
  assert.equal(at(1.5, 2), 143);
});

test("a fast stroke leaves no cell out", () => {
  assert.deepEqual(between(5, 5), [5]);
  assert.deepEqual(between(2, 6), [2, 3, 4, 5, 6]);
  assert.deepEqual(between(0, 3 * 16 + 3), [0, 17, 34, 51]);
  assert.equal(between(143, 0).length, 16);
  assert.deepEqual([between(143, 0)[0], between(143, 0).at(-1)], [143, 0]);
});

test("arrow keys stay in the picture", () => {
  assert.deepEqual(["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "End"].map((key) => beside(0, key)), [1, 16, 0, 0, 15]);
  assert.deepEqual(["ArrowRight", "ArrowDown", "Home"].map((key) => beside(143, key)), [143, 143, 128]);
  assert.equal(beside(7, "x"), undefined);
});

test("cells lie over the picture, not over the bars beside it", () => {
  assert.deepEqual(placed(1600, 900, 16 / 9), { left: 0, top: 0, width: 100, height: 100 });
  const narrow = placed(1600, 900, 4 / 3);
  assert.deepEqual([narrow.left, narrow.width, narrow.top, narrow.height].map(Math.round), [13, 75, 0, 100]);
  const wide = placed(400, 400, 2);
  assert.deepEqual(wide, { left: 0, top: 25, width: 100, height: 50 });
});
