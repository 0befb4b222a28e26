/**
 * The few figures the bench prints: median, lowest, highest, any quantile. Pure; sorts a copy, never the
 * caller's array.
 *
 * @module
 */
import { assert } from "../core/assert.ts";

/** A set of measurements of the same thing, as printed: `median (min–max)`. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** The spread of `values`, of which there is at least one. */
export function spreadOf(values: readonly number[]): Spread {
  assert(values.length > 0, "a spread has at least one measurement");
  const sorted = values.toSorted((left, right) => left - right);
  return {
    median: quantileOfSorted(sorted, 0.5),
    min: quantileOfSorted(sorted, 0),
    max: quantileOfSorted(sorted, 1),
    count: sorted.length,
  };
}

/** The quantile `share` (0 to 1) of `values`, interpolated linearly between neighbours. */
export function quantile(values: readonly number[], share: number): number {
  assert(values.length > 0, "a quantile has at least one measurement");
  return quantileOfSorted(values.toSorted((left, right) => left - right), share);
}

/** Several quantiles of the same values, which are sorted once. */
export function quantiles(values: readonly number[], shares: readonly number[]): readonly number[] {
  assert(values.length > 0, "a quantile has at least one measurement");
  const sorted = values.toSorted((left, right) => left - right);
  return shares.map((share) => quantileOfSorted(sorted, share));
}

function quantileOfSorted(sorted: readonly number[], share: number): number {
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)] ?? NaN;
  const above = sorted[Math.ceil(position)] ?? NaN;
  return below + (above - below) * (position - Math.floor(position));
}
