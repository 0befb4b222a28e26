/**
 * The seeded source is frozen, since seeds that failed once are kept; what is drawn from any source is fair.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { below, fraction, type Random, seededRandom } from "../../core/random.ts";

/** The first draws of some seeds. Never to be changed: every seed kept by a simulation would lose its story. */
const DRAWS: readonly (readonly [number, readonly number[]])[] = [
  [0, [790427151, 3995791421, 2992678613, 319030029]],
  [1, [260752812, 1889271173, 2747541358, 4075111820]],
  [2, [1515754497, 1160908029, 1091836942, 373013721]],
  [42, [568289563, 976071795, 4091299918, 713539638]],
  [4294967295, [1177920767, 1511456175, 242408186, 1243076258]],
  [4294967296, [3111427556, 3704614908, 2661391529, 2400459793]],
  [4294967297, [2902845395, 1285736459, 2947187307, 3962905048]],
  [Number.MAX_SAFE_INTEGER, [1797326104, 3183565411, 172057018, 2757782945]],
];

describe("seededRandom()", () => {
  it("draws the frozen values", () => {
    assert.deepEqual(DRAWS.map(([seed]) => [seed, draws(seededRandom(seed), 4)]), DRAWS);
  });

  it("property: draws what sfc32 gives in arithmetic without overflow", () => {
    fc.assert(fc.property(fc.maxSafeNat(), (seed) => {
      const expected = sfc32(BigInt(seed));
      assert.deepEqual(draws(seededRandom(seed), 20), Array.from({ length: 20 }, expected));
    }));
  });

  it("property: draws whole numbers below 2^32", () => {
    fc.assert(fc.property(fc.maxSafeNat(), (seed) => {
      for (const draw of draws(seededRandom(seed), 50)) assert.ok(draw === draw >>> 0);
    }));
  });

  it("gives neighbouring seeds draws that share half of their bits", () => {
    const bits = Array.from({ length: 1_000 }, (_, seed) => {
      const [here = 0, there = 0] = [seed, seed + 1].map((one) => seededRandom(one).u32());
      return bitsOf(here ^ there);
    });
    const sum = bits.reduce((total, one) => total + one, 0);
    assert.ok(Math.abs(sum - 16_000) < 500, `${sum} of 32000 bits differ`);
  });

  it("refuses a seed that would not come back the same", () => {
    for (const seed of [-1, 0.5, NaN, Infinity, 2 ** 53]) assert.throws(() => seededRandom(seed), /a seed is/);
  });
});

describe("below()", () => {
  it("draws again where the last run of results is incomplete", () => {
    assert.equal(below(drawing(0xffff_ffff, 4), 3), 1);
    assert.equal(below(drawing(0xffff_fffe), 3), 2);
    assert.equal(below(drawing(0x8000_0001, 0x8000_0000), 0x8000_0001), 0x8000_0000);
  });

  it("never rejects a draw when 2^32 is a multiple of the count", () => {
    assert.equal(below(drawing(0xffff_ffff), 2), 1);
    assert.equal(below(drawing(0xffff_ffff), 2 ** 32), 0xffff_ffff);
  });

  it("takes no draw for one choice", () => {
    assert.equal(below(drawing(), 1), 0);
  });

  it("ends with a source that gives the same rejected draw for ever", () => {
    assert.equal(below({ u32: () => 0xffff_ffff }, 3), 0);
  });

  it("property: is a whole number below the count", () => {
    fc.assert(fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, count) => {
      const result = below(seededRandom(seed), count);
      assert.ok(Number.isInteger(result) && result >= 0 && result < count);
    }));
  });

  it("gives each of seven results a seventh of the draws", () => {
    const random = seededRandom(7);
    const counts: number[] = Array(7).fill(0);
    for (let draw = 0; draw < 70_000; draw++) {
      const result = below(random, 7);
      counts[result] = (counts[result] ?? 0) + 1;
    }
    const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2, 0) / 10_000;
    assert.ok(Math.round(chiSquare) <= 22, `chi-square is ${chiSquare}, at most 22 of 6 degrees`);
  });

  it("refuses a choice among nothing, or among more than one draw can tell apart", () => {
    for (const count of [0, -1, 1.5, NaN, 2 ** 32 + 1]) assert.throws(() => below(drawing(0), count), /a choice is/);
  });
});

describe("fraction()", () => {
  it("goes from 0 to just below 1", () => {
    assert.equal(fraction(drawing(0)), 0);
    assert.equal(fraction(drawing(0x8000_0000)), 0.5);
    assert.equal(fraction(drawing(0xffff_ffff)), 1 - 2 ** -32);
  });
});

function draws(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.u32());
}

/** A source of exactly these draws. */
function drawing(...values: readonly number[]): Random {
  let next = 0;
  return {
    u32() {
      const value = values[next++];
      assert.ok(value !== undefined, "a draw too many was taken");
      return value;
    },
  };
}

function bitsOf(word: number): number {
  return (word >>> 0).toString(2).replaceAll("0", "").length;
}

function sfc32(seed: bigint): () => number {
  const word = (value: bigint) => value & 0xffff_ffffn;
  let a = finalized(word(word(seed) + 0x9e3779b9n));
  let b = finalized(word((seed >> 32n) + 0x3c6ef372n));
  let c = finalized(word((word(seed) ^ b) + 0xdaa66d2bn));
  let counter = 1n;
  const next = () => {
    const draw = word(a + b + counter);
    counter = word(counter + 1n);
    a = b ^ (b >> 9n);
    b = word(c * 9n);
    c = word((word(c << 21n) | (c >> 11n)) + draw);
    return Number(draw);
  };
  for (let draw = 0; draw < 12; draw++) next();
  return next;
}

function finalized(word: bigint): bigint {
  let mixed = ((word ^ (word >> 16n)) * 0x85ebca6bn) & 0xffff_ffffn;
  mixed = ((mixed ^ (mixed >> 13n)) * 0xc2b2ae35n) & 0xffff_ffffn;
  return mixed ^ (mixed >> 16n);
}
