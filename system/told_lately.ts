/**
 * What somebody has been told of lately. Pure; mutable, for one owner.
 *
 * One idea: a machine says what is wrong at every look; a person wants to hear it once, and again if it lasts.
 *
 * Invariant: it remembers no more than its limit. At that it forgets all, so something may be told too early again, but
 * never not at all.
 *
 * @module
 */

/** Milliseconds between two tellings of one thing, and how many things are remembered. */
export const TOLD_AGAIN_MS = 60_000;
export const TOLD_KEPT = 256;

/** Things by name. */
export class ToldLately {
  /** When each was last told. */
  readonly #toldMs = new Map<string, number>();

  /** Whether it is to be told now. If so, it counts as told. */
  isDue(name: string, nowMs: number): boolean {
    if (nowMs - (this.#toldMs.get(name) ?? -Infinity) < TOLD_AGAIN_MS) return false;
    if (this.#toldMs.size >= TOLD_KEPT) this.#toldMs.clear();
    this.#toldMs.set(name, nowMs);
    return true;
  }
}
