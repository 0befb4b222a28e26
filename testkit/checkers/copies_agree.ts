/**
 * I14: two copies of a partition that are equally far are equal. Looks now and then, and at the end. Mutable; one a run.
 *
 * @module
 */
import type { Partition } from "../../core/ids.ts";
import { SimulationViolation } from "../scenario.ts";
import type { ClusterChecker, WatchedWorld } from "./watched.ts";

/** Milliseconds between two looks. */
const LOOK_MS = 500;

/** Compares the copies of all nodes. */
export function copiesAgree(): ClusterChecker {
  let lookAtMs = 0;
  return {
    name: "I14 copies agree",
    onStep(world) {
      if (world.nowMs < lookAtMs) return;
      lookAtMs = world.nowMs + LOOK_MS;
      look(this.name, world);
    },
    onEnd(world) {
      look(this.name, world);
    },
  };
}

function look(name: string, world: WatchedWorld): void {
  const seen = new Map<string, { readonly digest: number; readonly by: string }>();
  for (const { process } of world.nodes) {
    const view = process?.core.engine.views.view;
    if (process === undefined || view === undefined) continue;
    for (const [partition, replica] of process.core.engine.partitions.replicas) {
      if (replica.est === 0) continue;
      const at: { readonly partition: Partition; readonly text: string } = {
        partition,
        text: `${view.clusterId} ${partition} ${replica.est}.${replica.seq}`,
      };
      const before = seen.get(at.text);
      if (before === undefined) seen.set(at.text, { digest: replica.digest, by: process.id });
      else if (before.digest !== replica.digest) {
        throw new SimulationViolation(name, `${before.by} and ${process.id} differ at ${at.text}`);
      }
    }
  }
}
