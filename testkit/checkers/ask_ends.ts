/**
 * I11: whatever a user asked for ends exactly once, and by its deadline: at the first tick after it that its node takes.
 * Mutable; one a run.
 *
 * @module
 */
import type { NodeId } from "../../core/ids.ts";
import { SimulationViolation } from "../scenario.ts";
import type { ClusterChecker } from "./watched.ts";

/** Milliseconds after its deadline in which the end of an ask may come: two ticks, and the jitter of both. */
const LATE_MS = 500;

/**
 * Watches every ask and operation.
 *
 * @param stallMsMax How long a node may do nothing beside what the plan says, in milliseconds.
 */
export function askEnds(stallMsMax = 0): ClusterChecker {
  const open = new Map<NodeId, Map<string, number>>();
  return {
    name: "I11 asks end",
    onNote(_world, node, note) {
      const { process } = node;
      if (process === undefined) return;
      if (note.kind === "asked") {
        let ofNode = open.get(process.id);
        if (ofNode === undefined) open.set(process.id, ofNode = new Map());
        ofNode.set(numberOf(note.id), note.deadlineMs);
      }
      if (note.kind === "ended" && open.get(process.id)?.delete(numberOf(note.id)) !== true) {
        throw new SimulationViolation(this.name, `${note.id} ended twice, or was never asked: ${note.how}`);
      }
    },
    onEnded(_world, _node, { id }) {
      open.delete(id);
    },
    onStep(world, node, input) {
      const { process } = node;
      if (input.kind !== "tick" || process === undefined) return;
      // Without a lease the ends of what clustered actors asked are parked; a user's own are not.
      const { mono } = world.clockOf(node);
      for (const [id, deadlineMs] of open.get(process.id) ?? []) {
        if (mono > deadlineMs + LATE_MS + stallMsMax) {
          throw new SimulationViolation(this.name, `request ${id} of ${process.id} has not ended`);
        }
      }
    },
  };
}

/** The number of a request: its node and count, whatever it was called for. */
function numberOf(id: string): string {
  return id.slice(id.indexOf(" ") + 1);
}
