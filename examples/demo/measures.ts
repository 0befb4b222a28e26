/**
 * What the customers measure. Pure; mutable; times are milliseconds of one clock, given by the caller.
 *
 * @module
 */
import type { Fate } from "../../mod.ts";

/** Counters and times of one run. */
export class Measures {
  /** Milliseconds of each exchange of a request and its end, repeats and all. */
  readonly latencies: number[] = [];
  /** Requests that customers have begun, copies included; and those the bank has said something final to. */
  begun = 0;
  answered = 0;
  moved = 0;
  refused = 0;
  reads = 0;
  /** Transfers among those that moved money. */
  transfers = 0;
  /** Requests sent again. */
  retries = 0;
  /** Answers by the node that gave them. */
  readonly answersOfNode: number[] = [];
  /** Exchanges without an answer, by the fate they were told and the code. */
  readonly failures: Readonly<Record<Fate, Map<string, number>>> = {
    "not-delivered": new Map(),
    "delivered": new Map(),
    "unknown": new Map(),
  };

  failed(fate: Fate, code: string): void {
    const codes = this.failures[fate];
    codes.set(code, (codes.get(code) ?? 0) + 1);
  }

  answeredBy(node: number): void {
    this.answersOfNode[node] = (this.answersOfNode[node] ?? 0) + 1;
  }
}

/** How long keys were without a success after one instant: each until the first success that was asked for after it. */
export class Recovery {
  readonly sinceMs: number;
  /** Key → milliseconds until its first success. */
  readonly #recovered = new Map<string, number>();
  readonly #waiting: Set<string>;

  /** @param keys Those to watch; each counts once. */
  constructor(sinceMs: number, keys: Iterable<string>) {
    this.sinceMs = sinceMs;
    this.#waiting = new Set(keys);
  }

  /** What was asked for before the instant says nothing of the time after it, however late it was answered. */
  succeeded(key: string, sentMs: number, nowMs: number): void {
    if (sentMs < this.sinceMs || !this.#waiting.delete(key)) return;
    this.#recovered.set(key, nowMs - this.sinceMs);
  }

  /** Keys without a success yet. */
  get waiting(): ReadonlySet<string> {
    return this.#waiting;
  }

  /** Of those of `keys` that are watched. */
  figures(keys: Iterable<string>): RecoveryFigures {
    const times: number[] = [];
    let waiting = 0;
    for (const key of new Set(keys)) {
      const time = this.#recovered.get(key);
      if (time !== undefined) times.push(time);
      else if (this.#waiting.has(key)) waiting++;
    }
    return {
      recovered: times.length,
      waiting,
      p50Ms: percentile(times, 0.5),
      p99Ms: percentile(times, 0.99),
      maxMs: percentile(times, 1),
    };
  }
}

/** How some keys recovered. */
export interface RecoveryFigures {
  readonly recovered: number;
  /** Keys that never did. */
  readonly waiting: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** The value that `fraction` of `values` do not exceed (nearest rank); 0 for none. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)] ?? 0;
}
