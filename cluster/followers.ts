/**
 * What an owner sends its backups: changes as they are made, again when they are lost, and the whole state when too much
 * is missing. Pure; acts on {@link Partitions}.
 *
 * One idea: a backup says only how far it is. Whatever the owner sends follows from that and from what it has sent since,
 * so a lost message, a repeated one and a backup that starts from nothing need no cases of their own.
 *
 * Invariant: at most one whole state is on its way to one backup, and no change beside it.
 *
 * @module
 */
import { after, type NodeId, type Partition } from "../core/ids.ts";
import {
  type Follower,
  type Ownership,
  type PartitionEffect,
  type Partitions,
  replicaOf,
  send,
} from "./partition_state.ts";
import { changesAt, chunkAt, chunkStarts } from "./replica.ts";
import type { Now } from "./time.ts";
import { isMember } from "./view.ts";

/** Milliseconds after which an unacknowledged change is sent again. */
export const RESEND_MS = 250;
/** Changes in one message. */
const CHANGES_MAX = 256;

/** Time has passed: sends again what has no answer. Whether some backup is behind. */
export function lookAfterFollowers(
  state: Partitions,
  partition: Partition,
  owned: Ownership,
  now: Now,
  out: PartitionEffect[],
): boolean {
  const { est, seq } = replicaOf(state, partition);
  if (est !== owned.cfg) return false; // This node is to own the next configuration too, and has its state.
  let isBusy = false;
  for (const [id, follower] of owned.followers) {
    if (follower.acked !== undefined && follower.acked >= seq && follower.sync === undefined) continue;
    isBusy = true;
    if (now.mono < follower.sendAt) continue;
    if (state.view === undefined || !isMember(state.view, id)) continue;
    if (follower.sync !== undefined) sendChunk(state, owned, follower, now, out);
    else {
      follower.sent = follower.acked ?? follower.sent;
      const { acked } = follower;
      if (acked !== undefined) catchUp(state, owned, follower, now, out);
      else ask(state, owned, follower, now, out);
    }
  }
  return isBusy;
}

/** A backup has received so many chunks of a whole copy. */
export function onSynced(
  state: Partitions,
  from: NodeId,
  partition: Partition,
  snapshot: number,
  received: number,
  now: Now,
  out: PartitionEffect[],
): void {
  const owned = state.owned.get(partition);
  const follower = owned?.followers.get(from);
  if (owned === undefined || follower?.sync?.snapshot !== snapshot) return;
  follower.sync.received = received;
  sendChunk(state, owned, follower, now, out);
}

function ask(state: Partitions, owned: Ownership, follower: Follower, now: Now, out: PartitionEffect[]): void {
  const { partition, cfg } = owned;
  follower.sendAt = after(now.mono, RESEND_MS);
  const first = replicaOf(state, partition).seq + 1;
  send(state, follower.id, { kind: "replicate", partition, cfg, first, changes: [] }, out);
}

/** Sends a backup the next changes it has not been sent; a whole copy when they are no longer kept. */
export function catchUp(
  state: Partitions,
  owned: Ownership,
  follower: Follower,
  now: Now,
  out: PartitionEffect[],
): void {
  const { partition, cfg } = owned;
  const { seq } = replicaOf(state, partition);
  if (follower.sync !== undefined || follower.sent >= seq) return;
  const first = follower.sent + 1;
  if (first < owned.logFirst) return beginSync(state, owned, follower, now, out);
  const changes = changesAt(owned.log, first - owned.logFirst, CHANGES_MAX);
  follower.sent = first + changes.length - 1;
  follower.sendAt = after(now.mono, RESEND_MS);
  state.busy.add(partition);
  send(state, follower.id, { kind: "replicate", partition, cfg, first, changes }, out);
}

/** Begins to send a backup the whole state. Meanwhile it is sent no changes. */
export function beginSync(
  state: Partitions,
  owned: Ownership,
  follower: Follower,
  now: Now,
  out: PartitionEffect[],
): void {
  if (follower.sync !== undefined) return;
  const { seq, entries } = replicaOf(state, owned.partition);
  follower.sync = { snapshot: seq, entries: [...entries.values()], received: 0 };
  follower.sent = seq;
  state.busy.add(owned.partition);
  sendChunk(state, owned, follower, now, out);
}

function sendChunk(state: Partitions, owned: Ownership, follower: Follower, now: Now, out: PartitionEffect[]): void {
  const { id, sync } = follower;
  if (sync === undefined) return;
  const { partition, cfg } = owned;
  const starts = chunkStarts(sync.entries, state.options.chunkEntries);
  const count = starts.length;
  const index = Math.min(sync.received, count - 1);
  follower.sendAt = after(now.mono, RESEND_MS);
  const entries = chunkAt(sync.entries, starts, index);
  send(state, id, { kind: "sync", partition, cfg, snapshot: sync.snapshot, index, count, entries }, out);
}

/** Starts a whole copy to a backup whose copy is not what it should be. */
export function repair(state: Partitions, from: NodeId, partition: Partition, now: Now, out: PartitionEffect[]): void {
  const owned = state.owned.get(partition);
  const follower = owned?.followers.get(from);
  if (owned !== undefined && follower !== undefined) beginSync(state, owned, follower, now, out);
}

/** Forgets changes that count and that only a backup far behind could still want. */
export function trimLog(state: Partitions, owned: Ownership): void {
  const surplus = Math.min(owned.log.length - state.options.changesKept, owned.committed - owned.logFirst + 1);
  if (surplus < state.options.changesKept / 4 || surplus <= 0) return;
  owned.log.splice(0, surplus);
  owned.logFirst += surplus;
}
