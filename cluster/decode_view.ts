/**
 * Decoding views, and the rules of a view that can be seen in it alone. Pure.
 *
 * One idea: a view is believed by everybody who gets it, so it is looked through before anybody does, wherever in a
 * message it stands.
 *
 * Invariant: no machine hears of a view that names somebody it does not have, or is older than something in it.
 *
 * @module
 */
import type { Epoch, NodeId } from "../core/ids.ts";
import { type FrameLimits, label, member, MEMBERS_MAX, nodeId, quorumRule, viewEpoch } from "./decode_values.ts";
import { type Decoder, flag, list, optional, Problem, record, refined, whole, word } from "./decoding.ts";
import { problemOfView } from "./next_view.ts";
import {
  isMember,
  type Placed,
  type Removed,
  REMOVED_KEPT_MAX,
  type Transition,
  type View,
  type Voter,
} from "./view.ts";

/** Copies of one partition. */
const GROUP_MAX = 64;
/** Votes of one voter, and of all of them: the oldest of many has nearly as many as all others. */
const VOTES_MAX = 2 * MEMBERS_MAX;

const group: Decoder<readonly NodeId[]> = list(nodeId, GROUP_MAX, 1);

const transition: Decoder<Transition> = record<Transition>({
  cfg: viewEpoch,
  group,
  why: word(["loss", "grow", "move"]),
});

const placed: Decoder<Placed> = record<Placed>({ cfg: viewEpoch, group, next: optional(transition) });

/** A view of a cluster with these limits. */
export function viewOf({ partitionCount }: FrameLimits): Decoder<View> {
  const shape = record<View>({
    clusterId: label,
    epoch: viewEpoch,
    draft: label,
    rule: quorumRule,
    members: list(member, MEMBERS_MAX, 1),
    voters: list(record<Voter>({ id: nodeId, weight: whole(1, VOTES_MAX) }), MEMBERS_MAX),
    need: whole(1, VOTES_MAX),
    leader: optional(nodeId),
    leaderTerm: viewEpoch,
    partitions: list(placed, partitionCount, partitionCount),
    removed: list(record<Removed>({ id: nodeId, epoch: viewEpoch, hasLeft: flag }), REMOVED_KEPT_MAX),
  });
  return refined(shape, (view) => {
    const problem = problemOfView(view, partitionCount) ?? problemOfAges(view) ?? problemOfPlaces(view);
    return problem === undefined ? view : new Problem(`is a view of which ${problem}`);
  });
}

/** Members come by age, the oldest that is up leads, and nothing is newer than the view. */
function problemOfAges(view: View): string | undefined {
  const { members, removed, epoch, leader, leaderTerm, voters } = view;
  for (const [index, one] of members.entries()) {
    if (one.joinEpoch === 0 || one.joinEpoch > epoch) return `member ${one.id} is not of its time`;
    const before = members[index - 1];
    if (before !== undefined && !isOlder(before, one)) return "the members are not in the order of their age";
  }
  if (leader !== members.find(({ status }) => status === "up")?.id) return "the leader is not its oldest member";
  if (leaderTerm > epoch) return "the leader's term is to come";
  if (new Set(voters.map(({ id }) => id)).size !== voters.length) return "a voter is in it twice";
  if (removed.some((gone) => gone.epoch > epoch)) return "a removal is to come";
  if (removed.some(({ id }) => isMember(view, id))) return "a member was removed";
  return undefined;
}

function isOlder(one: { readonly joinEpoch: Epoch; readonly id: NodeId }, other: typeof one): boolean {
  return one.joinEpoch < other.joinEpoch || (one.joinEpoch === other.joinEpoch && one.id < other.id);
}

function problemOfPlaces({ partitions, epoch }: View): string | undefined {
  for (const [index, { cfg, group, next }] of partitions.entries()) {
    if (cfg > epoch) return `partition ${index} is not of its time`;
    if (hasTwice(group)) return `partition ${index} has two copies on one node`;
    if (next === undefined) continue;
    if (next.cfg > epoch || next.cfg <= cfg) return `the next place of partition ${index} is not of its time`;
    if (hasTwice(next.group)) return `partition ${index} will have two copies on one node`;
  }
  return undefined;
}

function hasTwice(group: readonly NodeId[]): boolean {
  return new Set(group).size !== group.length;
}
