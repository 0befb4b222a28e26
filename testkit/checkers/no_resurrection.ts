/**
 * I7: an entry that was deleted, and whose deletion was acknowledged, is never seen again; except in partitions that
 * announced a loss. Mutable; one a run.
 *
 * @module
 */
import type { Partition } from "../../core/ids.ts";
import { partitionOfKey } from "../../core/hash.ts";
import type { Version } from "../../cluster/engine.ts";
import { SimulationViolation } from "../scenario.ts";
import type { RegistryCall, SeenEntry } from "./linearizability.ts";
import type { ClusterChecker } from "./watched.ts";

/** Watches every call: what was deleted, and what is seen by calls that began after that. */
export function noResurrection(): ClusterChecker {
  const deletedMs = new Map<string, number>();
  const calledMs = new Map<string, number>();
  const lost = new Set<Partition>();
  let partitionCount = 1;
  return {
    name: "I7 no resurrection",
    onNote(world, node, note) {
      if (note.kind === "installed") partitionCount = note.view.partitions.length;
      if (note.kind === "dataLoss") lost.add(note.partition);
      if (note.kind !== "called" || node.process === undefined) return;
      const { id, core } = node.process;
      const call = `${id} ${note.call}`;
      if (note.isOpen) return void (calledMs.has(call) || calledMs.set(call, world.nowMs));
      const key = `${core.engine.views.view?.clusterId ?? ""} ${note.key}`;
      const deleted = deletedBy(note.what);
      if (deleted !== undefined) deletedMs.set(`${key} ${textOf(deleted)}`, world.nowMs);
      const seen = seenBy(note.what);
      if (seen === null) return;
      const goneMs = deletedMs.get(`${key} ${textOf(seen.version)}`);
      if (goneMs === undefined || (calledMs.get(call) ?? 0) <= goneMs) return;
      if (lost.has(partitionOfKey(note.key, partitionCount))) return;
      throw new SimulationViolation(this.name, `${id} sees ${note.key} as ${seen.opId}, deleted at ${goneMs} ms`);
    },
  };
}

function deletedBy(what: RegistryCall): Version | undefined {
  if (what.kind !== "cas" || !what.isDelete || what.result.kind !== "ok" || what.expect === "absent") return undefined;
  return what.expect;
}

function seenBy(what: RegistryCall): SeenEntry | null {
  if (what.kind === "get") return what.seen;
  return what.result.kind === "conflict" ? what.result.current : null;
}

function textOf({ cfg, seq }: Version): string {
  return `${cfg}.${seq}`;
}
