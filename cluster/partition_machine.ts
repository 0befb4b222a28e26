/**
 * All partitions of one node: what a view gives it to own, back up or take over, and the messages about them. Pure;
 * mutable, one per node identity.
 *
 * One idea: the view says who owns what, and only the view; everything here is about having the right entries when it
 * does.
 *
 * Invariants: two nodes never answer for one partition at the same time; an acknowledged write is in every later
 * configuration, unless too many copies were lost at once, and then that is announced.
 *
 * @module
 */
import { match } from "ts-pattern";
import { after, epoch, type NodeId, type Partition } from "../core/ids.ts";
import { onCompare, onConfirm, onFetch, onInstall, onReplicate, onSeal, onSync } from "./backup.ts";
import type { Held } from "./engine.ts";
import { onSynced, repair } from "./followers.ts";
import { createOwnership, endOwnership, flushFresh, onConfirmed, onReplicated, onRequest, tickOwned } from "./owner.ts";
import type { PartitionMessage } from "./partition_protocol.ts";
import { type Incoming, type PartitionEffect, type Partitions, placeOf, replicaOf, send } from "./partition_state.ts";
import { adopt, forget } from "./replica.ts";
import type { Now } from "./time.ts";
import { createIncoming, drive, membersChanged, onFetched, onHoldings, onSealed, onStored } from "./transition.ts";
import { isMember, type Placed, type View, votesOf } from "./view.ts";

/** A founder's copies: the first configuration begins empty, and everybody in it knows. */
export function foundPartitions(state: Partitions, view: View): void {
  view.partitions.forEach(({ cfg, group }, index) => {
    if (group.includes(state.options.self)) adopt(replicaOf(state, index as Partition), cfg, 0, new Map());
  });
}

/** A view was installed: begins, keeps and ends what it says. */
export function partitionsInstalled(
  state: Partitions,
  view: View,
  previous: View | undefined,
  now: Now,
  out: PartitionEffect[],
): void {
  state.view = view;
  const before = previous?.partitions ?? [];
  view.partitions.forEach((place, index) => {
    const partition = index as Partition;
    if (place !== before[index] || state.incoming.has(partition)) replace(state, view, partition, place, now, out);
  });
  drain(state, now, out);
}

/** The lease lets this node answer, or does not. */
export function leaseChanged(state: Partitions, hasLease: boolean): void {
  state.hasLease = hasLease;
}

/** Time has passed. */
export function tickPartitions(state: Partitions, now: Now, out: PartitionEffect[]): void {
  const { view, options } = state;
  if (view === undefined) return;
  for (const incoming of state.incoming.values()) drive(state, view, incoming, now, out);
  for (const partition of state.busy) {
    const owned = state.owned.get(partition);
    if (owned === undefined || !tickOwned(state, partition, owned, now, out)) state.busy.delete(partition);
  }
  if (now.mono >= state.compareAt) {
    state.compareAt = after(now.mono, options.timings.stateSyncMs);
    compareCopies(state, out);
  }
  drain(state, now, out);
}

/** A message of a member. */
export function partitionMessage(
  state: Partitions,
  from: NodeId,
  message: PartitionMessage,
  now: Now,
  out: PartitionEffect[],
): void {
  take(state, from, message, now, out);
  drain(state, now, out);
}

/** What this node holds of a partition: the answer to `holdingsWanted`. */
export function holdingsGiven(
  state: Partitions,
  partition: Partition,
  cfg: number,
  held: readonly Held[],
  now: Now,
  out: PartitionEffect[],
): void {
  const asked = state.asked.get(partition);
  if (asked === undefined || asked.cfg !== cfg) return;
  state.asked.delete(partition);
  for (const to of asked.by) send(state, to, { kind: "holdings", partition, cfg: epoch(cfg), held }, out);
  drain(state, now, out);
}

// --- views ----------------------------------------------------------------------------------------

