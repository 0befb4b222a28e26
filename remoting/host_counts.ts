/**
 * Counts something by the host it comes from: so many at all, and so many from one. Pure; mutable, for one owner.
 *
 * The invariant: a host of which nothing is counted is not kept either.
 *
 * @module
 */

/** What may be counted at one time. */
export interface HostCountsMax {
  readonly ofOne: number;
  readonly ofAll: number;
}

/** See the module. */
export class HostCounts {
  readonly #max: HostCountsMax;
  readonly #counts = new Map<string, number>();
  #total = 0;

  /** Nothing is counted yet. */
  constructor(max: HostCountsMax) {
    this.#max = max;
  }

  /** Whether one more of `host` would be over a limit. */
  isFull(host: string): boolean {
    return this.#total >= this.#max.ofAll || this.#of(host) >= this.#max.ofOne;
  }

  /** Counts one more. What it answers counts it no more; safe to repeat. */
  add(host: string): () => void {
    this.#total++;
    this.#counts.set(host, this.#of(host) + 1);
    let isCounted = true;
    return () => {
      if (!isCounted) return;
      isCounted = false;
      this.#total--;
      const left = this.#of(host) - 1;
      if (left > 0) this.#counts.set(host, left);
      else this.#counts.delete(host);
    };
  }

  #of(host: string): number {
    return this.#counts.get(host) ?? 0;
  }
}
