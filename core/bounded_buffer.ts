/**
 * What waits between a stream of facts and one reader of it, with a limit: the reader who is too slow loses the
 * oldest items and is told how many, in the place where they were. The stream never waits. Pure; mutable, for
 * one owner: the waiting and waking is done by whoever owns the buffer.
 *
 * The invariant: whatever was lost came before everything that is held, so one count says where the gap is.
 *
 * @module
 */
import { RingQueue } from "./ring_queue.ts";

/** What {@link BoundedBuffer.take} found. */
export type Taken<T> =
  /** The next item. */
  | { readonly kind: "item"; readonly item: T }
  /** Between the items taken before and the next one, this many were lost: one or more. */
  | { readonly kind: "lost"; readonly lostCount: number }
  /** Nothing yet. */
  | { readonly kind: "empty" }
  /** Nothing, ever again. */
  | { readonly kind: "closed" };

const EMPTY = { kind: "empty" } as const;
const CLOSED = { kind: "closed" } as const;

/** A buffer of one subscription. At its limit the oldest item makes room and is counted as lost. */
export class BoundedBuffer<T> {
  readonly #items: RingQueue<T>;
  #lostCount = 0;
  #isClosed = false;

  /**
   * An open buffer with nothing in it.
   *
   * @param capacity The most items it holds, `1` to `2^25`.
   */
  constructor(capacity: number) {
    this.#items = new RingQueue<T>(capacity);
  }

  /** How many items it holds. */
  get size(): number {
    return this.#items.size;
  }

  /** Whether it was closed. Items may be left to take. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Adds `item`, in place of the oldest one when the buffer is full. `false`, and nothing added, once it is closed. */
  offer(item: T): boolean {
    if (this.#isClosed) return false;
    if (this.#items.size === this.#items.capacity) {
      this.#items.shift();
      this.#lostCount++;
    }
    return this.#items.push(item);
  }

  /** Takes what comes next: the gap that losses have left, then the item behind it. */
  take(): Taken<T> {
    if (this.#lostCount > 0) return this.#takeLost();
    if (this.#items.size === 0) return this.#isClosed ? CLOSED : EMPTY;
    return { kind: "item", item: this.#items.shift() as T }; // One is held.
  }

  /** Takes no more items; those held can still be taken. Safe to repeat. */
  close(): void {
    this.#isClosed = true;
  }

  #takeLost(): Taken<T> {
    const lostCount = this.#lostCount;
    this.#lostCount = 0;
    return { kind: "lost", lostCount };
  }
}
