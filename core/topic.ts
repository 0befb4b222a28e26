/**
 * A topic: a name with the type of what is published on it. At most once to every subscriber, in the order
 * of each publisher. Pure.
 *
 * @module
 */

/** A name for values of type `T`. */
export interface Topic<T> {
  /** What publishers and subscribers call it. */
  readonly name: string;
  /** Carries the type only; never read. */
  readonly types?: { value(value: T): void };
}

/**
 * Names a topic.
 *
 * @example
 * ```ts
 * const Prices = topic<{ symbol: string; price: number }>("prices");
 * system.publish(Prices, { symbol: "ACME", price: 12 });
 * ```
 */
export function topic<T>(name: string): Topic<T> {
  return { name };
}
