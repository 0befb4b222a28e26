/**
 * Whose senders are held back, and how they are let go on.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ActorKey } from "../../core/ids.ts";
import { HELD_BACK_MAX, HeldBack, PAGE_BYTES_MAX } from "../../system/held_back.ts";

/** Bytes of a key in a page, as this file counts them. */
const bytesOf = (keys: readonly string[]) => keys.reduce((sum, key) => sum + 3 * key.length + 8, 0);

/** Holds keys of these lengths back; each is named by its place. */
function holding(lengths: readonly number[]): { held: HeldBack; keys: readonly ActorKey[] } {
  const held = new HeldBack();
  const keys = lengths.map((length, index) => `${index}`.padEnd(length, "x") as ActorKey);
  for (const key of keys) assert.equal(held.add(key), true);
  return { held, keys };
}

describe("actors whose senders are held back", () => {
  for (
    const [what, lengths, pages] of [
      ["nobody", [], 0],
      ["one", [5], 1],
      ["as many as fit into a page", Array(16).fill((PAGE_BYTES_MAX / 16 - 8) / 3 | 0), 1],
      ["more than fit into a page", Array(300).fill(40), 10],
      ["a key that is a page of its own", [5, PAGE_BYTES_MAX, 5], 3],
    ] as const
  ) {
    it(`come out once each, in order, in pages that a record holds: ${what}`, () => {
      const { held, keys } = holding(lengths);
      const released = held.release();
      assert.deepEqual(released.flat(), keys);
      assert.equal(released.length, pages);
      for (const page of released) assert.ok(page.length === 1 || bytesOf(page) <= PAGE_BYTES_MAX);
      assert.deepEqual(held.release(), []);
      assert.ok(keys.every((key) => !held.has(key)));
    });
  }

  it("are new once, and no more than the limit", () => {
    const { held } = holding(Array(HELD_BACK_MAX).fill(1));
    const [first, another] = ["0" as ActorKey, "another" as ActorKey];
    assert.deepEqual([held.has(first), held.add(first)], [true, false]);
    assert.deepEqual([held.add(another), held.has(another)], [false, false]);
  });
});
