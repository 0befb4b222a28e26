/**
 * The way into a cluster: greet what discovery found; join whoever is in one; found one only together with more than
 * half of everybody. Also the way out of one that is provably dead. Pure; mutable, one per node identity.
 *
 * One idea: what a node *saw* may make it join or give up, both of which are always safe; only what founders *said*
 * makes a cluster.
 *
 * @module
 */
import { match } from "ts-pattern";
import { below } from "../core/random.ts";
import { after, type NodeId } from "../core/ids.ts";
import {
  type Bootstrap,
  type BootstrapEffect,
  type BootstrapOptions,
  DISCOVERED_MS,
  FRESH_MS,
  freshPeers,
  GREETED_MAX,
  HELLO_MS,
  type Membership,
  type Peer,
  PEERS_KEPT_MAX,
  SEES_MAX,
  settingsTextOf,
} from "./bootstrap_state.ts";
import { mayFound, onAccepts, onFound, onGivesUp, onRefuses, refuse, tickFounding } from "./founding.ts";
import type { Now } from "./time.ts";
import { isMember, memberOf, type View, votesOf } from "./view.ts";
import type { BootstrapMessage, Standing } from "./view_protocol.ts";

/** Milliseconds between two greetings with a view that is out of reach. */
const FROZEN_HELLO_MS = 1_000;
/** Milliseconds between two requests to join, and how many members are asked at a time: each asks all voters. */
const JOIN_MS = 500;
const JOIN_MEMBERS_MAX = 8;

/** A node that knows nobody. */
export function createBootstrap(options: BootstrapOptions): Bootstrap {
  const { bornAt, settings, timings } = options;
  return {
    options,
    settingsText: settingsTextOf(settings),
    discovered: new Map(),
    hasDiscovered: false,
    peers: new Map(),
    attempt: undefined,
    refused: new Set(),
    hasAskedToJoin: false,
    candidates: { key: "", since: bornAt.mono },
    helloAt: bornAt.mono,
    greetFrom: undefined,
    freshMs: FRESH_MS,
    lookAt: bornAt.mono,
    joinAt: bornAt.mono,
    retryAt: bornAt.mono,
    timeoutAt: after(bornAt.mono, timings.bootstrapTimeoutMs),
    attempts: 0,
    frozenSince: undefined,
  };
}

/** Discovery's latest word: addresses of others. What it named before counts on for a while. */
export function discovered(state: Bootstrap, addresses: readonly string[], now: Now): void {
  state.hasDiscovered = true;
  for (const address of addresses) {
    if (address === state.options.self.address) continue;
    state.discovered.delete(address);
    state.discovered.set(address, now.mono);
  }
  for (const [address, at] of state.discovered) {
    const isOver = state.discovered.size > PEERS_KEPT_MAX;
    if (isOver || now.mono - at > DISCOVERED_MS) state.discovered.delete(address);
  }
}

/** Time has passed. */
export function tickBootstrap(state: Bootstrap, membership: Membership, now: Now, out: BootstrapEffect[]): void {
  const { view } = membership;
  if (view !== undefined) return tickMember(state, view, membership, now, out);
  if (now.mono >= state.helloAt) {
    greet(state, new Set([...state.discovered.keys(), ...state.peers.keys()]), membership, HELLO_MS, now, out);
  }
  const inside = freshPeers(state, now.mono, Infinity, isInside);
  if (state.attempt !== undefined) {
    const opened = inside.find(({ clusterId }) => clusterId === state.attempt?.view.clusterId);
    // Its word is taken back, so it will not open this attempt; whoever has opened it, or another, can be joined anew.
    // To found once more would be another matter: the attempt may be open where this node cannot see.
    if (state.attempt.isGivenUp && inside.length > 0) {
      return void out.push({ kind: "retire", reason: "attempt-abandoned", wasMember: true });
    }
    if (opened === undefined) return tickFounding(state, now, out);
  }
  if (inside.length > 0) join(state, inside, now, out);
  else tickFounding(state, now, out);
  if (now.mono >= state.timeoutAt) {
    state.timeoutAt = after(now.mono, state.options.timings.bootstrapTimeoutMs);
    const seen = freshPeers(state, now.mono).map(({ member }) => member.address);
    const reason = inside.length > 0 ? "no cluster has let this node in" : seenInWords(seen.length);
    out.push({ kind: "timedOut", seen, reason });
  }
}

