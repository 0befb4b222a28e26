/**
 * Drafts the next view: who comes in, who goes, what is activated, what moves. Pure; mutable, one per node identity.
 *
 * One idea: being leader is no power, only a habit of speaking first. Any voter may propose; a draft that is out of
 * date is refused by its epoch. So a leader that hangs costs half a second for each voter in line, and two at once cost
 * a round.
 *
 * Invariant: a draft is made from the installed view and proposed for exactly that one.
 *
 * @module
 */
import { after, epoch, type Instant, type NodeId, type Partition } from "../core/ids.ts";
import { below, type Random } from "../core/random.ts";
import { createCut, type Cut, removals, stepCut } from "./cut.ts";
import type { EngineOutput, EngineRequest, LeaseStatus, ProposeResult } from "./engine.ts";
import { planPlaces } from "./planner.ts";
import type { ClusterSettings, Timings } from "./settings.ts";
import type { Now } from "./time.ts";
import { isMember, type Member, memberOf, type View, type ViewDraft } from "./view.ts";

/** Milliseconds for which a request to join or to leave is remembered; it is repeated while it is meant. */
const WISH_MS = 5_000;
/** Nodes that are remembered as wanting to come in. At the limit the others ask again. */
const JOINERS_MAX = 1_024;
/** Milliseconds for each voter in line before it drafts in place of the leader. */
const RANK_MS = 500;
/** Milliseconds before a draft is tried again that came to nothing, and as much again by chance. */
const RETRY_MS = 200;
/** Milliseconds after a join in which nothing is moved for balance: a rolling start is one wave. */
const SETTLE_MS = 5_000;
/** Transitions at one time that only balance: in all, and for one node; and those away from members that leave. */
const MOVES_MAX = 16;
const MOVES_PER_NODE_MAX = 4;
const DRAIN_MAX = 64;
/**
 * Milliseconds for which a leader removes no voter after a draft without one would have left too few votes. Meanwhile
 * the others come, go and move; or the one that is missed comes back under a new id.
 */
const KEEP_VOTERS_MS = 5_000;
/** Leases for which a proposal is kept up: a removal has to wait for one, and then for slow voters. */
const PROPOSAL_LEASES = 2.5;

/** What the leader is made of. */
export interface LeaderOptions {
  readonly self: NodeId;
  readonly settings: ClusterSettings;
  readonly timings: Timings;
  readonly random: Random;
}

/** The state. */
export interface Leader {
  readonly options: LeaderOptions;
  readonly cut: Cut;
  view: View | undefined;
  status: LeaseStatus;
  readonly joiners: Map<NodeId, { readonly member: Member; readonly at: Instant }>;
  readonly leavers: Map<NodeId, Instant>;
  readonly released: Set<NodeId>;
  readonly recovered: Map<Partition, number>;
  /** Members somebody with the right to says are to go. */
  readonly condemned: Set<NodeId>;
  /** Until then no voter is removed: the last draft that did would have left too few votes. */
  keepVotersUntil: Instant;
  /** Whether more members could vote. */
  areVotersProven: boolean;
  /** Whether a proposal is under way. */
  isProposing: boolean;
  retryAt: Instant;
  balanceAt: Instant;
  movesFrom: Instant;
  /** Since when there has been something to draft. */
  neededSince: Instant | undefined;
}

/** What it is told. */
export type LeaderInput =
  | { readonly kind: "tick" }
  | Extract<
    EngineOutput,
    {
      readonly kind:
        | "engineView"
        | "engineLease"
        | "joinWanted"
        | "leaseReleased"
        | "votersProven"
        | "recovered"
        | "accused";
    }
  >
  /** Alerts, of this node's detector or of others'. */
  | Extract<Parameters<typeof stepCut>[1], { readonly kind: "alert" }>
  | { readonly kind: "proposed"; readonly result: ProposeResult }
  /** This member asked to go. */
  | { readonly kind: "leaveWanted"; readonly id: NodeId }
  /** Remove this member, whatever the detectors say. */
  | { readonly kind: "condemn"; readonly id: NodeId };

/** What it wants: an engine request, whose result comes back as `proposed`. */
export interface Proposing {
  readonly request: EngineRequest & { readonly kind: "propose" };
  readonly deadline: Instant;
}

/** A leader that knows no view. */
export function createLeader(options: LeaderOptions, now: Now): Leader {
  return {
    options,
    cut: createCut(options),
    view: undefined,
    status: "none",
    joiners: new Map(),
    leavers: new Map(),
    released: new Set(),
    recovered: new Map(),
    condemned: new Set(),
    keepVotersUntil: now.mono,
    areVotersProven: false,
    isProposing: false,
    retryAt: now.mono,
    balanceAt: now.mono,
    movesFrom: now.mono,
    neededSince: undefined,
  };
}

/** Whether this node leads: it is the leader of its view, and holds its lease. */
export function isLeading(leader: Leader): boolean {
  return leader.view?.leader === leader.options.self && (leader.status === "held" || leader.status === "soft");
}

/** One input; a proposal to make, if there is one. */
export function stepLeader(leader: Leader, input: LeaderInput, now: Now): Proposing | undefined {
  switch (input.kind) {
    case "tick":
      stepCut(leader.cut, input, now);
      return leader.view === undefined ? undefined : draft(leader, leader.view, now);
    case "engineView":
      return void install(leader, input.view, input.previous, now);
    case "engineLease":
      return void (leader.status = input.status);
    case "joinWanted":
      return void wantJoin(leader, input.member, now);
    case "leaveWanted":
      return void leader.leavers.set(input.id, now.mono);
    case "leaseReleased":
      return void leader.released.add(input.id);
    case "votersProven":
      return void (leader.areVotersProven = true);
    case "recovered":
      return void leader.recovered.set(input.partition, input.cfg);
    case "accused":
    case "alert":
      return void stepCut(leader.cut, input, now);
    case "condemn":
      return void leader.condemned.add(input.id);
    case "proposed":
      leader.isProposing = false;
      if (input.result.kind !== "committed") leader.retryAt = later(leader, now);
      if (input.result.kind === "refused") {
        leader.keepVotersUntil = after(now.mono, KEEP_VOTERS_MS);
        leader.condemned.clear();
      }
      return undefined;
    default:
      return input satisfies never;
  }
}

