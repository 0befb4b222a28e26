/**
 * Chance without order: each draw is a hash of the seed, of what it is for, and of three numbers that say which one it
 * is. Pure.
 *
 * One idea: the delay of the seventh frame from a to b is the same whatever else happens in the run. So a fault can be
 * taken out of a plan without dealing all other faults anew, which is what makes shrinking work.
 *
 * Invariant: a draw depends on its arguments and the seed, and on nothing else.
 *
 * @module
 */
import { assert } from "../core/assert.ts";

/** What a draw is for: two purposes never share draws. */
export const PURPOSE = {
  nodeId: 1,
  processSeed: 2,
  clockRate: 3,
  clockBase: 4,
  tickJitter: 5,
  resumeOrder: 6,
  rebirth: 7,
  start: 8,
  discovery: 9,
  latency: 10,
  loss: 11,
  connect: 12,
  linkTimeout: 13,
  breakTail: 14,
  breakManner: 15,
  greet: 16,
  planItem: 17,
  planSettings: 18,
  planOperation: 19,
} as const;

/** One of {@link PURPOSE}. */
export type Purpose = typeof PURPOSE[keyof typeof PURPOSE];

const TWO_TO_32 = 4_294_967_296;

/** Draws that are addressed instead of taken in turn. */
export class KeyedRandom {
  readonly #low: number;
  readonly #high: number;

  /** @param seed A whole number, `0` to `Number.MAX_SAFE_INTEGER`. */
  constructor(seed: number) {
    assert(Number.isSafeInteger(seed) && seed >= 0, "a seed is a whole number from 0");
    this.#low = finalized((seed >>> 0) + 0x9e3779b9);
    this.#high = finalized(Math.floor(seed / TWO_TO_32) ^ this.#low);
  }

  /** A whole number, `0 <= draw < 2^32`. `a`, `b` and `k` count by their lower 32 bits. */
  u32(purpose: Purpose, a: number, b: number, k: number): number {
    let state = this.#low;
    state = stirred(state, Math.imul(purpose, 0x9e3779b1));
    state = stirred(state, a);
    state = stirred(state, b);
    state = stirred(state, k);
    return finalized(state ^ this.#high) >>> 0;
  }

  /** A whole number, `0 <= draw < count`. `count` is `1` to `2^21`; the bias is below `count / 2^32`. */
  below(count: number, purpose: Purpose, a: number, b: number, k: number): number {
    return scaled(this.u32(purpose, a, b, k), count);
  }

  /** A whole number, `min <= draw <= max`, at most `2^21` apart. */
  between(min: number, max: number, purpose: Purpose, a: number, b: number, k: number): number {
    return min + this.below(max - min + 1, purpose, a, b, k);
  }
}

/** A draw of 32 bits as a whole number below `count`. */
export function scaled(u32: number, count: number): number {
  return Math.floor(u32 * count / TWO_TO_32);
}

/** One round of MurmurHash3 (Austin Appleby, public domain). */
function stirred(state: number, word: number): number {
  let block = Math.imul(word, 0xcc9e2d51);
  block = (block << 15) | (block >>> 17);
  const mixed = state ^ Math.imul(block, 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function finalized(word: number): number {
  let mixed = word | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
