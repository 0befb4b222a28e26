/**
 * What travels of an error, in the order of the wire, and the error made of it again: an ActorError as
 * itself, a standard error in its own class, any other as an Error of that name. Stacks stay at home: they
 * belong to a thread. Pure.
 *
 * @module
 */
import { malformed } from "./byte_reader.ts";
import { ActorError, type FailureDetails, type Fate } from "./failure.ts";
import { Refusal } from "./refused_value.ts";

const CLASSES: ReadonlyMap<string, new (message: string) => Error> = new Map(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((each) => [each.name, each]),
);

/** One part of an error, under the name a path calls it by. */
export type ErrorPart = readonly [key: string, part: unknown];

/** The parts of `error`, its cause only if `withCause`. Throws a {@link Refusal} when they are not what they claim. */
export function partsOf(error: Error, withCause: boolean): readonly ErrorPart[] {
  const cause = withCause ? error.cause : undefined;
  const causes: readonly ErrorPart[] = cause === undefined ? [] : [["cause", cause]];
  if (error instanceof ActorError) return [...actorErrorParts(error), ...causes];
  const own: readonly ErrorPart[] = [["name", String(error.name)], ["message", String(error.message)]];
  if (!(error instanceof AggregateError)) return [...own, ...causes];
  // The errors come after the cause, so here there is always a place for one.
  return [...own, ["cause", cause], ["errors", [...error.errors]]];
}

/** The error whose {@link partsOf} are `parts`. Throws `malformed-bytes`. */
export function errorOf(parts: readonly unknown[]): Error {
  const [name, message, cause, errors] = parts;
  if (typeof name !== "string" || typeof message !== "string") throw malformed("an error is not a name and a message");
  if (errors !== undefined && !Array.isArray(errors)) throw malformed("an error's errors are not an array");
  const Class = CLASSES.get(name) ?? Error;
  const error = errors === undefined ? new Class(message) : new AggregateError(errors, message);
  if (error.name !== name) define(error, "name", name);
  if (cause !== undefined) define(error, "cause", cause);
  return error;
}

/** The failure whose {@link partsOf} are `parts`. Throws `malformed-bytes`. */
export function actorErrorOf(parts: readonly unknown[]): ActorError {
  const [code, message, fate, details, cause] = parts;
  if (typeof code !== "string" || typeof message !== "string") throw malformed("a failure is not a code and a message");
  if (!isFate(fate) || !isDetails(details)) throw malformed("a failure has no fate or no details");
  return new ActorError(code, message, { fate, details, cause });
}

function actorErrorParts(error: ActorError): readonly ErrorPart[] {
  const { code, message, fate, details } = error;
  if (!isFate(fate)) throw new Refusal("an ActorError whose fate is none of the three");
  if (!isDetails(details)) throw new Refusal("an ActorError whose details are no plain object");
  return [["code", String(code)], ["message", String(message)], ["fate", fate], ["details", details]];
}

/** As the engine defines them: not among the error's own keys. */
function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, enumerable: false, configurable: true, writable: true });
}

function isFate(value: unknown): value is Fate {
  return value === "not-delivered" || value === "delivered" || value === "unknown";
}

function isDetails(value: unknown): value is FailureDetails {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
