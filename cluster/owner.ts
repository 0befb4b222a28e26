/**
 * The owner of a partition: it alone orders the writes of its configuration, and answers when enough copies have them.
 * Pure; acts on {@link Partitions}.
 *
 * One idea: primary and backups in configurations that a view chooses (the shape of Vertical Paxos II: Lamport, Malkhi
 * and Zhou 2009). A write counts when `writeQuorum` copies hold it and everything before it; an answer, also a
 * refusal, leaves only when the write it is based on counts.
 *
 * Invariant: an owner answers only in the configuration of its installed view, unsealed, and under its lease.
 *
 * @module
 */
import { after, type Instant, instant, type NodeId, type Partition } from "../core/ids.ts";
import {
  type CasOperation,
  type CasResult,
  type Entry,
  isSameVersion,
  type Unavailable,
  type UnavailableReason,
  type Version,
} from "./engine.ts";
import { beginSync, catchUp, lookAfterFollowers, RESEND_MS, trimLog } from "./followers.ts";
import type { PartitionMessage, RegistryAnswer, RegistryOperation } from "./partition_protocol.ts";
import {
  type Client,
  type Follower,
  type Ownership,
  type PartitionEffect,
  type Partitions,
  placeOf,
  replicaOf,
  send,
  type Waiting,
  writeQuorumOf,
} from "./partition_state.ts";
import { apply } from "./replica.ts";
import type { Now } from "./time.ts";
import { isMember } from "./view.ts";

/** Writes an owner has under way in one partition. At the limit: `busy`. */
const UNCOMMITTED_MAX = 1024;
/** Answers that wait in one partition. At the limit: `busy`. */
const WAITING_MAX = 4096;
/** Operations in one request. */
export const OPERATIONS_MAX = 256;
/** Answers that are remembered for one client, as long as it may ask again. At the limit: `busy`, until it waits for less. */
export const ANSWERED_MAX = 8_192;
/** Clients that are remembered: more than there are members. At the limit those that are no members are forgotten. */
export const CLIENTS_MAX = 8_192;
/** Milliseconds after which a refused operation may be tried again. */
const RETRY_MS = 50;
/** Of a request that was answered with "nobody knows" and waits for its write without an asker. */
const NEVER: Instant = instant(Infinity);

/** The ownership under which this node may answer for a partition now; the reason when there is none. */
export function serving(state: Partitions, partition: Partition): Ownership | UnavailableReason {
  const { self, rules } = state.options;
  const place = placeOf(state, partition);
  if (place === undefined) return "not-member";
  if (rules.ownerLease && !state.hasLease) return "lease";
  const owned = state.owned.get(partition);
  const replica = replicaOf(state, partition);
  // Without the rule, who owns and is to own goes on under the next configuration before the view says so.
  const isEarly = !rules.activateThroughView && owned !== undefined && owned.cfg === place.next?.cfg;
  if (place.group[0] === self && !isEarly) {
    if (owned === undefined || owned.cfg !== place.cfg || replica.est !== place.cfg) return "moving";
    return replica.sealed > place.cfg ? "moving" : owned;
  }
  if (rules.activateThroughView || owned === undefined || owned.cfg !== place.next?.cfg) return "moving";
  return replica.est === owned.cfg && replica.sealed <= owned.cfg ? owned : "moving";
}

/** Begins to own: the copy is the configuration's first state, and so are those of `stored`. */
export function createOwnership(
  partition: Partition,
  cfg: Ownership["cfg"],
  group: readonly NodeId[],
  self: NodeId,
  committed: number,
  stored: ReadonlySet<NodeId>,
  since: Ownership["since"],
  now: Now,
): Ownership {
  const followers = new Map<NodeId, Follower>();
  for (const id of group) {
    const acked = stored.has(id) ? committed : undefined;
    if (id !== self) followers.set(id, { id, acked, sent: committed, sendAt: now.mono, sync: undefined });
  }
  return {
    partition,
    cfg,
    since,
    group,
    committed,
    followers,
    log: [],
    logFirst: committed + 1,
    deleted: 0,
    waiting: [],
    reads: 0,
    clients: new Map(),
  };
}

