/**
 * Nobody who may still serve gives its identity up: who ends by its own word, as removed, as fenced or without hope, has
 * no lease any more, by its own clocks. Mutable; one a run.
 *
 * @module
 */
import { standing } from "../../cluster/lease.ts";
import { SimulationViolation } from "../scenario.ts";
import type { ClusterChecker } from "./watched.ts";

/** Watches every end. */
export function leaseKept(): ClusterChecker {
  return {
    name: "a lease is kept",
    onEnded(world, node, { id, core }, end) {
      const { view, lease } = core.engine.views;
      if (end !== "retire" || view === undefined) return;
      const { status } = standing(lease, view, world.clockOf(node), core.options.timings);
      if (status !== "held" && status !== "soft") return;
      throw new SimulationViolation(this.name, `${id} ends while it has a lease under epoch ${view.epoch}`);
    },
  };
}
