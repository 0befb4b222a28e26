/**
 * Two clusters never serve at once: where the rule for votes promises that. With seeds it always does. With other rules
 * it does as long as no process that was in a cluster is started anew, for it would not know. Mutable; one a run.
 *
 * @module
 */
import type { FaultPlan } from "../fault_plan.ts";
import { SimulationViolation } from "../scenario.ts";
import type { QuorumRule } from "../../cluster/view.ts";
import { standing } from "../../cluster/lease.ts";
import type { ClusterChecker, WatchedWorld } from "./watched.ts";

/** Watches every lease. */
export function oneCluster(plan: FaultPlan<unknown>, rule: QuorumRule): ClusterChecker {
  const isPromised = rule.kind === "seeds" || !plan.items.some(({ kind }) => kind === "crash");
  return {
    name: "one cluster",
    onNote(world, node, note) {
      if (!isPromised || note.kind !== "lease" || note.status !== "held") return;
      const clusterId = node.process?.core.engine.views.view?.clusterId;
      const other = serving(world).find(([, known]) => known !== clusterId);
      if (other === undefined) return;
      throw new SimulationViolation(
        this.name,
        `${node.process?.id} serves ${clusterId}, ${other[0]} serves ${other[1]}`,
      );
    },
  };
}

/** Nodes with a lease, by their own clocks, and their clusters. */
function serving(world: WatchedWorld): readonly (readonly [string, string])[] {
  return world.nodes.flatMap((node) => {
    const { process } = node;
    const view = process?.core.engine.views.view;
    if (process === undefined || view === undefined) return [];
    const { status } = standing(
      process.core.engine.views.lease,
      view,
      world.clockOf(node),
      process.core.options.timings,
    );
    return status === "held" || status === "soft" ? [[process.id, view.clusterId] as const] : [];
  });
}
