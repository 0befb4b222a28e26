/**
 * I9: a cluster that has come to rest has everybody in, at one epoch, with a lease; every partition is active, full, where
 * planning would have it, and served. Pure.
 *
 * @module
 */
import type { Partition } from "../../core/ids.ts";
import { viewOf } from "../../cluster/cluster_core.ts";
import { serving } from "../../cluster/owner.ts";
import { isSettled } from "../../cluster/planner.ts";
import type { ClusterSettings } from "../../cluster/settings.ts";
import type { World } from "../scenario.ts";
import type { Watched } from "./watched.ts";

/** The processes that run, on hosts that are there to stay. */
export function runningProcesses<O, P>(world: World<O, P>): readonly P[] {
  return world.nodes.flatMap(({ process, isGone }) => process === undefined || isGone ? [] : [process]);
}

/** Why these nodes are not one settled cluster; `undefined` when they are. */
export function whyNotSettled(processes: readonly Watched[], settings: ClusterSettings): string | undefined {
  const views = processes.map(({ core }) => viewOf(core));
  const newest = views.reduce((one, other) => (other?.epoch ?? 0) > (one?.epoch ?? 0) ? other : one, undefined);
  if (newest === undefined) return "there is no cluster";
  for (const { id, core } of processes) {
    const view = viewOf(core);
    if (view === undefined) return `${id} has no view`;
    if (view.clusterId !== newest.clusterId) return `${id} is in ${view.clusterId}`;
    if (view.epoch !== newest.epoch) return `${id} is at epoch ${view.epoch} of ${newest.epoch}`;
    if (core.engine.views.status !== "held") return `${id} has no lease`;
  }
  if (newest.members.length !== processes.length) return `${newest.members.length} members of ${processes.length}`;
  if (!isSettled(newest.partitions, newest.members, settings.replicaCount)) return "the partitions are not settled";
  const byId = new Map(processes.map((process) => [process.id, process]));
  for (const [index, { group: [ownerId] }] of newest.partitions.entries()) {
    const owner = ownerId === undefined ? undefined : byId.get(ownerId);
    if (owner === undefined || typeof serving(owner.core.engine.partitions, index as Partition) === "string") {
      return `partition ${index} is not served`;
    }
  }
  return undefined;
}
