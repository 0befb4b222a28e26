/**
 * I5: what callers of the registry saw can be explained by operations that each happened at one instant. Partitions that
 * announced a loss are left out: there a claim may be lost, and everybody was told. Mutable; one a run.
 *
 * @module
 */
import type { Partition } from "../../core/ids.ts";
import { partitionOfKey } from "../../core/hash.ts";
import { SimulationViolation } from "../scenario.ts";
import { checkHistory, describeViolation, type RegistryOperation } from "./linearizability.ts";
import type { ClusterChecker } from "./watched.ts";

/** Puts answers after all calls of the same instant. */
const LATER = 1_000_000_000;

/** Keeps every call, and judges them all at the end of the run. */
export function linearizableHistory(): ClusterChecker {
  const operations = new Map<string, RegistryOperation>();
  const lost = new Set<Partition>();
  let partitionCount = 1;
  let order = 0;
  return {
    name: "I5 linearizable",
    onNote(world, node, note) {
      if (note.kind === "installed") partitionCount = note.view.partitions.length;
      if (note.kind === "dataLoss") lost.add(note.partition);
      if (note.kind !== "called" || node.process === undefined) return;
      const { id, core } = node.process;
      const name = `${id} ${note.call}`;
      const stamp = { at: world.nowMs, order: ++order };
      const called = operations.get(name)?.called ?? stamp;
      // What is called and answered at one instant may have overlapped: no order is claimed.
      const returned = note.isOpen ? undefined : { at: stamp.at, order: stamp.order + LATER };
      const key = `${core.engine.views.view?.clusterId ?? ""} ${note.key}`;
      operations.set(name, { key, client: id, called, returned, call: note.what });
    },
    onEnd() {
      const kept = [...operations.values()].filter(({ key }) => {
        return !lost.has(partitionOfKey(key.slice(key.indexOf(" ") + 1), partitionCount));
      });
      const { violation } = checkHistory(kept);
      if (violation === undefined) return;
      const text = `no order explains what was seen of ${violation.key}:\n${describeViolation(violation.verdict)}`;
      throw new SimulationViolation(this.name, text);
    },
  };
}
