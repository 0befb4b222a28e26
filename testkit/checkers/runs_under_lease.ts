/**
 * I15: nothing clustered begins to run on a node without a lease, by that node's own clocks, or under another identity
 * than the one that claimed it; and what keeps its thread without a pause has ended before the lease. Mutable; one a run.
 *
 * @module
 */
import type { NodeId } from "../../core/ids.ts";
import { standing } from "../../cluster/lease.ts";
import { SimulationViolation } from "../scenario.ts";
import type { ClusterChecker } from "./watched.ts";

/** Watches everything that runs. */
export function runsUnderLease(): ClusterChecker {
  const installedMs = new Map<NodeId, number>();
  return {
    name: "I15 runs under a lease",
    // What the identity before this one had begun ends under the promises that it was given.
    onBorn(world, node, { id }) {
      installedMs.set(id, world.clockOf(node).mono);
    },
    onNote(world, node, note) {
      const { process } = node;
      if (process === undefined) return;
      if (note.kind === "installed") installedMs.set(process.id, world.clockOf(node).mono);
      if (note.kind !== "executed" && note.kind !== "ran") return;
      // New voters may end a lease at once; what runs by then is covered by the promises of the old ones.
      if (note.kind === "ran" && note.begunMs <= (installedMs.get(process.id) ?? -Infinity)) return;
      if (note.kind === "executed" && note.by !== undefined && note.by !== process.id) {
        throw new SimulationViolation(this.name, `${process.id} runs ${note.key}, which began on ${note.by}`);
      }
      const view = process.core.engine.views.view;
      if (view === undefined) throw new SimulationViolation(this.name, `${process.id} runs ${note.key} without a view`);
      const { lease } = process.core.engine.views;
      const { status } = standing(lease, view, world.clockOf(node), process.core.options.timings);
      if (status === "held" || status === "soft") return;
      throw new SimulationViolation(this.name, `${process.id} runs ${note.key} while its lease is ${status}`);
    },
  };
}
