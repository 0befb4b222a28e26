/**
 * One node's copy of one partition: entries, how far it has come, and up to which configuration it is sealed. Pure;
 * mutable, one for each partition a node keeps.
 *
 * One idea: a copy is a prefix of one configuration's changes, so two copies differ only in how far they are, and the
 * better one replaces the other whole. There is nothing to merge, and a deleted entry needs no tombstone.
 *
 * Invariants: `seq` counts every change of `est` without a gap; a sealed copy takes nothing of older configurations;
 * equal `(est, seq)` means equal entries, and equal digests.
 *
 * @module
 */
import { type Epoch, epoch } from "../core/ids.ts";
import { hash32 } from "../core/hash.ts";
import type { Entry, Version } from "./engine.ts";
import type { Change } from "./partition_protocol.ts";

/** A copy. */
export interface Replica {
  /** Configuration whose state this is; 0: none yet. */
  est: Epoch;
  /** Changes of `est` in it. */
  seq: number;
  /** Nothing of a configuration below this is taken any more. */
  sealed: Epoch;
  entries: Map<string, Entry>;
  /** Exclusive or of a hash of every entry. */
  digest: number;
  /** About how much memory the entries take. */
  bytes: number;
  /** A whole copy on its way in. */
  incoming: Assembly | undefined;
}

/** A state that comes in chunks, in order. */
export interface Assembly {
  readonly cfg: Epoch;
  /** Which snapshot: chunks of another discard this one. */
  readonly snapshot: number;
  received: number;
  readonly entries: Map<string, Entry>;
}

/** A whole state. */
export interface State {
  readonly est: Epoch;
  readonly seq: number;
  readonly entries: Map<string, Entry>;
}

/** Bytes an entry takes beside its key and what it needs to start. */
const ENTRY_BYTES = 256;

/** An empty copy of no configuration. */
export function createReplica(): Replica {
  return { est: epoch(0), seq: 0, sealed: epoch(0), entries: new Map(), digest: 0, bytes: 0, incoming: undefined };
}

/** The change after the last. */
export function apply(replica: Replica, { key, entry }: Change): void {
  const before = replica.entries.get(key);
  if (before !== undefined) count(replica, before, -1);
  if (entry === null) replica.entries.delete(key);
  else {
    replica.entries.set(key, entry);
    count(replica, entry, 1);
  }
  replica.seq++;
}

/** Becomes the state with which `cfg` begins, or (with `seq`) as it is after so many of its changes. */
export function adopt(replica: Replica, cfg: Epoch, seq: number, entries: Map<string, Entry>): void {
  replica.est = cfg;
  replica.seq = seq;
  replica.sealed = newer(replica.sealed, cfg);
  replica.entries = entries;
  replica.incoming = undefined;
  replica.digest = 0;
  replica.bytes = 0;
  for (const entry of entries.values()) count(replica, entry, 1);
}

/** Refuses everything before `cfg` from now on. `false` when it is sealed for a newer one. */
export function seal(replica: Replica, cfg: Epoch): boolean {
  if (replica.sealed > cfg) return false;
  replica.sealed = cfg;
  if (replica.incoming !== undefined && replica.incoming.cfg < cfg) replica.incoming = undefined;
  return true;
}

/** Forgets the entries of a partition that is kept elsewhere now. The seal stays. */
export function forget(replica: Replica): void {
  replica.est = epoch(0);
  replica.seq = 0;
  replica.entries = new Map();
  replica.digest = 0;
  replica.bytes = 0;
  replica.incoming = undefined;
}

/** Takes one chunk; how many of them there are now, and the whole when it is the last. */
export function assemble(
  replica: Replica,
  cfg: Epoch,
  snapshot: number,
  index: number,
  count: number,
  entries: readonly Entry[],
): { readonly received: number; readonly whole: Map<string, Entry> | undefined } {
  let { incoming } = replica;
  if (incoming === undefined || incoming.cfg !== cfg || incoming.snapshot !== snapshot) {
    if (index !== 0) return { received: 0, whole: undefined };
    incoming = replica.incoming = { cfg, snapshot, received: 0, entries: new Map() };
  }
  if (index === incoming.received) {
    for (const entry of entries) incoming.entries.set(entry.key, entry);
    incoming.received++;
  }
  return { received: incoming.received, whole: incoming.received === count ? incoming.entries : undefined };
}

/** Bytes of entries in one chunk, about: far below what one frame may hold. One entry may be more. */
const CHUNK_BYTES = 1 << 19;

/** Where each chunk of a state begins: each has up to `size` entries and {@link CHUNK_BYTES}. There is at least one. */
export function chunkStarts(entries: readonly Entry[], size: number): readonly number[] {
  const starts = [0];
  let inChunk = 0;
  let bytes = 0;
  for (const [index, entry] of entries.entries()) {
    const more = bytesOf(entry);
    if (inChunk > 0 && (inChunk >= size || bytes + more > CHUNK_BYTES)) {
      starts.push(index);
      inChunk = bytes = 0;
    }
    inChunk++;
    bytes += more;
  }
  return starts;
}

/** One chunk of a state, counted from 0. */
export function chunkAt(entries: readonly Entry[], starts: readonly number[], index: number): readonly Entry[] {
  return entries.slice(starts[index], starts[index + 1]);
}

/** About how many bytes an entry takes in a frame, and in memory. */
function bytesOf({ key, record }: Entry): number {
  return ENTRY_BYTES + 2 * key.length + record.spec.byteLength;
}

/** How many changes from `from` on go into one message: up to `max` and {@link CHUNK_BYTES}, and at least one. */
export function changesAt(changes: readonly Change[], from: number, max: number): readonly Change[] {
  let bytes = 0;
  let end = from;
  for (const limit = Math.min(changes.length, from + max); end < limit; end++) {
    const entry = changes[end]?.entry ?? undefined;
    bytes += entry === undefined ? ENTRY_BYTES : bytesOf(entry);
    if (end > from && bytes > CHUNK_BYTES) break;
  }
  return changes.slice(from, end);
}

/** Which of two copies is further: by configuration, then by changes. */
export function isBehind(one: Pick<State, "est" | "seq">, other: Pick<State, "est" | "seq">): boolean {
  return one.est < other.est || (one.est === other.est && one.seq < other.seq);
}

function count(replica: Replica, entry: Entry, times: 1 | -1): void {
  replica.digest = (replica.digest ^ digestOf(entry.key, entry.version)) >>> 0;
  replica.bytes += times * (bytesOf(entry));
}

function digestOf(key: string, { cfg, seq }: Version): number {
  let mixed = hash32(key) ^ Math.imul(cfg, 0x9e3779b1) ^ Math.imul(seq, 0x85ebca77);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function newer(one: Epoch, other: Epoch): Epoch {
  return one < other ? other : one;
}
