/**
 * What counts as a promise: anything an `await` would follow. User code may return any object, so even looking at its
 * `then` may run code that throws. Pure.
 *
 * @module
 */

/** Whether `await value` would wait for it. Throws what a getter named `then` throws. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  return "then" in value && typeof value.then === "function";
}
