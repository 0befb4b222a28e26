/**
 * The signals of running handlers, made only for those that ask. Touches AbortController; one per thread.
 *
 * @module
 */
import { ActorError } from "../core/failure.ts";
import type { HandlerContext } from "../core/handler_context.ts";
import type { DueEntry, Timers } from "../core/ports.ts";
import type { TimerEntry } from "../core/timer_wheel.ts";

/** Makes and aborts the signals of one thread's handlers. */
export class Aborts {
  readonly #timers: Timers;
  readonly #signals = new WeakMap<HandlerContext, RunSignal>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** The signal of `ctx`; aborts at the deadline of its caller. */
  signalOf(ctx: HandlerContext): AbortSignal {
    let signal = this.#signals.get(ctx);
    if (signal === undefined) {
      signal = new RunSignal(ctx);
      this.#signals.set(ctx, signal);
      if (ctx.ask !== undefined) this.#timers.schedule(signal, ctx.ask.deadline);
    }
    return signal.controller.signal;
  }

  /** Aborts the signal of `ctx`, if it has one. */
  abort(ctx: HandlerContext, error: ActorError): void {
    const signal = this.#signals.get(ctx);
    if (signal === undefined) return;
    this.#timers.cancel(signal);
    signal.controller.abort(error);
  }

  /** The run of `ctx` has settled: its deadline no longer matters. */
  forget(ctx: HandlerContext): void {
    const signal = this.#signals.get(ctx);
    if (signal !== undefined) this.#timers.cancel(signal);
  }
}

class RunSignal implements DueEntry {
  dueMs = 0;
  wheelNext: TimerEntry | undefined = undefined;
  wheelPrevious: TimerEntry | undefined = undefined;
  readonly controller = new AbortController();
  readonly ctx: HandlerContext;

  constructor(ctx: HandlerContext) {
    this.ctx = ctx;
  }

  due(): void {
    const { key, handler, isLive } = this.ctx;
    if (!isLive) return;
    this.controller.abort(
      new ActorError("ask-timeout", `Cannot finish ${key}.${handler}: its caller's deadline has passed`, {
        fate: "delivered",
      }),
    );
  }
}
