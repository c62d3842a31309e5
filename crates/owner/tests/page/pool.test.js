// Small pictures that are kept.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Pool } from "./pool.js";

test("a picture stands for the times it was fetched for, and no others", () => {
  const pool = new Pool();
  pool.add(100, 200, "picture");
  assert.equal(pool.find(100, 0).picture, "picture");
  assert.equal(pool.find(199, 1e9).picture, "picture");
  assert.equal(pool.find(200, 0), undefined);
});

test("where there was none nobody asks again for a while, and then somebody does", () => {
  const pool = new Pool();
  pool.none(5e6, 1000);
  assert.equal(pool.find(5.9e6, 1000).picture, undefined);
  assert.notEqual(pool.find(5.9e6, 6000), undefined);
  assert.equal(pool.find(5.9e6, 6001), undefined);
  assert.equal(pool.find(6e6, 1000), undefined, "a second away");
});

test("the oldest goes when there are too many", () => {
  const pool = new Pool();
  for (let at = 0; at < 61; at += 1) pool.add(at, at + 1, at);
  assert.equal(pool.find(0, 0), undefined);
  assert.equal(pool.find(1, 0).picture, 1);
  assert.equal(pool.find(60, 0).picture, 60);
});
