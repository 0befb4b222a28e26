/**
 * I15: nothing clustered begins to run on a node without a lease, by that node's own clocks, or under another identity
 * than the one that claimed it. Mutable; one a run.
 *
 * @module
 */
import { standing } from "../../cluster/lease.ts";
import { SimulationViolation } from "../scenario.ts";
import type { ClusterChecker } from "./watched.ts";

/** Watches everything that runs. */
export function runsUnderLease(): ClusterChecker {
  return {
    name: "I15 runs under a lease",
    onNote(world, node, note) {
      const { process } = node;
      if (note.kind !== "executed" || process === undefined) return;
      if (note.by !== undefined && note.by !== process.id) {
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
