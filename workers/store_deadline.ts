/**
 * A limit for a store that does not answer: stores have limits of their own, but what a user brings may not,
 * and an actor must not wait for ever. Touches promises and the thread's wheel.
 *
 * @module
 */
import { ActorError } from "../core/failure.ts";
import { STORE_ANSWER_MS_MAX } from "../core/limits.ts";
import type { DueEntry, Timers } from "../core/ports.ts";
import type { TimerEntry } from "../core/timer_wheel.ts";

/** What a wait for a store needs of its thread. */
export interface WaitingThread {
  readonly timers: Timers;
  readonly now: () => number;
  /** Settles when actors of this thread may run: `undefined` while they may. */
  readonly whenThawed: () => Promise<void> | undefined;
}

/**
 * `answer`, or `store-failed` with fate `unknown` when there is none within the limit. `what` names it in the error. A
 * frozen actor hears of either later: what runs behind its `await` is a turn as any other.
 */
export async function withinLimit<T>(answer: Promise<T>, what: string, thread: WaitingThread): Promise<T> {
  const { timers } = thread;
  const { promise, reject } = Promise.withResolvers<never>();
  const deadline = new StoreDeadline(what, reject);
  timers.schedule(deadline, thread.now() + STORE_ANSWER_MS_MAX);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    timers.cancel(deadline);
    for (let thawed = thread.whenThawed(); thawed !== undefined; thawed = thread.whenThawed()) await thawed;
  }
}

class StoreDeadline implements DueEntry {
  dueMs = 0;
  wheelNext: TimerEntry | undefined = undefined;
  wheelPrevious: TimerEntry | undefined = undefined;
  readonly #what: string;
  readonly #reject: (error: ActorError) => void;

  constructor(what: string, reject: (error: ActorError) => void) {
    this.#what = what;
    this.#reject = reject;
  }

  due(): void {
    this.#reject(
      new ActorError("store-failed", `Cannot ${this.#what}: the store has not answered in ${STORE_ANSWER_MS_MAX} ms`, {
        details: { waitedMs: STORE_ANSWER_MS_MAX },
      }),
    );
  }
}
