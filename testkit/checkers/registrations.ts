/**
 * I6: what a live node holds is in the registry, as that claim and no other. Looks when the cluster has come to rest.
 * Mutable; one a run.
 *
 * @module
 */
import { viewOf } from "../../cluster/cluster_core.ts";
import { partitionOfKey } from "../../core/hash.ts";
import { isSameVersion, type Version } from "../../cluster/engine.ts";
import type { ClusterNote } from "../cluster_notes.ts";
import { type Checker, SimulationViolation, type World } from "../scenario.ts";
import { runningProcesses } from "./settled.ts";
import type { Watched } from "./watched.ts";

/** A process that knows what it holds. */
export interface Holder extends Watched {
  /** Names it holds, with the version of each claim. */
  holdings(): Iterable<readonly [string, Version]>;
}

/** Compares every holding with the registry, at the end. */
export function registrationsKept(): Checker<unknown, unknown, ClusterNote, Holder> {
  return {
    name: "I6 registrations kept",
    onEnd(world) {
      const problem = unregistered(world);
      if (problem !== undefined) throw new SimulationViolation(this.name, problem);
    },
  };
}

/** A holding that the registry does not know; `undefined` when there is none. */
function unregistered(world: World<unknown, Holder>): string | undefined {
  const processes = runningProcesses(world);
  // Without all of them it did not come to rest, and need not have.
  if (processes.some(({ core }) => core.engine.views.status !== "held")) return undefined;
  // Nor with two clusters, which restarted nodes may found: nobody waited for either.
  if (new Set(processes.map(({ core }) => viewOf(core)?.clusterId)).size > 1) return undefined;
  const byId = new Map(processes.map((process) => [process.id, process]));
  for (const { id, core, holdings } of processes.map((process) => ({ ...watchedOf(process) }))) {
    const view = viewOf(core);
    if (view === undefined) continue;
    for (const [key, token] of holdings) {
      const partition = partitionOfKey(key, view.partitions.length);
      const owner = byId.get(view.partitions[partition]?.group[0] ?? id);
      if (owner === undefined) return undefined; // It ended a moment ago, and nobody has noticed: no rest either.
      const entry = owner.core.engine.partitions.replicas.get(partition)?.entries.get(key);
      if (entry === undefined) return `${id} holds ${key}, the registry has nothing`;
      if (isSameVersion(entry.version, token) && entry.record.holder === id) continue;
      return `${id} holds ${key}, the registry has ${entry.opId} of ${entry.record.holder}`;
    }
  }
  return undefined;
}

function watchedOf(process: Holder) {
  return { id: process.id, core: process.core, holdings: process.holdings() };
}
