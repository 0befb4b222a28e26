/**
 * Faults for fast-check: what goes wrong in a world, as a list that shrinks to the few that matter. Pure.
 *
 * @module
 */
import { array, boolean, constant, integer, nat, oneof, record } from "fast-check";
import type { Fault } from "./user_faults.ts";

export type { Fault } from "./user_faults.ts";

/** What the faults of a property have in common. */
export interface FaultsOptions {
  /** Nodes of the worlds. */
  readonly nodes: number;
  /** Simulated milliseconds in which faults begin; 20 s unless said otherwise. */
  readonly withinMs?: number;
  /** Faults of one world at most; 6 unless said otherwise. */
  readonly max?: number;
}

/** Lists of crashes, splits, pauses and broken connections: for the `faults` of `simulate`. */
export function faultsOf(
  { nodes, withinMs = 20_000, max = 6 }: FaultsOptions,
): import("fast-check").Arbitrary<readonly Fault[]> {
  const atMs = nat({ max: withinMs });
  const host = nat({ max: nodes - 1 });
  const forMs = integer({ min: 100, max: 12_000 });
  const crash = record({
    kind: constant("crash" as const),
    atMs,
    host,
    downMs: forMs,
    stays: constant(false),
  });
  const pause = record({ kind: constant("pause" as const), atMs, host, forMs });
  if (nodes === 1) return array(oneof(crash, pause), { maxLength: max });
  const cut = integer({ min: 1, max: 2 ** nodes - 2 });
  const split = record({ kind: constant("partition" as const), atMs, cut, isOneWay: boolean(), forMs });
  const reset = record({ kind: constant("reset" as const), atMs, from: host, to: host });
  return array(oneof(crash, split, pause, reset), { maxLength: max });
}
