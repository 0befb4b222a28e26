/**
 * A lane: one ring with the doorbells at its two ends, carrying whole records of any size from one thread
 * to one other. Touches shared memory; a LaneWriter belongs to the sending thread, a LaneReader to the
 * receiving one; both are mutable.
 *
 * The one idea: two kinds of records. A *refusable* one (a tell, an ask) is refused when the lane is full,
 * so that the receiver's limit reaches the sender. An *owed* one (a reply, a system record) was promised
 * when something else was accepted; it waits in a bounded queue on the sender's side. Neither blocks, and
 * while anything waits, refusable records are refused, so that all records arrive in the order they began.
 *
 * Invariant: what the reader's sink sees is exactly what was ended, whole, once, in order.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { ByteReader, malformed } from "../core/byte_reader.ts";
import { ByteWriter } from "../core/byte_writer.ts";
import { ActorError } from "../core/failure.ts";
import { ASKS_PER_THREAD_DEFAULT, MESSAGE_BYTES_DEFAULT } from "../core/limits.ts";
import type { Doorbell } from "./doorbell.ts";
import { type LooseRecord, Overflow } from "./overflow.ts";
import { Reassembly } from "./reassembly.ts";
import { RingReader, RingWriter } from "./ring.ts";
import {
  CHUNK_TOTAL_BYTES,
  payloadBytesMax,
  RECORD_CHUNK_FIRST,
  RECORD_CHUNK_NEXT,
  RECORD_HEADER_BYTES,
  RECORD_WHOLE,
  recordBytesOf,
} from "./ring_layout.ts";

/** Owed records one lane keeps outside its ring: the replies to all asks of the receiver, and as many again. At the limit: `lane-full`. */
export const OVERFLOW_RECORDS_DEFAULT: number = ASKS_PER_THREAD_DEFAULT * 2;
/** Bytes of owed records one lane keeps outside its ring. At the limit: `lane-full`. */
export const OVERFLOW_BYTES_DEFAULT: number = MESSAGE_BYTES_DEFAULT * 4;

/** Bytes that must be free to begin a record in the ring, or an eighth of a smaller ring: most records fit, and need no copy. */
const ROOM_BYTES = 1024;

/** Settings of a lane; both ends have the same. */
export interface LaneOptions {
  /** Bytes of the largest record. At the limit `end` throws `message-too-large`; a reader that meets more throws `malformed-bytes`. */
  readonly messageBytesMax?: number;
  /** Owed records kept outside the ring: {@link OVERFLOW_RECORDS_DEFAULT}. */
  readonly overflowRecordsMax?: number;
  /** Bytes of owed records kept outside the ring, passed by at most one record: {@link OVERFLOW_BYTES_DEFAULT}. */
  readonly overflowBytesMax?: number;
}

/** The sending end of a lane. */
export class LaneWriter {
  /** Records ended so far, wherever they are now. */
  recordsSent = 0;

  readonly #memory: SharedArrayBuffer;
  readonly #ring: RingWriter;
  readonly #doorbell: Doorbell;
  readonly #writer: ByteWriter;
  readonly #overflow: Overflow;
  readonly #messageBytesMax: number;
  readonly #payloadBytesMax: number;
  readonly #aimedBytesMax: number;
  readonly #roomBytes: number;
  #isBegun = false;
  #isRoomWanted = false;

