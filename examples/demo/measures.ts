/**
 * What the client measures. Pure; mutable; times are milliseconds of one clock, given by the caller.
 *
 * @module
 */

/** Counters and times of one run. */
export class Measures {
  /** Milliseconds of each exchange of a request and a reply, retries and all. */
  readonly latencies: number[] = [];
  /** Milliseconds each interrupted account was without a success. */
  readonly recoveries: number[] = [];
  moved = 0;
  refused = 0;
  reads = 0;
  /** Requests sent again. */
  retries = 0;
  /** Exchanges that ended without anybody knowing what happened. */
  unknown = 0;
  /** Exchanges that the bank refused for now. */
  unavailable = 0;
  readonly #interrupted = new Map<string, number>();

  /** An exchange that concerned `accounts` began at `sinceMs` and failed. */
  interrupted(accounts: readonly string[], sinceMs: number): void {
    for (const account of accounts) {
      if (!this.#interrupted.has(account)) this.#interrupted.set(account, sinceMs);
    }
  }

  /** One succeeded. */
  succeeded(accounts: readonly string[], nowMs: number): void {
    if (this.#interrupted.size === 0) return;
    for (const account of accounts) {
      const sinceMs = this.#interrupted.get(account);
      if (sinceMs === undefined) continue;
      this.recoveries.push(nowMs - sinceMs);
      this.#interrupted.delete(account);
    }
  }
}

/** The value that `fraction` of `values` do not exceed (nearest rank); 0 for none. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)] ?? 0;
}