function replace(
  state: Partitions,
  view: View,
  partition: Partition,
  place: Placed,
  now: Now,
  out: PartitionEffect[],
): void {
  const { self } = state.options;
  const incoming = state.incoming.get(partition);
  const { next } = place;
  activate(state, partition, place, incoming, now, out);
  if (incoming !== undefined && incoming.cfg !== next?.cfg) state.incoming.delete(partition);
  if (next !== undefined && next.group[0] === self) {
    const known = state.incoming.get(partition);
    if (known !== undefined) return membersChanged(state, view, known, now, out);
    const begun = createIncoming(partition, next, now);
    state.incoming.set(partition, begun);
    return membersChanged(state, view, begun, now, out);
  }
  const isKept = place.group.includes(self) || next?.group.includes(self);
  const replica = state.replicas.get(partition);
  if (!isKept && replica !== undefined && replica.est !== 0) forget(replica);
}

/** Begins or ends to own, as the active configuration says. */
function activate(
  state: Partitions,
  partition: Partition,
  { cfg, group }: Placed,
  incoming: Incoming | undefined,
  now: Now,
  out: PartitionEffect[],
): void {
  const { self } = state.options;
  const owned = state.owned.get(partition);
  const isMine = group[0] === self && replicaOf(state, partition).est === cfg;
  if (owned !== undefined && owned.cfg === cfg && isMine) return;
  if (owned !== undefined) {
    endOwnership(state, owned, out);
    state.owned.delete(partition);
    state.busy.delete(partition);
    out.push({ kind: "duty", partition, isOn: false });
  }
  if (!isMine) return;
  own(state, partition, cfg, group, incoming, now);
  out.push({ kind: "duty", partition, isOn: true });
}

function own(
  state: Partitions,
  partition: Partition,
  cfg: Placed["cfg"],
  group: readonly NodeId[],
  incoming: Incoming | undefined,
  now: Now,
): void {
  const stored = incoming !== undefined && incoming.cfg === cfg ? incoming.stored : new Set<NodeId>();
  const { seq } = replicaOf(state, partition);
  const since = state.view?.epoch ?? cfg;
  state.owned.set(partition, createOwnership(partition, cfg, group, state.options.self, seq, stored, since, now));
  state.busy.add(partition);
}

// --- messages -------------------------------------------------------------------------------------

function take(state: Partitions, from: NodeId, message: PartitionMessage, now: Now, out: PartitionEffect[]): void {
  const { view } = state;
  if (view === undefined || !isMember(view, from)) return;
  if ("partition" in message && placeOf(state, message.partition) === undefined) {
    return void out.push({ kind: "odd", from, reason: `there is no partition ${message.partition}` });
  }
  // Those of every claim: for `match` to look at all its patterns takes longer than what they ask for.
  switch (message.kind) {
    case "registryRequest":
      serveEarly(state, message.partition, now);
      return onRequest(state, from, message, now, out);
    case "registryReply":
      return; // The client's.
    case "replicate":
      return onReplicate(state, from, message, out);
    case "replicated": {
      const { partition, cfg, est, seq } = message;
      return isOwnedAt(state, partition, cfg) ? onReplicated(state, from, partition, est, seq, now, out) : undefined;
    }
    default:
      return takeRare(state, view, from, message, now, out);
  }
}

type Frequent = "registryRequest" | "registryReply" | "replicate" | "replicated";