/** A message of a node that may be in no cluster, in this one, or in another. */
export function bootstrapMessage(
  state: Bootstrap,
  from: NodeId,
  message: BootstrapMessage,
  membership: Membership,
  now: Now,
  out: BootstrapEffect[],
): void {
  const { view } = membership;
  match(message)
    .with({ kind: "hello" }, (hello) => {
      if (hello.member.id !== from) return void out.push({ kind: "odd", from, reason: "a hello for another node" });
      heard(state, hello, now);
      // It has long been away and knows nobody who is still there: the others have gone on, perhaps without it.
      if (hello.standing === "frozen" && hello.clusterId === view?.clusterId) out.push({ kind: "tellView", to: from });
      if (hello.wantsAnswer) out.push({ kind: "send", to: from, message: helloOf(state, membership, false, now) });
    })
    .with({ kind: "joinRequest" }, ({ member, settings }) => {
      if (view === undefined) return;
      if (settings !== state.settingsText) {
        const reason = `its settings are ${settings}, the cluster's are ${state.settingsText}`;
        return void out.push({ kind: "send", to: member.id, message: { kind: "joinRefused", reason } });
      }
      // It is in, or it was in and was removed before it ever knew: the view says so.
      if (isMember(view, member.id) || wasRemoved(view, member.id)) {
        return void out.push({ kind: "tellView", to: member.id });
      }
      out.push({ kind: "joinWanted", member });
      // From the node itself: others have heard it from one of us, and that is far enough.
      if (from === member.id) forward(view, state.options.self.id, message, out);
    })
    .with(
      { kind: "joinRefused" },
      ({ reason }) => out.push({ kind: "odd", from, reason: `it lets us not in: ${reason}` }),
    )
    .with({ kind: "found" }, ({ view: first }) => {
      if (view === undefined) return onFound(state, from, first, now, out);
      if (view.clusterId !== first.clusterId) refuse(state, from, first.clusterId, out);
    })
    .with({ kind: "founderAccepts" }, ({ clusterId, quietMs }) => {
      if (view === undefined) onAccepts(state, from, clusterId, quietMs, now, out);
      else if (view.clusterId === clusterId && isMember(view, from)) out.push({ kind: "tellView", to: from });
    })
    .with({ kind: "founderRefuses" }, ({ clusterId }) => {
      if (view === undefined) onRefuses(state, from, clusterId, now, out);
    })
    .with({ kind: "founderGivesUp" }, ({ clusterId }) => {
      if (view === undefined) return onGivesUp(state, from, clusterId, now, out);
      if (view.clusterId !== clusterId) refuse(state, from, clusterId, out);
    })
    .exhaustive();
}

/** Whether a view of a cluster may be taken as the first one: it lets this node in, or opens what it accepted. */
export function mayInstall(state: Bootstrap, view: View): boolean {
  const { attempt } = state;
  if (attempt !== undefined) return attempt.view.clusterId === view.clusterId && !attempt.isGivenUp;
  return state.hasAskedToJoin;
}

/** Whether a view names this node among those that were in and are not any more. */
export function wasRemoved(view: View, id: NodeId): boolean {
  return view.removed.some((removed) => removed.id === id);
}

function isInside({ clusterId }: Peer): boolean {
  return clusterId !== "";
}

// --- outside --------------------------------------------------------------------------------------

/** Whoever is in a cluster is asked; one that serves before one that cannot. */
function join(state: Bootstrap, inside: readonly Peer[], now: Now, out: BootstrapEffect[]): void {
  if (now.mono < state.joinAt) return;
  state.joinAt = after(now.mono, JOIN_MS);
  state.hasAskedToJoin = true;
  const best = inside.find(({ isServing }) => isServing) ?? inside[0];
  const there = inside.filter(({ clusterId }) => clusterId === best?.clusterId);
  const { self, random } = state.options;
  const first = there.length > JOIN_MEMBERS_MAX ? below(random, there.length) : 0;
  for (const { id } of roundFrom(there, first, JOIN_MEMBERS_MAX)) {
    out.push({ kind: "send", to: id, message: { kind: "joinRequest", member: self, settings: state.settingsText } });
  }
}

function seenInWords(others: number): string {
  return others === 0 ? "this node sees no other" : `${others + 1} nodes see each other`;
}

function greet(
  state: Bootstrap,
  addresses: ReadonlySet<string>,
  membership: Membership,
  everyMs: number,
  now: Now,
  out: BootstrapEffect[],
): void {
  state.helloAt = after(now.mono, everyMs);
  const message = helloOf(state, membership, true, now);
  const rounds = Math.max(1, Math.ceil(addresses.size / GREETED_MAX));
  // Of two that greet each other in turns, each is heard twice while the turn goes round.
  state.freshMs = FRESH_MS + 2 * (rounds - 1) * everyMs;
  const all = [...addresses];
  // Each begins elsewhere, or all would greet the same few at the same time.
  if (rounds > 1) state.greetFrom ??= below(state.options.random, all.length);
  const first = rounds > 1 ? state.greetFrom ?? 0 : 0;
  for (const address of roundFrom(all, first, GREETED_MAX)) out.push({ kind: "greet", address, message });
  if (rounds > 1) state.greetFrom = (first + GREETED_MAX) % all.length;
}

