import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { KeyedRandom, PURPOSE } from "../../testkit/keyed_random.ts";

describe("keyed chance", () => {
  it("gives the same draw for the same key whatever was drawn before", () => {
    const one = new KeyedRandom(42);
    const other = new KeyedRandom(42);
    for (let k = 0; k < 100; k++) other.u32(PURPOSE.loss, 1, 2, k);
    assert.equal(one.u32(PURPOSE.latency, 3, 4, 5), other.u32(PURPOSE.latency, 3, 4, 5));
  });

  it("gives the draws it always gave, on every runtime", () => {
    const random = new KeyedRandom(2 ** 40 + 5);
    const draws = [0, 1, 2].map((k) => random.u32(PURPOSE.latency, 1, 2, k));
    assert.deepEqual(draws, [3898452321, 667546419, 2490894575]);
  });

  it("draws below a count, each value about as often as any other", () => {
    const random = new KeyedRandom(1);
    const counts = new Array<number>(10).fill(0);
    for (let k = 0; k < 10_000; k++) {
      const draw = random.below(10, PURPOSE.loss, 0, 0, k);
      counts[draw] = (counts[draw] ?? 0) + 1;
    }
    assert.equal(counts.length, 10);
    for (const count of counts) assert.ok(count > 850 && count < 1_150, `${count} of 10000`);
  });

  it("differs when any part of the key differs", () => {
    const part = fc.nat({ max: 1 << 20 });
    fc.assert(
      fc.property(fc.nat(), part, part, part, (seed, a, b, k) => {
        const random = new KeyedRandom(seed);
        const draws = new Set([
          random.u32(PURPOSE.loss, a, b, k),
          random.u32(PURPOSE.latency, a, b, k),
          random.u32(PURPOSE.loss, a + 1, b, k),
          random.u32(PURPOSE.loss, a, b + 1, k),
          random.u32(PURPOSE.loss, a, b, k + 1),
        ]);
        assert.equal(draws.size, 5);
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});
