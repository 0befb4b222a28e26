/**
 * Records that must not be refused and found no room in their ring: a first-in first-out queue with limits
 * in records and bytes. Pure; mutable; owned by one lane.
 *
 * Invariant: `bytes` is the sum of what the queued records still have to move.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { RingQueue } from "../core/ring_queue.ts";

/** A record, or what is left of one, outside the ring. */
export interface LooseRecord {
  /** Where its bytes are. */
  readonly bytes: Uint8Array;
  /** The first byte that has not moved. */
  position: number;
  /** The end of its bytes. */
  readonly end: number;
  /** Whether its first chunk has moved. */
  isContinued: boolean;
}

/** The queue. */
export class Overflow {
  /** Bytes queued. */
  bytes = 0;

  readonly #bytesMax: number;
  readonly #records: RingQueue<LooseRecord>;

  /** An empty queue that is full at `recordsMax` records (1 to 2^25) or `bytesMax` bytes. */
  constructor(recordsMax: number, bytesMax: number) {
    this.#records = new RingQueue(recordsMax);
    this.#bytesMax = bytesMax;
  }

  /** Records queued, one that moved in part included. */
  get records(): number {
    return this.#records.size;
  }

  /** Whether a limit is reached. The last record below it may go beyond the limit of bytes. */
  get isFull(): boolean {
    return this.#records.size >= this.#records.capacity || this.bytes >= this.#bytesMax;
  }

  /** Appends a private copy of what `record` has left. The queue is not full. */
  push(record: LooseRecord): void {
    const bytes = record.bytes.slice(record.position, record.end);
    const isQueued = this.#records.push({ bytes, position: 0, end: bytes.length, isContinued: record.isContinued });
    assert(isQueued, "the lane asked before it began the record");
    this.bytes += bytes.length;
  }

  /** The oldest record; `undefined` when there is none. */
  head(): LooseRecord | undefined {
    return this.#records.at(0);
  }

  /** Removes the oldest record, which has moved. */
  shift(): void {
    this.#records.shift();
  }
}
