/**
 * What a handler works with: its first parameter. Everything an actor does to the world goes through it,
 * so that the same handler runs in a worker, on the main thread and in the simulator. A context belongs to
 * one run of one handler and ends with it. Pure types.
 *
 * @module
 */
import type { ActorKey } from "./ids.ts";
import type { Kind } from "./kind.ts";
import type { Log } from "./ports.ts";
import type { AnyProtocol } from "./protocol.ts";
import type { ActorRef, AnyRef } from "./ref.ts";
import type { Resource } from "./resource.ts";
import type { FencingToken } from "./store.ts";
import type { Topic } from "./topic.ts";

/**
 * The context of one run of a handler or hook. Used after its handler has ended, everything but `self`,
 * `key` and `log` throws `context-ended`: by then another message may be running.
 */
export interface Context<State> {
  /** The actor's state. Change it in place, or replace it whole. */
  state: State;
  /** This actor. Its handlers are not inferred here (a kind cannot know itself while it is declared). */
  readonly self: ActorRef<AnyProtocol>;
  /** The actor that sent this message, if one did. */
  readonly sender: ActorRef<AnyProtocol> | undefined;
  /** This actor's key. */
  readonly key: ActorKey;
  /** This actor's name: the last part of its key. */
  readonly name: string;
  /** How many times supervision has restarted this actor. */
  readonly restarts: number;
  /** A log that names this actor. */
  readonly log: Log;
  /** Milliseconds left before the caller stops waiting; `Infinity` when nobody waits. */
  readonly timeLeftMs: number;
  /** Aborts when the caller stops waiting or the actor must end. Give it to `fetch` and friends. */
  readonly signal: AbortSignal;
  /** This activation's fencing token, for writes to systems of your own; `undefined` when the kind is not stored. */
  readonly fence: FencingToken | undefined;
  /**
   * The trace that the message belongs to, as a `traceparent` of the W3C Trace Context, if whoever began it named one with
   * `ref.with({ trace })`. What this handler sends belongs to it as well.
   */
  readonly trace: string | undefined;
  /** This actor's timers. They end with its life. */
  readonly timers: ContextTimers;

  /** Milliseconds since 1970, by the runtime's clock. For people, never for order. */
  now(): number;
  /** A number from 0 to below 1, by the runtime's random source. */
  random(): number;
  /**
   * Resolves after `ms` milliseconds of the runtime's clock, `0` to a day; the actor holds its next message back
   * meanwhile, unless the handler is reentrant. Rejects as soon as {@link signal} aborts, with its reason, and with
   * `context-ended` when the handler ends first. Repeat it freely.
   *
   * @throws {ActorError} `limit-reached` with 1024 under way; `not-supported` for a time out of range.
   */
  sleep(ms: number): Promise<void>;

  /** A grain by name; no I/O, activated by its first message. */
  grain<P, Init>(kind: Kind<P, Init>, name: string): ActorRef<P>;
  /** An actor by name, whether or not it runs. */
  actor<P, Init>(kind: Kind<P, Init>, name: string): ActorRef<P>;
  /**
   * Starts a child, on this thread, named `parent/child`: it lives and dies with this actor. Messages to
   * it wait until it has started; if it cannot start, its supervision decides.
   *
   * @throws {ActorError} `name-taken`, `invalid-name`, `kind-unknown`, `limit-reached`.
   */
  spawn<P, Init>(kind: Kind<P, Init>, name: string, ...init: Init extends void ? [] : [init: Init]): ActorRef<P>;
  /** The children that are alive. */
  readonly children: readonly ActorRef<AnyProtocol>[];
  /**
   * Ends this actor after this message, or a child at once. What is queued becomes dead letters; of a grain, its next
   * activation takes it.
   */
  stop(child?: AnyRef): void;

  /** Asks to be told through `onTerminated` when `ref` ends; at once if there is no such actor. Safe to repeat. */
  watch(ref: ActorRef<never> | AnyRef): void;
  /** Takes that back. */
  unwatch(ref: ActorRef<never> | AnyRef): void;

  /** Puts this message aside, with whoever waits for its reply. @throws {ActorError} `stash-full`. */
  stash(): void;
  /** Puts all stashed messages back at the front of the mailbox, in their order. */
  unstashAll(): void;
  /** Answers with the handlers of the behavior `name` from the next message on. */
  become(name: string): void;
  /** Answers with the kind's own handlers again. */
  unbecome(): void;

  /**
   * Hands a promise's outcome to this actor as a message: its value to `onValue`, its error to
   * `onFailure`, or without that to the dead letters. Keeps the order: the mailbox goes on meanwhile.
   *
   * @throws {ActorError} `limit-reached` with over 1024 unsettled.
   */
  pipe(promise: PromiseLike<unknown>, onValue: string, onFailure?: string): void;
  /**
   * Writes the state to the store under this activation's token. Resolves when it is durable. Repeat it freely.
   *
   * @throws {ActorError} `fenced-write`: another activation has written since; this one ends.
   * `store-failed`, fate `unknown`: it may be written. `store-missing`: the kind is not `store: true`.
   */
  save(): Promise<void>;

  /** This thread's own instance of a resource. @throws {ActorError} `resource-unknown`. */
  use<T>(resource: Resource<T>): T;
  /** Publishes to a topic: at most once to each subscriber. */
  publish<T>(topic: Topic<T>, value: T): void;
  /** Makes the topic's values messages to `handler` of this actor, until it ends or unsubscribes. */
  subscribe<T>(topic: Topic<T>, handler: string): void;
  /** Takes that back. */
  unsubscribe<T>(topic: Topic<T>): void;
}

/** Named timers: setting a name again replaces its timer. Delays in milliseconds, `0` to a day. */
export interface ContextTimers {
  /** Sends `handler(...args)` to this actor once. */
  once(name: string, delayMs: number, handler: string, ...args: readonly unknown[]): void;
  /** Sends it again and again, the first time after one period. A tick that still waits is not sent twice. */
  every(name: string, periodMs: number, handler: string, ...args: readonly unknown[]): void;
  /** Ends a timer, also a tick of it that waits. `false` when there is none of that name. */
  cancel(name: string): boolean;
}
