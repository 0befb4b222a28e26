/**
 * How long a scenario waits. Pure.
 *
 * @module
 */

/** For asks whose answer is to come: on a busy machine a long wait is no failure. */
export const PATIENCE = { timeoutMs: 60_000 };
