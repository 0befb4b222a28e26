/**
 * Where everything lies in the memory that threads share: the words of a ring's header, the header of a
 * record, and which rings and doorbells a node of `threads` threads has. Pure but for allocating.
 *
 * The one idea: words written by different threads lie on different cache lines, and every ring and
 * every doorbell is a buffer of its own. The operating system commits a ring's pages as they are
 * touched, a thread is handed only the buffers it uses, and a dead thread is replaced by giving its
 * index fresh buffers instead of trusting what it left behind in the old ones.
 *
 * Invariant: a record and its header never cross the end of the ring, and never exceed a quarter of it.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { RING_BYTES_MAX, RING_BYTES_MIN, WORKERS_MAX } from "../core/limits.ts";

/** Bytes before a ring's first record: two pairs of cache lines, as processors fetch lines in pairs. */
export const RING_HEADER_BYTES = 256;
/** Word of the header: bytes ever published, modulo 2^32. Stored by the writer only. */
export const WRITE_COUNTER_WORD = 0;
/** Word of the header: not zero while the writer wants its doorbell rung when bytes are freed. */
export const WRITER_WAITS_WORD = 1;
/** Word of the header: bytes ever freed, modulo 2^32. Stored by the reader only. */
export const READ_COUNTER_WORD = 32;
/** Word of the header: records the receiver refused after reading them, modulo 2^32. Stored by the reader only. */
export const REFUSED_COUNT_WORD = 33;

/** Bytes of a doorbell: its word alone on a pair of cache lines. */
export const DOORBELL_BYTES = 128;

/** The smallest ring the layout can describe. Rings this small are for tests; options ask for `RING_BYTES_MIN`. */
export const RING_BYTES_FLOOR = 256;
/** Bytes of a record before its payload. */
export const RECORD_HEADER_BYTES = 4;
/** Bytes at the front of the first chunk's payload that hold the length of the whole record. */
export const CHUNK_TOTAL_BYTES = 4;

/** A complete record. */
export const RECORD_WHOLE = 0;
/** Unused bytes up to the end of the ring. */
export const RECORD_PADDING = 1;
/** The first part of a record larger than a quarter of the ring: its total length, then bytes. */
export const RECORD_CHUNK_FIRST = 2;
/** A further part of the record that the last first chunk began. */
export const RECORD_CHUNK_NEXT = 3;

// Bits 31..28 are a mark, 27..26 the kind, 25..0 the payload bytes. The mark makes a word that was never
// written (zero) no header, and fifteen of sixteen words of somebody's payload neither.
const MARK = 0x5000_0000;
const MARK_MASK = 0xf000_0000 | 0;
const KIND_SHIFT = 26;
const PAYLOAD_MASK = (1 << KIND_SHIFT) - 1;

/** The header word of a record; `payloadBytes` is at most {@link payloadBytesMax}. */
export function headerOf(kind: number, payloadBytes: number): number {
  return MARK | (kind << KIND_SHIFT) | payloadBytes;
}

/** Whether `word` can be a header at all. */
export function isHeader(word: number): boolean {
  return (word & MARK_MASK) === MARK;
}

/** The kind in a header: `RECORD_WHOLE` to `RECORD_CHUNK_NEXT`. */
export function kindOf(header: number): number {
  return (header >>> KIND_SHIFT) & 3;
}

/** The payload bytes in a header, unchecked. */
export function payloadBytesOf(header: number): number {
  return header & PAYLOAD_MASK;
}

/** Bytes a record takes in the ring: header and payload, up to the next multiple of four. */
export function recordBytesOf(payloadBytes: number): number {
  return (RECORD_HEADER_BYTES + payloadBytes + 3) & ~3;
}

/** The largest payload of one unsplit record. A quarter of the ring always fits into an empty ring, wherever its counters stand. */
export function payloadBytesMax(ringBytes: number): number {
  return ringBytes / 4 - RECORD_HEADER_BYTES;
}

/** Whether a ring may have this size: a power of two from {@link RING_BYTES_FLOOR} to `RING_BYTES_MAX`. */
export function isRingBytes(ringBytes: number): boolean {
  if (!Number.isInteger(ringBytes) || ringBytes < RING_BYTES_FLOOR || ringBytes > RING_BYTES_MAX) return false;
  return (ringBytes & (ringBytes - 1)) === 0;
}

/**
 * The shared memory of one node, as the main thread keeps it. Plain data: it can be posted to a worker,
 * though a worker needs only its {@link lanesOf}.
 */
export interface ThreadMemory {
  /** Threads of the node: the main thread is 0, workers are 1 and up. */
  readonly threads: number;
  /** Bytes of each ring. */
  readonly ringBytes: number;
  /** One doorbell a thread. */
  readonly doorbells: readonly SharedArrayBuffer[];
  /** `rings[from][to]`; `undefined` where `from` is `to`. */
  readonly rings: readonly (readonly (SharedArrayBuffer | undefined)[])[];
}

