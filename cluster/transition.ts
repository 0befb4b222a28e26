/**
 * How a partition gets a new configuration, driven by the node that will own it: seal the old one, take its best copy,
 * install that, report. Pure; acts on {@link Partitions}.
 *
 * One idea: once enough copies of the old configuration refuse to go on, everything it ever acknowledged is in the
 * best of them. So the new one needs no agreement with the old, only its silence. The new owner serves when a view
 * says so, never before: then everybody knows at once.
 *
 * Invariant: the state a configuration begins with has every write that was acknowledged in the one before. When too
 * many copies are lost for that, it is built anew from what live holders hold, and the loss is announced.
 *
 * @module
 */
import { after, type NodeId, type Partition } from "../core/ids.ts";
import type { Entry, Held } from "./engine.ts";
import { isOlder } from "./engine.ts";
import type { PartitionMessage } from "./partition_protocol.ts";
import {
  type Incoming,
  type PartitionEffect,
  type Partitions,
  replicaOf,
  send,
  toDrafters,
  writeQuorumOf,
} from "./partition_state.ts";
import { adopt, chunkAt, chunkStarts, isBehind } from "./replica.ts";
import type { Now } from "./time.ts";
import { isMember, type Transition, type View } from "./view.ts";

/** Milliseconds between two requests of one sort. */
const RESEND_MS = 250;
/** Milliseconds between two reports that a configuration is ready. */
const READY_MS = 200;
/** Milliseconds after which a member that does not answer is accused, and between two accusations. */
const BLOCKED_MS = 2_000;
const ACCUSE_MS = 1_000;

/** Begins to take a partition over. */
export function createIncoming(partition: Partition, { cfg, group }: Transition, now: Now): Incoming {
  return {
    partition,
    cfg,
    group,
    phase: "seal",
    seals: new Map(),
    wasCovered: false,
    isRebuilt: false,
    source: undefined,
    fetched: new Map(),
    fetchedChunks: 0,
    holdings: new Map(),
    entries: new Map(),
    chunks: [],
    installs: new Map(),
    stored: new Set(),
    sendAt: now.mono,
    since: now.mono,
    blockedAt: after(now.mono, BLOCKED_MS),
  };
}

/** Time has passed, or a view was installed: repeats what has no answer. */
export function drive(state: Partitions, view: View, incoming: Incoming, now: Now, out: PartitionEffect[]): void {
  if (now.mono < incoming.sendAt) return;
  const { partition, cfg } = incoming;
  incoming.sendAt = after(now.mono, incoming.phase === "ready" ? READY_MS : RESEND_MS);
  switch (incoming.phase) {
    case "seal":
      for (const id of unsealed(state, view, incoming)) send(state, id, { kind: "seal", partition, cfg }, out);
      judgeSeals(state, view, incoming, now, out);
      return accuse(state, view, incoming, unsealed(state, view, incoming), now, out);
    case "fetch":
      if (incoming.source === undefined || !isMember(view, incoming.source)) {
        return lost(state, view, incoming, now, out);
      }
      send(state, incoming.source, { kind: "fetch", partition, cfg, index: incoming.fetchedChunks }, out);
      return accuse(state, view, incoming, [incoming.source], now, out);
    case "hold": {
      const silent = view.members.filter(({ id }) => !incoming.holdings.has(id)).map(({ id }) => id);
      for (const id of silent) send(state, id, { kind: "holdingsRequest", partition, cfg }, out);
      rebuildWhenAllAnswered(state, view, incoming, now, out);
      return accuse(state, view, incoming, silent, now, out);
    }
    case "install":
      return installMissing(state, view, incoming, out);
    case "ready":
      installMissing(state, view, incoming, out);
      return toDrafters(state, view, { kind: "ready", partition, cfg }, out);
    default:
      return incoming.phase satisfies never;
  }
}

/** A view was installed that keeps this transition: what depends on members is judged anew, at once. */
export function membersChanged(
  state: Partitions,
  view: View,
  incoming: Incoming,
  now: Now,
  out: PartitionEffect[],
): void {
  incoming.sendAt = now.mono;
  drive(state, view, incoming, now, out);
}

/** A copy of the old configuration is sealed. */
export function onSealed(
  state: Partitions,
  view: View,
  incoming: Incoming,
  from: NodeId,
  sealed: { readonly est: Incoming["cfg"]; readonly seq: number },
  now: Now,
  out: PartitionEffect[],
): void {
  if (incoming.phase !== "seal") return;
  incoming.seals.set(from, sealed);
  judgeSeals(state, view, incoming, now, out);
}

