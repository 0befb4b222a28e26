/**
 * Chance as an argument: the port every decision draws from, and a seeded source for simulations and
 * tests, equal on every runtime because it uses nothing but 32-bit integers. The generator is sfc32 of
 * Chris Doty-Humphrey's PractRand (128 bits of state, one word of it a counter, so no cycle is shorter
 * than 2^32); SplitMix's way of seeding (Steele, Lea and Flood 2014: a Weyl sequence through a finalizer)
 * spreads the seed over the state. Not for secrets.
 *
 * Pure: `seededRandom` returns a mutable source that one owner draws from in a fixed order.
 *
 * @module
 */
import { assert } from "./assert.ts";

/** A source of chance. In production the platform's, in simulations {@link seededRandom}. */
export interface Random {
  /** The next draw: a whole number, `0 <= draw < 2^32`, each as likely as any other. */
  u32(): number;
}

const DRAWS_PER_BELOW_MAX = 64;
const WARM_UP_DRAWS = 12;
const TWO_TO_32 = 4_294_967_296;

/**
 * A source that gives the same draws for the same seed, for ever and on every runtime. Seeds next to each
 * other give unrelated draws.
 *
 * @param seed A whole number, `0` to `Number.MAX_SAFE_INTEGER`.
 */
export function seededRandom(seed: number): Random {
  assert(Number.isSafeInteger(seed) && seed >= 0, "a seed is a whole number from 0");
  const source = new Sfc32(seed >>> 0, Math.floor(seed / TWO_TO_32));
  for (let draw = 0; draw < WARM_UP_DRAWS; draw++) source.u32(); // Until the counter has reached every word.
  return source;
}

/**
 * A whole number, `0 <= result < count`, every one exactly as likely. Draws again where the last, incomplete
 * run of `count` draws begins; a source that gives nothing else is no random one and is taken as it is.
 *
 * @param count `1` to `2^32`. One needs no draw, and takes none.
 */
export function below(random: Random, count: number): number {
  assert(Number.isInteger(count) && count >= 1 && count <= TWO_TO_32, "a choice is among 1 to 2^32");
  if (count === 1) return 0;
  const fairMax = TWO_TO_32 - TWO_TO_32 % count;
  let draw = random.u32();
  for (let draws = 1; draw >= fairMax && draws < DRAWS_PER_BELOW_MAX; draws++) draw = random.u32();
  return draw % count;
}

/** A multiple of 2^-32, `0 <= result < 1`, from one draw. */
export function fraction(random: Random): number {
  return random.u32() / TWO_TO_32;
}

class Sfc32 implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seedLow: number, seedHigh: number) {
    this.#a = finalized(seedLow + 0x9e3779b9);
    this.#b = finalized(seedHigh + 0x3c6ef372);
    this.#c = finalized((seedLow ^ this.#b) + 0xdaa66d2b);
  }

  u32(): number {
    const draw = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + draw) | 0;
    return draw >>> 0;
  }
}

/** MurmurHash3's finalizer: every bit of `word` reaches every bit of the result. */
function finalized(word: number): number {
  let mixed = word | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
