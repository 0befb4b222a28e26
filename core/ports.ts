/**
 * What a cell needs from the thread it lives on. The worker's host implements it with real threads and
 * promises, the simulator with simulated ones; a cell cannot tell. Every verb is an effect: the cell
 * decides, the host acts. Pure types.
 *
 * @module
 */
import type { Cell } from "./cell.ts";
import type { DeadLetterReason, TroupeEvent } from "./events.ts";
import type { AskHeader, Envelope } from "./envelope.ts";
import type { ActorError } from "./failure.ts";
import type { HandlerContext } from "./handler_context.ts";
import type { ActorKey, Instant, ThreadIndex } from "./ids.ts";
import type { AnyKind } from "./kind.ts";
import type { StartReason, StopReason } from "./lifecycle.ts";
import type { Random } from "./random.ts";
import type { ActorRef, Courier, Target } from "./ref.ts";
import type { Resource } from "./resource.ts";
import type { TimerEntry } from "./timer_wheel.ts";
import type { Topic } from "./topic.ts";

/** Structured log of one actor or thread. `fields` are plain data. */
export interface Log {
  /** For whoever looks for a fault. */
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** For whoever watches the system run. */
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Something is not as it should be; the system goes on. */
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Something was lost or given up. */
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Who wants to be told when an actor ends. */
export interface Watcher {
  readonly thread: ThreadIndex;
  readonly key: ActorKey;
}

/** Something that waits on the thread's wheel. */
export interface DueEntry extends TimerEntry {
  /** Its time has come. */
  due(): void;
}

/** Sets and ends timers on the thread's wheel. */
export interface Timers {
  schedule(entry: DueEntry, dueMs: number): void;
  cancel(entry: DueEntry): void;
}

/** The thread, seen from a cell. */
export interface CellPort {
  /** Carries what the refs of this thread send. */
  readonly courier: Courier;
  readonly thread: ThreadIndex;
  readonly random: Random;
  readonly timers: Timers;
  /** Whether the system is on its way out: timers tick no more, or it would never be quiet. */
  readonly isDraining: boolean;
  /** Whether the actors of this thread live where a cluster says: what an ended one had queued belongs to its next place. */
  readonly isClustered: boolean;
  /** The instant of this turn, monotonic. */
  now(): Instant;
  /** The clock itself, read now: later than `now()` inside a long turn. */
  clockNow(): Instant;
  /** The log of one actor. */
  logOf(cell: Cell): Log;
  /** Milliseconds since 1970 by the wall clock, for people. */
  wallMs(): number;
  /** A number for one run of a handler, unique in the process. */
  nextInvocation(): number;

  /** Runs user code with `ctx` as the current context of everything it sends, also after its awaits. */
  call(ctx: HandlerContext, run: UserCode, args: readonly unknown[], isAsync: boolean): unknown;
  /** Hands the settling of `promise` back through `settled`. */
  follow(ctx: HandlerContext, promise: PromiseLike<unknown>): void;
  /** The signal of a handler's run; aborts at its deadline and when its actor must end. */
  signalOf(ctx: HandlerContext): AbortSignal;
  /** Aborts the signal of a run, if it asked for one. */
  abort(ctx: HandlerContext, error: ActorError): void;

  /** Resolves after `ms`; rejects when the run's signal aborts. */
  sleep(ctx: HandlerContext, ms: number): Promise<void>;
  /** The run has ended: what it still sleeps for does not come. */
  endSleeps(ctx: HandlerContext): void;

  /** Answers an ask. */
  reply(ask: AskHeader, value: unknown): void;
  /** Answers an ask with a failure. */
  refuse(ask: AskHeader, error: ActorError): void;
  /** A message that no handler will see. */
  deadLetter(cell: Cell, envelope: Envelope, reason: DeadLetterReason): void;
  /** A flush has come to the head of a mailbox, or its mailbox is gone. */
  flushReached(envelope: Envelope): void;
  /** Counts and publishes a fact. */
  publishEvent(event: TroupeEvent): void;

  /** The cell has something to run. */
  wake(cell: Cell): void;
  /** Loads the stored state; answers through `loaded` or `loadFailed`. */
  load(cell: Cell): void;
  /** Writes the state under the cell's token; ends the cell when it is fenced. */
  save(ctx: HandlerContext): Promise<void>;
  /** Hands the outcome of `promise` to a handler as a message. */
  pipe(cell: Cell, promise: PromiseLike<unknown>, onValue: number, onFailure: number | undefined): void;
  /** The cell runs: a life has begun. */
  started(cell: Cell, reason: StartReason): void;
  /** The cell did not begin its first life. */
  startFailed(cell: Cell, error: ActorError): void;
  /** The cell is gone: its name is free. */
  stopped(cell: Cell, reason: StopReason): void;

  /** Makes a child of `parent`, here. */
  spawnChild(parent: Cell, name: string, kind: AnyKind, init: unknown): Cell;
  /** Asks to be told when `target` ends. */
  watch(watcher: Cell, target: Target): void;
  /** Takes that back. */
  unwatch(watcher: Cell, target: Target): void;
  /** Tells one watcher that `ended` is gone. */
  tellWatcher(watcher: Watcher, ended: Cell, reason: StopReason): void;

  /** A ref to `target`. */
  refTo(target: Target): ActorRef;
  /** A ref by kind and key. */
  refByKey(kind: AnyKind, key: ActorKey): ActorRef;
  /** The thing provided under a resource's name on this thread. */
  resource<T>(resource: Resource<T>): T;
  /** Sends `value` to a topic's subscribers. */
  publish<T>(topic: Topic<T>, value: T): void;
  /** Makes a topic's values messages of `cell`. */
  subscribe<T>(cell: Cell, topic: Topic<T>, handler: number): void;
  /** Takes one subscription back, or all. */
  unsubscribe<T>(cell: Cell, topic: Topic<T> | undefined): void;
}

/** A handler or hook, as the runtime calls it. */
export type UserCode = (ctx: never, ...args: never[]) => unknown;
