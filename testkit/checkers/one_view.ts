/**
 * I2: there is one view for each epoch of a cluster, whoever installs it, and no node goes back. Mutable; one a run.
 *
 * @module
 */
import type { NodeId } from "../../core/ids.ts";
import { SimulationViolation } from "../scenario.ts";
import type { ClusterChecker } from "./watched.ts";

/** Watches every installed view. */
export function oneView(): ClusterChecker {
  const drafts = new Map<string, string>();
  const epochs = new Map<NodeId, number>();
  return {
    name: "I2 one view",
    onNote(_world, node, note) {
      if (note.kind !== "installed" || node.process === undefined) return;
      const { view } = note;
      const epoch = `${view.clusterId}/${view.epoch}`;
      const known = drafts.get(epoch);
      if (known === undefined) drafts.set(epoch, view.draft);
      else if (known !== view.draft) {
        throw new SimulationViolation(this.name, `two views of ${epoch}: ${known} and ${view.draft}`);
      }
      const before = epochs.get(node.process.id);
      if (before !== undefined && before >= view.epoch) {
        throw new SimulationViolation(this.name, `${node.process.id} went from epoch ${before} to ${view.epoch}`);
      }
      epochs.set(node.process.id, view.epoch);
    },
  };
}
