/**
 * One node's part in the cluster's views: it votes, proposes, learns, and holds its lease. Pure; mutable, one per node
 * identity.
 *
 * One idea: a view is a fact once voters of the view before have chosen it, and everybody else only learns it. Whoever
 * meets somebody with an older one sends its own, so news needs no protocol of its own.
 *
 * Invariants: at most one view an epoch; a view without a member is chosen only after that member's lease has ended.
 *
 * @module
 */
import { match } from "ts-pattern";
import { after, type Epoch, type Instant, instant, type NodeId } from "../core/ids.ts";
import { below, type Random } from "../core/random.ts";
import {
  accept,
  type Acceptor,
  createAcceptor,
  grantLease,
  installed,
  leaseReleased,
  prepare,
  type Verdict,
} from "./acceptor.ts";
import type { LeaseStatus, ProposeResult } from "./engine.ts";
import { createLease, granted, type Lease, type LeaseTerm, renew, standing, viewChanged } from "./lease.ts";
import { nextView, problemOfView, refusalOfNext } from "./next_view.ts";
import { accepted, cast, createProposal, promised, type Proposal } from "./proposer.ts";
import type { Rules } from "./rules.ts";
import type { ClusterSettings, Timings } from "./settings.ts";
import type { Now } from "./time.ts";
import { haveSameVoters, isMember, type View, type ViewDraft, votesOf } from "./view.ts";
import type { Ballot, ViewMessage } from "./view_protocol.ts";
import { votersAfter } from "./voters.ts";

/** What the machine wants done. */
export type ViewEffect =
  | { readonly kind: "send"; readonly to: NodeId; readonly message: ViewMessage }
  | { readonly kind: "installed"; readonly view: View; readonly previous: View | undefined }
  | { readonly kind: "lease"; readonly status: LeaseStatus; readonly until: LeaseTerm | undefined }
  | { readonly kind: "proposed"; readonly requestId: number; readonly result: ProposeResult }
  | { readonly kind: "leaseReleased"; readonly id: NodeId }
  /**
   * This voter of `base` accepted `view` under `ballot`: for observers, who know when a view is chosen before anybody
   * does.
   */
  | { readonly kind: "voted"; readonly ballot: Ballot; readonly base: View; readonly view: View }
  /** More members could vote now: the next view would have other voters. */
  | { readonly kind: "votersProven" }
  /** The installed view is without this node: this identity is over. */
  | { readonly kind: "removed"; readonly by: Epoch }
  /** A peer said something that makes no sense. */
  | { readonly kind: "odd"; readonly from: NodeId; readonly reason: string };

/** What the machine is made of. */
export interface ViewOptions {
  readonly self: NodeId;
  readonly settings: ClusterSettings;
  readonly timings: Timings;
  readonly rules: Rules;
  readonly random: Random;
}

/** The state. */
export interface ViewMachine {
  readonly options: ViewOptions;
  view: View | undefined;
  readonly acceptor: Acceptor;
  readonly lease: Lease;
  status: LeaseStatus;
  until: LeaseTerm | undefined;
  proposal: Proposal | undefined;
  round: number;
  drafts: number;
  /** From when on each peer may be sent our view again: not more often than {@link NEWS_MS}. */
  readonly newsAt: Map<NodeId, Instant>;
  /** From when on the view may be sent to whoever is behind: until then it is on its way to all from who chose it. */
  tellAt: Instant;
  /** From when on somebody may be asked for a newer view again. */
  pullAt: Instant;
  /** Messages to ourselves, taken at the end of the step. */
  readonly loopback: ViewMessage[];
}

/**
 * Milliseconds between two views sent to one peer that is behind, between two requests for a newer one, and between
 * installing a view and telling it on. A large cluster installs a view within a few milliseconds of each other, and in
 * these everybody meets everybody: without the wait each would send the whole view to all.
 */
const NEWS_MS = 100;
/** Peers of which that is remembered. At the limit all are forgotten: one hears it again sooner. */
const NEWS_KEPT_MAX = 4_096;
/** Milliseconds after which a voter finishes what it has accepted, and more for each rank: V5. */
const FINISH_MS = 1_000;
const FINISH_RANK_MS = 500;
/** Milliseconds of such a proposal. */
const FINISH_WAIT_MS = 5_000;

/** A machine that knows no view. */
export function createViewMachine(options: ViewOptions): ViewMachine {
  return {
    options,
    view: undefined,
    acceptor: createAcceptor(),
    lease: createLease(),
    status: "none",
    until: undefined,
    proposal: undefined,
    round: 0,
    drafts: 0,
    newsAt: new Map(),
    tellAt: instant(0),
    pullAt: instant(0),
    loopback: [],
  };
}

