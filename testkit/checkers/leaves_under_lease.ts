/**
 * I15: nothing that a clustered actor has made leaves its node while that node is without a lease, or after it has come
 * back under another identity. Mutable; one a run.
 *
 * @module
 */
import { SimulationViolation } from "../scenario.ts";
import type { ClusterChecker } from "./watched.ts";

/** Watches everything that actors let out. */
export function leavesUnderLease(): ClusterChecker {
  return {
    name: "I15 leaves under a lease",
    onNote(_world, node, note) {
      const { process } = node;
      if (note.kind !== "left" || process === undefined) return;
      if (note.by !== process.id) {
        const text = `a ${note.what} of ${note.by} leaves ${process.id}, which it is no more`;
        throw new SimulationViolation(this.name, text);
      }
      if (note.lease === "held" || note.lease === "soft") return;
      throw new SimulationViolation(this.name, `a ${note.what} leaves ${process.id} while its lease is ${note.lease}`);
    },
  };
}
