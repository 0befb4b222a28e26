/**
 * Equality of types, for the claims of this folder: they hold when `deno check` finds nothing, and every
 * `@ts-expect-error` is a claim that the next line does not compile.
 *
 * @module
 */

/** `true` when the two types are the same, not only assignable to each other. */
export type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true
  : false;

/** Compiles only for a claim that holds: `claim<Same<A, B>>()`. */
export function claim<_Claim extends true>(): void {}