/** Some of a list from a place on, and from its beginning on after its end. */
function roundFrom<Item>(all: readonly Item[], first: number, countMax: number): readonly Item[] {
  if (all.length <= countMax) return all;
  const end = first + countMax;
  return [...all.slice(first, end), ...all.slice(0, Math.max(0, end - all.length))];
}

function helloOf(state: Bootstrap, { view, hasLease }: Membership, wantsAnswer: boolean, now: Now): BootstrapMessage {
  const outside: Standing = mayFound(state) ? "founding" : "joining";
  const standing: Standing = view === undefined ? outside : hasLease ? "member" : "frozen";
  return {
    kind: "hello",
    member: state.options.self,
    standing,
    clusterId: view?.clusterId ?? "",
    attempt: view === undefined ? state.attempt?.view.clusterId ?? "" : "",
    sees: view === undefined ? freshPeers(state, now.mono, SEES_MAX).map(({ id }) => id) : [],
    settings: state.settingsText,
    isServing: hasLease,
    wantsAnswer,
  };
}

function heard(state: Bootstrap, hello: BootstrapMessage & { readonly kind: "hello" }, now: Now): void {
  const { member, standing, clusterId, attempt, sees, settings, isServing, wantsAnswer } = hello;
  const { peers, options } = state;
  const before = peers.get(member.address);
  // A list that has not room for all says little, and a thousand of them would take much room. Then its answer says that
  // a peer has heard from this node.
  const isLong = sees.length >= SEES_MAX;
  const seesUs = sees.includes(options.self.id) ||
    (isLong && (!wantsAnswer || (before?.id === member.id && before.seesUs)));
  peers.delete(member.address);
  peers.set(member.address, {
    id: member.id,
    member,
    standing,
    clusterId,
    attempt,
    sees: isLong ? undefined : new Set(sees),
    seesUs,
    settings,
    isServing,
    heardAt: now.mono,
  });
  if (peers.size > PEERS_KEPT_MAX) { for (const oldest of peers.keys()) return void peers.delete(oldest); }
}

// --- inside ---------------------------------------------------------------------------------------

/** A member that has lost its lease looks around: is its cluster gone for good? */
function tickMember(state: Bootstrap, view: View, membership: Membership, now: Now, out: BootstrapEffect[]): void {
  const { rules, settings, self } = state.options;
  if (membership.hasLease) state.frozenSince = undefined;
  else state.frozenSince ??= now.mono;
  const { frozenSince } = state;
  const isOfSeeds = settings.rule.kind === "seeds";
  if (frozenSince !== undefined) {
    const voters = view.voters.map(({ id }) => memberOf(view, id)?.address ?? "");
    const others = new Set([...voters, ...state.discovered.keys()]);
    others.delete(self.address);
    if (now.mono >= state.helloAt) greet(state, others, membership, FROZEN_HELLO_MS, now, out);
    if (isOfSeeds && rules.provableLoss && mayStillVote(state, view, now) < view.need) {
      return void out.push({ kind: "retire", reason: "quorum-lost", wasMember: true });
    }
  }
  const hasLongBeenFrozen = frozenSince !== undefined && now.mono - frozenSince > state.options.timings.promiseMs;
  if (state.peers.size === 0) return;
  for (const [address, { heardAt }] of state.peers) {
    if (now.mono - heardAt > state.freshMs) state.peers.delete(address); // Or every tick would pass over all who founded.
  }
  const foreign = freshPeers(state, now.mono).find((peer) => peer.isServing && peer.clusterId !== view.clusterId);
  if (foreign === undefined) return;
  if (!isOfSeeds || (!hasLongBeenFrozen && rules.fenceOnlyFrozen)) {
    return void out.push({ kind: "foreign", clusterId: foreign.clusterId, address: foreign.member.address });
  }
  out.push({ kind: "retire", reason: "foreign-cluster", wasMember: true });
}

/**
 * Votes of voters that may be alive: silence proves nothing, but another process at a voter's address does, for an
 * address is one process.
 */
function mayStillVote(state: Bootstrap, view: View, now: Now): number {
  let votes = 0;
  const fresh = new Map(freshPeers(state, now.mono).map((peer) => [peer.member.address, peer.id]));
  for (const { id } of view.voters) {
    const there = fresh.get(memberOf(view, id)?.address ?? "");
    if (there === undefined || there === id) votes += votesOf(view, id);
  }
  return votes;
}

function forward(view: View, self: NodeId, message: BootstrapMessage, out: BootstrapEffect[]): void {
  const ids = new Set(view.voters.map(({ id }) => id));
  if (view.leader !== undefined) ids.add(view.leader);
  for (const id of ids) if (id !== self) out.push({ kind: "send", to: id, message });
}
