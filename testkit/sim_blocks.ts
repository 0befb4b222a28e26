/**
 * Which hosts reach which. Pure; changes in place.
 *
 * One idea: faults overlap, so each ordered pair of hosts counts what stops it. Cuts are counted apart from clogs: only
 * behind a cut is a connection given up.
 *
 * Invariant: a pair is open when as many faults have ended on it as began.
 *
 * @module
 */

import type { StoppedWay } from "./fault_plan.ts";

/** The faults in force between hosts. */
export class SimBlocks {
  readonly #hostCount: number;
  readonly #all: Uint16Array;
  readonly #cuts: Uint16Array;

  constructor(hostCount: number) {
    this.#hostCount = hostCount;
    this.#all = new Uint16Array(hostCount * hostCount);
    this.#cuts = new Uint16Array(hostCount * hostCount);
  }

  /** Whether nothing gets from one host to another. */
  isBlocked(from: number, to: number): boolean {
    return this.#all[from * this.#hostCount + to] !== 0;
  }

  /** Whether two hosts are cut from each other, at least one way. */
  areCut(one: number, other: number): boolean {
    return this.#cuts[one * this.#hostCount + other] !== 0 || this.#cuts[other * this.#hostCount + one] !== 0;
  }

  /** Begins (`1`) or ends (`-1`) what stops these ways. */
  change(ways: readonly StoppedWay[], by: 1 | -1): void {
    for (const { from, to, isCut } of ways) {
      const index = from * this.#hostCount + to;
      this.#all[index] = (this.#all[index] ?? 0) + by;
      if (isCut) this.#cuts[index] = (this.#cuts[index] ?? 0) + by;
    }
  }

  /** Ends all. */
  clear(): void {
    this.#all.fill(0);
    this.#cuts.fill(0);
  }
}
