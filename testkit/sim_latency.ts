/**
 * How long a frame takes in a simulated network. Pure.
 *
 * One idea: a table of whole numbers instead of a formula, because no formula with a long tail gives the same last bits
 * on every engine.
 *
 * Invariant: a delay depends on the settings and on one draw.
 *
 * @module
 */
import { scaled } from "./keyed_random.ts";
import type { WorldSettings } from "./fault_plan.ts";

/**
 * Microseconds one way between machines of one rack, by rank: half below 0.3 ms, one in 32 above 2 ms, as a switch with
 * some traffic shows them.
 */
const USUAL_US: readonly number[] = [
  ...[90, 100, 110, 120, 130, 140, 150, 160, 170, 180, 190, 200, 220, 240, 260, 280],
  ...[300, 330, 360, 390, 430, 470, 520, 580, 650, 740, 850, 1_000, 1_200, 1_500, 2_000, 3_000],
];
/** Where the draw leaves a delay between one rank and the next: the lower bits, in 1/32 of the value. */
const SPREAD_BITS = 5;

/** The delay of one frame in microseconds. `isCalm`: as if nothing were set. */
export function delayUs(u32: number, settings: WorldSettings, isCalm: boolean): number {
  const usual = USUAL_US[u32 & 31] ?? 0;
  const spread = usual + ((usual * ((u32 >>> 5) & 31)) >> SPREAD_BITS);
  if (isCalm) return spread;
  const isLong = settings.longPerMille > 0 && ((u32 >>> 10) & 1023) < settings.longPerMille;
  const scaledUs = Math.ceil(spread * settings.latencyPercent / 100);
  return isLong ? scaledUs + longUs(u32 >>> 20, settings.longMsMax) : scaledUs;
}

/** Most long delays are not very long: the square of a fraction, in whole numbers. */
function longUs(draw12: number, msMax: number): number {
  const eighths = scaled(draw12 * 1_048_576, 1_024);
  return Math.floor(msMax * eighths * eighths / 1_048_576 * 1_000);
}
