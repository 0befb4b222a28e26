/**
 * Claims about our own code. A broken claim is a bug in Troupe, never bad input: input is decoded
 * and answered with a reason instead. Pure.
 *
 * @module
 */

/** Thrown by {@link assert}; the actor, worker or node that meets it stops. */
export class AssertionFailure extends Error {
  override readonly name = "AssertionFailure";
}

/** Throws unless `claim` holds. `message` says what is always true, not what went wrong. */
export function assert(claim: boolean, message: string): asserts claim {
  if (!claim) throw new AssertionFailure(`Broken claim: ${message}`);
}

/** Marks a place the type checker proves unreachable. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`Broken claim: no such variant: ${String(value)}`);
}
