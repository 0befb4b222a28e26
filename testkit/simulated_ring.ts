/**
 * A ring between two threads of a simulated node: in order, bounded, and late by some milliseconds, now and then by
 * seconds. Mutable; one for each way between two threads.
 *
 * One idea: what may be turned away is turned away while anything waits for room, so what was promised keeps its place.
 *
 * Invariant: records come out in the order in which they were taken.
 *
 * @module
 */
import { below, type Random } from "../core/random.ts";

/** One in so many records takes long, and what follows it comes after it; in milliseconds at most. */
const LONG_ONE_IN = 100;
const LONG_MS_MAX = 500;
const LONG_MS_MAX_SLOW = 8_000;
const USUAL_MS_MAX = 20;

/** A ring. */
export class SimulatedRing<T> {
  readonly #random: Random;
  readonly #recordsMax: number;
  readonly #longMsMax: number;
  readonly #records: { readonly record: T; readonly dueMs: number }[] = [];
  /** What was promised and found no room. */
  readonly #owed: T[] = [];
  #lastDueMs = -Infinity;

  constructor(random: Random, recordsMax: number, isSlow: boolean) {
    this.#random = random;
    this.#longMsMax = isSlow ? LONG_MS_MAX_SLOW : LONG_MS_MAX;
    this.#recordsMax = recordsMax;
  }

  /** Whether nothing is on its way. */
  get isEmpty(): boolean {
    return this.#records.length === 0 && this.#owed.length === 0;
  }

  /** Puts a record in that may be turned away. Whether it was taken. */
  offer(record: T, nowMs: number): boolean {
    if (this.#isFull) return false;
    this.#put(record, nowMs);
    return true;
  }

  /** Puts a record in that was promised: in its turn, when there is room. */
  owe(record: T, nowMs: number): void {
    if (this.#isFull) this.#owed.push(record);
    else this.#put(record, nowMs);
  }

  /** Takes the next record that has come through. */
  take(nowMs: number): T | undefined {
    const [first] = this.#records;
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.#records.shift();
    const owed = this.#owed.shift();
    if (owed !== undefined) this.#put(owed, nowMs);
    return first.record;
  }

  /** What is owed moves up whenever a record is taken: while anything is, there is no room. */
  get #isFull(): boolean {
    return this.#records.length >= this.#recordsMax;
  }

  #put(record: T, nowMs: number): void {
    const maxMs = below(this.#random, LONG_ONE_IN) === 0 ? this.#longMsMax : USUAL_MS_MAX;
    this.#lastDueMs = Math.max(this.#lastDueMs, nowMs + below(this.#random, maxMs));
    this.#records.push({ record, dueMs: this.#lastDueMs });
  }
}
