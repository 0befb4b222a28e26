/**
 * The directory's requests to its engine: how many are out, what each was for, and those that wait for a place.
 * Changes in place.
 *
 * One idea: an answer is understood by what its question was for, never by what is going on when it comes. Each handler
 * then looks whether that still matters.
 *
 * Invariant: a request has one purpose and its first answer is the only one; at most {@link CALLS_MAX} are out.
 *
 * @module
 */
import { after, type Instant, type Partition } from "../core/ids.ts";
import type { DirectoryEffect } from "./directory_protocol.ts";
import type { EngineRequest } from "./engine.ts";

/** Requests out at one time: what an engine takes without a queue of its own. At the limit: they wait here. */
export const CALLS_MAX = 1024;
/** Requests that wait for a place. At the limit: whoever asks tries again later. */
export const CALLS_WAITING_MAX = 1 << 16;

/** What a request was for. */
export type Purpose =
  | { readonly kind: "claim"; readonly key: string; readonly opId: string }
  | { readonly kind: "release"; readonly key: string; readonly opId: string }
  | { readonly kind: "ghostGet"; readonly id: string }
  | { readonly kind: "ghostDelete"; readonly id: string }
  | { readonly kind: "locate"; readonly requestId: number }
  | { readonly kind: "stopGet"; readonly requestId: number }
  | { readonly kind: "stopDelete"; readonly requestId: number }
  | { readonly kind: "scan"; readonly partition: Partition; readonly round: number }
  | { readonly kind: "deletes"; readonly partition: Partition; readonly keys: readonly string[] }
  | { readonly kind: "releaseLease" };

/** A request that waits for a place. */
export interface WaitingCall {
  readonly purpose: Purpose;
  readonly request: EngineRequest;
  readonly timeoutMs: number;
}

/** Requests and what they are for. */
export interface EngineCalls {
  readonly out: Map<number, Purpose>;
  waiting: WaitingCall[];
  /** Where the first of the waiting is. */
  head: number;
  requestCount: number;
}

/** None yet. */
export function engineCalls(): EngineCalls {
  return { out: new Map(), waiting: [], head: 0, requestCount: 0 };
}

/** Asks the engine, now or when there is a place; false when too many wait. */
export function callEngine(
  calls: EngineCalls,
  purpose: Purpose,
  request: EngineRequest,
  timeoutMs: number,
  now: Instant,
  out: DirectoryEffect[],
): boolean {
  if (calls.out.size < CALLS_MAX) {
    emit(calls, { purpose, request, timeoutMs }, now, out);
    return true;
  }
  if (calls.waiting.length - calls.head >= CALLS_WAITING_MAX) return false;
  calls.waiting.push({ purpose, request, timeoutMs });
  return true;
}

/** What the request of an answer was for; `undefined` when it was answered before, or never asked. */
export function answered(
  calls: EngineCalls,
  requestId: number,
  now: Instant,
  out: DirectoryEffect[],
): Purpose | undefined {
  const purpose = calls.out.get(requestId);
  if (purpose === undefined) return undefined;
  calls.out.delete(requestId);
  const next = calls.waiting[calls.head];
  if (next !== undefined) {
    calls.head++;
    emit(calls, next, now, out);
  }
  if (calls.head > 1024 && calls.head * 2 > calls.waiting.length) {
    calls.waiting = calls.waiting.slice(calls.head);
    calls.head = 0;
  }
  return purpose;
}

function emit(calls: EngineCalls, call: WaitingCall, now: Instant, out: DirectoryEffect[]): void {
  const requestId = ++calls.requestCount;
  calls.out.set(requestId, call.purpose);
  out.push({ kind: "engine", requestId, deadline: after(now, call.timeoutMs), request: call.request });
}
