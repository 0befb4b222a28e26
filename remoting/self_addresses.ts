/**
 * Addresses that lead back to this node: discovery lists us with the others. Pure; mutable, for one owner.
 *
 * The invariant: an address is believed to be ours for a while only, for somebody else may come to listen there.
 *
 * @module
 */

/** Milliseconds an address is taken for ours after we met ourselves there. */
export const SELF_KNOWN_MS = 60_000;
/** Addresses that are remembered; the oldest is forgotten first. */
const ADDRESSES_MAX = 64;

/** The addresses at which this node met itself. */
export class SelfAddresses {
  readonly #own: string;
  readonly #untilMs = new Map<string, number>();

  /** `own` is the address the node says it has: always its own. */
  constructor(own: string) {
    this.#own = own;
  }

  /** We met ourselves there. */
  add(address: string, nowMs: number): void {
    this.#untilMs.delete(address);
    this.#untilMs.set(address, nowMs + SELF_KNOWN_MS);
    const [oldest] = this.#untilMs.keys();
    if (this.#untilMs.size > ADDRESSES_MAX && oldest !== undefined) this.#untilMs.delete(oldest);
  }

  /** Whether `address` leads back here. */
  has(address: string, nowMs: number): boolean {
    return address === this.#own || (this.#untilMs.get(address) ?? -Infinity) > nowMs;
  }
}
