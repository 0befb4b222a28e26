/**
 * So many a second, and for a moment twice as many: a token bucket. Pure; mutable, for one owner.
 *
 * The invariant: in any stretch of time no more pass than its seconds times the rate, and twice the rate.
 *
 * @module
 */

/** Counts what passes. */
export class RateLimit {
  readonly #perSecond: number;
  #left: number;
  #atMs: number;

  /** A full bucket at `nowMs`. */
  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#left = 2 * perSecond;
    this.#atMs = nowMs;
  }

  /** Whether `count` more may pass now; if not, they count all the same. */
  pass(count: number, nowMs: number): boolean {
    const grownBy = Math.max(0, nowMs - this.#atMs) / 1000 * this.#perSecond;
    this.#atMs = nowMs;
    this.#left = Math.min(2 * this.#perSecond, this.#left + grownBy) - count;
    return this.#left >= 0;
  }
}
