/**
 * The lease as one thread sees it: the published gate, by this thread's own clock, for the identity under which its
 * actors began. Touches shared memory and clocks; mutable; one per thread of a clustered node.
 *
 * One idea: a thread asks for itself, so a main thread that stands still cannot keep its workers running.
 *
 * Invariant: before the first measurement of the clocks nothing passes; and this thread's identity changes only by
 * {@link ThreadLease.adopt}, which its host calls after it has ended everything of the older one.
 *
 * @module
 */
import type { Instant } from "../core/ids.ts";
import {
  ALL_GATE_RULES,
  type ClockLead,
  type GateVerdict,
  mayLeave,
  measured,
  seenFrom,
  verdictOf,
} from "../core/lease_gate.ts";
import type { LeaseWord } from "./lease_word.ts";

/** The clocks of a thread. */
export interface LeaseClocks {
  readonly mono: () => Instant;
  readonly wall: () => number;
}

/** What a thread knows of the lease. */
export class ThreadLease {
  /** The identity of the process under which this thread's activations began. */
  generation = 0;
  readonly #word: LeaseWord;
  readonly #clocks: LeaseClocks;
  #lead: ClockLead;

  /** `lead`: 0 on the main thread, whose clock the gate is written by; `UNMEASURED` on a worker. */
  constructor(word: LeaseWord, clocks: LeaseClocks, lead: ClockLead) {
    this.#word = word;
    this.#clocks = clocks;
    this.#lead = lead;
  }

  /** What the gate says to what began here. */
  verdict(): GateVerdict {
    return verdictOf(seenFrom(this.#word.read(), this.#lead), this.generation, this.#now(), ALL_GATE_RULES);
  }

  /** Whether what an actor of this thread made may leave it now. */
  mayLeave(): boolean {
    return mayLeave(seenFrom(this.#word.read(), this.#lead), this.generation, this.#now(), ALL_GATE_RULES);
  }

  /** From now on this thread works under the present identity. Whether that is another one than before. */
  adopt(): boolean {
    const { generation } = this.#word.read();
    const isNew = generation !== this.generation;
    this.generation = generation;
    return isNew;
  }

  /** What this thread's clock shows: the beginning of a measurement. */
  clockMs(): Instant {
    return this.#clocks.mono();
  }

  /** The main thread has answered a measurement. */
  measured(workerBefore: Instant, mainAfter: Instant): void {
    this.#lead = measured(this.#lead, workerBefore, mainAfter);
  }

  #now(): { readonly mono: Instant; readonly wall: number } {
    return { mono: this.#clocks.mono(), wall: this.#clocks.wall() };
  }
}
