/**
 * Waiting for a medium that others hold, without blocking the thread: how long, and by whose clock. Pure
 * but for {@link platformOutside}, the thread's own clock, timers and chance.
 *
 * The growing random delay is "equal jitter" (Marc Brooker, *Exponential Backoff And Jitter*, AWS
 * Architecture Blog, 2015): half of it is fixed, so that a retry never follows at once.
 *
 * @module
 */
import { setImmediate, setTimeout } from "node:timers";
import { instant } from "../core/ids.ts";
import type { Instant } from "../core/ids.ts";

/** Milliseconds before the first retry; the wait doubles up to {@link RETRY_MS_MAX}. */
export const RETRY_MS_MIN = 1;
/** Milliseconds between retries at most. What one waits for takes microseconds to a few milliseconds. */
export const RETRY_MS_MAX = 32;

/** Time and chance of the thread. */
export interface Outside {
  /** This moment. */
  now(): Instant;
  /** A number, `0 <= random < 1`. */
  random(): number;
  /** Runs `task` once, `waitMs` milliseconds from now; keeps the process alive until then. */
  later(waitMs: number, task: () => void): void;
  /** Runs `task` once, after what this turn of the event loop still has to run. */
  afterTurn(task: () => void): void;
}

/** The real ones. `setImmediate` costs 2 µs on Deno and on Bun; a timer of 0 ms costs 1 to 2 ms. */
export const platformOutside: Outside = {
  now: () => instant(performance.now()),
  random: () => Math.random(),
  later: (waitMs, task) => void setTimeout(task, waitMs),
  afterTurn: (task) => void setImmediate(task),
};

/**
 * Whole milliseconds before retry number `retryIndex` (from 0): half of a ceiling that doubles from
 * {@link RETRY_MS_MIN} to {@link RETRY_MS_MAX}, and a random part of the other half.
 */
export function retryWaitMs(retryIndex: number, random: number): number {
  const ceilingMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** retryIndex);
  return Math.max(RETRY_MS_MIN, Math.round(ceilingMs / 2 + random * ceilingMs / 2));
}

/** What a thrown value says, for the reason in a message. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
