/**
 * Whether a node works, and whether it should be sent requests. Pure.
 *
 * @module
 */
import type { LeaseStatus } from "../cluster/engine.ts";
import type { View } from "../cluster/view.ts";
import type { NodeId } from "../core/ids.ts";

/** How a node is. */
export interface Health {
  /** Whether its main thread gets along: `false` asks whoever watches it to start it again. */
  readonly isLive: boolean;
  /** Whether it should be sent requests. */
  readonly isReady: boolean;
  /** Why it is not ready, or not live; empty when it is both. */
  readonly reasons: readonly string[];
}

/** What {@link healthOf} looks at. */
export interface Vitals {
  readonly state: "running" | "draining" | "stopped";
  /** Milliseconds the event loop was late, lately. */
  readonly lagMs: number;
  /** `undefined` without a cluster. */
  readonly cluster: {
    readonly id: NodeId;
    readonly view: View | undefined;
    readonly lease: LeaseStatus;
    /** Whether the store has said which generation this cluster is: before that no actor begins. */
    readonly hasGeneration: boolean;
    readonly discoveryFailure: string | undefined;
  } | undefined;
}

/** An event loop that was late by so much has something wrong with it: leases are lost at less. */
export const LIVE_LAG_MS_MAX = 5_000;

/** Judges a node. */
export function healthOf({ state, lagMs, cluster }: Vitals): Health {
  const isLive = state !== "stopped" && lagMs <= LIVE_LAG_MS_MAX;
  const reasons: string[] = [];
  if (lagMs > LIVE_LAG_MS_MAX) reasons.push(`the event loop was ${Math.round(lagMs)} ms late`);
  if (state !== "running") reasons.push(`the system is ${state}`);
  if (cluster !== undefined && state !== "stopped") reasons.push(...whyNot(cluster));
  return { isLive, isReady: reasons.length === 0, reasons };
}

function whyNot(
  { id, view, lease, hasGeneration, discoveryFailure }: NonNullable<Vitals["cluster"]>,
): readonly string[] {
  if (view === undefined) {
    const also = discoveryFailure === undefined ? "" : `; discovery failed: ${discoveryFailure}`;
    return [`it is in no cluster yet${also}`];
  }
  const reasons: string[] = [];
  if (lease === "fenced") reasons.push("it was removed from the cluster, and comes back as another node");
  else if (lease !== "held" && lease !== "soft") {
    reasons.push(`its lease is ${lease}: it does not reach most of the voters`);
  }
  if (!hasGeneration) reasons.push("its store has not said yet which generation this cluster is");
  const owned = view.partitions.filter(({ group, next }) => (next?.group ?? group)[0] === id);
  const waiting = owned.filter(({ next }) => next !== undefined && next.why === "loss").length;
  if (waiting > 0) reasons.push(`${waiting} of its partitions are not active yet`);
  if (view.members.find((member) => member.id === id)?.status === "leaving") reasons.push("it is leaving");
  return reasons;
}
