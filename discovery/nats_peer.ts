/**
 * One node on the subject of its cluster: it answers who asks, and asks who is there. Pure; mutable, one per connection.
 *
 * One idea: a node that asks is told by itself too. Its own answer has gone the way of all others, out to the server and
 * back; a find that doesn't hear it has learned nothing, and fails instead of finding nobody.
 *
 * Invariant: a find ends once, by its limit of time or of addresses; a list that may not be whole is a failure.
 *
 * @module
 */
import { ADDRESSES_MAX } from "./address.ts";
import { decodeMessage, encodeMessage } from "./nats_messages.ts";

/** Answers a node gives in one second: each asks once in some seconds, so thousands may. Over it: no answer, counted. */
export const ANSWERS_PER_SECOND_MAX = 1_024;
/** A find is over when this part of its time has passed without a new address. */
const QUIET_PART = 1 / 4;

/** Who a node is on the subject. */
export interface NatsIdentity {
  /** The cluster. */
  readonly system: string;
  /** The address it answers with. */
  readonly self: string;
  /** What it answers on. */
  readonly subject: string;
  /** Chosen at random for one connection. */
  readonly token: string;
}

/** What is to be done. */
export type NatsEffect =
  /** Publish on the subject, to be answered on {@link answersSubject}. */
  | { readonly kind: "ask"; readonly bytes: Uint8Array }
  /** Publish on a subject for answers. */
  | { readonly kind: "answer"; readonly subject: string; readonly bytes: Uint8Array }
  | { readonly kind: "found"; readonly find: string; readonly addresses: readonly string[] }
  | { readonly kind: "failed"; readonly find: string; readonly reason: string }
  /** Somebody should know; said once for each sort. */
  | { readonly kind: "odd"; readonly what: string };

/** What a node has counted. */
export interface NatsCounts {
  /** Questions answered. */
  answered: number;
  /** Questions not answered: there were too many, or their answer was wanted elsewhere. */
  unanswered: number;
  /** Messages that make no sense. */
  malformed: number;
  /** Messages of other clusters, or of other versions. */
  foreign: number;
  /** Answers to finds that were over. */
  late: number;
}

/** The state of a node. */
export interface NatsPeer {
  readonly identity: NatsIdentity;
  readonly finds: Map<string, PendingFind>;
  readonly counts: NatsCounts;
  readonly told: Set<string>;
  /** The second of the last question, and how many were answered in it. */
  second: number;
  answeredInSecond: number;
}

interface PendingFind {
  readonly addresses: Set<string>;
  readonly timeoutMs: number;
  readonly endMs: number;
  /** Until then it waits for one more; moves with each new address. */
  quietMs: number;
  isSelfHeard: boolean;
}

/** A node that has heard nothing. */
export function createNatsPeer(identity: NatsIdentity): NatsPeer {
  const counts: NatsCounts = { answered: 0, unanswered: 0, malformed: 0, foreign: 0, late: 0 };
  return { identity, finds: new Map(), counts, told: new Set(), second: 0, answeredInSecond: 0 };
}

/**
 * Where a node hears answers: below its subject, so that leave to use the one and what is below it is all it needs, and
 * so that nobody can make it publish anywhere else.
 */
export function answersSubject({ subject, token }: NatsIdentity): string {
  return `${subject}.answers.${token}`;
}

/** Begins to ask. `find` is a token of its own; in `timeoutMs` the find is over, whatever has come. */
export function beginFind(peer: NatsPeer, find: string, timeoutMs: number, nowMs: number, out: NatsEffect[]): void {
  const endMs = nowMs + timeoutMs;
  peer.finds.set(find, { addresses: new Set(), timeoutMs, endMs, quietMs: endMs, isSelfHeard: false });
  const { system, token } = peer.identity;
  out.push({ kind: "ask", bytes: encodeMessage(system, { kind: "question", find, from: token }) });
}

/** Nobody waits for this find any more. */
export function dropFind(peer: NatsPeer, find: string): void {
  peer.finds.delete(find);
}

/** There is no way to the others, for this reason: no find can learn anything. */
export function failFinds(peer: NatsPeer, reason: string, out: NatsEffect[]): void {
  for (const find of peer.finds.keys()) out.push({ kind: "failed", find, reason });
  peer.finds.clear();
}

