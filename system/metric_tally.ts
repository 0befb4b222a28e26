/**
 * What happens in a cluster, counted as it goes by: everybody else only tells it once. Pure; mutable, one per system.
 *
 * @module
 */
import type { ClusterFact, RelocationReport } from "../core/events.ts";

/** What became of the names of lost nodes. */
export type RelocationOutcome = Exclude<keyof RelocationReport, "held">;

/** Counts of one clustered node; all only grow. */
export class ClusterTally {
  /** Tells and asks handed to the router between nodes. */
  letters = 0;
  /** Names of lost nodes, by what became of them: the sums of `relocationDone`, which each report names once. */
  readonly relocated: Record<RelocationOutcome, number> = { relocated: 0, released: 0, excluded: 0, failed: 0 };
  /** Facts by their type. */
  readonly facts: Record<ClusterFact["type"], number> = {
    nodeJoined: 0,
    nodeLeaving: 0,
    nodeLeft: 0,
    leaderChanged: 0,
    relocationStarted: 0,
    relocationProgress: 0,
    relocationDone: 0,
    relocationBlocked: 0,
    leaseFrozen: 0,
    leaseResumed: 0,
    nodeFenced: 0,
    partitionDataLoss: 0,
    claimLost: 0,
    foreignCluster: 0,
  };

  /** Something is handed to the cluster's machine. */
  input(kind: string): void {
    if (kind === "send") this.letters++;
  }

  /** Something has happened. */
  fact(fact: ClusterFact): void {
    this.facts[fact.type]++;
    if (fact.type !== "relocationDone") return;
    const { relocated, released, excluded, failed } = fact.report;
    this.relocated.relocated += relocated;
    this.relocated.released += released;
    this.relocated.excluded += excluded;
    this.relocated.failed += failed;
  }
}
