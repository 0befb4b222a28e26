/**
 * One voter: what it has promised, to which proposer and to which holder of a lease. Pure; mutable, one per node.
 *
 * One idea: a voter gives two kinds of promises, and they must not meet. To a member: "your lease lasts". To a
 * proposer: "this view may come next". It accepts a view that removes somebody only when its promise to the removed
 * has run out by its own clock, so a view can be chosen only after the lease of everybody it removes has ended.
 * Paxos for one decree each epoch (Lamport 2001), its acceptors the voters of the view before; leases by a majority of
 * them (Gray and Cheriton 1989).
 *
 * Invariants, by number as in docs/PROTOCOL.md: V1 grant, V2 accept, V3 new voters wait, V4 promises survive,
 * V6 nothing is kept beyond the process, which never comes back under its id.
 *
 * @module
 */
import { after, type Instant, type NodeId } from "../core/ids.ts";
import { refusalOfNext, removedBy } from "./next_view.ts";
import type { Rules } from "./rules.ts";
import type { Timings } from "./settings.ts";
import { haveSameVoters, isMember, type View, votesOf } from "./view.ts";
import { type Accepted, type Ballot, isBefore } from "./view_protocol.ts";

/** Milliseconds for which a member that is about to be removed gets no more leases, in leases. */
const EVICTING_LEASES = 3;

/** What a voter remembers. */
export interface Acceptor {
  /** The highest ballot promised for the next epoch. */
  promised: Ballot | undefined;
  accepted: Accepted | undefined;
  /** When it was accepted, for V5. */
  acceptedAt: Instant | undefined;
  /** Until when each member may believe in a lease by this voter's word. Survives views. */
  readonly promisedUntil: Map<NodeId, Instant>;
  /** Members that wait to be removed: no leases for them, or they would never go. */
  readonly evicting: Map<NodeId, Instant>;
  /** Members of the installed view that were seen asking for a lease under a view they are in. */
  readonly proven: Set<NodeId>;
}

/** What a voter says to a proposal. */
export type Verdict =
  | { readonly kind: "promise"; readonly accepted: Accepted | undefined }
  | { readonly kind: "accepted" }
  | { readonly kind: "refused"; readonly promised: Ballot; readonly reason: string }
  | { readonly kind: "wait"; readonly remainingMs: number };

/** A voter that has promised nothing. */
export function createAcceptor(): Acceptor {
  return {
    promised: undefined,
    accepted: undefined,
    acceptedAt: undefined,
    promisedUntil: new Map(),
    evicting: new Map(),
    proven: new Set(),
  };
}

/**
 * V1: whether `from` gets a lease under `view`; then the promise stands. The caller has checked that the request was
 * made under the same epoch.
 */
export function grantLease(
  acceptor: Acceptor,
  view: View,
  self: NodeId,
  from: NodeId,
  now: Instant,
  timings: Timings,
  rules: Rules,
): boolean {
  if (!isMember(view, from)) return false;
  acceptor.proven.add(from);
  if (votesOf(view, self) === 0) return false;
  const next = acceptor.accepted?.view;
  if (next !== undefined) {
    if (rules.refuseAcceptedRemoval && !isMember(next, from)) return false;
    if (rules.stopGrantingOnVoterChange && !haveSameVoters(view, next)) return false;
  }
  if ((acceptor.evicting.get(from) ?? now) > now) return false;
  promiseUntil(acceptor, from, after(now, rules.promiseOutlastsLease ? timings.promiseMs : timings.leaseMs / 2));
  return true;
}

/** Paxos, phase 1: promises to ignore lower ballots. */
export function prepare(acceptor: Acceptor, ballot: Ballot): Verdict {
  const { promised } = acceptor;
  if (promised !== undefined && isBefore(ballot, promised)) return outbid(promised);
  acceptor.promised = ballot;
  return { kind: "promise", accepted: acceptor.accepted };
}

/** V2. Paxos, phase 2: accepts `next`, unless a lease of somebody it removes may still hold. */
export function accept(
  acceptor: Acceptor,
  view: View,
  ballot: Ballot,
  next: View,
  now: Instant,
  timings: Timings,
  rules: Rules,
): Verdict {
  const { promised } = acceptor;
  if (promised !== undefined && isBefore(ballot, promised)) return outbid(promised);
  const refusal = refusalOfNext(view, next, rules);
  if (refusal !== undefined) return { kind: "refused", promised: promised ?? ballot, reason: refusal };
  acceptor.promised = ballot;
  const remainingMs = rules.leaseWait ? evict(acceptor, removedBy(view, next), now, timings) : 0;
  if (remainingMs > 0) return { kind: "wait", remainingMs };
  for (const id of acceptor.evicting.keys()) if (isMember(next, id)) acceptor.evicting.delete(id);
  acceptor.accepted = { ballot, view: next };
  acceptor.acceptedAt = now;
  return { kind: "accepted" };
}

/**
 * V3 and V4: a view was installed. Promises stay. When the votes have changed since the view before (or that is not
 * known), a grant under the old votes may still count for somebody, given by a voter this one will never hear of: it
 * waits as if it had just promised everybody.
 */
export function installed(
  acceptor: Acceptor,
  self: NodeId,
  view: View,
  previous: View | undefined,
  now: Instant,
  timings: Timings,
  rules: Rules,
): void {
  acceptor.promised = undefined;
  acceptor.accepted = undefined;
  acceptor.acceptedAt = undefined;
  acceptor.evicting.clear();
  if (!rules.promisesSurviveViews) acceptor.promisedUntil.clear();
  for (const id of acceptor.proven) if (!isMember(view, id)) acceptor.proven.delete(id);
  for (const [id, until] of acceptor.promisedUntil) {
    if (until <= now && !isMember(view, id)) acceptor.promisedUntil.delete(id);
  }
  if (votesOf(view, self) === 0 || !rules.newVotersWait) return;
  const isNext = previous !== undefined && previous.epoch === view.epoch - 1;
  const isKnown = rules.anyVoterChangeWaits
    ? isNext && haveSameVoters(previous, view)
    : isNext && votesOf(previous, self) > 0;
  if (isKnown) return;
  for (const { id } of view.members) promiseUntil(acceptor, id, after(now, timings.promiseMs));
}

/** A member has given its lease back: the one way a promise ends early. */
export function leaseReleased(acceptor: Acceptor, from: NodeId): void {
  acceptor.promisedUntil.delete(from);
}

/** Stops leases for those who are to go; how long the last of them may still hold one. */
function evict(acceptor: Acceptor, ids: readonly NodeId[], now: Instant, timings: Timings): number {
  let remainingMs = 0;
  for (const id of ids) {
    const untilMs = (acceptor.promisedUntil.get(id) ?? now) - now;
    if (untilMs <= 0) continue;
    acceptor.evicting.set(id, after(now, EVICTING_LEASES * timings.leaseMs));
    remainingMs = Math.max(remainingMs, untilMs);
  }
  return remainingMs;
}

function promiseUntil(acceptor: Acceptor, id: NodeId, until: Instant): void {
  const before = acceptor.promisedUntil.get(id);
  if (before === undefined || before < until) acceptor.promisedUntil.set(id, until);
}

function outbid(promised: Ballot): Verdict {
  return { kind: "refused", promised, reason: "a higher ballot was promised" };
}
