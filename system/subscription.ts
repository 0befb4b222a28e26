/**
 * A live stream for `for await`: bounded, and never ahead of its reader. Ends when its signal aborts, its
 * loop is left, or the system stops. Touches promises; mutable; lives on the thread that reads it.
 *
 * @module
 */
import { BoundedBuffer } from "../core/bounded_buffer.ts";
import { EVENTS_BUFFER_DEFAULT } from "../core/limits.ts";
import { OptionsCheck } from "../core/options_check.ts";

/** How a stream is read. */
export interface SubscriptionOptions {
  /** Items held for a slow reader, `1` to 1,048,576; default 1024. At the limit the oldest is lost. */
  readonly buffer?: number;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

/** The most items {@link SubscriptionOptions.buffer} may ask for. */
const BUFFER_ITEMS_MAX = 1 << 20;

/** One reader of a stream. */
export class Subscription<T> implements AsyncIterableIterator<T, undefined>, AsyncDisposable {
  /** Items lost so far because the reader was too slow. */
  lostCount = 0;
  readonly #buffer: BoundedBuffer<T>;
  readonly #describeLoss: ((count: number) => T) | undefined;
  readonly #closed: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.close();
  #waiting: ((result: IteratorResult<T, undefined>) => void)[] = [];

  /**
   * @param describeLoss What the reader sees in the place of lost items; without it, only `lostCount` says so.
   * @param closed Called once when the stream ends.
   * @throws {ActorError} `invalid-options`.
   */
  /** Streams come from a system, never from `new` in user code. */
  constructor(options: SubscriptionOptions, describeLoss: ((count: number) => T) | undefined, closed: () => void) {
    const { buffer = EVENTS_BUFFER_DEFAULT, signal } = options;
    checkOptions(options);
    this.#buffer = new BoundedBuffer(buffer);
    this.#describeLoss = describeLoss;
    this.#closed = closed;
    this.#signal = signal;
    if (signal?.aborted) this.close();
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Whether the stream has ended. Items may be left to read. */
  get isClosed(): boolean {
    return this.#buffer.isClosed;
  }

  /** Adds an item for the reader. */
  offer(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting({ done: false, value: item });
    else this.#buffer.offer(item);
  }

  /** Ends the stream; what is held can still be read. Safe to repeat. */
  close(): void {
    if (this.#buffer.isClosed) return;
    this.#buffer.close();
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#closed();
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined });
  }

  /** The next item, when there is one. */
  next(): Promise<IteratorResult<T, undefined>> {
    for (;;) {
      const taken = this.#buffer.take();
      switch (taken.kind) {
        case "item":
          return Promise.resolve({ done: false, value: taken.item });
        case "closed":
          return Promise.resolve({ done: true, value: undefined });
        case "empty":
          return new Promise((resolve) => this.#waiting.push(resolve));
        case "lost": {
          this.lostCount += taken.lostCount;
          if (this.#describeLoss === undefined) continue;
          return Promise.resolve({ done: false, value: this.#describeLoss(taken.lostCount) });
        }
        default:
          return taken satisfies never;
      }
    }
  }

  /** Leaves the stream. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The stream itself: it is read once, by one loop. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Leaves the stream. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

function checkOptions({ buffer, signal }: SubscriptionOptions): void {
  const check = new OptionsCheck();
  check.wholeNumber("buffer", buffer, { min: 1, max: BUFFER_ITEMS_MAX, optional: true });
  if (signal !== undefined && !(signal instanceof AbortSignal)) check.problem("signal", signal, "an AbortSignal");
  check.throwIfAny("subscribe");
}
