/**
 * The life of a system: it runs, drains, and has stopped. Mutable; on the main thread; one per system.
 *
 * Invariant: it goes only forward.
 *
 * @module
 */
import { ActorError } from "../core/failure.ts";

/** The life of a system. */
export type SystemState = "running" | "draining" | "stopped";

/** See the module. */
export class SystemLife {
  readonly #system: string;
  #state: SystemState = "running";

  constructor(system: string) {
    this.#system = system;
  }

  /** What the system is doing. */
  get state(): SystemState {
    return this.#state;
  }

  /** From now on it accepts no work. */
  drain(): void {
    this.#state = "draining";
  }

  /** From now on none of its threads can be asked. */
  stop(): void {
    this.#state = "stopped";
  }

  /** Throws `system-stopping` unless it runs. */
  checkRunning(): void {
    if (this.#state !== "running") throw this.refusal();
  }

  /** The failure of what it accepts no more. */
  refusal(): ActorError {
    return new ActorError("system-stopping", `Cannot begin anything: system ${this.#system} is ${this.#state}`);
  }
}
