/**
 * What the machine of a clustered node is to be told, in order, and when it is told. On the main thread; mutable.
 *
 * One idea: nothing is taken from inside of the call that put it in. Whoever tells something has returned before it is
 * looked at, also when the machine itself wanted it; so the machine is never called while it runs.
 *
 * Invariant: inputs are taken in the order they were put in, each once; of those that were dropped none is.
 *
 * @module
 */
import { setTimeout } from "node:timers";
import type { NodeInput } from "../cluster/cluster_node.ts";
import type { Now } from "../cluster/time.ts";

/** Inputs that are taken at one reading of the clocks, which costs as much as some of them do. */
const INPUTS_PER_READING = 8;
/** Inputs taken before the event loop is let in. */
const INPUTS_PER_PUMP = 4_096;

/** What {@link InputQueue} is given. */
export interface InputQueueOptions {
  readonly now: () => Now;
  readonly take: (input: NodeInput, now: Now) => void;
  /** Something threw, and what was to be taken with it is dropped. */
  readonly broke: (thrown: unknown) => void;
  /** All that waited was taken, or as much as may be at once. */
  readonly pumped: () => void;
}

/** The queue. */
export class InputQueue {
  readonly #options: InputQueueOptions;
  #inputs: (NodeInput | (() => void))[] = [];
  #isPumping = false;
  #isPumpDue = false;
  #isClosed = false;

  constructor(options: InputQueueOptions) {
    this.#options = options;
  }

  /** Inputs that wait. */
  get length(): number {
    return this.#inputs.length;
  }

  /** Puts an input in, or what is to be called when everything before it was taken. */
  push(input: NodeInput | (() => void)): void {
    this.#inputs.push(input);
    if (this.#isPumping || this.#isPumpDue) return;
    this.#isPumpDue = true;
    queueMicrotask(() => this.#pump());
  }

  /** Drops what waits. */
  drop(): void {
    this.#inputs = [];
  }

  /** Takes nothing more. */
  close(): void {
    this.#isClosed = true;
  }

  #pump(): void {
    this.#isPumpDue = false;
    if (this.#isPumping || this.#isClosed) return;
    this.#isPumping = true;
    try {
      for (let count = 0; this.#inputs.length > 0 && count < INPUTS_PER_PUMP;) count += this.#takeAll();
    } catch (thrown) {
      this.#options.broke(thrown);
    } finally {
      this.#isPumping = false;
    }
    this.#options.pumped();
    if (this.#inputs.length === 0) return;
    this.#isPumpDue = true;
    setTimeout(() => this.#pump(), 0);
  }

  /** Takes what waits now, and not what comes of it. How many that was. */
  #takeAll(): number {
    const { now, take } = this.#options;
    const inputs = this.#inputs;
    this.#inputs = [];
    let at = now();
    for (let index = 0; index < inputs.length; index++) {
      const input = inputs[index];
      if (index > 0 && index % INPUTS_PER_READING === 0) at = now();
      if (typeof input === "function") input();
      else if (input !== undefined) take(input, at);
    }
    return inputs.length;
  }
}