/**
 * A request of `from`: one answer for all its operations, when the last of them may be answered. A copy of a request that
 * was answered gets the same answer; it is not run again, for by now another operation may stand between the two.
 */
export function onRequest(
  state: Partitions,
  from: NodeId,
  message: PartitionMessage & { readonly kind: "registryRequest" },
  now: Now,
  out: PartitionEffect[],
): void {
  const { epoch, requestId, partition, operations } = message;
  const { rules, timings, settings } = state.options;
  const reply = (answers: readonly RegistryAnswer[]) =>
    send(state, from, { kind: "registryReply", epoch, requestId, answers }, out);
  const refuse = (reason: UnavailableReason) =>
    reply(operations.map(({ kind }) => answer(kind, unavailable(reason, false))));
  const owned = serving(state, partition);
  if (typeof owned === "string") return refuse(owned);
  // Sent before this configuration was active: its sender may have been answered in the one before, by this very node.
  if (message.epoch < owned.since && rules.requestsOnce) return refuse("moving");
  const client = clientOf(state, owned, from, message.oldest);
  if (rules.requestsOnce) {
    if (requestId < client.oldest) return;
    const answered = client.answered.get(requestId);
    if (answered !== undefined) return reply(answered);
    const same = owned.waiting.find((waiting) => waiting.from === from && waiting.requestId === requestId);
    if (same !== undefined) {
      same.epoch = epoch;
      if (same.deadline === NEVER) same.deadline = after(now.mono, timings.writeTimeoutMs);
      return;
    }
  }
  if (operations.length === 0 || operations.length > OPERATIONS_MAX) return refuse("busy");
  if (owned.waiting.length >= WAITING_MAX || client.answered.size >= ANSWERED_MAX) return refuse("busy");
  const answers: Waiting["answers"] = [];
  let seq = 0;
  let isRead = false;
  for (const operation of operations) {
    if (operation.kind === "get") {
      const entry = replicaOf(state, partition).entries.get(operation.key) ?? null;
      answers.push({ kind: "get", result: { kind: "found", entry } });
      seq = Math.max(seq, dependsOn(owned, entry));
      isRead = true;
    } else {
      const [result, dependence] = write(state, owned, partition, from, operation);
      answers.push({ kind: "cas", result });
      seq = Math.max(seq, dependence);
    }
  }
  if (!rules.replyAfterCommit) return reply(answers);
  const deadline = after(now.mono, timings.writeTimeoutMs);
  const confirmedBy = isRead && settings.readQuorum > 1 ? new Set<NodeId>() : undefined;
  const waiting: Waiting = { from, requestId, epoch, answers, seq, deadline, confirmedBy, read: ++owned.reads };
  if (confirmedBy !== undefined) {
    for (const id of owned.followers.keys()) {
      send(state, id, { kind: "confirm", partition, cfg: owned.cfg, read: waiting.read }, out);
    }
  }
  owned.waiting.push(waiting);
  release(state, owned, out);
  if (owned.waiting.length > 0) state.busy.add(partition);
}

/** A backup says where it stands. */
export function onReplicated(
  state: Partitions,
  from: NodeId,
  partition: Partition,
  est: Ownership["cfg"],
  seq: number,
  now: Now,
  out: PartitionEffect[],
): void {
  const owned = state.owned.get(partition);
  const follower = owned?.followers.get(from);
  if (owned === undefined || follower === undefined) return;
  if (est > owned.cfg) return; // It has moved on, and so shall we.
  if (est < owned.cfg || seq + 1 < owned.logFirst) return beginSync(state, owned, follower, now, out);
  if (seq > replicaOf(state, partition).seq) return; // Not of this life of the configuration: refused.
  if (follower.sync !== undefined && seq >= follower.sync.snapshot) follower.sync = undefined;
  if (follower.acked === undefined || seq > follower.acked) follower.acked = seq;
  follower.sent = Math.max(follower.sent, follower.acked);
  follower.sendAt = after(now.mono, RESEND_MS);
  advance(state, owned, partition, out);
  catchUp(state, owned, follower, now, out);
}

