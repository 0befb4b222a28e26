/**
 * The runtime's record of one actor: state, mailbox, and what it is doing. Data only: what may happen to a
 * cell is in `cell_mailbox.ts` (take and put), `cell_run.ts` (messages) and `cell_life.ts` (beginning, failing, ending).
 * Mutable, owned by one thread. A million idle cells must fit, so everything rare is in `extras`.
 *
 * @module
 */
import type { ActorTimer } from "./actor_timers.ts";
import type { Envelope } from "./envelope.ts";
import type { ActorError } from "./failure.ts";
import type { HandlerContext } from "./handler_context.ts";
import type { ActorKey, ThreadIndex } from "./ids.ts";
import type { AnyKind, HandlerEntry } from "./kind.ts";
import type { CellStatus, StartReason, StopReason } from "./lifecycle.ts";
import { PIPES_PER_ACTOR_MAX, TIMERS_PER_ACTOR_MAX } from "./limits.ts";
import type { CellPort, DueEntry, Watcher } from "./ports.ts";
import type { AnyRef, Courier, Target } from "./ref.ts";
import { RingQueue } from "./ring_queue.ts";
import type { FencingToken } from "./store.ts";
import type { RestartHistory } from "./supervision.ts";

/** Places the mailbox keeps for what cannot be refused: ticks, piped outcomes, the wish to end. */
const RESERVED_MESSAGES = TIMERS_PER_ACTOR_MAX + PIPES_PER_ACTOR_MAX + 4;

/** One actor. It is its own {@link Target}: a ref from inside needs nothing more. */
export class Cell implements Target {
  readonly port: CellPort;
  readonly kind: AnyKind;
  readonly key: ActorKey;
  readonly parent: Cell | undefined;
  /** What its state is made from. */
  readonly init: unknown;
  /** User messages that wait, and the few of the runtime that must keep their order among them. */
  mailbox: RingQueue<Envelope>;
  status: CellStatus = "created";
  state: unknown = undefined;
  /** Why the present life began, or will. */
  startReason: StartReason;
  /** The handlers in force. */
  handlers: readonly HandlerEntry[];
  /** The run that holds the next message back: a handler that is running or waits, or a hook. */
  current: HandlerContext | undefined = undefined;
  /** Whether the host has it in its run queue. */
  isQueued = false;
  /** When it last ran a user message, in milliseconds of the process clock. */
  activeMs: number;
  /** Everything most actors never need. */
  extras: CellExtras | undefined = undefined;

  constructor(
    port: CellPort,
    kind: AnyKind,
    key: ActorKey,
    parent: Cell | undefined,
    init: unknown,
    reason: StartReason,
  ) {
    this.port = port;
    this.kind = kind;
    this.key = key;
    this.parent = parent;
    this.init = init;
    this.startReason = reason;
    this.handlers = kind.handlers;
    this.activeMs = port.now();
    this.mailbox = new RingQueue(kind.mailboxMessagesMax + kind.stashMessagesMax + RESERVED_MESSAGES);
  }

  get courier(): Courier {
    return this.port.courier;
  }

  get thread(): ThreadIndex {
    return this.port.thread;
  }

  get cell(): Cell {
    return this;
  }

  /** A cell's cache is itself. */
  set cell(_cell: object | undefined) {}

  /** The extras, made when first needed. */
  get more(): CellExtras {
    return this.extras ??= new CellExtras();
  }

  /** Whether a grain: it comes back with the next message. */
  get isGrain(): boolean {
    return this.parent === undefined && this.key.includes(":");
  }
}

/** The rare parts of a cell. */
export class CellExtras {
  /** Live children by key. */
  children: Map<ActorKey, Cell> | undefined = undefined;
  /** Who is told when this actor ends. */
  watchers: Watcher[] | undefined = undefined;
  /** Whom this actor watches. */
  watching: Map<ActorKey, Target> | undefined = undefined;
  /** Ends this actor was told of and has not seen yet. */
  terminated: RingQueue<Terminated> | undefined = undefined;
  timers: Map<string, ActorTimer> | undefined = undefined;
  stash: RingQueue<Envelope> | undefined = undefined;
  /** Reentrant handlers that wait. */
  interleaved: Set<HandlerContext> | undefined = undefined;
  /** Promises piped here and not settled. */
  pipes = 0;
  /** Sleeps of its runs that are under way. */
  sleeps = 0;
  /** The token of this activation, when the kind is stored. */
  token: FencingToken | undefined = undefined;
  /** Restarts by supervision so far, and when. */
  restarts = 0;
  history: RestartHistory = [];
  /** Whether the store has been asked for the state of a life that has not begun. */
  isLoading = false;
  /** Whether the last life ended before it began: there was no state for it. */
  isStillborn = false;
  /** What the restart under way still waits for, beside its hook and children. */
  restarting: { isDelayOver: boolean; readonly error: ActorError } | undefined = undefined;
  /** What the end under way is for, and what it still waits for. */
  stopping: { readonly reason: StopReason; isGraceOver: boolean; isHookDone: boolean } | undefined = undefined;
  /** The run that has asked for the end of its actor; it comes when that run has ended. */
  stopWanted: HandlerContext | undefined = undefined;
  /** The timer of a backoff or of a grace, whichever is under way. */
  delay: DueEntry | undefined = undefined;
  hasSubscriptions = false;
}

/** The end of a watched actor. */
export interface Terminated {
  readonly ref: AnyRef;
  readonly reason: StopReason;
}