/** Time has passed: asks for the lease, casts and finishes proposals. */
export function tickView(machine: ViewMachine, now: Now, out: ViewEffect[]): void {
  const { view } = machine;
  if (view === undefined) return;
  refreshLease(machine, view, now, out);
  const request = renew(machine.lease, machine.status, now, machine.options.timings);
  if (request !== undefined) askForLease(machine, view, request, out);
  finishAccepted(machine, view, now);
  castProposal(machine, now, out);
  drain(machine, now, out);
}

/**
 * The clocks have gone on: whether the lease is still there. To be asked before anything else in every step; between two
 * ticks the machine may have slept for hours.
 */
export function lookAtLease(machine: ViewMachine, now: Now, out: ViewEffect[]): void {
  const { view } = machine;
  if (view !== undefined && hasLeaseRunOut(machine, now)) refreshLease(machine, view, now, out);
}

/** Whether {@link lookAtLease} has anything to do. Asked before every message, so it makes nothing. */
export function hasLeaseRunOut({ view, until, status }: ViewMachine, now: Now): boolean {
  if (view === undefined || until === undefined || (status !== "held" && status !== "soft")) return false;
  return now.mono >= until.mono || now.wall >= until.wall;
}

/** A message of a peer, of the same cluster. */
export function viewMessage(
  machine: ViewMachine,
  from: NodeId,
  message: ViewMessage,
  now: Now,
  out: ViewEffect[],
): void {
  take(machine, from, message, now, out);
  drain(machine, now, out);
}

/** Whoever is behind is told our view before it gets an answer; whoever is ahead is asked for its own. */
export function metEpoch(machine: ViewMachine, from: NodeId, theirs: Epoch, now: Now, out: ViewEffect[]): void {
  const { view, newsAt } = machine;
  if (view === undefined || theirs === view.epoch || theirs === 0 || from === machine.options.self) return;
  if (theirs > view.epoch) {
    if (now.mono < machine.pullAt) return;
    machine.pullAt = after(now.mono, NEWS_MS);
    return send(machine, from, { kind: "pull", epoch: view.epoch }, out);
  }
  if (now.mono < machine.tellAt || now.mono < (newsAt.get(from) ?? now.mono)) return;
  if (newsAt.size >= NEWS_KEPT_MAX) newsAt.clear();
  newsAt.set(from, after(now.mono, NEWS_MS));
  send(machine, from, { kind: "commit", view }, out);
}

/** Asks voters for the view of `draft`. Answered by `proposed`, once. */
export function propose(
  machine: ViewMachine,
  requestId: number,
  base: Epoch,
  draft: ViewDraft,
  deadline: Instant,
  now: Now,
  out: ViewEffect[],
): void {
  const { view, acceptor, options } = machine;
  const answer = (result: ProposeResult) => out.push({ kind: "proposed", requestId, result });
  if (view === undefined) return void answer(notNow("not-member"));
  if (view.epoch !== base) return void answer({ kind: "conflict", epoch: view.epoch });
  if (machine.proposal !== undefined) return void answer(notNow("busy"));
  const name = `${options.self}/${++machine.drafts}`;
  const wanted = nextView(view, draft, name, (id) => acceptor.proven.has(id), options.rules);
  const refusal = refusalOfNext(view, wanted, options.rules);
  if (refusal !== undefined) return void answer({ kind: "refused", reason: refusal });
  machine.proposal = createProposal(requestId, view, wanted, nextBallot(machine), deadline, now.mono);
  castProposal(machine, now, out);
  drain(machine, now, out);
}

/** Takes a view as a fact: learned from a peer, or opened by founders. Older ones are passed over. */
export function install(machine: ViewMachine, view: View, now: Now, out: ViewEffect[]): void {
  const { options, acceptor, lease } = machine;
  const previous = machine.view;
  if (previous !== undefined && (view.epoch <= previous.epoch || view.clusterId !== previous.clusterId)) return;
  const { self, timings, rules } = options;
  if (!isMember(view, self)) {
    if (previous !== undefined) out.push({ kind: "removed", by: view.epoch });
    return;
  }
  machine.view = view;
  installed(acceptor, self, view, previous, now.mono, timings, rules);
  viewChanged(lease, view, now);
  machine.newsAt.clear();
  machine.tellAt = after(now.mono, NEWS_MS);
  endProposal(machine, view, out);
  out.push({ kind: "installed", view, previous });
  // Somebody was seen while this view was on its way, and it has not heard of it.
  if (wouldVoteAnew(machine, view)) out.push({ kind: "votersProven" });
  refreshLease(machine, view, now, out);
}

