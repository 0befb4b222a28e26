/**
 * One ring: records of any length from one writing thread to one reading thread, through shared memory
 * and without locks. Touches shared memory; mutable; a RingWriter belongs to one thread, a RingReader to
 * another. Single-producer single-consumer queue after Lamport, "Proving the Correctness of Multiprocess
 * Programs" (1977); that each side caches the other's counter is from Giacomoni, Moseley and
 * Vachharajani, "FastForward for Efficient Pipeline Parallelism" (2008) and its relatives.
 *
 * The one idea: the counters only grow. Bytes are written first and the write counter is stored last, once
 * a batch, with Atomics; so a reader that sees the counter sees the bytes. What is free is told by the
 * reader's counter in the same way.
 *
 * Invariant: `0 <= written - read <= ringBytes`, both multiples of four.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { malformed } from "../core/byte_reader.ts";
import {
  headerOf,
  isHeader,
  isRingBytes,
  kindOf,
  payloadBytesMax,
  payloadBytesOf,
  READ_COUNTER_WORD,
  RECORD_HEADER_BYTES,
  RECORD_PADDING,
  RECORD_WHOLE,
  recordBytesOf,
  REFUSED_COUNT_WORD,
  RING_HEADER_BYTES,
  WRITE_COUNTER_WORD,
  WRITER_WAITS_WORD,
} from "./ring_layout.ts";

/** The writing end of a ring. */
export class RingWriter {
  /** Bytes of the ring. */
  readonly ringBytes: number;
  /** The ring's memory, without its header. */
  readonly bytes: Uint8Array;
  /** The same memory for multi-byte numbers. */
  readonly view: DataView;
  /** Where the reserved record's header goes, an offset into `bytes`. */
  position = 0;
  /** Contiguous bytes reserved from `position`, the header included. */
  room = 0;

  readonly #counters: Int32Array;
  readonly #words: Int32Array;
  readonly #mask: number;
  #written = 0;
  #published = 0;
  #read = 0;

  /** Takes the writing end of `memory`, a ring of `makeRing` that nobody has written to. */
  constructor(memory: SharedArrayBuffer) {
    this.ringBytes = ringBytesOf(memory);
    this.bytes = new Uint8Array(memory, RING_HEADER_BYTES);
    this.view = new DataView(memory, RING_HEADER_BYTES);
    this.#counters = new Int32Array(memory, 0, RING_HEADER_BYTES / 4);
    this.#words = new Int32Array(memory, RING_HEADER_BYTES);
    this.#mask = this.ringBytes - 1;
    this.#written = Atomics.load(this.#counters, WRITE_COUNTER_WORD);
    this.#published = this.#written;
    this.#read = this.#written;
  }

