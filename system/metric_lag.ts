/**
 * How late the event loop of this thread is: a timer that says when it should have come, and when it did. On the main
 * thread, over the clock and the timer it is given.
 *
 * Invariant: whoever asks while the loop is late is told so already then, not only after the timer has come.
 *
 * @module
 */

/** Milliseconds between two looks. A stall of less may go unseen; one of more never does. */
export const LAG_LOOK_MS = 100;
/** What is left of a lag at each later look, so that a probe that comes seconds later still sees it. */
const KEPT = 0.9;

/** What {@link LoopLag} is given. */
export interface LagOptions {
  /** Monotonic, in milliseconds. */
  readonly clock: () => number;
  /** Calls `run` after `ms`, unless cancelled by the answer; keeps no process alive. */
  readonly later: (run: () => void, ms: number) => () => void;
  /** Told of every look: how many milliseconds late it came. */
  readonly observe: (lateMs: number) => void;
}

/** See the module. Looks from its making on, until it is ended. */
export class LoopLag {
  readonly #options: LagOptions;
  #lastMs = 0;
  #keptMs = 0;
  #dueMs = 0;
  #cancel: () => void = () => {};

  constructor(options: LagOptions) {
    this.#options = options;
    this.#arm();
  }

  /** Milliseconds the last look was late. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** Milliseconds the loop is late, or was lately. */
  get lagMs(): number {
    return Math.max(this.#keptMs, this.#options.clock() - this.#dueMs);
  }

  /** Looks no more. Safe to repeat. */
  end(): void {
    this.#cancel();
    this.#dueMs = Infinity;
  }

  #arm(): void {
    this.#dueMs = this.#options.clock() + LAG_LOOK_MS;
    this.#cancel = this.#options.later(() => this.#look(), LAG_LOOK_MS);
  }

  #look(): void {
    this.#lastMs = Math.max(0, this.#options.clock() - this.#dueMs);
    this.#keptMs = Math.max(this.#lastMs, this.#keptMs * KEPT);
    this.#options.observe(this.#lastMs);
    this.#arm();
  }
}