/** A backup is still in this configuration. */
export function onConfirmed(
  state: Partitions,
  from: NodeId,
  partition: Partition,
  read: number,
  out: PartitionEffect[],
): void {
  const owned = state.owned.get(partition);
  if (owned === undefined || !owned.followers.has(from)) return;
  owned.waiting.find((waiting) => waiting.read === read)?.confirmedBy?.add(from);
  release(state, owned, out);
}

/** Sends what this step has written: one message for all of it. */
export function flushFresh(state: Partitions, now: Now, out: PartitionEffect[]): void {
  for (const partition of state.fresh) {
    const owned = state.owned.get(partition);
    if (owned === undefined) continue;
    state.busy.add(partition);
    for (const follower of owned.followers.values()) {
      if (follower.sync === undefined && follower.acked !== undefined) {
        catchUp(state, owned, follower, now, out);
      }
    }
    advance(state, owned, partition, out);
  }
  state.fresh.clear();
}

/** Time has passed: sends again, gives up waiting. Whether the partition still needs looking after. */
export function tickOwned(
  state: Partitions,
  partition: Partition,
  owned: Ownership,
  now: Now,
  out: PartitionEffect[],
): boolean {
  const isBusy = lookAfterFollowers(state, partition, owned, now, out);
  answerLate(state, owned, now, out);
  return isBusy || owned.waiting.length > 0;
}

/**
 * Says of what has waited for too long that nobody knows. What it wrote may still count, so a request that wrote stays:
 * when it comes again it is not run again, and is answered when its write counts.
 */
function answerLate(state: Partitions, owned: Ownership, now: Now, out: PartitionEffect[]): void {
  const isWaited = (waiting: Waiting) => waiting.requestId >= (owned.clients.get(waiting.from)?.oldest ?? 0);
  const rest: Waiting[] = [];
  for (const waiting of owned.waiting) {
    const { from, requestId, epoch, answers } = waiting;
    if (waiting.deadline <= now.mono) {
      const unknown = answers.map(({ kind }) => answer(kind, unavailable("no-quorum", kind === "cas")));
      send(state, from, { kind: "registryReply", epoch, requestId, answers: unknown }, out);
      waiting.deadline = NEVER;
      if (!answers.some(({ kind, result }) => kind === "cas" && result.kind === "ok")) continue;
    }
    if (waiting.deadline < NEVER || isWaited(waiting)) rest.push(waiting);
  }
  owned.waiting = rest;
}

/** Tells everybody who waits that this node decides no more. What was written may count or not. */
export function endOwnership(state: Partitions, owned: Ownership, out: PartitionEffect[]): void {
  for (const { from, requestId, epoch, answers } of owned.waiting) {
    const unknown = answers.map(({ kind }) => answer(kind, unavailable("moving", kind === "cas")));
    send(state, from, { kind: "registryReply", epoch, requestId, answers: unknown }, out);
  }
  owned.waiting = [];
}

// --- writing --------------------------------------------------------------------------------------

/** Decides one write; the answer, and the change it waits for. */
function write(
  state: Partitions,
  owned: Ownership,
  partition: Partition,
  from: NodeId,
  operation: CasOperation,
): readonly [CasResult, number] {
  const { rules, tableBytes } = state.options;
  const replica = replicaOf(state, partition);
  const entry = replica.entries.get(operation.key);
  if (entry !== undefined && entry.opId === operation.opId && operation.record !== null) {
    // Sent again: the first one was heard. Of another node it would be another claim under the same name.
    if (!rules.holderCheck || entry.record.holder === from) {
      return [{ kind: "ok", version: entry.version }, dependsOn(owned, entry)];
    }
  }
  if (!isExpected(entry, operation.expect)) {
    return [{ kind: "conflict", current: entry ?? null }, dependsOn(owned, entry ?? null)];
  }
  if (replica.seq - owned.committed >= UNCOMMITTED_MAX) return [unavailable("busy", false), 0];
  if (operation.record !== null && bytesOf(state) >= tableBytes) return [unavailable("full", false), 0];
  if (operation.record === null && entry === undefined) {
    return [{ kind: "ok", version: { cfg: owned.cfg, seq: replica.seq } }, dependsOn(owned, null)];
  }
  const version: Version = { cfg: owned.cfg, seq: replica.seq + 1 };
  const { key, opId, record } = operation;
  const change = { key, entry: record === null ? null : { key, version, opId, record } };
  apply(replica, change);
  owned.log.push(change);
  if (record === null) owned.deleted = version.seq;
  trimLog(state, owned);
  state.fresh.add(partition);
  return [{ kind: "ok", version }, version.seq];
}

