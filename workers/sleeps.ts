/**
 * The runs that wait for time to pass. A sleep ends once: when its time has come, when the signal of its run aborts, or
 * with its run. Touches promises; one per thread.
 *
 * Invariant: no sleep outlives its run, so what an ended actor had begun to wait for is not kept.
 *
 * @module
 */
import { ActorError } from "../core/failure.ts";
import type { HandlerContext } from "../core/handler_context.ts";
import { after, type Instant } from "../core/ids.ts";
import { SLEEPS_PER_ACTOR_MAX, WAIT_MS_MAX } from "../core/limits.ts";
import type { DueEntry, Timers } from "../core/ports.ts";
import type { TimerEntry } from "../core/timer_wheel.ts";

/** The sleeps of one thread. */
export class Sleeps {
  readonly #timers: Timers;
  readonly #clock: () => Instant;
  /** What each run waits for. A set stays until its run is forgotten, or each sleep would listen to the signal anew. */
  readonly #runs = new WeakMap<HandlerContext, Set<Sleep>>();

  /** `clock` is read when a sleep begins: a turn that has lasted long makes none shorter. */
  constructor(timers: Timers, clock: () => Instant) {
    this.#timers = timers;
    this.#clock = clock;
  }

  /** Resolves after `ms`. Rejects with the reason of the run's signal, `limit-reached`, or `not-supported`. */
  begin(ctx: HandlerContext, ms: number): Promise<void> {
    const { signal, cell } = ctx;
    const refusal = whyRefused(ctx, ms);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (signal.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // A handler may fail while a sleep of it still waits: nobody looks at that one any more, and that is no error.
    promise.catch(() => {});
    const sleep = new Sleep(ctx, resolve, reject, this);
    this.#sleepsOf(ctx, signal).add(sleep);
    cell.more.sleeps++;
    this.#timers.schedule(sleep, after(this.#clock(), ms));
    return promise;
  }

  /** Whether the run of `ctx` waits for time to pass, beside whatever else. */
  has(ctx: HandlerContext): boolean {
    return (this.#runs.get(ctx)?.size ?? 0) > 0;
  }

  /** Ends everything the run of `ctx` still waits for. */
  endAll(ctx: HandlerContext, reason: unknown): void {
    for (const sleep of [...this.#runs.get(ctx) ?? []]) {
      this.#timers.cancel(sleep);
      this.forget(sleep);
      sleep.reject(reason);
    }
  }

  /** It waits no longer. */
  forget(sleep: Sleep): void {
    if (this.#runs.get(sleep.ctx)?.delete(sleep)) sleep.ctx.cell.more.sleeps--;
  }

  #sleepsOf(ctx: HandlerContext, signal: AbortSignal): Set<Sleep> {
    const known = this.#runs.get(ctx);
    if (known !== undefined) return known;
    const sleeps = new Set<Sleep>();
    this.#runs.set(ctx, sleeps);
    signal.addEventListener("abort", () => this.endAll(ctx, signal.reason), { once: true });
    return sleeps;
  }
}

class Sleep implements DueEntry {
  dueMs = 0;
  wheelNext: TimerEntry | undefined = undefined;
  wheelPrevious: TimerEntry | undefined = undefined;
  readonly ctx: HandlerContext;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
  readonly #sleeps: Sleeps;

  constructor(ctx: HandlerContext, resolve: () => void, reject: (reason: unknown) => void, sleeps: Sleeps) {
    this.ctx = ctx;
    this.resolve = resolve;
    this.reject = reject;
    this.#sleeps = sleeps;
  }

  due(): void {
    this.#sleeps.forget(this);
    this.resolve();
  }
}

function whyRefused({ key, handler, cell }: HandlerContext, ms: number): ActorError | undefined {
  const where = `Cannot sleep in ${key}.${handler}`;
  if (!(ms >= 0 && ms <= WAIT_MS_MAX)) {
    return new ActorError("not-supported", `${where}: ${ms} ms is not between 0 and a day`);
  }
  if ((cell.extras?.sleeps ?? 0) < SLEEPS_PER_ACTOR_MAX) return undefined;
  return new ActorError("limit-reached", `${where}: the actor has its limit of ${SLEEPS_PER_ACTOR_MAX} sleeps`);
}
