/**
 * Topics on one thread: who subscribes here, and which other threads have subscribers. A value crosses to
 * another thread once, however many subscribe there. Mutable; one per thread.
 *
 * @module
 */
import type { Cell } from "../core/cell.ts";
import { offer, type Refusal } from "../core/cell_mailbox.ts";
import { Envelope } from "../core/envelope.ts";
import type { ActorKey, ThreadIndex } from "../core/ids.ts";
import type { Outbound } from "./outbox.ts";

/** Takes the values of one topic outside of actors. */
export type TopicListener = (value: unknown) => void;

/** What one thread knows of topics. */
export class TopicTable {
  readonly #thread: ThreadIndex;
  readonly #threads: number;
  readonly #outbound: Outbound | undefined;
  readonly #undelivered: (cell: Cell, envelope: Envelope, refusal: Refusal) => void;
  readonly #topics = new Map<string, Subscribers>();
  #nodeInterest: ((topic: string, isInterested: boolean) => void) | undefined = undefined;

  /** `undelivered` hears of values a subscriber did not take, and why; `threads` counts the threads of the node. */
  constructor(
    thread: ThreadIndex,
    threads: number,
    outbound: Outbound | undefined,
    undelivered: (cell: Cell, envelope: Envelope, refusal: Refusal) => void,
  ) {
    this.#thread = thread;
    this.#threads = threads;
    this.#outbound = outbound;
    this.#undelivered = undelivered;
  }

  /**
   * Sends `value` once to every thread that has subscribers, then to every subscriber here. How many lanes refused
   * it. Throws what encoding throws; then nobody has it.
   */
  publish(topic: string, value: unknown): number {
    let refused = 0;
    for (const thread of this.#topics.get(topic)?.threads ?? []) {
      const isSent = this.#outbound?.offerNotice(thread, { notice: "published", topic, value }) ?? true;
      if (!isSent) refused++;
    }
    this.deliver(topic, value);
    return refused;
  }

  /** Hands `value` to the subscribers of this thread. */
  deliver(topic: string, value: unknown): void {
    const subscribers = this.#topics.get(topic);
    if (subscribers === undefined) return;
    subscribers.forward?.(value);
    this.#deliverHere(subscribers, value);
  }

  /** Hands `value`, which came from another node, to every subscriber of this one. How many lanes refused it. */
  deliverFromNode(topic: string, value: unknown): number {
    const subscribers = this.#topics.get(topic);
    if (subscribers === undefined) return 0;
    let refused = 0;
    for (const thread of subscribers.threads) {
      const isSent = this.#outbound?.offerNotice(thread, { notice: "published", topic, value }) ?? true;
      if (!isSent) refused++;
    }
    this.#deliverHere(subscribers, value);
    return refused;
  }

  /** Other nodes have subscribers: `forward` is given what is published on this one. `undefined`: they have none. */
  setForward(topic: string, forward: TopicListener | undefined): void {
    this.#change(topic, (subscribers) => subscribers.forward = forward);
  }

  /** Calls `changed` whenever this node begins or ceases to have subscribers of a topic; on the main thread only. */
  onNodeInterest(changed: (topic: string, isInterested: boolean) => void): void {
    this.#nodeInterest = changed;
  }

  /** The topics somebody on this node subscribes to. */
  get subscribed(): readonly string[] {
    return [...this.#topics].filter(([, subscribers]) => hasSubscribers(subscribers)).map(([topic]) => topic);
  }

  #deliverHere(subscribers: Subscribers, value: unknown): void {
    for (const { cell, handler } of subscribers.cells.values()) {
      const envelope = new Envelope(handler, [value], undefined, undefined);
      const refusal = offer(cell, envelope);
      if (refusal !== undefined) this.#undelivered(cell, envelope, refusal);
    }
    for (const listener of subscribers.listeners) listener(value);
  }

  /** Makes the topic's values messages of `cell`; again with another handler replaces it. */
  subscribe(topic: string, cell: Cell, handler: number): void {
    this.#change(topic, (subscribers) => subscribers.cells.set(cell.key, { cell, handler }));
  }

  /** Takes one subscription of `cell` back, or all of them. */
  unsubscribe(topic: string | undefined, cell: Cell): void {
    for (const name of topic === undefined ? [...this.#topics.keys()] : [topic]) {
      if (this.#topics.get(name)?.cells.has(cell.key)) {
        this.#change(name, (subscribers) => subscribers.cells.delete(cell.key));
      }
    }
  }

  /** Calls `listener` with every value, until the answer is called. */
  listen(topic: string, listener: TopicListener): () => void {
    this.#change(topic, (subscribers) => subscribers.listeners.add(listener));
    return () => this.#change(topic, (subscribers) => subscribers.listeners.delete(listener));
  }

  /** Another thread has begun or ceased to have subscribers. */
  interest(topic: string, thread: ThreadIndex, isInterested: boolean): void {
    this.#change(topic, (subscribers) => {
      if (isInterested) subscribers.threads.add(thread);
      else subscribers.threads.delete(thread);
    });
  }

  /** A thread was replaced: its subscribers are gone, and it must be told of ours. */
  threadReplaced(thread: ThreadIndex): void {
    for (const [topic, subscribers] of [...this.#topics]) {
      this.interest(topic, thread, false);
      if (hasLocal(subscribers)) this.#outbound?.notice(thread, { notice: "interest", topic, isInterested: true });
    }
  }

  #change(topic: string, change: (subscribers: Subscribers) => void): void {
    const subscribers = this.#of(topic);
    const before = hasLocal(subscribers);
    const nodeBefore = hasSubscribers(subscribers);
    change(subscribers);
    const isInterested = hasLocal(subscribers);
    if (before !== isInterested) this.#announce(topic, isInterested);
    const isNodeInterested = hasSubscribers(subscribers);
    if (nodeBefore !== isNodeInterested) this.#nodeInterest?.(topic, isNodeInterested);
    this.#tidy(topic, subscribers);
  }

  #announce(topic: string, isInterested: boolean): void {
    for (let thread = 0; thread < this.#threads; thread++) {
      if (thread === this.#thread) continue;
      this.#outbound?.notice(thread as ThreadIndex, { notice: "interest", topic, isInterested });
    }
  }

  #of(topic: string): Subscribers {
    let subscribers = this.#topics.get(topic);
    if (subscribers === undefined) {
      subscribers = { cells: new Map(), listeners: new Set(), threads: new Set(), forward: undefined };
      this.#topics.set(topic, subscribers);
    }
    return subscribers;
  }

  #tidy(topic: string, subscribers: Subscribers): void {
    if (!hasLocal(subscribers) && subscribers.threads.size === 0) this.#topics.delete(topic);
  }
}

interface Subscribers {
  readonly cells: Map<ActorKey, { readonly cell: Cell; readonly handler: number }>;
  readonly listeners: Set<TopicListener>;
  readonly threads: Set<ThreadIndex>;
  /** Takes what other nodes subscribe to. */
  forward: TopicListener | undefined;
}

/** Whether values must come to this thread. */
function hasLocal(subscribers: Subscribers): boolean {
  return subscribers.cells.size + subscribers.listeners.size > 0 || subscribers.forward !== undefined;
}

/** Whether somebody on this node subscribes, as far as this thread knows. */
function hasSubscribers(subscribers: Subscribers): boolean {
  return subscribers.cells.size + subscribers.listeners.size + subscribers.threads.size > 0;
}
