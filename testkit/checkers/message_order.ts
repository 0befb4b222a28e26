/**
 * I12: a message comes to its actor at most once, and messages of one sender to one name come in their order, wherever
 * the actor is meanwhile. Some may be missing. Mutable; one a run.
 *
 * @module
 */
import { SimulationViolation } from "../scenario.ts";
import type { ClusterChecker } from "./watched.ts";

/** Watches every delivery. */
export function messageOrder(): ClusterChecker {
  const last = new Map<string, number>();
  return {
    name: "I12 order",
    onNote(_world, node, note) {
      if (note.kind !== "delivered") return;
      const pair = `${note.sender} ${note.key}`;
      const before = last.get(pair) ?? 0;
      if (note.seq <= before) {
        const text = `${note.key} on ${node.process?.id} gets message ${note.seq} of ${note.sender} after ${before}`;
        throw new SimulationViolation(this.name, text);
      }
      last.set(pair, note.seq);
    },
  };
}
