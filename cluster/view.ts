/**
 * What a cluster agrees on: who is in, who votes, who leads, and which node owns which partition, at one epoch. Pure
 * data and questions about it.
 *
 * One idea: membership, voters, leader and the partition table are one value, chosen as a whole. No node computes any
 * part of it again from another part, so no two nodes can disagree at the same epoch.
 *
 * Invariant: a view is never edited. The next one is a new value with `epoch + 1`.
 *
 * @module
 */
import type { Epoch, NodeId, Partition } from "../core/ids.ts";

/** Where a member stands. There is no suspicion here: that is one node's opinion, a view is everybody's fact. */
export type MemberStatus = "up" | "leaving";

/** A node that is in. */
export interface Member {
  readonly id: NodeId;
  /** `host:port` by which others reach it. Two lives of one node share it. */
  readonly address: string;
  /** Failure domain; voters and backups are spread over them. Empty when there is none. */
  readonly zone: string;
  readonly roles: readonly string[];
  /** Names of the kinds it can run. */
  readonly kinds: readonly string[];
  /** Epoch of the first view that has it; `0` in the draft of one that is not in yet. */
  readonly joinEpoch: Epoch;
  readonly status: MemberStatus;
  /** Its share of the load, against others. `1` is usual; above 0. */
  readonly capacity: number;
}

/** A member that takes part in choosing the next view, with its votes. */
export interface Voter {
  readonly id: NodeId;
  readonly weight: number;
}

/** Why a partition is to change its configuration: a member was lost, it has fewer copies than it should, or to balance. */
export type TransitionReason = "loss" | "grow" | "move";

/** The configuration a partition is on its way to. */
export interface Transition {
  /** Epoch of the view that began it: the number of the new configuration. */
  readonly cfg: Epoch;
  /** The new owner, then the new backups. */
  readonly group: readonly NodeId[];
  readonly why: TransitionReason;
}

/** One partition's place: its active configuration, and at most one on its way. */
export interface Placed {
  /** Epoch of the view that began the active configuration. */
  readonly cfg: Epoch;
  /** The owner, then the backups. May name nodes that are gone: the active group stays what it was until another is. */
  readonly group: readonly NodeId[];
  readonly next: Transition | undefined;
}

/** How votes are given out. Part of every view: nodes with another rule do not join. */
export type QuorumRule =
  /** The oldest members, up to five; an even number gives the oldest two votes. */
  | { readonly kind: "dynamic" }
  /** The members at these addresses; a majority of the addresses is needed, whoever is alive. */
  | { readonly kind: "seeds"; readonly seeds: readonly string[] }
  /** The oldest member outweighs nearly all others: it and one more, or all the others. */
  | { readonly kind: "oldest" };

/** A member that was removed, and by which view. */
export interface Removed {
  readonly id: NodeId;
  readonly epoch: Epoch;
  /** Whether it was leaving in the view before: it went in good order. */
  readonly hasLeft: boolean;
}

/** The agreed state of a cluster at one epoch. */
export interface View {
  readonly clusterId: string;
  readonly epoch: Epoch;
  /** Names the proposal that made it: two views of one epoch with the same name are the same view. */
  readonly draft: string;
  readonly rule: QuorumRule;
  /** By join epoch, then id: the first is the oldest. */
  readonly members: readonly Member[];
  readonly voters: readonly Voter[];
  /** Votes needed for the next view, and for a lease. */
  readonly need: number;
  /** The oldest member that is up; `undefined` when all are leaving. */
  readonly leader: NodeId | undefined;
  /** Epoch of the first view in a row that names this leader. */
  readonly leaderTerm: Epoch;
  /** One place for each partition. */
  readonly partitions: readonly Placed[];
  /** The last members that were removed, newest last; {@link REMOVED_KEPT_MAX} at most. */
  readonly removed: readonly Removed[];
}

/** What a proposer asks for. Voters, need, leader and the list of the removed follow from it by rule. */
export interface ViewDraft {
  readonly members: readonly Member[];
  readonly partitions: readonly Placed[];
}

/** Removed members a view remembers: enough that a node back from a long pause finds itself named. */
export const REMOVED_KEPT_MAX = 128;

/** Members by id, made once for each view: views never change, and are asked for every message. */
const INDEX = new WeakMap<View, ReadonlyMap<NodeId, Member>>();

function indexOf(view: View): ReadonlyMap<NodeId, Member> {
  let index = INDEX.get(view);
  if (index === undefined) {
    index = new Map(view.members.map((member) => [member.id, member]));
    INDEX.set(view, index);
  }
  return index;
}

/** The member of an id, if it is in. */
export function memberOf(view: View, id: NodeId): Member | undefined {
  return indexOf(view).get(id);
}

/** Whether `id` is in. */
export function isMember(view: View, id: NodeId): boolean {
  return indexOf(view).has(id);
}

/** The votes of `id`; 0 when it has none. */
export function votesOf(view: View, id: NodeId): number {
  return view.voters.find((voter) => voter.id === id)?.weight ?? 0;
}

/** Whether these nodes carry enough votes to choose the next view of `view`, or to grant a lease under it. */
export function hasQuorum(view: View, ids: Iterable<NodeId>): boolean {
  let votes = 0;
  for (const id of new Set(ids)) votes += votesOf(view, id);
  return votes >= view.need;
}

/** Whether both have the same voters with the same votes. Then a majority of one is a majority of the other. */
export function haveSameVoters(one: View, other: View): boolean {
  return one.need === other.need && one.voters.length === other.voters.length &&
    one.voters.every(({ id, weight }) => votesOf(other, id) === weight);
}

/** The node that decides for a partition: the first of its active configuration. */
export function ownerOf(view: View, partition: Partition): NodeId | undefined {
  return view.partitions[partition]?.group[0];
}

/** Whether a node is certainly gone, judged by an installed view: one newer than this view is not judged by it. */
export function isGone(view: View, id: NodeId, joinEpoch: Epoch): boolean {
  return joinEpoch <= view.epoch && !isMember(view, id);
}