/** A message on the subject. `replyTo` is where its sender wants the answer. */
export function heardQuestion(
  peer: NatsPeer,
  bytes: Uint8Array,
  replyTo: string | undefined,
  nowMs: number,
  out: NatsEffect[],
): void {
  const { system, self, subject, token } = peer.identity;
  const message = decodeMessage(bytes, system);
  if (typeof message === "string") return ignore(peer, message, out);
  if (message.kind !== "question") return ignore(peer, "malformed", out);
  const isWantedHere = replyTo === answersSubject({ ...peer.identity, token: message.from });
  if (!isWantedHere || !mayAnswer(peer, nowMs)) {
    peer.counts.unanswered++;
    const why = isWantedHere ? `more than ${ANSWERS_PER_SECOND_MAX} in a second` : `not below ${subject}`;
    return tell(peer, `questions on ${subject} are not answered: ${why}`, out);
  }
  peer.counts.answered++;
  const answer = encodeMessage(system, { kind: "answer", find: message.find, from: token, address: self });
  out.push({ kind: "answer", subject: replyTo, bytes: answer });
}

/** A message on {@link answersSubject}. */
export function heardAnswer(peer: NatsPeer, bytes: Uint8Array, nowMs: number, out: NatsEffect[]): void {
  const { system, self, token } = peer.identity;
  const message = decodeMessage(bytes, system);
  if (typeof message === "string") return ignore(peer, message, out);
  if (message.kind !== "answer") return ignore(peer, "malformed", out);
  const find = peer.finds.get(message.find);
  if (find === undefined) {
    peer.counts.late++;
    return;
  }
  const isOwn = message.from === token;
  if (!isOwn && message.address === self) tell(peer, `another node answers with this node's address ${self}`, out);
  if (find.addresses.has(message.address) && (!isOwn || find.isSelfHeard)) return;
  find.addresses.add(message.address);
  find.isSelfHeard ||= isOwn;
  find.quietMs = nowMs + find.timeoutMs * QUIET_PART;
  if (find.addresses.size <= ADDRESSES_MAX) return;
  peer.finds.delete(message.find);
  out.push({ kind: "failed", find: message.find, reason: `more than ${ADDRESSES_MAX} nodes have answered` });
}

/** Time has passed: ends the finds whose time it is. */
export function tickNatsPeer(peer: NatsPeer, nowMs: number, out: NatsEffect[]): void {
  for (const [find, pending] of peer.finds) {
    if (nowMs < dueMsOf(pending)) continue;
    peer.finds.delete(find);
    const { addresses, isSelfHeard, quietMs, timeoutMs } = pending;
    if (isSelfHeard && nowMs >= quietMs) out.push({ kind: "found", find, addresses: [...addresses] });
    else out.push({ kind: "failed", find, reason: isSelfHeard ? stillAnswering(timeoutMs) : unheard(timeoutMs) });
  }
}

/** When the next find is over unless something is heard; `undefined` when there is none. */
export function nextDueMs(peer: NatsPeer): number | undefined {
  const due = Array.from(peer.finds.values(), dueMsOf);
  return due.length === 0 ? undefined : Math.min(...due);
}

function dueMsOf({ isSelfHeard, quietMs, endMs }: PendingFind): number {
  return isSelfHeard ? Math.min(quietMs, endMs) : endMs;
}

function unheard(timeoutMs: number): string {
  return `this node's own answer has not come back in ${timeoutMs} ms, so the others' may not have either`;
}

function stillAnswering(timeoutMs: number): string {
  return `nodes were still answering after ${timeoutMs} ms: give timeoutMs more`;
}

function mayAnswer(peer: NatsPeer, nowMs: number): boolean {
  const second = Math.floor(nowMs / 1_000);
  if (second !== peer.second) {
    peer.second = second;
    peer.answeredInSecond = 0;
  }
  return ++peer.answeredInSecond <= ANSWERS_PER_SECOND_MAX;
}

function ignore(peer: NatsPeer, why: "malformed" | "foreign", out: NatsEffect[]): void {
  peer.counts[why]++;
  const { subject, system } = peer.identity;
  const what = why === "malformed" ? "make no sense" : `are not of this version of the cluster ${system}`;
  tell(peer, `some messages on ${subject} ${what}`, out);
}

function tell(peer: NatsPeer, what: string, out: NatsEffect[]): void {
  if (peer.told.has(what)) return;
  peer.told.add(what);
  out.push({ kind: "odd", what });
}
