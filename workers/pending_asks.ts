/**
 * The asks one thread waits for. Each ends exactly once: by a reply, a refusal, its deadline, its caller's
 * signal, or the loss of the thread it went to; whoever comes second finds it gone. Touches promises;
 * mutable; one per thread.
 *
 * @module
 */
import type { AskHeader, ChainLink } from "../core/envelope.ts";
import { ActorError } from "../core/failure.ts";
import type { Instant, ThreadIndex } from "../core/ids.ts";
import type { DueEntry, Timers } from "../core/ports.ts";
import type { TimerEntry } from "../core/timer_wheel.ts";

/** Milliseconds after its deadline that a thread ends an ask whose end it was not told. Two ticks, and one of a slow machine. */
const ROUTER_GRACE_MS = 150;

/** What an ask is about, for its errors. */
export interface AskSubject {
  /** Whom it went to. */
  readonly to: string;
  readonly handler: string;
  /** The handler that waits for it, as `key.handler`. */
  readonly waitingIn: string | undefined;
}

/** One ask that waits. On its own thread it is the message's {@link AskHeader} itself. */
export class PendingAsk implements AskHeader, DueEntry {
  dueMs = 0;
  wheelNext: TimerEntry | undefined = undefined;
  wheelPrevious: TimerEntry | undefined = undefined;
  readonly id: number;
  readonly thread: ThreadIndex;
  readonly deadline: Instant;
  readonly chain: ChainLink | undefined;
  readonly subject: AskSubject;
  readonly askedMs: number;
  /** The table it is in. */
  readonly asks: PendingAsks;
  /** The thread that must answer. */
  readonly askedThread: ThreadIndex;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: ActorError) => void;
  signal: AbortSignal | undefined = undefined;
  onAbort: (() => void) | undefined = undefined;
  isSettled = false;
  /** The life of its thread it began in. */
  life = 0;
  /** Whether the answer comes from outside of this thread, by its id. */
  isAbroad: boolean;

  constructor(parts: {
    readonly asks: PendingAsks;
    readonly id: number;
    readonly thread: ThreadIndex;
    readonly askedThread: ThreadIndex;
    readonly deadline: Instant;
    readonly askedMs: number;
    readonly chain: ChainLink | undefined;
    readonly subject: AskSubject;
    readonly resolve: (value: unknown) => void;
    readonly reject: (error: ActorError) => void;
  }) {
    this.asks = parts.asks;
    this.id = parts.id;
    this.thread = parts.thread;
    this.askedThread = parts.askedThread;
    this.deadline = parts.deadline;
    this.askedMs = parts.askedMs;
    this.chain = parts.chain;
    this.subject = parts.subject;
    this.resolve = parts.resolve;
    this.reject = parts.reject;
    this.isAbroad = parts.askedThread !== parts.thread;
  }

  due(): void {
    this.asks.expire(this);
  }
}

/** The asks of one thread. */
export class PendingAsks {
  /** How many wait. */
  count = 0;
  /** Told the id of an ask that left the node and has ended, however. */
  forgotten: ((askId: number) => void) | undefined = undefined;
  /** Told of each ask that ends with an error its asker hears of; for the simulator, which shows them. */
  failed: ((subject: AskSubject, error: ActorError) => void) | undefined = undefined;
  readonly #limit: number;
  readonly #timers: Timers;
  readonly #abroad = new Map<number, PendingAsk>();
  #life = 0;

  /** `limit`: how many may wait at once. */
  constructor(limit: number, timers: Timers) {
    this.#limit = limit;
    this.#timers = timers;
  }

