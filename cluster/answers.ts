/**
 * Telling those who wait what became of a claim or of a stop. Pure functions over a directory's state.
 *
 * Invariant: a user's request is answered once; a remote one is remembered, so that asking again gets the same answer.
 *
 * @module
 */
import type { Fate } from "../core/failure.ts";
import type { NodeId } from "../core/ids.ts";
import type { Waiter } from "./activation.ts";
import type { DirectoryEffect, DirectoryFailureCode, DirectoryResult } from "./directory_protocol.ts";
import { type DirectoryState, send } from "./directory_state.ts";

/** A failed operation. */
export function failed(
  code: DirectoryFailureCode,
  fate: Fate,
  reason: string,
  holder?: NodeId,
): DirectoryResult {
  return { kind: "failed", failure: { code, fate, holder, reason } };
}

/** Whether a node has done nothing and will not, but another might. */
export function isRefusal(result: DirectoryResult): boolean {
  if (result.kind !== "failed") return false;
  return result.failure.code === "system-stopping" || result.failure.code === "limit-reached";
}

/** Ends a request of this node's user; nothing happens when it has ended. */
export function finish(
  state: DirectoryState,
  requestId: number,
  result: DirectoryResult,
  out: DirectoryEffect[],
): void {
  if (state.requests.delete(requestId)) out.push({ kind: "done", requestId, result });
}

/** Tells everybody in the list, and empties it. */
export function tellWaiters(
  state: DirectoryState,
  key: string,
  waiters: Waiter[],
  result: DirectoryResult,
  out: DirectoryEffect[],
): void {
  for (const waiter of waiters.splice(0)) tell(state, key, waiter, result, out);
}

/** Tells one. */
export function tell(
  state: DirectoryState,
  key: string,
  waiter: Waiter,
  result: DirectoryResult,
  out: DirectoryEffect[],
): void {
  switch (waiter.kind) {
    case "request":
      finish(state, waiter.requestId, result, out);
      return;
    case "remote": {
      const { from, requestId } = waiter;
      if (result.kind === "stopped") send(state, from, { kind: "stopAnswer", requestId }, out);
      else {
        const id = `${from}|${requestId}`;
        const known = state.remoteSpawns.get(id);
        if (isRefusal(result)) state.remoteSpawns.delete(id); // Asked again later it may be another answer.
        else if (known !== undefined) known.result = result;
        send(state, from, { kind: "spawnAnswer", requestId, result }, out);
      }
      return;
    }
    case "handoff": {
      const isTaken = result.kind === "spawned";
      send(state, waiter.from, { kind: "handoffAck", key, version: waiter.version, isTaken }, out);
      return;
    }
    case "hint":
      if (result.kind === "failed" && result.failure.code === "start-failed") {
        send(state, waiter.from, { kind: "hintRefused", key, expect: waiter.expect, why: "start-failed" }, out);
      }
      return;
    default:
      return waiter satisfies never;
  }
}
