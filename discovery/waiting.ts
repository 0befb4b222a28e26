/**
 * Waits with an end: for what may never answer, stop in time, or be told to stop. Touches promises and timers.
 *
 * One idea: a limit is a signal. Whoever works inside it is told by the same signal that the time is over, that the
 * caller has given up, or that discovery is closed; and whether or not it listens, the caller has its answer.
 *
 * Invariant: after `bounded` has settled, neither a timer nor a listener of it is left.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";
import { ActorError } from "../core/failure.ts";
import { WAIT_MS_MAX } from "../core/limits.ts";
import type { Wait } from "./provider.ts";

/** Time, as discovery needs it. */
export interface Outside {
  /** Milliseconds by a clock that only goes forward. */
  now(): number;
  /** Runs `task` once, in `waitMs` milliseconds, unless what it answers is called before. */
  later(waitMs: number, task: () => void): () => void;
}

/** The thread's own clock and timers. */
export const platformOutside: Outside = {
  now: () => performance.now(),
  later: (waitMs, task) => {
    const timer = setTimeout(task, waitMs);
    return () => clearTimeout(timer);
  },
};

/** A wait as it arrives where the work is done: with a signal that also aborts at the end of the time. */
export type BoundedWait = Required<Wait>;

/** What is waited for, and what ends it. */
export interface Bound<T> {
  /** What can't be done when it ends early, for the message: `find nodes by dns`. */
  readonly what: string;
  readonly timeoutMs: number;
  /** Each of them ends the wait. */
  readonly signals: readonly (AbortSignal | undefined)[];
  readonly outside: Outside;
  /** Called with what came when nobody waited any more: it may have to be let go of. */
  readonly late?: (value: T) => void;
}

/**
 * What `run` answers, if it does so in time.
 *
 * @throws {ActorError} `discovery-failed`, not delivered: `run` failed, the time is over, or a signal aborted. What
 * `run` began may still be under way then; its signal has told it to stop.
 */
export async function bounded<T>(bound: Bound<T>, run: (wait: BoundedWait) => Promise<T>): Promise<T> {
  const { what, signals, outside, late } = bound;
  const timeoutMs = limited(bound.timeoutMs);
  const end = new AbortController();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const stop = (error: ActorError): void => {
    end.abort(error);
    reject(error);
  };
  const onAbort = (): void => stop(abortedOf(what, signals));
  const given = signals.filter((signal) => signal !== undefined);
  if (given.some((signal) => signal.aborted)) throw abortedOf(what, signals);
  for (const signal of given) signal.addEventListener("abort", onAbort);
  const cancel = outside.later(timeoutMs, () => stop(discoveryFailed(what, `there was no answer in ${timeoutMs} ms`)));
  const running = started(run, { timeoutMs, signal: end.signal });
  try {
    return await Promise.race([running, ended]);
  } catch (thrown) {
    const error = asDiscoveryFailed(what, thrown);
    if (end.signal.aborted) running.then(late, () => {});
    else end.abort(error); // What else `run` has begun is of no use any more.
    throw error;
  } finally {
    cancel();
    for (const signal of given) signal.removeEventListener("abort", onAbort);
  }
}

/** Rejects with the signal's reason when it aborts; else as `promise`. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** `discovery-failed`: nothing was sent to anybody that matters, so it is always safe to repeat. */
export function discoveryFailed(what: string, reason: string, cause?: unknown): ActorError {
  return new ActorError("discovery-failed", `Cannot ${what}: ${reason}`, { cause });
}

/** What a thrown value says, for the reason in a message. It may be a user's: then it may be anything. */
export function reasonOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  } catch {
    return "what was thrown cannot be printed";
  }
}

/** An `async` call: what it throws at once is a rejection too. */
async function started<T>(run: (wait: BoundedWait) => Promise<T>, wait: BoundedWait): Promise<T> {
  return await run(wait);
}

function asDiscoveryFailed(what: string, thrown: unknown): ActorError {
  if (thrown instanceof ActorError && thrown.code === "discovery-failed") return thrown;
  return discoveryFailed(what, reasonOf(thrown), thrown);
}

/** Why the first aborted one of `signals` did: a reason of ours as it is, another as the cause. */
function abortedOf(what: string, signals: readonly (AbortSignal | undefined)[]): ActorError {
  const reason: unknown = signals.find((signal) => signal?.aborted)?.reason;
  if (reason instanceof ActorError && reason.code === "discovery-failed") return reason;
  return discoveryFailed(what, "its signal has aborted", reason);
}

/** Timers count in 32 bits: a longer wait would be over at once. What is no number is no time. */
function limited(timeoutMs: number): number {
  return timeoutMs > 0 ? Math.min(timeoutMs, WAIT_MS_MAX) : 0;
}