  /** Takes the writing end of the ring `memory`; `doorbell` is the receiving thread's. */
  constructor(memory: SharedArrayBuffer, doorbell: Doorbell, options: LaneOptions = {}) {
    this.#memory = memory;
    this.#ring = new RingWriter(memory);
    this.#doorbell = doorbell;
    this.#messageBytesMax = options.messageBytesMax ?? MESSAGE_BYTES_DEFAULT;
    this.#writer = new ByteWriter(this.#messageBytesMax);
    this.#overflow = new Overflow(
      options.overflowRecordsMax ?? OVERFLOW_RECORDS_DEFAULT,
      options.overflowBytesMax ?? OVERFLOW_BYTES_DEFAULT,
    );
    this.#payloadBytesMax = payloadBytesMax(this.#ring.ringBytes);
    this.#aimedBytesMax = Math.min(this.#payloadBytesMax, this.#messageBytesMax);
    this.#roomBytes = Math.min(ROOM_BYTES, this.#ring.ringBytes >> 3);
  }

  /**
   * Begins a record that may be refused: `undefined` when the lane is full, and nothing has begun. Encode into the
   * answer, then call `end` or `abandon` before anything else is begun on this lane.
   */
  begin(): ByteWriter | undefined {
    // Asked first: a getter in a message may send another, and must not move the ring under the one being encoded.
    assert(!this.#isBegun, "one record is begun at a time");
    if (this.#overflow.records > 0 || !this.#ring.reserve(this.#roomBytes)) {
      // The reader cannot free what it has not been shown, so a full lane does not wait for the end of the turn.
      if (!this.flush() || !this.#ring.reserve(this.#roomBytes)) return undefined;
    }
    return this.#aimAtRing();
  }

  /**
   * Begins a record that must not be refused. It goes into the ring, or waits outside until `flush` finds room.
   *
   * @throws {ActorError} `lane-full` when as much waits outside as the options allow: the receiver has not read for so
   * long that it is as good as lost. Nothing has begun. The caller treats this as fatal for the receiving thread.
   */
  beginOwed(): ByteWriter {
    const writer = this.begin();
    if (writer !== undefined) return writer;
    if (this.#overflow.isFull) throw this.#overflowing();
    this.#isBegun = true;
    this.#writer.aimAtScratch();
    return this.#writer;
  }

  /**
   * Ends the record begun last. The receiver sees it after `flush`.
   *
   * @throws {ActorError} `message-too-large` when it exceeds `messageBytesMax`; then it is as if abandoned.
   */
  end(): void {
    assert(this.#isBegun, "a record ends once after it began");
    this.#isBegun = false;
    const writer = this.#writer;
    if (writer.isSpilled) this.#endSpilled(writer);
    else this.#ring.commit(RECORD_WHOLE, writer.position - writer.start);
    this.recordsSent++;
  }

  /** Forgets the record begun last, because encoding it failed. */
  abandon(): void {
    this.#isBegun = false;
  }

  /**
   * Moves waiting records into the ring as far as there is room, shows the receiver everything, and wakes it if it
   * sleeps. Call once a turn. `true` when nothing waits outside the ring.
   */
  flush(): boolean {
    const isMoved = this.#overflow.records === 0 || this.#moveOverflow();
    if (this.#ring.publish()) this.#doorbell.ring();
    return isMoved;
  }

  /**
   * The parking check: whether `flush` could move something now, or room has come that `wantRoom` asked for. If not,
   * the receiver is asked to ring this thread when it frees bytes. Call it after the thread has said that it parks.
   */
  canMove(): boolean {
    const head = this.#overflow.head();
    if (head === undefined && !this.#isRoomWanted) return false;
    this.#ring.askForRing();
    if (!this.#ring.reserve(head === undefined ? this.#roomBytes : this.#bytesToMove(head))) return false;
    this.#isRoomWanted = false;
    return true;
  }

  /** After `begin` refused: makes this thread wake once when the lane has room again. */
  wantRoom(): void {
    this.#isRoomWanted = true;
  }

  /**
   * Records that a receiver which is gone has not freed, in the ring and outside: nobody will read them. It may have
   * read the last of them, because it frees what it drained all at once.
   */
  countUnread(): number {
    this.flush();
    const unread = new RingReader(this.#memory);
    unread.refresh();
    // A record whose first chunks are in the ring already is counted there.
    let count = this.#overflow.records - (this.#overflow.head()?.isContinued ? 1 : 0);
    while (unread.next()) if (unread.kind !== RECORD_CHUNK_NEXT) count++;
    return count;
  }

  /** Bytes the receiver has not freed, in the ring (with headers) and outside. */
  get bytesQueued(): number {
    return this.#ring.usedBytes() + this.#overflow.bytes;
  }

  /** Records waiting outside the ring. */
  get overflowRecords(): number {
    return this.#overflow.records;
  }

  /** Records the receiver refused after reading them; wraps at 2^32. */
  get refusedByReceiver(): number {
    return this.#ring.refusedCount();
  }

  #aimAtRing(): ByteWriter {
    this.#isBegun = true;
    const ring = this.#ring;
    const start = ring.position + RECORD_HEADER_BYTES;
    const room = ring.room - RECORD_HEADER_BYTES;
    const aimedBytes = room < this.#aimedBytesMax ? room : this.#aimedBytesMax;
    this.#writer.aim(ring.bytes, ring.view, start, start + aimedBytes);
    return this.#writer;
  }

  #endSpilled(writer: ByteWriter): void {
    if (writer.length > this.#messageBytesMax) throw tooLarge(writer.length, this.#messageBytesMax);
    const { bytes, start, position } = writer;
    const record: LooseRecord = { bytes, position: start, end: position, isContinued: false };
    if (this.#overflow.records > 0 || !this.#move(record)) this.#overflow.push(record);
  }

  #moveOverflow(): boolean {
    for (let head = this.#overflow.head(); head !== undefined; head = this.#overflow.head()) {
      const before = head.position;
      const isMoved = this.#move(head);
      this.#overflow.bytes -= head.position - before;
      if (!isMoved) return false;
      this.#overflow.shift();
    }
    return true;
  }

  // Copies what the ring has room for; `true` when that was all that was left of the record.
  #move(record: LooseRecord): boolean {
    do {
      if (!this.#ring.reserve(this.#bytesToMove(record))) return false;
      if (this.#isUnsplit(record)) this.#moveWhole(record);
      else this.#moveChunk(record);
    } while (record.position < record.end);
    return true;
  }

  #moveWhole(record: LooseRecord): void {
    const payloadBytes = record.end - record.position;
    this.#copy(record, this.#ring.position + RECORD_HEADER_BYTES, payloadBytes);
    this.#ring.commit(RECORD_WHOLE, payloadBytes);
  }

  #moveChunk(record: LooseRecord): void {
    const ring = this.#ring;
    const left = record.end - record.position;
    const prefixBytes = record.isContinued ? 0 : CHUNK_TOTAL_BYTES;
    const room = Math.min(ring.room - RECORD_HEADER_BYTES, this.#payloadBytesMax) - prefixBytes;
    const start = ring.position + RECORD_HEADER_BYTES;
    const chunkBytes = Math.min(left, room);
    if (!record.isContinued) ring.view.setUint32(start, left, true);
    this.#copy(record, start + prefixBytes, chunkBytes);
    ring.commit(record.isContinued ? RECORD_CHUNK_NEXT : RECORD_CHUNK_FIRST, prefixBytes + chunkBytes);
    record.isContinued = true;
  }

  #copy(record: LooseRecord, at: number, count: number): void {
    this.#ring.bytes.set(record.bytes.subarray(record.position, record.position + count), at);
    record.position += count;
  }

  // What must be free before a part of the record moves: all of a whole one, a worthwhile part of a large one.
  #bytesToMove(record: LooseRecord): number {
    const left = record.end - record.position;
    if (this.#isUnsplit(record)) return recordBytesOf(left);
    return Math.min(this.#roomBytes, recordBytesOf(left));
  }

  #isUnsplit(record: LooseRecord): boolean {
    return !record.isContinued && record.end - record.position <= this.#payloadBytesMax;
  }

  #overflowing(): ActorError {
    const { records, bytes } = this.#overflow;
    return new ActorError(
      "lane-full",
      `Cannot send: the lane already keeps ${records} records of ${bytes} bytes waiting`,
      {
        details: { records, bytes },
      },
    );
  }
}

/** Where a reader's records go. */
export interface RecordSink {
  /**
   * Takes one whole record, sent by thread `from`. `reader` and the bytes under it are the ring's again when this
   * returns: decode now, keep nothing. What it throws ends the drain; the record counts as read.
   */
  record(reader: ByteReader, from: number): void;
}

/** The receiving end of a lane. */
export class LaneReader {
  /** The thread that sends. */
  readonly from: number;

  readonly #ring: RingReader;
  readonly #doorbell: Doorbell;
  readonly #reader = new ByteReader();
  readonly #whole: Reassembly;

  /** Takes the reading end of the ring `memory`; `doorbell` is that of the sending thread `from`. */
  constructor(memory: SharedArrayBuffer, from: number, doorbell: Doorbell, options: LaneOptions = {}) {
    this.from = from;
    this.#ring = new RingReader(memory);
    this.#doorbell = doorbell;
    this.#whole = new Reassembly(options.messageBytesMax ?? MESSAGE_BYTES_DEFAULT);
  }

  /**
   * Gives up to `recordsMax` whole records to `sink` and frees their bytes. Answers how many it gave.
   *
   * @throws {ActorError} `malformed-bytes` when the ring holds what no writer of ours wrote. The lane is good for
   * nothing more: replace the thread at its other end.
   */
  drain(recordsMax: number, sink: RecordSink): number {
    const ring = this.#ring;
    const reader = this.#reader;
    ring.refresh();
    let count = 0;
    try {
      while (count < recordsMax && ring.next()) {
        if (ring.kind !== RECORD_WHOLE) {
          if (!this.#addChunk()) continue;
          this.#whole.giveTo(reader);
        } else {
          if (this.#whole.isBegun) throw malformed("a whole record stands between the chunks of another");
          reader.aim(ring.bytes, ring.view, ring.start, ring.end);
        }
        count++;
        sink.record(reader, this.from);
      }
    } finally {
      reader.aim(ring.bytes, ring.view, 0, 0); // A sink that kept the reader gets an error, not somebody else's record.
      this.#release();
    }
    return count;
  }

  /** Whether `drain` would find nothing: the parking check. */
  isEmpty(): boolean {
    return this.#ring.isEmpty();
  }

  /** Tells the sender that `count` records were refused after they were read, for its own counters. */
  countRefused(count: number): void {
    this.#ring.countRefused(count);
  }

  // Chunks are freed one by one: a record larger than the ring needs the same bytes several times.
  #addChunk(): boolean {
    const isWhole = this.#whole.add(this.#ring);
    this.#release();
    return isWhole;
  }

  #release(): void {
    if (this.#ring.release()) this.#doorbell.ring();
  }
}

function tooLarge(length: number, bytesMax: number): ActorError {
  return new ActorError("message-too-large", `Cannot send: ${length} bytes are over the limit of ${bytesMax}`, {
    details: { bytesMax },
  });
}