function install(leader: Leader, view: View, previous: View | undefined, now: Now): void {
  leader.view = view;
  leader.neededSince = undefined;
  leader.areVotersProven = false;
  leader.retryAt = now.mono;
  stepCut(leader.cut, { kind: "view", view }, now);
  if (previous === undefined || view.members.some(({ id }) => !isMember(previous, id))) {
    leader.movesFrom = after(now.mono, SETTLE_MS);
  }
  for (const id of leader.joiners.keys()) if (isMember(view, id)) leader.joiners.delete(id);
  for (const ids of [leader.leavers, leader.released, leader.condemned]) {
    for (const id of ids.keys()) if (!isMember(view, id)) ids.delete(id);
  }
  for (const [partition, cfg] of leader.recovered) {
    if (view.partitions[partition]?.next?.cfg !== cfg) leader.recovered.delete(partition);
  }
}

function wantJoin(leader: Leader, member: Member, now: Now): void {
  const { view, joiners } = leader;
  if (view === undefined || isMember(view, member.id)) return;
  if (joiners.size >= JOINERS_MAX && !joiners.has(member.id)) return;
  joiners.set(member.id, { member, at: now.mono });
  // One address is one process: whoever was there before has ended, and need not be probed for that.
  const before = view.members.find(({ address }) => address === member.address);
  if (before !== undefined) stepCut(leader.cut, { kind: "superseded", subject: before.id }, now);
}

function draft(leader: Leader, view: View, now: Now): Proposing | undefined {
  const { options, status } = leader;
  if (leader.isProposing || now.mono < leader.retryAt || (status !== "held" && status !== "soft")) return undefined;
  const rank = rankOf(view, options.self);
  if (rank === Infinity) return undefined; // Most members of a large cluster: they need not look at all the others.
  const isDue = now.mono >= leader.balanceAt;
  const members = membersAfter(leader, view, now);
  const isSame = members === view.members && !leader.areVotersProven;
  if (isSame && leader.recovered.size === 0 && !isDue) return undefined;
  if (isDue) leader.balanceAt = after(now.mono, options.timings.balancerMs);
  if (members.length === 0) return undefined;
  const leads = view.leader === options.self;
  const mayMove = leads && now.mono >= leader.movesFrom;
  const places = planPlaces({
    places: view.partitions,
    members,
    epoch: epoch(view.epoch + 1),
    replicaCount: options.settings.replicaCount,
    recovered: (partition, cfg) => leader.recovered.get(partition as Partition) === cfg,
    movesMax: mayMove ? MOVES_MAX : 0,
    movesPerNodeMax: MOVES_PER_NODE_MAX,
    drainMax: leads ? DRAIN_MAX : 0,
  });
  if (isSame && places === view.partitions) {
    leader.neededSince = undefined;
    return undefined;
  }
  leader.neededSince ??= now.mono;
  if (now.mono < leader.neededSince + RANK_MS * rank) return undefined;
  leader.isProposing = true;
  const next: ViewDraft = { members, partitions: places };
  const deadline = after(now.mono, PROPOSAL_LEASES * options.timings.leaseMs);
  return { request: { kind: "propose", base: view.epoch, draft: next }, deadline };
}

/** The members of the next view; the same array when nobody comes, goes or leaves. */
function membersAfter(leader: Leader, view: View, now: Now): readonly Member[] {
  const gone = new Set<NodeId>([...removals(leader.cut, now), ...leader.condemned]);
  for (const [id, at] of leader.leavers) if (now.mono - at > WISH_MS) leader.leavers.delete(id);
  for (const [id, { at }] of leader.joiners) if (now.mono - at > WISH_MS) leader.joiners.delete(id);
  if (now.mono < leader.keepVotersUntil) { for (const { id } of view.voters) gone.delete(id); }
  for (const id of leader.released) if (memberOf(view, id)?.status === "leaving") gone.add(id);
  let isSame = leader.joiners.size === 0;
  const stay: Member[] = [];
  for (const member of view.members) {
    if (gone.has(member.id)) isSame = false;
    else if (member.status === "up" && leader.leavers.has(member.id)) {
      isSame = false;
      stay.push({ ...member, status: "leaving" });
    } else stay.push(member);
  }
  if (isSame) return view.members;
  const addresses = new Set(stay.map(({ address }) => address));
  const removed = new Set(view.removed.map(({ id }) => id));
  const joining: Member[] = [];
  for (const { member } of leader.joiners.values()) {
    if (addresses.has(member.address) || removed.has(member.id)) continue;
    addresses.add(member.address);
    joining.push({ ...member, joinEpoch: epoch(0), status: "up" });
  }
  const changed = joining.length > 0 || stay.length < view.members.length ||
    stay.some((member, index) => member !== view.members[index]);
  return changed ? [...stay, ...joining] : view.members;
}

/** The leader speaks first, then the voters in their order. Others never do. */
function rankOf(view: View, self: NodeId): number {
  if (view.leader === self) return 0;
  const rank = view.voters.findIndex(({ id }) => id === self);
  return rank < 0 ? Infinity : rank + 1;
}

function later({ options }: Leader, now: Now): Instant {
  return after(now.mono, RETRY_MS + below(options.random, RETRY_MS));
}
