/**
 * I8: each term has one leader, and each epoch's leader is the same for everybody. Mutable; one a run.
 *
 * @module
 */
import { SimulationViolation } from "../scenario.ts";
import type { ClusterChecker } from "./watched.ts";

/** Watches every installed view. */
export function oneLeader(): ClusterChecker {
  const leaders = new Map<string, string>();
  return {
    name: "I8 one leader",
    onNote(_world, _node, note) {
      if (note.kind !== "installed" || note.view.leader === undefined) return;
      const { clusterId, leader, leaderTerm } = note.view;
      const term = `${clusterId}/${leaderTerm}`;
      const known = leaders.get(term);
      if (known === undefined) leaders.set(term, leader);
      else if (known !== leader) {
        throw new SimulationViolation(this.name, `${term} has two leaders: ${known} and ${leader}`);
      }
    },
  };
}