/** Gives the lease back; everything that needs it has stopped. Safe to repeat, and repeated until this node is out. */
export function releaseLease(machine: ViewMachine, now: Now, out: ViewEffect[]): void {
  const { view, lease } = machine;
  if (view === undefined) return;
  lease.isReleased = true;
  lease.grants.clear();
  refreshLease(machine, view, now, out);
  const ids = new Set(view.voters.map(({ id }) => id));
  if (view.leader !== undefined) ids.add(view.leader);
  for (const id of ids) send(machine, id, { kind: "leaseRelease" }, out);
  drain(machine, now, out);
}

// --- messages -------------------------------------------------------------------------------------

function take(machine: ViewMachine, from: NodeId, message: ViewMessage, now: Now, out: ViewEffect[]): void {
  const { view, acceptor, lease, options } = machine;
  const { self, timings, rules, settings } = options;
  if (message.kind === "commit") {
    const problem = problemOfView(message.view, settings.partitionCount);
    if (problem !== undefined) return void out.push({ kind: "odd", from, reason: `a view of which ${problem}` });
    return install(machine, message.view, now, out);
  }
  if (view === undefined) return;
  match(message)
    .with({ kind: "pull" }, () => send(machine, from, { kind: "commit", view }, out))
    .with({ kind: "leaseRequest" }, ({ epoch, request }) => {
      if (epoch !== view.epoch && rules.grantAtEqualEpoch) return metEpoch(machine, from, epoch, now, out);
      const isNews = !acceptor.proven.has(from);
      const isGranted = grantLease(acceptor, view, self, from, now.mono, timings, rules);
      if (isNews && acceptor.proven.has(from) && wouldVoteAnew(machine, view)) out.push({ kind: "votersProven" });
      if (!isGranted) return;
      send(machine, from, { kind: "leaseGrant", epoch, request }, out);
    })
    .with({ kind: "leaseGrant" }, ({ epoch, request }) => {
      if (epoch !== view.epoch && rules.grantAtEqualEpoch) return;
      if (granted(lease, from, request, rules)) refreshLease(machine, view, now, out);
    })
    .with({ kind: "leaseRelease" }, () => {
      if (!isMember(view, from)) return;
      leaseReleased(acceptor, from);
      out.push({ kind: "leaseReleased", id: from });
    })
    .with({ kind: "prepare" }, ({ epoch, ballot }) => {
      if (!isForNext(machine, view, from, epoch, now, out)) return;
      answer(machine, from, epoch, ballot, prepare(acceptor, ballot), out);
    })
    .with({ kind: "accept" }, ({ epoch, ballot, view: next }) => {
      if (!isForNext(machine, view, from, epoch, now, out)) return;
      const problem = problemOfView(next, settings.partitionCount);
      if (problem !== undefined) return void out.push({ kind: "odd", from, reason: `a proposal of which ${problem}` });
      const verdict = accept(acceptor, view, ballot, next, now.mono, timings, rules);
      if (verdict.kind === "accepted") out.push({ kind: "voted", ballot, base: view, view: next });
      answer(machine, from, epoch, ballot, verdict, out);
    })
    .with({ kind: "promise" }, ({ epoch, ballot, accepted: earlier }) => {
      const { proposal } = machine;
      if (proposal?.view.epoch !== epoch || votesOf(view, from) === 0) return;
      if (promised(proposal, from, ballot, earlier, now.mono)) castProposal(machine, now, out);
    })
    .with({ kind: "accepted" }, ({ epoch, ballot }) => {
      const { proposal } = machine;
      if (proposal?.view.epoch !== epoch || votesOf(view, from) === 0) return;
      if (accepted(proposal, from, ballot)) chosen(machine, view, proposal.view, now, out);
    })
    .with({ kind: "refused" }, ({ epoch, promised: higher }) => {
      if (machine.proposal?.view.epoch !== epoch || votesOf(view, from) === 0) return;
      machine.round = Math.max(machine.round, higher.round);
      dropProposal(machine, notNow("busy"), out);
    })
    .with({ kind: "wait" }, () => {}) // It is cast again anyway, until its deadline.
    .exhaustive();
}

/** Whether a proposal is for the epoch after ours, from a member to a voter; else whoever is behind hears about it. */
function isForNext(
  machine: ViewMachine,
  view: View,
  from: NodeId,
  epoch: Epoch,
  now: Now,
  out: ViewEffect[],
): boolean {
  if (epoch === view.epoch + 1) return isMember(view, from) && votesOf(view, machine.options.self) > 0;
  if (epoch <= view.epoch) send(machine, from, { kind: "commit", view }, out);
  else metEpoch(machine, from, (epoch - 1) as Epoch, now, out);
  return false;
}

