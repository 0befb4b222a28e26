/**
 * Founding a cluster: the one with the lowest id asks, every other founder accepts once, and only when all have is there
 * a cluster. Pure; acts on {@link Bootstrap}.
 *
 * One idea: a cluster opens with its second view, which *all* founders of the first must have accepted, and a founder
 * accepts one attempt at a time. So of two attempts that share a founder, one never opens. Accepting is binding: who
 * has done it leaves only when somebody says that it has not and will not, or together with so many others that the
 * attempt has no quorum left.
 *
 * Invariant: nothing is served until every founder has held no lease, under any identity, for longer than a lease
 * lasts: nobody of an earlier cluster can be at work any more in whose quorum a founder was.
 *
 * @module
 */
import { after, type Instant, type NodeId } from "../core/ids.ts";
import { below } from "../core/random.ts";
import {
  type Attempt,
  type Bootstrap,
  type BootstrapEffect,
  freshPeers,
  HELLO_MS,
  type Peer,
  REFUSED_KEPT_MAX,
  SEES_MAX,
} from "./bootstrap_state.ts";
import { firstView, nextView, problemOfView } from "./next_view.ts";
import type { Now } from "./time.ts";
import { hasQuorum, isMember, type Member, type View } from "./view.ts";
import type { BootstrapMessage } from "./view_protocol.ts";

/** Milliseconds between two castings of an attempt. */
const CAST_MS = 250;
/** Milliseconds after which its coordinator gives an attempt up that has not been accepted by all. */
const ATTEMPT_MS = 3_000;
/** Milliseconds between two attempts, and as much again by chance. */
const RETRY_MS = 500;
/** Milliseconds for which the founders must have been the same, unless everybody discovered is there. */
const SETTLE_MS = 1_000;

/** Time has passed: founds, asks again, opens, or gives up. */
export function tickFounding(state: Bootstrap, now: Now, out: BootstrapEffect[]): void {
  const { attempt } = state;
  if (attempt === undefined) return tryToFound(state, now, out);
  if (attempt.isMine) return coordinate(state, now, out);
  const { timings, rules, settings } = state.options;
  if (now.mono - attempt.since < timings.bootstrapTimeoutMs) return;
  if (!rules.noFreeDefection) return abandon(state, now);
  // Seeds are counted by address, so an attempt loses its quorum together with the founder that leaves it.
  if (settings.rule.kind === "seeds") return retire("attempt-abandoned", false, out);
  if (!attempt.isGivenUp) {
    attempt.isGivenUp = true;
    attempt.givenUpBy.add(state.options.self.id);
    attempt.castAt = now.mono;
  }
  if (now.mono >= attempt.castAt) {
    attempt.castAt = after(now.mono, CAST_MS);
    toFounders(state, attempt.view, { kind: "founderGivesUp", clusterId: attempt.view.clusterId }, out);
  }
  if (hasQuorum(attempt.view, [...attempt.givenUpBy, ...ended(state, attempt)])) {
    retire("attempt-abandoned", false, out);
  }
}

/**
 * Founders that have ended for certain: another process answers at their address. They will not open anything. Not those
 * that say that they may only join: they have been in a cluster, perhaps in this one, which goes on with others.
 */
function ended(state: Bootstrap, { view, since }: Attempt): readonly NodeId[] {
  return view.members.filter(({ id, address }) => {
    const there = state.peers.get(address);
    return there !== undefined && there.id !== id && there.heardAt > since && there.standing !== "joining";
  }).map(({ id }) => id);
}

/** Somebody asks this node to found a cluster with it. */
export function onFound(state: Bootstrap, from: NodeId, view: View, now: Now, out: BootstrapEffect[]): void {
  const { options, attempt, refused } = state;
  const { clusterId } = view;
  if (attempt?.view.clusterId === clusterId) {
    if (!attempt.isGivenUp) accept(state, from, clusterId, now, out);
    return;
  }
  const problem = problemOfView(view, options.settings.partitionCount) ??
    (isMember(view, options.self.id) ? undefined : "this node is none of its founders");
  if (problem !== undefined) return void out.push({ kind: "odd", from, reason: `a first view of which ${problem}` });
  if (attempt !== undefined || refused.has(clusterId) || !mayFound(state)) return refuse(state, from, clusterId, out);
  if (mustBeAnew(state)) return retire("asked-to-join", options.wasMember, out);
  state.attempt = {
    view,
    isMine: false,
    since: now.mono,
    castAt: now.mono,
    quietFrom: new Map(),
    isGivenUp: false,
    givenUpBy: new Set(),
  };
  accept(state, from, clusterId, now, out);
}