  /**
   * Reserves at least `recordBytes` contiguous bytes (header included, at most a quarter of the ring):
   * `position` and `room` say which. `false` when the ring is too full. A reservation need not be used.
   */
  reserve(recordBytes: number): boolean {
    const position = this.#written & this.#mask;
    const free = this.ringBytes - ((this.#written - this.#read) | 0);
    const toEnd = this.ringBytes - position;
    const room = free < toEnd ? free : toEnd;
    if (room < recordBytes) return this.#reserveAfresh(recordBytes);
    this.position = position;
    this.room = room;
    return true;
  }

  /** Ends the reserved record, whose payload of `payloadBytes` was written behind its header. */
  commit(kind: number, payloadBytes: number): void {
    const recordBytes = recordBytesOf(payloadBytes);
    assert(recordBytes <= this.room, "a record fits into what was reserved for it");
    this.#words[this.position >> 2] = headerOf(kind, payloadBytes);
    this.#written = (this.#written + recordBytes) | 0;
    this.room = 0;
  }

  /** Shows the reader everything committed. `false` when it has been shown already. */
  publish(): boolean {
    if (this.#published === this.#written) return false;
    this.#published = this.#written;
    Atomics.store(this.#counters, WRITE_COUNTER_WORD, this.#written);
    return true;
  }

  /** Asks the reader to ring the writer's doorbell after it next frees bytes. */
  askForRing(): void {
    if (Atomics.load(this.#counters, WRITER_WAITS_WORD) === 0) Atomics.store(this.#counters, WRITER_WAITS_WORD, 1);
  }

  /** Bytes in the ring that the reader has not freed, unpublished ones and padding included. */
  usedBytes(): number {
    this.#read = Atomics.load(this.#counters, READ_COUNTER_WORD);
    return (this.#written - this.#read) | 0;
  }

  /** Records the receiver refused after reading them: `0 <= count < 2^32`, then it wraps. */
  refusedCount(): number {
    return Atomics.load(this.#counters, REFUSED_COUNT_WORD) >>> 0;
  }

  // Looks at the reader's counter again, and goes on at the front of the ring when only that has room.
  #reserveAfresh(recordBytes: number): boolean {
    assert(recordBytes <= this.ringBytes >> 2, "an unsplit record is at most a quarter of the ring");
    const used = this.usedBytes();
    assert(used >= 0 && used <= this.ringBytes, "the reader frees only what was written");
    const position = this.#written & this.#mask;
    const free = this.ringBytes - used;
    const toEnd = this.ringBytes - position;
    const room = free < toEnd ? free : toEnd;
    if (room >= recordBytes) {
      this.position = position;
      this.room = room;
      return true;
    }
    if (free - toEnd < recordBytes) return false;
    this.#words[position >> 2] = headerOf(RECORD_PADDING, toEnd - RECORD_HEADER_BYTES);
    this.#written = (this.#written + toEnd) | 0;
    this.position = 0;
    this.room = free - toEnd;
    return true;
  }
}

/** The reading end of a ring. */
export class RingReader {
  /** Bytes of the ring. */
  readonly ringBytes: number;
  /** The ring's memory, without its header. */
  readonly bytes: Uint8Array;
  /** The same memory for multi-byte numbers. */
  readonly view: DataView;
  /** Kind of the record that `next` found. */
  kind: number = RECORD_WHOLE;
  /** Where its payload begins, an offset into `bytes`. */
  start = 0;
  /** Where its payload ends. */
  end = 0;

  readonly #counters: Int32Array;
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #recordBytesMax: number;
  #read = 0;
  #freed = 0;
  #written = 0;

  /** Takes the reading end of `memory`. */
  constructor(memory: SharedArrayBuffer) {
    this.ringBytes = ringBytesOf(memory);
    this.bytes = new Uint8Array(memory, RING_HEADER_BYTES);
    this.view = new DataView(memory, RING_HEADER_BYTES);
    this.#counters = new Int32Array(memory, 0, RING_HEADER_BYTES / 4);
    this.#words = new Int32Array(memory, RING_HEADER_BYTES);
    this.#mask = this.ringBytes - 1;
    this.#recordBytesMax = recordBytesOf(payloadBytesMax(this.ringBytes));
    this.#read = Atomics.load(this.#counters, READ_COUNTER_WORD);
    this.#freed = this.#read;
    this.#written = this.#read;
  }

  /** Whether nothing is published beyond what `next` has given. */
  isEmpty(): boolean {
    return Atomics.load(this.#counters, WRITE_COUNTER_WORD) === this.#read;
  }

  /** Looks how far the writer has published; `next` goes up to there. */
  refresh(): void {
    const written = Atomics.load(this.#counters, WRITE_COUNTER_WORD);
    const available = (written - this.#read) | 0;
    if (available < 0 || available > this.ringBytes || (available & 3) !== 0) {
      throw malformed(`a ring of ${this.ringBytes} bytes claims to hold ${available}`);
    }
    this.#written = written;
  }

  /**
   * Goes to the next record: `kind`, `start` and `end` tell of it until `release`. `false` when there is none.
   * Throws `malformed-bytes`, and reads nothing of it, when the bytes there are no record; the ring stays
   * where it is and is good for nothing more.
   */
  next(): boolean {
    for (;;) {
      const available = (this.#written - this.#read) | 0;
      if (available === 0) return false;
      const position = this.#read & this.#mask;
      const header = this.#words[position >> 2] ?? 0;
      const payloadBytes = payloadBytesOf(header);
      const recordBytes = recordBytesOf(payloadBytes);
      if (!isHeader(header) || recordBytes > available || recordBytes > this.#recordBytesMax) throw this.#torn(header);
      const next = position + recordBytes;
      if (next > this.ringBytes) throw this.#torn(header);
      const kind = kindOf(header);
      if (kind === RECORD_PADDING) {
        if (next !== this.ringBytes) throw this.#torn(header);
        this.#read = (this.#read + recordBytes) | 0;
        continue;
      }
      this.#read = (this.#read + recordBytes) | 0;
      this.kind = kind;
      this.start = position + RECORD_HEADER_BYTES;
      this.end = this.start + payloadBytes;
      return true;
    }
  }

  /** Frees the bytes of every record that `next` has given. `true` when the writer asked to be rung for that. */
  release(): boolean {
    if (this.#freed === this.#read) return false;
    this.#freed = this.#read;
    Atomics.store(this.#counters, READ_COUNTER_WORD, this.#read);
    // The writer asks first and looks at the counter then; we do it the other way round. So one of us sees the other.
    if (Atomics.load(this.#counters, WRITER_WAITS_WORD) === 0) return false;
    Atomics.store(this.#counters, WRITER_WAITS_WORD, 0);
    return true;
  }

  /** Tells the writer that `count` more records were refused after they were read. */
  countRefused(count: number): void {
    Atomics.add(this.#counters, REFUSED_COUNT_WORD, count);
  }

  #torn(header: number): Error {
    const available = (this.#written - this.#read) | 0;
    const position = this.#read & this.#mask;
    const word = (header >>> 0).toString(16).padStart(8, "0");
    return malformed(`the word ${word} at byte ${position} of a ring, ${available} bytes published, heads no record`);
  }
}

function ringBytesOf(memory: SharedArrayBuffer): number {
  const ringBytes = memory.byteLength - RING_HEADER_BYTES;
  assert(isRingBytes(ringBytes), "the bytes of a ring are a power of two in range");
  return ringBytes;
}
