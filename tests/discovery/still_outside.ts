/**
 * A time that stands still until a test moves it: what waits are tested with.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Outside } from "../../discovery/waiting.ts";

/** Time for one test. */
export class StillOutside implements Outside {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly dueMs: number; readonly task: () => void }>();

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  later(waitMs: number, task: () => void): () => void {
    const timer = { dueMs: this.#nowMs + waitMs, task };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Lets time pass; what is due runs in its order. */
  pass(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.task();
    }
    this.#nowMs = endMs;
  }
}

/** Lets everything run that waits for nothing. */
export function settled(): Promise<void> {
  return new Promise((resume) => setImmediate(resume));
}
