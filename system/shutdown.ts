/**
 * The way out of a running system: let run what is queued, end every actor, close every thread; each within its share
 * of the time, then by force. Lives on the main thread; touches threads.
 *
 * One idea: nothing on the way may stop the way. A worker that is dead, spins or waits for ever costs its time and is
 * gone round; what it could not do is reported, not thrown.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { ActorError } from "../core/failure.ts";
import type { ThreadIndex } from "../core/ids.ts";
import { HOOK_GRACE_MS } from "../core/limits.ts";
import type { WaitOptions } from "../core/ref.ts";
import { abandonAll } from "../workers/operations.ts";
import { type Thread, threadClock } from "../workers/thread_boot.ts";
import type { WorkerPool } from "../workers/worker_pool.ts";
import type { Operation } from "../workers/worker_protocol.ts";
import { decodeActivity } from "./system_stats.ts";

/** Milliseconds between two looks at whether everything has drained. */
const LOOK_PAUSE_MS = 5;
/** What draining may take of the time; and ending the actors, of what is left then. */
const SHARE = 3 / 4;

/** What is shut down. */
export interface ShutdownParts {
  /** The main thread. */
  readonly thread: Thread;
  readonly pool: WorkerPool | undefined;
  /** The threads that run actors and can be asked now. */
  readonly actorThreads: () => readonly ThreadIndex[];
  readonly operate: (thread: ThreadIndex, operation: Operation, wait: WaitOptions) => Promise<unknown>;
}

/**
 * Shuts everything down within about `timeoutMs`. Never rejects: answers with what failed on the way. Some may wait still:
 * see {@link answerAll}.
 */
export async function shutDown(parts: ShutdownParts, timeoutMs: number): Promise<readonly unknown[]> {
  const { thread, pool } = parts;
  const endMs = threadClock() + timeoutMs;
  const leftMs = () => Math.max(1, endMs - threadClock());
  await drain(parts, threadClock() + timeoutMs * SHARE);
  const failures = await endActors(parts, leftMs() * SHARE);
  if (pool !== undefined) failures.push(...await pool.end(leftMs()));
  failures.push(...await failuresOf([thread.close()]));
  return failures;
}

/** Answers everybody who still waits, once nothing can begin to wait any more. */
export function answerAll({ host }: Thread): void {
  const error = new ActorError("system-stopping", "Cannot wait any longer: the system has stopped", {
    fate: "unknown",
  });
  abandonAll(host, error);
  host.asks.rejectAll(error);
}

/**
 * Waits until nothing is queued or runs on any thread in two looks between which nothing ran; and no longer than
 * {@link HOOK_GRACE_MS} for what waits without running, such as a handler that waits for a promise that never settles.
 */
async function drain({ actorThreads, operate }: ShutdownParts, untilMs: number): Promise<void> {
  let before: string | undefined;
  let stillUntilMs = Infinity;
  for (let nowMs = threadClock(); nowMs < untilMs; nowMs = threadClock()) {
    const wait = { timeoutMs: untilMs - nowMs };
    const threads = actorThreads();
    const looks = await Promise.allSettled(threads.map((thread) => operate(thread, { op: "activity" }, wait)));
    const activities = looks.map((look) => look.status === "fulfilled" ? decodeActivity(look.value) : LOST);
    const now = activities.map(({ ran }, index) => `${threads[index]}:${ran}`).join();
    const isStill = now === before;
    if (isStill && (activities.every(({ isQuiet }) => isQuiet) || nowMs >= stillUntilMs)) return;
    if (!isStill) stillUntilMs = nowMs + HOOK_GRACE_MS;
    before = now;
    await delay(LOOK_PAUSE_MS);
  }
}

/** A thread that died under the look: look again. */
const LOST = { isQuiet: false, ran: -1 };

async function endActors({ actorThreads, operate }: ShutdownParts, timeoutMs: number): Promise<unknown[]> {
  return await failuresOf(actorThreads().map((thread) => operate(thread, { op: "endAll" }, { timeoutMs })));
}

async function failuresOf(promises: readonly Promise<unknown>[]): Promise<unknown[]> {
  const results = await Promise.allSettled(promises);
  return results.flatMap((result) => result.status === "rejected" ? [result.reason] : []);
}
