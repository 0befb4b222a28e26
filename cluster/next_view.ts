/**
 * From a draft to the next view, and why a view cannot follow another. Pure.
 *
 * One idea: a proposer chooses members and places; everything else in a view follows from them by rule, so whoever is
 * asked to accept one can check it.
 *
 * Invariant: what {@link nextView} makes, {@link refusalOfNext} has nothing against.
 *
 * @module
 */
import { type Epoch, epoch, type NodeId } from "../core/ids.ts";
import type { Rules } from "./rules.ts";
import {
  haveSameVoters,
  isMember,
  type Member,
  type Placed,
  type QuorumRule,
  type Removed,
  REMOVED_KEPT_MAX,
  type View,
  type ViewDraft,
} from "./view.ts";
import { votersAfter, votersFor, votesKept, votesOfAll } from "./voters.ts";

/** The view after `view` that a draft asks for, under a name of its own. New members get its epoch as their join epoch. */
export function nextView(
  view: View,
  draft: ViewDraft,
  name: string,
  isProven: (id: NodeId) => boolean,
  rules: Rules,
): View {
  const number = epoch(view.epoch + 1);
  const joined = draft.members.map((member) => member.joinEpoch === 0 ? { ...member, joinEpoch: number } : member);
  const members = joined.toSorted(byAge);
  const votes = votersAfter(view, members, isProven, rules);
  return {
    ...view,
    epoch: number,
    draft: name,
    members,
    ...votes,
    ...leaderAfter(view, members, number),
    partitions: draft.partitions,
    removed: removedAfter(view, members, number),
  };
}

/** The first view of a new cluster, by all who found it together. */
export function firstView(
  clusterId: string,
  rule: QuorumRule,
  founders: readonly Member[],
  partitions: readonly Placed[],
): View {
  const first = epoch(1);
  const members = founders.map((member) => ({ ...member, joinEpoch: first, status: "up" as const })).toSorted(byAge);
  const votes = votersFor(rule, members);
  const leader = members[0]?.id;
  const draft = `${clusterId}/first`;
  return {
    clusterId,
    epoch: first,
    draft,
    rule,
    members,
    ...votes,
    leader,
    leaderTerm: first,
    partitions,
    removed: [],
  };
}

/** Why `next` may not follow `view`; `undefined` when it may. For voters, who may be asked for anything. */
export function refusalOfNext(view: View, next: View, rules: Rules): string | undefined {
  if (next.clusterId !== view.clusterId) return "it is of another cluster";
  if (next.epoch !== view.epoch + 1) return "it does not follow";
  const removed = new Set(view.removed.map(({ id }) => id));
  if (next.members.some(({ id }) => removed.has(id))) return "it brings back a member that was removed";
  if (rules.viewHasQuorum && votesOfAll(next) < next.need) return "its voters could not decide";
  if (rules.provenVoters && !haveSameVoters(view, next)) {
    const before = new Set(view.voters.map(({ id }) => id));
    if (votesKept(next, before) < next.need) return "the voters that stay could not decide";
  }
  return undefined;
}

/** What is wrong with a view by itself; `undefined` when nothing is. For everybody: a peer may send anything. */
export function problemOfView(view: View, partitionCount: number): string | undefined {
  const ids = new Set(view.members.map(({ id }) => id));
  if (ids.size === 0) return "it has no members";
  if (ids.size !== view.members.length) return "a member is in it twice";
  if (new Set(view.members.map(({ address }) => address)).size !== ids.size) return "two members share an address";
  if (view.partitions.length !== partitionCount) {
    return `${view.partitions.length} partitions are not ${partitionCount}`;
  }
  if (view.voters.some(({ id, weight }) => !ids.has(id) || !(weight > 0))) return "a voter is no member";
  if (2 * view.need <= votesOfAll(view)) return "two quorums could decide";
  if (view.partitions.some(({ group, next }) => group.length === 0 || next?.group.length === 0)) {
    return "a partition has no owner";
  }
  return undefined;
}

function byAge(one: Member, other: Member): number {
  if (one.joinEpoch !== other.joinEpoch) return one.joinEpoch - other.joinEpoch;
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0;
}

function leaderAfter(view: View, members: readonly Member[], number: Epoch): Pick<View, "leader" | "leaderTerm"> {
  const leader = members.find(({ status }) => status === "up")?.id;
  return { leader, leaderTerm: leader === view.leader ? view.leaderTerm : number };
}

function removedAfter(view: View, members: readonly Member[], number: Epoch): readonly Removed[] {
  const stay = new Set(members.map(({ id }) => id));
  const gone = view.members
    .filter(({ id }) => !stay.has(id))
    .map(({ id, status }) => ({ id, epoch: number, hasLeft: status === "leaving" }));
  return gone.length === 0 ? view.removed : [...view.removed, ...gone].slice(-REMOVED_KEPT_MAX);
}

/** Members of `view` that `next` has not. */
export function removedBy(view: View, next: View): readonly NodeId[] {
  return view.members.filter(({ id }) => !isMember(next, id)).map(({ id }) => id);
}