/** What one thread uses of the {@link ThreadMemory}: plain data, sent in its `workerData`. */
export interface ThreadLanes {
  /** This thread. */
  readonly index: number;
  /** This thread's own doorbell. */
  readonly doorbell: SharedArrayBuffer;
  /** The lanes to and from every other thread, by its index; `undefined` at `index`. */
  readonly peers: readonly (PeerLanes | undefined)[];
}

/** Both lanes between this thread and one other: plain data, sent again when the other is replaced. */
export interface PeerLanes {
  /** The other thread's doorbell. */
  readonly doorbell: SharedArrayBuffer;
  /** The ring from this thread to the other. */
  readonly outgoing: SharedArrayBuffer;
  /** The ring from the other thread to this one. */
  readonly incoming: SharedArrayBuffer;
}

/** What {@link makeThreadMemory} needs to know. */
export interface ThreadMemoryOptions {
  /** Threads of the node, the main thread included: 1 to `WORKERS_MAX + 1`. */
  readonly threads: number;
  /** Bytes of each ring: a power of two, see {@link isRingBytes}. */
  readonly ringBytes: number;
}

/** Allocates the rings and doorbells of `threads` threads. Nothing is touched until it is used. */
export function makeThreadMemory({ threads, ringBytes }: ThreadMemoryOptions): ThreadMemory {
  assert(Number.isInteger(threads) && threads >= 1 && threads <= WORKERS_MAX + 1, "there are 1 to 65 threads");
  assert(isRingBytes(ringBytes), "the bytes of a ring are a power of two in range");
  const indices = Array.from({ length: threads }, (_, index) => index);
  return {
    threads,
    ringBytes,
    doorbells: indices.map(makeDoorbell),
    rings: indices.map((from) => indices.map((to) => from === to ? undefined : makeRing(ringBytes))),
  };
}

/** Allocates one empty ring. */
export function makeRing(ringBytes: number): SharedArrayBuffer {
  assert(isRingBytes(ringBytes), "the bytes of a ring are a power of two in range");
  return new SharedArrayBuffer(RING_HEADER_BYTES + ringBytes);
}

/** Allocates one doorbell, not parked. */
export function makeDoorbell(): SharedArrayBuffer {
  return new SharedArrayBuffer(DOORBELL_BYTES);
}

/** What thread `index` is to be given of `memory`. */
export function lanesOf(memory: ThreadMemory, index: number): ThreadLanes {
  const peers = memory.doorbells.map((_, peer) => peer === index ? undefined : peerLanesOf(memory, index, peer));
  return { index, doorbell: doorbellAt(memory, index), peers };
}

/** What thread `index` needs to reach thread `peer`, which is another one. */
export function peerLanesOf(memory: ThreadMemory, index: number, peer: number): PeerLanes {
  return {
    doorbell: doorbellAt(memory, peer),
    outgoing: ringAt(memory, index, peer),
    incoming: ringAt(memory, peer, index),
  };
}

/**
 * The memory after thread `index` died: fresh rings to and from it and a fresh doorbell, all others as
 * they were. Fresh, because the dead thread may have stopped in the middle of a write, and because its
 * last wait may still be in the old doorbell's list and would swallow a wake-up meant for its successor.
 *
 * The new worker is started with `lanesOf(memory, index)`. Every other thread `other`, the main thread
 * included, is sent `peerLanesOf(memory, other, index)` by an ordinary message and hands it to
 * `LaneSet.replace`. Until it has, it writes into a ring nobody reads: those records, and whatever its old
 * writer still held, are lost with the worker (`worker-lost`).
 */
export function replaceThread(memory: ThreadMemory, index: number): ThreadMemory {
  assert(Number.isInteger(index) && index >= 0 && index < memory.threads, "the thread is one of the node's");
  const { ringBytes } = memory;
  const isFresh = (from: number, to: number) => from !== to && (from === index || to === index);
  return {
    ...memory,
    doorbells: memory.doorbells.with(index, makeDoorbell()),
    rings: memory.rings.map((row, from) => row.map((ring, to) => isFresh(from, to) ? makeRing(ringBytes) : ring)),
  };
}

function doorbellAt(memory: ThreadMemory, index: number): SharedArrayBuffer {
  const doorbell = memory.doorbells[index];
  assert(doorbell !== undefined, "every thread has a doorbell");
  return doorbell;
}

function ringAt(memory: ThreadMemory, from: number, to: number): SharedArrayBuffer {
  const ring = memory.rings[from]?.[to];
  assert(ring !== undefined, "every two threads have a ring each way");
  return ring;
}

assert(RING_BYTES_MIN >= RING_BYTES_FLOOR, "every ring an option may ask for can be laid out");
assert(payloadBytesMax(RING_BYTES_MAX) <= PAYLOAD_MASK, "the largest payload fits its bits of the header");
assert(RING_BYTES_MAX <= 2 ** 30, "the bytes in use, a difference of 32-bit counters, are never negative");