/** Whether the next view would have other voters, were nothing else to change. */
function wouldVoteAnew({ acceptor, options }: ViewMachine, view: View): boolean {
  const votes = votersAfter(view, view.members, (id) => acceptor.proven.has(id), options.rules);
  return !haveSameVoters(view, { ...view, ...votes });
}

function answer(
  machine: ViewMachine,
  to: NodeId,
  epoch: Epoch,
  ballot: Ballot,
  verdict: Verdict,
  out: ViewEffect[],
): void {
  send(machine, to, { ...verdict, epoch, ballot }, out);
}

function chosen(machine: ViewMachine, base: View, view: View, now: Now, out: ViewEffect[]): void {
  const ids = new Set([...base.members, ...view.members].map(({ id }) => id));
  for (const id of ids) if (id !== machine.options.self) send(machine, id, { kind: "commit", view }, out);
  install(machine, view, now, out);
}

// --- proposals ------------------------------------------------------------------------------------

function nextBallot(machine: ViewMachine): Ballot {
  return { round: ++machine.round, by: machine.options.self };
}

function castProposal(machine: ViewMachine, now: Now, out: ViewEffect[]): void {
  const { proposal } = machine;
  if (proposal === undefined) return;
  if (now.mono >= proposal.deadline) return dropProposal(machine, notNow("no-quorum"), out);
  const message = cast(proposal, now.mono);
  if (message !== undefined) toVoters(machine, proposal.base, message, out);
}

/** V5: a proposer may die with its view accepted and nobody told. */
function finishAccepted(machine: ViewMachine, view: View, now: Now): void {
  const { acceptor, options, proposal } = machine;
  const { acceptedAt, accepted: unfinished } = acceptor;
  if (!options.rules.finishAccepted || proposal !== undefined) return;
  if (unfinished === undefined || acceptedAt === undefined) return;
  const rank = view.voters.findIndex(({ id }) => id === options.self);
  if (now.mono < acceptedAt + FINISH_MS + FINISH_RANK_MS * rank) return;
  // Not all at once again, or they outbid each other for ever.
  acceptor.acceptedAt = after(now.mono, below(options.random, FINISH_MS));
  const deadline = after(now.mono, FINISH_WAIT_MS);
  machine.proposal = createProposal(undefined, view, unfinished.view, nextBallot(machine), deadline, now.mono);
}

function endProposal(machine: ViewMachine, view: View, out: ViewEffect[]): void {
  const { proposal } = machine;
  if (proposal === undefined || view.epoch <= proposal.base.epoch) return;
  const isWanted = view.epoch === proposal.wanted.epoch && view.draft === proposal.wanted.draft;
  dropProposal(machine, { kind: isWanted ? "committed" : "conflict", epoch: view.epoch }, out);
}

function dropProposal(machine: ViewMachine, result: ProposeResult, out: ViewEffect[]): void {
  const requestId = machine.proposal?.requestId;
  machine.proposal = undefined;
  if (requestId !== undefined) out.push({ kind: "proposed", requestId, result });
}

function notNow(reason: "not-member" | "busy" | "no-quorum"): ProposeResult {
  return { kind: "unavailable", reason, retryAfterMs: FINISH_RANK_MS, indeterminate: reason !== "not-member" };
}

// --- small parts ----------------------------------------------------------------------------------

function refreshLease(machine: ViewMachine, view: View, now: Now, out: ViewEffect[]): void {
  const { status, until } = standing(machine.lease, view, now, machine.options.timings);
  if (status === machine.status && until?.mono === machine.until?.mono && until?.wall === machine.until?.wall) return;
  machine.status = status;
  machine.until = until;
  out.push({ kind: "lease", status, until });
}

/** Asks the voters. A leader that is none hears it too: it drafts who votes next, and must know who was seen. */
function askForLease(machine: ViewMachine, view: View, request: number, out: ViewEffect[]): void {
  const message: ViewMessage = { kind: "leaseRequest", epoch: view.epoch, request };
  toVoters(machine, view, message, out);
  if (view.leader !== undefined && votesOf(view, view.leader) === 0) send(machine, view.leader, message, out);
}

function toVoters(machine: ViewMachine, view: View, message: ViewMessage, out: ViewEffect[]): void {
  for (const { id } of view.voters) send(machine, id, message, out);
}

function send(machine: ViewMachine, to: NodeId, message: ViewMessage, out: ViewEffect[]): void {
  if (to === machine.options.self) machine.loopback.push(message);
  else out.push({ kind: "send", to, message });
}

/** Takes what this node said to itself. Each answer leads on, and the chain of answers is short. */
function drain(machine: ViewMachine, now: Now, out: ViewEffect[]): void {
  for (let message = machine.loopback.shift(); message !== undefined; message = machine.loopback.shift()) {
    take(machine, machine.options.self, message, now, out);
  }
}
