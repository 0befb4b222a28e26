/**
 * Waiting for what must come, without knowing when, for tests with real sockets. It needs no whole system to do so.
 *
 * @module
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { ActorError } from "../../core/failure.ts";

/** After this a condition that has not come true never will: a limit, not an expectation. */
const PATIENCE_MS = 30_000;

/** Resolves when `check` answers something other than `false` or `undefined`, with that. */
export async function eventually<T>(
  what: string,
  check: () => T | false | undefined | Promise<T | false | undefined>,
): Promise<T> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await check();
    if (answer !== false && answer !== undefined) return answer;
    assert.ok(performance.now() < endMs, `still not after ${PATIENCE_MS} ms: ${what}`);
    await delay(5);
  }
}

/** The `discovery-failed` that `promise` rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<ActorError> {
  const outcome = await promise.then((value) => value, (thrown: unknown) => thrown);
  assert.ok(outcome instanceof ActorError, `an ActorError is expected, and there is ${String(outcome)}`);
  assert.deepEqual([outcome.code, outcome.fate], ["discovery-failed", "not-delivered"]);
  return outcome;
}
