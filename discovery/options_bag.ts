/**
 * The options of a provider as they come: nobody has looked at them, and their author may change them later. Pure.
 *
 * @module
 */
import type { OptionsCheck } from "../core/options_check.ts";

/** Options by name; any of them may be anything, or missing. */
export type Bag = Readonly<Record<string, unknown>>;

/** A copy of `options`, with a problem for each name that is not among `keys`, and for options that are no object. */
export function bagOf(check: OptionsCheck, name: string, options: unknown, keys: readonly string[]): Bag {
  check.unknownKeys(name, options, keys);
  if (typeof options !== "object" || options === null || Array.isArray(options)) return {};
  return { ...options };
}
