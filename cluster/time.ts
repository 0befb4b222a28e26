/**
 * The two clocks a machine is told with every input. Pure types.
 *
 * One idea: no clock of another node is ever compared with ours. The monotonic clock measures; the wall clock only
 * notices that the machine was suspended while the monotonic one stood still.
 *
 * @module
 */
import type { Instant } from "../core/ids.ts";

/** The present, by both clocks of this node. */
export interface Now {
  /** Milliseconds of this process's monotonic clock. Stands still while some machines are suspended. */
  readonly mono: Instant;
  /** Milliseconds of the wall clock. May step in both directions. */
  readonly wall: number;
}

/**
 * Milliseconds that have certainly passed since `from`, or more: the larger of both clocks. A suspended machine shows
 * on the wall clock only; a wall clock set back does not matter; one set forward ends a lease early, which is safe.
 */
export function elapsedAtMost(from: Now, now: Now): number {
  return Math.max(now.mono - from.mono, now.wall - from.wall);
}
