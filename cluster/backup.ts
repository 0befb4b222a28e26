/**
 * What a node does with its copy for others: takes an owner's changes, seals, hands its state out, takes a new one.
 * Pure; acts on {@link Partitions}.
 *
 * Invariant: a copy acknowledges only a state that is whole: every change of one configuration up to a number.
 *
 * @module
 */
import type { Epoch, NodeId, Partition } from "../core/ids.ts";
import type { PartitionMessage } from "./partition_protocol.ts";
import { type PartitionEffect, type Partitions, replicaOf, send } from "./partition_state.ts";
import { adopt, apply, assemble, chunkAt, chunkStarts, type Replica, seal } from "./replica.ts";

type Of<Kind extends PartitionMessage["kind"]> = PartitionMessage & { readonly kind: Kind };

/** An owner's changes. What comes out of order is left out; the answer says how far this copy is. */
export function onReplicate(state: Partitions, from: NodeId, message: Of<"replicate">, out: PartitionEffect[]): void {
  const { partition, cfg, first, changes } = message;
  const replica = replicaOf(state, partition);
  if (replica.sealed > cfg || replica.est > cfg) return;
  // A whole copy is on its way and will say where this one is: an answer now would begin another.
  if (state.options.rules.syncIsQuiet && isNews(replica, cfg)) return;
  if (replica.est === cfg) {
    for (let index = Math.max(0, replica.seq + 1 - first); index < changes.length; index++) {
      const change = changes[index];
      if (change === undefined || first + index !== replica.seq + 1) break;
      apply(replica, change);
    }
  }
  standsAt(state, from, partition, cfg, out);
}

/** A chunk of an owner's whole state. */
export function onSync(state: Partitions, from: NodeId, message: Of<"sync">, out: PartitionEffect[]): void {
  const { partition, cfg, snapshot, index, count, entries } = message;
  const replica = replicaOf(state, partition);
  if (replica.sealed > cfg || replica.est > cfg) return;
  if (replica.est === cfg) {
    // It comes late: what was acknowledged since then must not be taken back, whatever is on its way.
    if (snapshot < replica.seq) return standsAt(state, from, partition, cfg, out);
    // A state in one chunk is taken once more: it may have come to replace a copy that differs.
    const isLast = snapshot === replica.seq && replica.incoming === undefined && index === count - 1 && index > 0;
    if (isLast) return standsAt(state, from, partition, cfg, out);
  }
  const { received, whole } = assemble(replica, cfg, snapshot, index, count, entries);
  if (whole === undefined) return send(state, from, { kind: "synced", partition, cfg, snapshot, received }, out);
  adopt(replica, cfg, snapshot, whole);
  standsAt(state, from, partition, cfg, out);
}

/** A new configuration wants this copy to go no further. */
export function onSeal(state: Partitions, from: NodeId, { partition, cfg }: Of<"seal">, out: PartitionEffect[]): void {
  const replica = replicaOf(state, partition);
  if (!seal(replica, cfg)) return;
  const { est, seq } = replica;
  if (est < cfg) send(state, from, { kind: "sealed", partition, cfg, est, seq }, out);
}

/** A new owner takes this sealed copy. */
export function onFetch(
  state: Partitions,
  from: NodeId,
  { partition, cfg, index }: Of<"fetch">,
  out: PartitionEffect[],
): void {
  const replica = replicaOf(state, partition);
  if (replica.sealed !== cfg || replica.est >= cfg) return;
  const { est, seq } = replica;
  // Nothing changes a sealed copy, so its entries keep their order from one chunk to the next.
  const all = [...replica.entries.values()];
  const starts = chunkStarts(all, state.options.chunkEntries);
  const count = starts.length;
  if (index >= count) return;
  const entries = chunkAt(all, starts, index);
  send(state, from, { kind: "fetched", partition, cfg, est, seq, index, count, entries }, out);
}

/** A chunk of the state with which a configuration begins. */
export function onInstall(state: Partitions, from: NodeId, message: Of<"install">, out: PartitionEffect[]): void {
  const { partition, cfg, index, count, entries } = message;
  const replica = replicaOf(state, partition);
  if (replica.sealed > cfg || replica.est > cfg) return;
  if (replica.est === cfg) return send(state, from, { kind: "stored", partition, cfg, received: count }, out);
  const { received, whole } = assemble(replica, cfg, 0, index, count, entries);
  if (whole !== undefined) adopt(replica, cfg, 0, whole);
  send(state, from, { kind: "stored", partition, cfg, received }, out);
}

/** An owner asks whether this copy is still in its configuration. */
export function onConfirm(state: Partitions, from: NodeId, message: Of<"confirm">, out: PartitionEffect[]): void {
  const { partition, cfg, read } = message;
  const replica = replicaOf(state, partition);
  if (replica.est === cfg && replica.sealed <= cfg) send(state, from, { kind: "confirmed", partition, cfg, read }, out);
}

/** An owner compares. A copy as far as its own that differs is a bug, or memory that forgot: it gets a whole one. */
export function onCompare(state: Partitions, from: NodeId, message: Of<"compare">, out: PartitionEffect[]): void {
  const { partition, cfg, seq, digest } = message;
  const replica = replicaOf(state, partition);
  if (replica.est !== cfg || replica.sealed > cfg || replica.seq !== seq || replica.digest === digest) return;
  out.push({ kind: "odd", from, reason: `its copy of partition ${partition} differs from ours at ${cfg}.${seq}` });
  send(state, from, { kind: "differs", partition, cfg, seq }, out);
}

/** Whether what is on its way is more than what is here, and not the late copy of a chunk. */
function isNews({ est, seq, incoming }: Replica, cfg: Epoch): boolean {
  return incoming?.cfg === cfg && (est !== cfg || incoming.snapshot > seq);
}

function standsAt(state: Partitions, to: NodeId, partition: Partition, cfg: Epoch, out: PartitionEffect[]): void {
  const { est, seq } = replicaOf(state, partition);
  send(state, to, { kind: "replicated", partition, cfg, est, seq }, out);
}