  /** Begins to wait. Throws `asks-full`, or `ask-aborted` (fate `not-delivered`) when `signal` has aborted already. */
  add(ask: PendingAsk, signal: AbortSignal | undefined): void {
    if (this.count >= this.#limit) {
      throw new ActorError(
        "asks-full",
        `Cannot ask ${nameOf(ask)}: this thread waits for its limit of ${this.#limit} replies`,
        {
          details: { limit: this.#limit },
        },
      );
    }
    if (signal !== undefined) this.#listen(ask, signal);
    ask.life = this.#life;
    this.count++;
    if (ask.isAbroad) this.#abroad.set(ask.id, ask);
    this.#timers.schedule(ask, ask.deadline);
  }

  /**
   * The actors of this thread have lost the right to run. What they wait for never comes: whatever settles it, no handler
   * of theirs is resumed. Asks from outside of all actors go on.
   */
  beginLife(): void {
    this.#life++;
  }

  /** The asks whose answer comes from outside of this thread. */
  get abroad(): Iterable<PendingAsk> {
    return this.#abroad.values();
  }

  /**
   * The ask leaves this node, or may: whoever answers it knows its id only. Its deadline is kept by the router of the
   * node, which knows whether the message ever left; this thread waits a little longer, in case the main thread is stuck.
   */
  sendAbroad(ask: PendingAsk): void {
    if (ask.isSettled) return;
    ask.isAbroad = true;
    this.#abroad.set(ask.id, ask);
    this.#timers.cancel(ask);
    this.#timers.schedule(ask, ask.deadline + ROUTER_GRACE_MS);
  }

  /** The ask another thread answers; `undefined` when it has ended. */
  find(id: number): PendingAsk | undefined {
    return this.#abroad.get(id);
  }

  /** Ends an ask with its reply; `false` when it has ended before. */
  resolve(ask: PendingAsk, value: unknown): boolean {
    if (!this.#end(ask)) return false;
    if (!this.#isOver(ask)) ask.resolve(value);
    return true;
  }

  /** Ends an ask with a failure; `false` when it has ended before. */
  reject(ask: PendingAsk, error: ActorError): boolean {
    if (!this.#end(ask)) return false;
    if (this.#isOver(ask)) return true;
    this.failed?.(ask.subject, error);
    ask.reject(error);
    return true;
  }

  /** The deadline has passed. */
  expire(ask: PendingAsk): void {
    const waitedMs = Math.max(0, Math.round(ask.deadline - ask.askedMs));
    const { to, handler, waitingIn } = ask.subject;
    const where = waitingIn === undefined ? "" : `, waiting in ${waitingIn}`;
    this.reject(
      ask,
      new ActorError("ask-timeout", `Cannot wait any longer for ${to}.${handler}: no reply in ${waitedMs} ms${where}`, {
        details: { to, handler, waitedMs, ...(waitingIn === undefined ? {} : { waitingIn }) },
      }),
    );
  }

  /** Every ask to `thread` ends: it is gone, and nobody knows what it did. How many there were. */
  loseThread(thread: ThreadIndex, reason: string): number {
    const lost = [...this.#abroad.values()].filter((ask) => ask.askedThread === thread);
    for (const ask of lost) {
      this.reject(
        ask,
        new ActorError("worker-lost", `Cannot tell what became of ${nameOf(ask)}: its worker ended (${reason})`, {
          details: { thread, ...ask.subject },
        }),
      );
    }
    return lost.length;
  }

  /** Every ask to other threads ends with `error`: the system is gone. */
  rejectAll(error: ActorError): void {
    for (const ask of [...this.#abroad.values()]) this.reject(ask, error);
  }

  #isOver(ask: PendingAsk): boolean {
    return ask.life !== this.#life && ask.chain !== undefined;
  }

  #forget(ask: PendingAsk): void {
    this.#abroad.delete(ask.id);
    if (ask.askedThread === ask.thread) this.forgotten?.(ask.id);
  }

  #listen(ask: PendingAsk, signal: AbortSignal): void {
    const aborted = (fate: "not-delivered" | "unknown") =>
      new ActorError("ask-aborted", `Cannot wait for ${nameOf(ask)}: its caller gave up`, {
        fate,
        cause: signal.reason,
      });
    if (signal.aborted) throw aborted("not-delivered");
    ask.signal = signal;
    ask.onAbort = () => this.reject(ask, aborted("unknown"));
    signal.addEventListener("abort", ask.onAbort, { once: true });
  }

  #end(ask: PendingAsk): boolean {
    if (ask.isSettled) return false;
    ask.isSettled = true;
    this.count--;
    if (ask.isAbroad) this.#forget(ask);
    this.#timers.cancel(ask);
    if (ask.onAbort !== undefined) ask.signal?.removeEventListener("abort", ask.onAbort);
    return true;
  }
}

function nameOf(ask: PendingAsk): string {
  return `${ask.subject.to}.${ask.subject.handler}`;
}
