/**
 * What is told once, and again if it lasts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TOLD_AGAIN_MS, TOLD_KEPT, ToldLately } from "../../system/told_lately.ts";

describe("what was told lately", () => {
  const told = new ToldLately();
  for (
    const [name, nowMs, isDue, why] of [
      ["a", 0, true, "it is new"],
      ["a", 1, false, "it was told"],
      ["b", 1, true, "it is another"],
      ["a", TOLD_AGAIN_MS - 1, false, "it was told, not long ago"],
      ["a", TOLD_AGAIN_MS, true, "it lasts"],
      ["a", TOLD_AGAIN_MS + 1, false, "it was told again"],
    ] as const
  ) {
    it(`says at ${nowMs} ms of ${name} that it is ${isDue ? "due" : "not due"}: ${why}`, () => {
      assert.equal(told.isDue(name, nowMs), isDue);
    });
  }

  it("forgets all at its limit, and then tells again", () => {
    const many = new ToldLately();
    for (let count = 0; count < TOLD_KEPT; count++) assert.equal(many.isDue(`${count}`, 0), true);
    assert.equal(many.isDue("0", 0), false);
    assert.equal(many.isDue("one more", 0), true);
    assert.equal(many.isDue("0", 0), true);
  });
});