function isExpected(entry: Entry | undefined, expect: CasOperation["expect"]): boolean {
  if (entry === undefined) return expect === "absent";
  return expect !== "absent" && isSameVersion(entry.version, expect);
}

/**
 * The change that must count before anything is said about `entry`, or about its absence: which may be somebody's
 * deletion that does not count yet. What an earlier configuration wrote counts.
 */
function dependsOn(owned: Ownership, entry: Entry | null): number {
  if (entry === null) return owned.deleted;
  return entry.version.cfg === owned.cfg ? entry.version.seq : 0;
}

function advance(state: Partitions, owned: Ownership, partition: Partition, out: PartitionEffect[]): void {
  const { seq } = replicaOf(state, partition);
  const quorum = state.options.rules.quorumWrite ? writeQuorumOf(owned.group.length, state.options.settings) : 1;
  const committed = owned.committed < seq ? storedBy(quorum, seq, owned) : seq;
  if (committed > owned.committed) {
    for (let number = owned.committed + 1; number <= committed; number++) {
      const change = owned.log[number - owned.logFirst];
      if (change !== undefined) out.push({ kind: "entry", partition, ...change });
    }
    owned.committed = committed;
    trimLog(state, owned);
  }
  release(state, owned, out);
}

/** The last change that so many copies have; -1 when there are fewer of any. */
function storedBy(quorum: number, ownSeq: number, { followers }: Ownership): number {
  let last = -1;
  const look = (place: number) => {
    let copies = ownSeq >= place ? 1 : 0;
    for (const { acked = -1 } of followers.values()) if (acked >= place) copies++;
    if (copies >= quorum && place > last) last = place;
  };
  look(ownSeq);
  for (const { acked = -1 } of followers.values()) look(acked);
  return last;
}

/** Answers whatever waits for nothing more. */
function release(state: Partitions, owned: Ownership, out: PartitionEffect[]): void {
  if (owned.waiting.length === 0) return;
  const { settings } = state.options;
  const rest: Waiting[] = [];
  for (const waiting of owned.waiting) {
    const confirmations = Math.min(settings.readQuorum, owned.group.length) - 1;
    const isConfirmed = waiting.confirmedBy === undefined || waiting.confirmedBy.size >= confirmations;
    if (waiting.seq > owned.committed || !isConfirmed) rest.push(waiting);
    else {
      const { from, requestId, epoch, answers } = waiting;
      // What was turned away as a whole has done nothing, and may be tried again.
      if (answers.some(({ result }) => result.kind !== "unavailable")) {
        owned.clients.get(from)?.answered.set(requestId, answers);
      }
      send(state, from, { kind: "registryReply", epoch, requestId, answers }, out);
    }
  }
  owned.waiting = rest;
}

function bytesOf(state: Partitions): number {
  let bytes = 0;
  for (const replica of state.replicas.values()) bytes += replica.bytes;
  return bytes;
}

/** What is remembered of a client, without what it can no longer ask for. */
function clientOf({ view }: Partitions, owned: Ownership, id: NodeId, oldest: number): Client {
  const { clients } = owned;
  let client = clients.get(id);
  if (client === undefined) {
    if (clients.size >= CLIENTS_MAX) {
      for (const known of clients.keys()) if (view === undefined || !isMember(view, known)) clients.delete(known);
    }
    clients.set(id, client = { oldest, answered: new Map() });
  }
  if (oldest > client.oldest) {
    client.oldest = oldest;
    for (const requestId of client.answered.keys()) if (requestId < oldest) client.answered.delete(requestId);
  }
  return client;
}

function answer(kind: RegistryOperation["kind"], result: Unavailable): RegistryAnswer {
  return kind === "get" ? { kind, result } : { kind, result };
}

function unavailable(reason: UnavailableReason, indeterminate: boolean): Unavailable {
  return { kind: "unavailable", reason, retryAfterMs: RETRY_MS, indeterminate };
}
