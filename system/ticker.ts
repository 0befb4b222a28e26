/**
 * The ticks of a clustered node: one each few milliseconds, and a sweep each second. On the main thread; over the
 * platform's timer.
 *
 * Invariant: a tick comes no sooner than its time after the one before; how late it comes is known, and told with it.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";

const SWEEP_MS = 1_000;
/** What is left of a lag at each later tick, so that a look that comes later still sees it. */
const KEPT = 0.9;

/** What {@link Ticker} is given. */
export interface TickerOptions {
  readonly tickMs: number;
  /** A tick, so many milliseconds late. */
  readonly tick: (lateMs: number) => void;
  readonly sweep: () => void;
}

/** See the module. */
export class Ticker {
  /** Milliseconds the event loop was late at the last tick, and at most in the last while. */
  lagMs = 0;
  readonly #options: TickerOptions;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #dueMs = 0;
  #sweepDueMs = 0;

  constructor(options: TickerOptions) {
    this.#options = options;
  }

  /** Ticks, now and from now on. */
  begin(): void {
    this.#dueMs = performance.now();
    this.#tick();
  }

  /** Ticks no more. */
  end(): void {
    clearTimeout(this.#timer);
  }

  #tick(): void {
    const { tickMs, tick, sweep } = this.#options;
    const nowMs = performance.now();
    const lateMs = nowMs - this.#dueMs;
    this.lagMs = Math.max(lateMs, this.lagMs * KEPT);
    tick(lateMs);
    if (nowMs >= this.#sweepDueMs) {
      this.#sweepDueMs = nowMs + SWEEP_MS;
      sweep();
    }
    this.#dueMs = nowMs + tickMs;
    this.#timer = setTimeout(() => this.#tick(), tickMs);
  }
}
