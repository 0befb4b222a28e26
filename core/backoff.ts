/**
 * How long to wait before trying again: doubling from a minimum up to a maximum, less a random part, so that
 * what failed together does not come back together (Marc Brooker, "Exponential Backoff And Jitter", AWS
 * Architecture Blog 2015; jitter 1 is his "full jitter"). The waits are whole milliseconds computed by doubling,
 * so every runtime waits the same for the same draws. Pure.
 *
 * @module
 */
import { assert } from "./assert.ts";
import { WAIT_MS_MAX } from "./limits.ts";
import { below, type Random } from "./random.ts";

/** The shape of one series of waits. */
export interface Backoff {
  /** Milliseconds before the first retry, without jitter: a whole number, `0` to `maxMs`. */
  readonly minMs: number;
  /** Milliseconds no wait exceeds: a whole number, up to `WAIT_MS_MAX`. */
  readonly maxMs: number;
  /** The part of each wait left to chance, `0` (none of it) to `1` (all of it). */
  readonly jitter: number;
}

/** Doublings after which even one millisecond is past `WAIT_MS_MAX`. */
const DOUBLINGS_MAX = 32;

/**
 * Milliseconds to wait before a retry, a whole number:
 *
 * ```text
 * fullMs = min(maxMs, minMs × 2^retryIndex)
 * wait   = fullMs − d,   d drawn evenly from the whole numbers 0 … floor(fullMs × jitter)
 * ```
 *
 * So a wait is never above `maxMs`, and may be below `minMs` by the jitter.
 *
 * @param retryIndex How many retries came before: `0` for the first. Any whole number.
 */
export function backoffMs(retryIndex: number, backoff: Backoff, random: Random): number {
  assert(Number.isInteger(retryIndex) && retryIndex >= 0, "retries are counted from 0");
  assertInRange(backoff);
  const fullMs = doubled(backoff.minMs, Math.min(retryIndex, DOUBLINGS_MAX), backoff.maxMs);
  return fullMs - below(random, Math.floor(fullMs * backoff.jitter) + 1);
}

function doubled(fromMs: number, times: number, maxMs: number): number {
  let ms = fromMs;
  for (let doubling = 0; doubling < times && ms < maxMs; doubling++) ms *= 2;
  return Math.min(ms, maxMs);
}

function assertInRange({ minMs, maxMs, jitter }: Backoff): void {
  assert(Number.isInteger(minMs) && minMs >= 0, "the first wait is whole milliseconds");
  assert(Number.isInteger(maxMs) && maxMs >= minMs, "the longest wait is whole milliseconds, not below the first");
  assert(maxMs <= WAIT_MS_MAX, "no single wait is longer than a day");
  assert(jitter >= 0 && jitter <= 1, "jitter is a part of the wait");
}