/** A chunk of the best copy. */
export function onFetched(
  state: Partitions,
  view: View,
  incoming: Incoming,
  from: NodeId,
  chunk: PartitionMessage & { readonly kind: "fetched" },
  now: Now,
  out: PartitionEffect[],
): void {
  const sealed = incoming.seals.get(from);
  if (incoming.phase !== "fetch" || incoming.source !== from || sealed === undefined) return;
  if (sealed.est !== chunk.est || sealed.seq !== chunk.seq || chunk.index !== incoming.fetchedChunks) return;
  for (const entry of chunk.entries) incoming.fetched.set(entry.key, entry);
  incoming.fetchedChunks++;
  incoming.sendAt = now.mono;
  if (incoming.fetchedChunks < chunk.count) return drive(state, view, incoming, now, out);
  taken(state, view, incoming, incoming.fetched, now, out);
}

/** A member says what it holds. */
export function onHoldings(
  state: Partitions,
  view: View,
  incoming: Incoming,
  from: NodeId,
  held: readonly Held[],
  now: Now,
  out: PartitionEffect[],
): void {
  if (incoming.phase !== "hold") return;
  incoming.holdings.set(from, held);
  rebuildWhenAllAnswered(state, view, incoming, now, out);
}

/** A member of the new group has so many chunks. */
export function onStored(
  state: Partitions,
  view: View,
  incoming: Incoming,
  from: NodeId,
  received: number,
  now: Now,
  out: PartitionEffect[],
): void {
  if (incoming.phase !== "install" && incoming.phase !== "ready") return;
  if (!incoming.group.includes(from)) return;
  const count = startsOf(state, incoming).length;
  incoming.installs.set(from, Math.min(received, count));
  if (received < count) return installChunk(state, incoming, from, out);
  incoming.stored.add(from);
  readyWhenStored(state, view, incoming, now, out);
}

// --- sealing --------------------------------------------------------------------------------------

/** Copies that are asked to seal and have not. */
function unsealed(state: Partitions, view: View, incoming: Incoming): readonly NodeId[] {
  return groupOf(state, incoming).filter((id) => isMember(view, id) && !incoming.seals.has(id));
}

function groupOf(state: Partitions, { partition }: Incoming): readonly NodeId[] {
  return state.view?.partitions[partition]?.group ?? [];
}

function judgeSeals(state: Partitions, view: View, incoming: Incoming, now: Now, out: PartitionEffect[]): void {
  const { rules, settings } = state.options;
  const group = groupOf(state, incoming);
  const [owner, ...backups] = group;
  if (owner === undefined) return;
  const { seals } = incoming;
  // What a copy said before it was removed does not help: nobody can fetch it any more.
  for (const id of seals.keys()) if (!isMember(view, id)) seals.delete(id);
  const isOwnerSilent = seals.has(owner) || !isMember(view, owner);
  if (rules.sealOwner && !isOwnerSilent) return;
  const needed = group.length - writeQuorumOf(group.length, settings) + 1;
  const sealedBackups = backups.filter((id) => seals.has(id)).length;
  const isCovered = seals.has(owner) || sealedBackups >= needed || (!rules.sealCoverage && seals.size > 0) ||
    (!rules.refetchAfterLoss && incoming.wasCovered);
  if (isCovered) {
    incoming.wasCovered = true;
    return takeBest(state, view, incoming, now, out);
  }
  const alive = backups.filter((id) => isMember(view, id));
  if (isMember(view, owner) || alive.length >= needed || alive.some((id) => !seals.has(id))) return;
  incoming.isRebuilt = true;
  takeBest(state, view, incoming, now, out);
}

/** Takes the copy that is furthest; from another node chunk by chunk. */
function takeBest(state: Partitions, view: View, incoming: Incoming, now: Now, out: PartitionEffect[]): void {
  const { self } = state.options;
  let best: NodeId | undefined;
  for (const [id, sealed] of incoming.seals) {
    const before = best === undefined ? undefined : incoming.seals.get(best);
    if (before === undefined || isBehind(before, sealed) || (id === self && !isBehind(sealed, before))) best = id;
  }
  if (best === undefined) return taken(state, view, incoming, new Map(), now, out);
  if (best === self) {
    return taken(state, view, incoming, new Map(replicaOf(state, incoming.partition).entries), now, out);
  }
  incoming.source = best;
  incoming.phase = "fetch";
  incoming.fetched.clear();
  incoming.fetchedChunks = 0;
  proceed(state, view, incoming, now, out);
}

