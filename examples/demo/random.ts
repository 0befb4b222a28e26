/**
 * Chance that can be repeated: the same seed gives the same numbers. Pure; mutable.
 *
 * @module
 */

/** A number from 0 to below 1, another one each time. */
export type Chance = () => number;

/** Tommy Ettinger's Mulberry32: 32 bits of state, far from secret, good enough to mix requests. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from `min` to `max`, both possible. */
export function between(chance: Chance, min: number, max: number): number {
  return min + Math.floor(chance() * (max - min + 1));
}
