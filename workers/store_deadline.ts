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

/** `answer`, or `store-failed` with fate `unknown` when there is none within the limit. `what` names it in the error. */
export async function withinLimit<T>(answer: Promise<T>, what: string, timers: Timers, nowMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const deadline = new StoreDeadline(what, reject);
  timers.schedule(deadline, nowMs + STORE_ANSWER_MS_MAX);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    timers.cancel(deadline);
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
