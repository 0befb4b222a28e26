/**
 * What one thread has counted. Plain data, mutable, one per thread; read as a whole by `stats`.
 *
 * @module
 */
import { DEAD_LETTER_REASONS, type DeadLetterReason } from "../core/events.ts";

/** The counters of one thread; all only grow. */
export interface CounterValues {
  /** Tells and asks that stayed on this thread. */
  readonly messagesLocal: number;
  /** Tells, asks and replies sent to other threads. */
  readonly recordsSent: number;
  /** Tells, asks and replies received from other threads. */
  readonly recordsReceived: number;
  /** Tells whose sender was told `false`. */
  readonly tellsRefused: number;
  /** Messages sent to other threads that were refused when they arrived; dead letters there. */
  readonly refusedElsewhere: number;
  /** Asks made on this thread. */
  readonly asks: number;
  /** Handlers and hooks that failed. */
  readonly failures: number;
  /** Lives begun, restarts included. */
  readonly actorsStarted: number;
  /** Actors that have ended. */
  readonly actorsStopped: number;
  /** Restarts by supervision. */
  readonly restarts: number;
  /** Events and dead letters that nobody was told because a lane was full. */
  readonly eventsUnsent: number;
  /** Dead letters by reason; reasons that never occurred are missing. */
  readonly deadLetters: Readonly<Partial<Record<DeadLetterReason, number>>>;
}

/** One thread's own counters. */
export class Counters {
  messagesLocal = 0;
  recordsSent = 0;
  recordsReceived = 0;
  tellsRefused = 0;
  asks = 0;
  failures = 0;
  actorsStarted = 0;
  actorsStopped = 0;
  restarts = 0;
  eventsUnsent = 0;
  readonly #deadLetters = new Map<DeadLetterReason, number>();

  /** Counts dead letters. */
  deadLetter(reason: DeadLetterReason, count: number = 1): void {
    if (count > 0) this.#deadLetters.set(reason, (this.#deadLetters.get(reason) ?? 0) + count);
  }

  /** The values now. */
  values(refusedElsewhere: number = 0): CounterValues {
    const counted = DEAD_LETTER_REASONS.filter((reason) => this.#deadLetters.has(reason));
    return {
      messagesLocal: this.messagesLocal,
      recordsSent: this.recordsSent,
      recordsReceived: this.recordsReceived,
      tellsRefused: this.tellsRefused,
      refusedElsewhere,
      asks: this.asks,
      failures: this.failures,
      actorsStarted: this.actorsStarted,
      actorsStopped: this.actorsStopped,
      restarts: this.restarts,
      eventsUnsent: this.eventsUnsent,
      deadLetters: Object.fromEntries(counted.map((reason) => [reason, this.#deadLetters.get(reason)])),
    };
  }
}