function takeRare(
  state: Partitions,
  view: View,
  from: NodeId,
  message: Exclude<PartitionMessage, { readonly kind: Frequent }>,
  now: Now,
  out: PartitionEffect[],
): void {
  const { options } = state;
  match(message)
    .with({ kind: "sync" }, (sync) => onSync(state, from, sync, out))
    .with({ kind: "synced" }, ({ partition, cfg, snapshot, received }) => {
      if (state.owned.get(partition)?.cfg === cfg) onSynced(state, from, partition, snapshot, received, now, out);
    })
    .with({ kind: "seal" }, (seal) => onSeal(state, from, seal, out))
    .with({ kind: "sealed" }, ({ partition, cfg, est, seq }) => {
      const incoming = incomingOf(state, partition, cfg);
      if (incoming !== undefined) onSealed(state, view, incoming, from, { est, seq }, now, out);
    })
    .with({ kind: "fetch" }, (fetch) => onFetch(state, from, fetch, out))
    .with({ kind: "fetched" }, (chunk) => {
      const incoming = incomingOf(state, chunk.partition, chunk.cfg);
      if (incoming !== undefined) onFetched(state, view, incoming, from, chunk, now, out);
    })
    .with({ kind: "install" }, (install) => onInstall(state, from, install, out))
    .with({ kind: "stored" }, ({ partition, cfg, received }) => {
      const incoming = incomingOf(state, partition, cfg);
      if (incoming !== undefined) onStored(state, view, incoming, from, received, now, out);
    })
    .with({ kind: "holdingsRequest" }, ({ partition, cfg }) => wantHoldings(state, view, from, partition, cfg, out))
    .with({ kind: "holdings" }, ({ partition, cfg, held }) => {
      const incoming = incomingOf(state, partition, cfg);
      if (incoming !== undefined) onHoldings(state, view, incoming, from, held, now, out);
    })
    .with({ kind: "ready" }, ({ partition, cfg }) => {
      if (view.leader === options.self || votesOf(view, options.self) > 0) {
        out.push({ kind: "recovered", partition, cfg });
      }
    })
    .with({ kind: "blocked" }, ({ subject }) => out.push({ kind: "accused", subject, by: from }))
    .with({ kind: "confirm" }, (confirm) => onConfirm(state, from, confirm, out))
    .with({ kind: "confirmed" }, ({ partition, cfg, read }) => {
      if (state.owned.get(partition)?.cfg === cfg) onConfirmed(state, from, partition, read, out);
    })
    .with({ kind: "compare" }, (compare) => onCompare(state, from, compare, out))
    .with({ kind: "differs" }, ({ partition, cfg }) => {
      if (isOwnedAt(state, partition, cfg)) repair(state, from, partition, now, out);
    })
    .exhaustive();
}

/** Only without the rule `activateThroughView`: answers before the view says so. */
function serveEarly(state: Partitions, partition: Partition, now: Now): void {
  const incoming = state.incoming.get(partition);
  if (state.options.rules.activateThroughView || incoming?.phase !== "ready") return;
  if (state.owned.get(partition)?.cfg !== incoming.cfg) {
    own(state, partition, incoming.cfg, incoming.group, incoming, now);
  }
}

/** Whether this node owns `cfg` and its copy still is of it: not of the next one, with which it waits for a view. */
function isOwnedAt(state: Partitions, partition: Partition, cfg: number): boolean {
  return state.owned.get(partition)?.cfg === cfg && replicaOf(state, partition).est === cfg;
}

function incomingOf(state: Partitions, partition: Partition, cfg: number): Incoming | undefined {
  const incoming = state.incoming.get(partition);
  return incoming?.cfg === cfg ? incoming : undefined;
}

/**
 * What this node holds is asked of the machines above. Only under a view as new as the question: an older one may still
 * let them claim what is being counted.
 */
function wantHoldings(
  state: Partitions,
  view: View,
  from: NodeId,
  partition: Partition,
  cfg: number,
  out: PartitionEffect[],
): void {
  const next = view.partitions[partition]?.next;
  if (next?.cfg !== cfg || next.group[0] !== from) return;
  let asked = state.asked.get(partition);
  if (asked?.cfg !== cfg) {
    asked = { cfg: epoch(cfg), by: new Set() };
    state.asked.set(partition, asked);
  }
  asked.by.add(from);
  out.push({ kind: "holdingsWanted", partition, cfg: epoch(cfg) });
}

function compareCopies(state: Partitions, out: PartitionEffect[]): void {
  for (const [partition, owned] of state.owned) {
    const { est, seq, digest } = replicaOf(state, partition);
    // Whoever owns and is to own has the state of the next configuration already: nothing to compare.
    if (est !== owned.cfg || owned.committed !== seq) continue;
    for (const [id, follower] of owned.followers) {
      if (follower.acked === seq) send(state, id, { kind: "compare", partition, cfg: owned.cfg, seq, digest }, out);
    }
  }
}

/** Takes what this node said to itself, and sends what the step has written. */
function drain(state: Partitions, now: Now, out: PartitionEffect[]): void {
  for (;;) {
    for (let message = state.loopback.shift(); message !== undefined; message = state.loopback.shift()) {
      if (message.kind === "registryReply") out.push({ kind: "send", to: state.options.self, message });
      else take(state, state.options.self, message, now, out);
    }
    if (state.fresh.size === 0) return;
    flushFresh(state, now, out);
  }
}
