/**
 * Who wants to see which events of a system. Threads look at one shared word before they send an event, so
 * an event nobody wants costs nothing. Lives on the main thread; mutable.
 *
 * @module
 */
import { type DeadLetter, EVENT_TYPES, type EventType, type TroupeEvent } from "../core/events.ts";
import { ActorError } from "../core/failure.ts";
import { SUBSCRIBERS_MAX } from "../core/limits.ts";
import { Subscription, type SubscriptionOptions } from "./subscription.ts";

/** One who reads. */
interface Reader {
  /** The events it wants, a bit each. */
  readonly mask: number;
  readonly offer: (event: TroupeEvent) => void;
  readonly close: () => void;
}

/** The events of one system. */
export class EventStream {
  /** One word, a bit for each of {@link EVENT_TYPES}: shared with all threads. */
  readonly wanted: SharedArrayBuffer = new SharedArrayBuffer(4);
  /** Whether the system has ended, and with it all streams. */
  isClosed = false;
  readonly #word = new Int32Array(this.wanted);
  readonly #closings = new Set<() => void>();
  readonly #readers = new Set<Reader>();

  /** The bits of the events somebody wants to see. */
  wantedEvents(): number {
    return Atomics.load(this.#word, 0);
  }

  /** Hands an event to those who want it. */
  publish(event: TroupeEvent): void {
    const bit = 1 << EVENT_TYPES.indexOf(event.type);
    for (const { mask, offer } of this.#readers) {
      if ((mask & bit) !== 0) offer(event);
    }
  }

  /**
   * A live stream of the events of `types`, all of them by default; it has ended already once the system has.
   * Throws `limit-reached`, `invalid-options`.
   */
  subscribe(types: readonly EventType[] = EVENT_TYPES, options: SubscriptionOptions = {}): Subscription<TroupeEvent> {
    return this.#open(maskOf(types), options, (count) => ({ type: "eventsLost", count }), (event) => event);
  }

  /** A live stream of dead letters. Throws as {@link subscribe} does. */
  deadLetters(options: SubscriptionOptions = {}): Subscription<DeadLetter> {
    const onlyLetters = (event: TroupeEvent) => event.type === "deadLetter" ? event : undefined;
    return this.#open(maskOf(["deadLetter"]), options, undefined, onlyLetters);
  }

  /** Calls `close` when the system ends. */
  onClose(close: () => void): void {
    this.#closings.add(close);
  }

  /** Takes that back. */
  offClose(close: () => void): void {
    this.#closings.delete(close);
  }

  /** Ends all streams. */
  close(): void {
    this.isClosed = true;
    for (const close of [...this.#closings]) close();
    for (const { close } of [...this.#readers]) close();
  }

  #open<T>(
    mask: number,
    options: SubscriptionOptions,
    describeLoss: ((count: number) => T) | undefined,
    itemOf: (event: TroupeEvent) => T | undefined,
  ): Subscription<T> {
    if (this.#readers.size >= SUBSCRIBERS_MAX) {
      throw new ActorError("limit-reached", `Cannot subscribe: there are ${SUBSCRIBERS_MAX} subscriptions already`);
    }
    const offer = (event: TroupeEvent) => {
      const item = itemOf(event);
      if (item !== undefined) subscription.offer(item);
    };
    const reader: Reader = { mask, offer, close: () => subscription.close() };
    const subscription: Subscription<T> = new Subscription<T>(options, describeLoss, () => this.#leave(reader));
    if (this.isClosed) subscription.close();
    if (subscription.isClosed) return subscription;
    this.#readers.add(reader);
    this.#updateWanted();
    return subscription;
  }

  #leave(reader: Reader): void {
    this.#readers.delete(reader);
    this.#updateWanted();
  }

  #updateWanted(): void {
    let wanted = 0;
    for (const { mask } of this.#readers) wanted |= mask;
    Atomics.store(this.#word, 0, wanted);
  }
}

function maskOf(types: readonly EventType[]): number {
  let mask = 0;
  for (const type of types) {
    const bit = EVENT_TYPES.indexOf(type);
    if (bit < 0) {
      throw new ActorError(
        "invalid-options",
        `Cannot subscribe: there is no event ${JSON.stringify(type)}; there are ${EVENT_TYPES.join(", ")}`,
      );
    }
    mask |= 1 << bit;
  }
  return mask;
}
