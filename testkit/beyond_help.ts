/**
 * Whether a simulated cluster can become well at all. Some runs take away for good what a cluster needs to decide; then
 * it has to stay frozen, and only safety counts. Pure.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import { viewOf } from "../cluster/cluster_core.ts";
import type { ClusterSettings } from "../cluster/settings.ts";
import { hasQuorum, memberOf, type View } from "../cluster/view.ts";
import type { Watched } from "./checkers/watched.ts";
import type { ClusterNote } from "./cluster_notes.ts";
import type { Checker, World } from "./scenario.ts";

/**
 * Whether too many voters are gone for good: then the cluster stays frozen, as it must, and only safety counts. With
 * seeds it begins anew, unless fewer than a majority of the seeds are left; with other rules a process that has been in
 * it never founds another.
 *
 * @param everMembers Ids that have installed a view. The loss of a voter that never did, and did not found, excuses
 * nothing: nobody should have counted on it. Without this every voter counts.
 */
export function isBeyondHelp(
  world: World<unknown, Watched>,
  processes: readonly Watched[],
  settings: ClusterSettings,
  everMembers?: ReadonlySet<NodeId>,
): boolean {
  const { rule } = settings;
  if (rule.kind === "seeds") {
    const alive = world.nodes.filter(({ isGone, address }) => !isGone && rule.seeds.includes(address)).length;
    return 2 * alive <= rule.seeds.length || waitsForSilence(world, processes);
  }
  const hosts = world.nodes.filter(({ isGone }) => !isGone).length;
  const views = processes.flatMap(({ core }): View | readonly View[] => viewOf(core) ?? []);
  if (views.length === 0) {
    // Who has accepted an attempt waits for its founders, and for one that stays silent it waits for ever.
    const silent = new Set(world.nodes.filter(({ isGone }) => isGone).map(({ address }) => address));
    const canFound = processes.filter(({ core }) => {
      const founders = core.engine.bootstrap.attempt?.view.members ?? [];
      return !core.options.wasMember && !founders.some(({ address }) => silent.has(address));
    }).length;
    return 2 * canFound <= world.nodes.length || hosts < settings.minimumPeersQuorum;
  }
  // Restarted nodes that could not reach the living ones have founded a cluster of their own. Nothing merges them.
  if (new Set(views.map(({ clusterId }) => clusterId)).size > 1) return true;
  const ids = new Set(processes.map(({ id }) => id));
  const newest = views.reduce((one, other) => other.epoch > one.epoch ? other : one);
  const isNoLoss = (id: NodeId): boolean =>
    everMembers?.has(id) === false && (memberOf(newest, id)?.joinEpoch ?? 1) > 1;
  const countedOn = newest.voters.filter(({ id }) => ids.has(id) || isNoLoss(id));
  return !hasQuorum(newest, countedOn.map(({ id }) => id));
}

/** Whether a cluster waits for voters whose hosts stay silent for ever: it must, for silence is no proof. */
function waitsForSilence(
  world: World<unknown, Watched>,
  processes: readonly Watched[],
): boolean {
  const gone = new Set(world.nodes.filter(({ isGone }) => isGone).map(({ address }) => address));
  const ids = new Set(processes.map(({ id }) => id));
  return processes.some(({ core }) => {
    const view = viewOf(core);
    if (view === undefined) return false;
    const alive = view.voters.filter(({ id }) => ids.has(id)).map(({ id }) => id);
    const silent = view.voters.filter(({ id }) => gone.has(memberOf(view, id)?.address ?? "")).map(({ id }) => id);
    return !hasQuorum(view, alive) && hasQuorum(view, [...alive, ...silent]);
  });
}

/** Notes who has installed a view. */
export function remembersMembers(everMembers: Set<NodeId>): Checker<unknown, unknown, ClusterNote, Watched> {
  return {
    name: "members",
    onNote(_world, { process }, note) {
      if (note.kind === "installed" && process !== undefined) everMembers.add(process.id);
    },
  };
}