/** A founder has accepted our attempt. */
export function onAccepts(
  state: Bootstrap,
  from: NodeId,
  clusterId: string,
  quietMs: number,
  now: Now,
  out: BootstrapEffect[],
): void {
  const { attempt, options } = state;
  if (attempt?.view.clusterId !== clusterId || !attempt.isMine || !isMember(attempt.view, from)) return;
  attempt.quietFrom.set(from, after(now.mono, Math.max(0, options.timings.promiseMs - quietMs)));
  coordinate(state, now, out);
}

/** A founder has not accepted and will not: the attempt is dead. */
export function onRefuses(state: Bootstrap, from: NodeId, clusterId: string, now: Now, out: BootstrapEffect[]): void {
  const { attempt } = state;
  if (attempt?.view.clusterId !== clusterId || !isMember(attempt.view, from)) return;
  if (attempt.isMine) return withdraw(state, now, out);
  abandon(state, now);
}

/** A founder wants to give up. Its word counts for good. */
export function onGivesUp(state: Bootstrap, from: NodeId, clusterId: string, now: Now, out: BootstrapEffect[]): void {
  const { attempt } = state;
  if (attempt?.view.clusterId !== clusterId) return refuse(state, from, clusterId, out);
  if (!isMember(attempt.view, from)) return;
  // Whoever coordinates has not opened it, and now never will.
  if (attempt.isMine) return withdraw(state, now, out);
  attempt.givenUpBy.add(from);
}

/** This node never accepts an attempt, and says so. */
export function refuse(state: Bootstrap, to: NodeId, clusterId: string, out: BootstrapEffect[]): void {
  remember(state, clusterId);
  out.push({ kind: "send", to, message: { kind: "founderRefuses", clusterId } });
}

// --- beginning ------------------------------------------------------------------------------------

function tryToFound(state: Bootstrap, now: Now, out: BootstrapEffect[]): void {
  if (!mayFound(state) || !state.hasDiscovered || (state.peers.size > SEES_MAX && now.mono < state.lookAt)) return;
  state.lookAt = after(now.mono, HELLO_MS);
  const { self, settings } = state.options;
  const candidates = mutual(state, freshPeers(state, now.mono));
  const founders = [self, ...candidates.map(({ member }) => member)].toSorted(byId);
  const key = founders.map(({ id }) => id).join();
  if (key !== state.candidates.key) {
    state.candidates.key = key;
    state.candidates.since = now.mono;
  }
  if (founders.length < settings.minimumPeersQuorum || !isMajority(state, founders)) return;
  const isComplete = founders.length > state.discovered.size;
  if (!isComplete && now.mono - state.candidates.since < SETTLE_MS) return;
  if (founders[0]?.id !== self.id || now.mono < state.retryAt) return;
  if (mustBeAnew(state)) return retire("asked-to-join", state.options.wasMember, out);
  const clusterId = `${settings.name}-${self.id}-${++state.attempts}`;
  const view = firstView(clusterId, settings.rule, founders, state.options.initialPlaces(founders));
  state.attempt = {
    view,
    isMine: true,
    since: now.mono,
    castAt: now.mono,
    quietFrom: new Map([[
      self.id,
      after(now.mono, Math.max(0, state.options.timings.promiseMs - quietMs(state, now))),
    ]]),
    isGivenUp: false,
    givenUpBy: new Set(),
  };
  coordinate(state, now, out);
}

/** Founders that see each other: whoever only some can reach would stop the attempt. */
function mutual(state: Bootstrap, peers: readonly Peer[]): readonly Peer[] {
  const willing = peers.filter((peer) =>
    peer.standing === "founding" && peer.attempt === "" && peer.settings === state.settingsText &&
    peer.seesUs
  );
  return willing.filter((peer) =>
    // A list that has not room for all cannot tell. Then the attempt itself will: all have to accept it.
    peer.sees === undefined || willing.every(({ id }) => id === peer.id || peer.sees?.has(id))
  );
}

function isMajority(state: Bootstrap, founders: readonly Member[]): boolean {
  const { rule } = state.options.settings;
  if (rule.kind === "seeds") {
    const seeds = founders.filter(({ address }) => rule.seeds.includes(address)).length;
    return 2 * seeds > rule.seeds.length;
  }
  return 2 * founders.length > state.discovered.size + 1;
}