/** The source is gone before its copy was here: back to sealing, as if it had never answered. */
function lost(state: Partitions, view: View, incoming: Incoming, now: Now, out: PartitionEffect[]): void {
  if (incoming.source !== undefined) incoming.seals.delete(incoming.source);
  incoming.source = undefined;
  incoming.isRebuilt = false;
  incoming.phase = "seal";
  proceed(state, view, incoming, now, out);
}

function taken(
  state: Partitions,
  view: View,
  incoming: Incoming,
  entries: Map<string, Entry>,
  now: Now,
  out: PartitionEffect[],
): void {
  incoming.entries = entries;
  if (!incoming.isRebuilt) return begin(state, view, incoming, now, out);
  incoming.phase = "hold";
  proceed(state, view, incoming, now, out);
}

// --- building anew --------------------------------------------------------------------------------

/**
 * What a live member holds is what it says; what a dead one held is what the best copy remembers. Entries of a live
 * holder that does not report them were on their way out.
 */
function rebuildWhenAllAnswered(
  state: Partitions,
  view: View,
  incoming: Incoming,
  now: Now,
  out: PartitionEffect[],
): void {
  if (incoming.phase !== "hold") return;
  if (view.members.some(({ id }) => !incoming.holdings.has(id))) return;
  for (const [key, { record }] of incoming.entries) if (isMember(view, record.holder)) incoming.entries.delete(key);
  let recovered = 0;
  for (const [id, held] of incoming.holdings) {
    if (!isMember(view, id)) continue;
    for (const { entry } of held) {
      const other = incoming.entries.get(entry.key);
      if (other !== undefined && isMember(view, other.record.holder) && isOlder(entry.version, other.version)) continue;
      incoming.entries.set(entry.key, entry);
      recovered++;
    }
  }
  out.push({ kind: "dataLoss", partition: incoming.partition, cfg: incoming.cfg, recovered });
  begin(state, view, incoming, now, out);
}

// --- installing -----------------------------------------------------------------------------------

/** The state is here: it becomes the first of the new configuration, on this node first. */
function begin(state: Partitions, view: View, incoming: Incoming, now: Now, out: PartitionEffect[]): void {
  const replica = replicaOf(state, incoming.partition);
  if (replica.sealed > incoming.cfg) return; // A newer transition has asked this node for its copy.
  incoming.chunks = [...incoming.entries.values()];
  adopt(replica, incoming.cfg, 0, incoming.entries);
  incoming.phase = "install";
  incoming.stored.add(state.options.self);
  proceed(state, view, incoming, now, out);
  readyWhenStored(state, view, incoming, now, out);
}

function installMissing(state: Partitions, view: View, incoming: Incoming, out: PartitionEffect[]): void {
  for (const id of incoming.group) {
    if (!incoming.stored.has(id) && isMember(view, id)) installChunk(state, incoming, id, out);
  }
}

function installChunk(state: Partitions, incoming: Incoming, to: NodeId, out: PartitionEffect[]): void {
  const { partition, cfg, chunks } = incoming;
  const starts = startsOf(state, incoming);
  const count = starts.length;
  const index = Math.min(incoming.installs.get(to) ?? 0, count - 1);
  const entries = chunkAt(chunks, starts, index);
  send(state, to, { kind: "install", partition, cfg, index, count, entries }, out);
}

function startsOf(state: Partitions, { chunks }: Incoming): readonly number[] {
  return chunkStarts(chunks, state.options.chunkEntries);
}

function readyWhenStored(state: Partitions, view: View, incoming: Incoming, now: Now, out: PartitionEffect[]): void {
  if (incoming.phase !== "install") return;
  if (incoming.stored.size < writeQuorumOf(incoming.group.length, state.options.settings)) return;
  incoming.phase = "ready";
  proceed(state, view, incoming, now, out);
}

// --- small parts ----------------------------------------------------------------------------------

/** Goes on at once with the phase it has come to. */
function proceed(state: Partitions, view: View, incoming: Incoming, now: Now, out: PartitionEffect[]): void {
  incoming.sendAt = now.mono;
  drive(state, view, incoming, now, out);
}

function accuse(
  state: Partitions,
  view: View,
  incoming: Incoming,
  silent: readonly NodeId[],
  now: Now,
  out: PartitionEffect[],
): void {
  if (now.mono < incoming.blockedAt) return;
  incoming.blockedAt = after(now.mono, ACCUSE_MS);
  const { partition } = incoming;
  for (const subject of silent) {
    if (subject !== state.options.self) toDrafters(state, view, { kind: "blocked", partition, subject }, out);
  }
}
