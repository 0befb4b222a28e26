/**
 * Ctrl-C and its kin as an abort signal: whoever is told to go finishes what it must and goes by itself. Touches the
 * process.
 *
 * @module
 */
import process from "node:process";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** From its making to its disposal, the signals of a terminal or a supervisor abort {@link signal} and do nothing else. */
export class Interrupts implements Disposable {
  readonly #controller = new AbortController();
  readonly #interrupt = () => this.#controller.abort(new Error("interrupted"));

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#interrupt);
  }

  /** Aborts with the first of them. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#interrupt);
  }
}