/** Whether this process may help to found: with dynamic voters, one that was ever in a cluster can only join. */
export function mayFound({ options }: Bootstrap): boolean {
  return !options.rules.noSecondBootstrap || options.settings.rule.kind === "seeds" || !options.wasMember;
}

function mustBeAnew({ options, hasAskedToJoin }: Bootstrap): boolean {
  return hasAskedToJoin && options.rules.joinerBootstrapsAnew;
}

// --- the coordinator ------------------------------------------------------------------------------

function coordinate(state: Bootstrap, now: Now, out: BootstrapEffect[]): void {
  const { attempt, options } = state;
  if (attempt === undefined) return;
  const { view, quietFrom } = attempt;
  const isAccepted = options.rules.openNeedsAll
    ? view.members.every(({ id }) => quietFrom.has(id))
    : hasQuorum(view, quietFrom.keys());
  if (isAccepted && now.mono >= quietAt(state, view, quietFrom)) return open(state, view, out);
  if (!isAccepted && now.mono - attempt.since >= ATTEMPT_MS) return withdraw(state, now, out);
  if (now.mono < attempt.castAt) return;
  attempt.castAt = after(now.mono, CAST_MS);
  // Accepting is binding, so who has done it need not be asked again: the view of a large cluster is a large message.
  for (const { id } of view.members) {
    if (!quietFrom.has(id)) out.push({ kind: "send", to: id, message: { kind: "found", view } });
  }
}

/** When every founder has been quiet for long enough. */
function quietAt({ options }: Bootstrap, view: View, quietFrom: ReadonlyMap<NodeId, Instant>): number {
  const { rule } = view;
  const counted = options.rules.allFoundersQuiet || rule.kind !== "seeds"
    ? view.members
    : view.members.filter(({ address }) => rule.seeds.includes(address));
  return Math.max(0, ...counted.map(({ id }) => quietFrom.get(id) ?? 0));
}

function open(state: Bootstrap, founders: View, out: BootstrapEffect[]): void {
  const { members, partitions } = founders;
  const view = nextView(
    founders,
    { members, partitions },
    `${founders.clusterId}/open`,
    () => true,
    state.options.rules,
  );
  out.push({ kind: "opened", founders, view });
}

/** The coordinator has not opened its attempt and never will: so it is dead, and all may know. */
function withdraw(state: Bootstrap, now: Now, out: BootstrapEffect[]): void {
  const { attempt } = state;
  if (attempt === undefined) return;
  const { clusterId } = attempt.view;
  toFounders(state, attempt.view, { kind: "founderRefuses", clusterId }, out);
  abandon(state, now);
}

function abandon(state: Bootstrap, now: Now): void {
  if (state.attempt !== undefined) remember(state, state.attempt.view.clusterId);
  state.attempt = undefined;
  state.retryAt = after(now.mono, RETRY_MS + below(state.options.random, RETRY_MS));
}

// --- small parts ----------------------------------------------------------------------------------

function accept(state: Bootstrap, to: NodeId, clusterId: string, now: Now, out: BootstrapEffect[]): void {
  out.push({ kind: "send", to, message: { kind: "founderAccepts", clusterId, quietMs: quietMs(state, now) } });
}

/**
 * Milliseconds for which this process has certainly held no lease, by its monotonic clock: since this identity began.
 * The one before it may have held one until then, however long the process has been up.
 */
function quietMs({ options }: Bootstrap, now: Now): number {
  const since = options.rules.quietSinceIdentity ? options.bornAt : options.processStartedAt;
  return Math.max(0, now.mono - since.mono);
}

function toFounders(state: Bootstrap, view: View, message: BootstrapMessage, out: BootstrapEffect[]): void {
  for (const { id } of view.members) if (id !== state.options.self.id) out.push({ kind: "send", to: id, message });
}

function retire(reason: "attempt-abandoned" | "asked-to-join", wasMember: boolean, out: BootstrapEffect[]): void {
  out.push({ kind: "retire", reason, wasMember });
}

function remember({ refused }: Bootstrap, clusterId: string): void {
  refused.add(clusterId);
  if (refused.size > REFUSED_KEPT_MAX) { for (const oldest of refused) return void refused.delete(oldest); }
}

function byId(one: Member, other: Member): number {
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0;
}
