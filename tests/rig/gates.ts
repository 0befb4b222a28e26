/**
 * Promises by name that a test settles when it wants: what handlers wait for instead of a clock or a network.
 *
 * @module
 */

interface Gate {
  readonly promise: Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** Named promises. A name is a new promise again once it has been settled. */
export class Gates {
  readonly #gates = new Map<string, Gate>();

  /** The promise of this name that is not settled yet. */
  wait(name: string): Promise<unknown> {
    return this.#gate(name).promise;
  }

  /** Resolves it; whoever waits later waits for another. */
  open(name: string, value?: unknown): void {
    this.#gate(name).resolve(value);
    this.#gates.delete(name);
  }

  /** Rejects it. */
  fail(name: string, reason: unknown): void {
    this.#gate(name).reject(reason);
    this.#gates.delete(name);
  }

  /** The names somebody waits for, in the order they were first waited for. */
  get waiting(): readonly string[] {
    return [...this.#gates.keys()];
  }

  #gate(name: string): Gate {
    const known = this.#gates.get(name);
    if (known !== undefined) return known;
    const gate = Promise.withResolvers<unknown>();
    this.#gates.set(name, gate);
    return gate;
  }
}
