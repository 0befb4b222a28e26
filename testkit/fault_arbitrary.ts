/**
 * Faults for fast-check: what goes wrong in a world, as a list that shrinks to the few that matter. Pure.
 *
 * @module
 */
import fc from "fast-check";
import type { Fault } from "./user_faults.ts";

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
export function faultsOf({ nodes, withinMs = 20_000, max = 6 }: FaultsOptions): fc.Arbitrary<readonly Fault[]> {
  const atMs = fc.nat({ max: withinMs });
  const host = fc.nat({ max: nodes - 1 });
  const forMs = fc.integer({ min: 100, max: 12_000 });
  const crash = fc.record({
    kind: fc.constant("crash" as const),
    atMs,
    host,
    downMs: forMs,
    stays: fc.constant(false),
  });
  const pause = fc.record({ kind: fc.constant("pause" as const), atMs, host, forMs });
  if (nodes === 1) return fc.array(fc.oneof(crash, pause), { maxLength: max });
  const cut = fc.integer({ min: 1, max: 2 ** nodes - 2 });
  const split = fc.record({ kind: fc.constant("partition" as const), atMs, cut, isOneWay: fc.boolean(), forMs });
  const reset = fc.record({ kind: fc.constant("reset" as const), atMs, from: host, to: host });
  return fc.array(fc.oneof(crash, split, pause, reset), { maxLength: max });
}
