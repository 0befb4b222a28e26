/**
 * Ids of nodes: time and chance, in an order that is that of their times.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newNodeId } from "../../system/node_id.ts";

const DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_CHARS = 10;

describe("the id of a node", () => {
  it("has 26 characters that no eye takes for each other", () => {
    for (let count = 0; count < 1_000; count++) assert.match(newNodeId(), /^[0-9A-HJKMNP-TV-Z]{26}$/);
  });

  it("begins with its time, in digits that sort as they count", () => {
    assert.deepEqual([...DIGITS].sort(), [...DIGITS]);
    const before = Date.now();
    const time = timeOf(newNodeId());
    assert.ok(before <= time && time <= Date.now(), `${time} is now`);
  });

  it("is never the same twice, and differs by chance from one to the next", () => {
    const ids = Array.from({ length: 20_000 }, () => newNodeId());
    assert.equal(new Set(ids.map((id) => id.slice(TIME_CHARS))).size, ids.length);
    for (let at = TIME_CHARS; at < 26; at++) {
      assert.equal(new Set(ids.map((id) => id[at])).size, 32, `every digit occurs at ${at}`);
    }
  });
});

function timeOf(id: string): number {
  return [...id.slice(0, TIME_CHARS)].reduce((sum, digit) => sum * 32 + DIGITS.indexOf(digit), 0);
}
