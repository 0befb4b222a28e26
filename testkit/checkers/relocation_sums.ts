/**
 * I10: what was found held by a lost node is relocated, released, excluded or failed, and nothing is left over; in each
 * report of each node on duty. Mutable; one a run.
 *
 * @module
 */
import { SimulationViolation } from "../scenario.ts";
import type { ClusterChecker } from "./watched.ts";

/** Watches every report. */
export function relocationSums(): ClusterChecker {
  return {
    name: "I10 relocation adds up",
    onNote(_world, node, note) {
      if (note.kind !== "event" || note.event.kind !== "relocationDone") return;
      const { held, relocated, released, excluded, failed } = note.event.counts;
      if (held === relocated + released + excluded + failed) return;
      const text = `${node.process?.id} reports of ${note.event.node}: ${JSON.stringify(note.event.counts)}`;
      throw new SimulationViolation(this.name, text);
    },
  };
}
