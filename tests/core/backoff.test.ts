/**
 * The waits between retries: the doubling, its limit, and the part left to chance.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Backoff, backoffMs } from "../../core/backoff.ts";
import { WAIT_MS_MAX } from "../../core/limits.ts";
import { type Random, seededRandom } from "../../core/random.ts";

const LOWEST: Random = { u32: () => 0 };
const NEVER: Random = { u32: () => assert.fail("a wait without jitter draws nothing") };

function waits(backoff: Backoff, random: Random, count: number): number[] {
  return Array.from({ length: count }, (_, retryIndex) => backoffMs(retryIndex, backoff, random));
}

describe("backoffMs()", () => {
  it("doubles from the minimum to the maximum", () => {
    const backoff = { minMs: 100, maxMs: 30_000, jitter: 0 };
    assert.deepEqual(waits(backoff, NEVER, 11), [
      ...[100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000],
    ]);
  });

  it("stays at the maximum after any number of retries", () => {
    const retries = [17, 31, 32, 33, 1_000, 2 ** 31, 2 ** 53, Number.MAX_VALUE];
    const backoff = { minMs: 1, maxMs: WAIT_MS_MAX, jitter: 0 };
    assert.deepEqual(retries.slice(0, 2).map((index) => backoffMs(index, backoff, NEVER)), [131_072, WAIT_MS_MAX]);
    for (const index of retries.slice(1)) assert.equal(backoffMs(index, backoff, NEVER), WAIT_MS_MAX);
  });

  it("never waits when the minimum is zero", () => {
    assert.deepEqual(waits({ minMs: 0, maxMs: 1_000, jitter: 1 }, NEVER, 4), [0, 0, 0, 0]);
  });

  it("takes at most the jitter's part off the wait, rounded down", () => {
    const backoff = { minMs: 5, maxMs: 1_000, jitter: 0.5 };
    // floor(5 × 0.5) = 2, so three waits are possible, and a draw of 2 takes the most.
    assert.deepEqual([0, 1, 2].map((draw) => backoffMs(0, backoff, { u32: () => draw })), [5, 4, 3]);
    assert.equal(backoffMs(0, backoff, LOWEST), 5);
  });

  it("may wait no time at all when all of the wait is left to chance", () => {
    assert.equal(backoffMs(0, { minMs: 7, maxMs: 7, jitter: 1 }, { u32: () => 7 }), 0);
  });

  it("waits the same for the same seed", () => {
    const backoff = { minMs: 100, maxMs: 30_000, jitter: 0.2 };
    assert.deepEqual(waits(backoff, seededRandom(1), 8), [88, 171, 345, 713, 1432, 3024, 5651, 11427]);
  });

  it("property: is a whole number between what is left without the jitter and the doubled minimum", () => {
    const shape = fc.tuple(fc.nat(WAIT_MS_MAX), fc.nat(WAIT_MS_MAX), fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(fc.property(shape, fc.nat(60), fc.nat(), ([a, b, jitter], retryIndex, seed) => {
      const backoff = { minMs: Math.min(a, b), maxMs: Math.max(a, b), jitter };
      const waitMs = backoffMs(retryIndex, backoff, seededRandom(seed));
      const fullMs = Math.min(backoff.maxMs, backoff.minMs * 2 ** retryIndex);
      assert.ok(Number.isInteger(waitMs));
      assert.ok(waitMs <= fullMs);
      assert.ok(waitMs >= fullMs - Math.floor(fullMs * jitter));
    }));
  });

  it("refuses a shape that no wait fits", () => {
    const shape = { minMs: 100, maxMs: 200, jitter: 0.5 };
    const bad = [{ minMs: -1 }, { minMs: 201 }, { minMs: 0.5 }, { maxMs: WAIT_MS_MAX + 1 }, { jitter: 1.1 }, {
      jitter: NaN,
    }];
    for (const one of bad) assert.throws(() => backoffMs(0, { ...shape, ...one }, LOWEST), /Broken claim/);
    for (const index of [-1, 0.5, NaN]) assert.throws(() => backoffMs(index, shape, LOWEST), /counted from 0/);
  });
});
