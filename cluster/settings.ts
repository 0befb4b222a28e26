/**
 * What a cluster is told: what all its nodes must agree on, and how long each of them waits for what. Pure data.
 *
 * Invariant: {@link ClusterSettings} are compared when nodes meet, and nodes that differ do not join.
 * {@link Timings} may differ, except for the lease: who promises must outlast who holds.
 *
 * @module
 */
import type { QuorumRule } from "./view.ts";

/** What must be the same on all nodes. */
export interface ClusterSettings {
  readonly name: string;
  readonly partitionCount: number;
  /** Copies of each partition's records, the owner's included. With fewer nodes there are fewer. */
  readonly replicaCount: number;
  /** Copies that must be stored before a write counts, the owner's included; a majority of the copies. */
  readonly writeQuorum: number;
  /** Copies that must confirm a read; `1` trusts the owner's lease. */
  readonly readQuorum: number;
  readonly rule: QuorumRule;
  /** Nodes that must see each other before they found a cluster. `1`: may be alone. */
  readonly minimumPeersQuorum: number;
}

/** How long a node waits for what, in milliseconds. */
export interface Timings {
  /** Between two ticks of the machines: the finest grain of any wait. */
  readonly tickMs: number;
  /** How long a lease lasts, from the sending of its request by the holder's clocks. */
  readonly leaseMs: number;
  /** How long a voter's promise lasts, from the arrival of the request by its monotonic clock. Longer, by 5 %. */
  readonly promiseMs: number;
  readonly renewMs: number;
  /** Without a renewal by a majority for so long, the lease is soft: no new work. */
  readonly softAfterMs: number;
  readonly softRenewMs: number;
  readonly probeMs: number;
  readonly probeTimeoutMs: number;
  /** Between an alert and a proposal, so that one view removes all who went together. */
  readonly cutDelayMs: number;
  readonly balancerMs: number;
  readonly writeTimeoutMs: number;
  readonly readTimeoutMs: number;
  /** Between two comparisons of copies, and of holdings. */
  readonly stateSyncMs: number;
  readonly bootstrapTimeoutMs: number;
}

/** The defaults: a crash is noticed in 1 to 3.5 s, and its actors are elsewhere 6.5 s after it. */
export const TIMINGS: Timings = {
  tickMs: 50,
  leaseMs: 6_000,
  promiseMs: 6_300,
  renewMs: 1_500,
  softAfterMs: 3_600,
  softRenewMs: 300,
  probeMs: 1_000,
  probeTimeoutMs: 500,
  cutDelayMs: 250,
  balancerMs: 1_000,
  writeTimeoutMs: 1_000,
  readTimeoutMs: 1_000,
  stateSyncMs: 60_000,
  bootstrapTimeoutMs: 10_000,
};
