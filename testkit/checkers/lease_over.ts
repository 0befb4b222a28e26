/**
 * I3: when a view is chosen, every member it removes is without a lease, by its own clocks. Knows the instant of
 * choosing, which no node does, by counting votes as they are given. Mutable; one a run.
 *
 * @module
 */
import type { NodeId } from "../../core/ids.ts";
import { standing } from "../../cluster/lease.ts";
import { removedBy } from "../../cluster/next_view.ts";
import { hasQuorum, type View } from "../../cluster/view.ts";
import { SimulationViolation } from "../scenario.ts";
import type { ClusterChecker, WatchedWorld } from "./watched.ts";

/** What one ballot has gathered. */
interface Tally {
  readonly voters: Set<NodeId>;
  isChosen: boolean;
}

/** Watches every vote. */
export function leaseOver(): ClusterChecker {
  const tallies = new Map<string, Tally>();
  const chosen = new Map<string, string>();
  return {
    name: "I3 lease over",
    onNote(world, node, note) {
      if (note.kind !== "voted" || node.process === undefined) return;
      const { ballot, base, view } = note;
      const epoch = `${view.clusterId}/${view.epoch}`;
      const key = `${epoch}/${ballot.round}/${ballot.by}`;
      let tally = tallies.get(key);
      if (tally === undefined) tallies.set(key, tally = { voters: new Set(), isChosen: false });
      tally.voters.add(node.process.id);
      if (tally.isChosen || !hasQuorum(base, tally.voters)) return;
      tally.isChosen = true;
      const before = chosen.get(epoch);
      if (before !== undefined && before !== view.draft) {
        throw new SimulationViolation(this.name, `${epoch} was chosen twice: ${before} and ${view.draft}`);
      }
      if (before === undefined) removedWithLease(this.name, world, base, view);
      chosen.set(epoch, view.draft);
    },
  };
}

function removedWithLease(name: string, world: WatchedWorld, base: View, view: View): void {
  for (const id of removedBy(base, view)) {
    const node = world.nodeOf(id);
    const core = node?.process?.core;
    const installed = core?.engine.views.view;
    // It may have been let in by two clusters, and taken one.
    if (node === undefined || core === undefined || installed?.clusterId !== view.clusterId) continue;
    const { status } = standing(core.engine.views.lease, installed, world.clockOf(node), core.options.timings);
    if (status === "held" || status === "soft") {
      throw new SimulationViolation(name, `${id} is removed by epoch ${view.epoch} while it has a lease`);
    }
  }
}
