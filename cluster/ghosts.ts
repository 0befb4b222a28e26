/**
 * Ghosts: records that name this node for an operation it does not hold, or not any more. Pure functions over a
 * directory's state.
 *
 * One idea: a claim that was given up may still be written, later than anybody waits. So it is looked for, by its
 * operation id and not by its name, and deleted until the registry says it is not there. What is written even later is
 * found by the next conflict or audit.
 *
 * Invariant: only a record with exactly this operation id is deleted; the name may be held lawfully under another.
 *
 * @module
 */
import type { Instant } from "../core/ids.ts";
import type { DirectoryEffect } from "./directory_protocol.ts";
import { type DirectoryState, hasLease, nextOperation, refuse, wakeIn } from "./directory_state.ts";
import { callEngine } from "./engine_calls.ts";
import type { CasResult, GetResult } from "./engine.ts";

/** Ghosts under work. At the limit: further ones are left to the next audit. */
export const GHOSTS_MAX = 1 << 16;
/** Milliseconds between attempts, when the engine names no other wait. */
const RETRY_MS = 200;
/** Milliseconds after which a claim of unknown fate is looked for once more: longer than any write waits. */
const SECOND_LOOK_MS = 5_000;

/** One record to be deleted, if it is there. */
export interface Ghost {
  readonly key: string;
  readonly opId: string;
  isCalling: boolean;
  /** Looks that must find nothing before it is believed. */
  looks: number;
}

/** Names one claim of one key. */
export function ghostId(key: string, opId: string): string {
  return `${key}|${opId}`;
}

/** Begins to delete whatever was written under `opId`. `isUncertain`: it may be written still. */
export function releaseGhost(
  state: DirectoryState,
  key: string,
  opId: string,
  isUncertain: boolean,
  now: Instant,
  out: DirectoryEffect[],
): void {
  if (state.isFenced) return; // No record of ours counts for anything any more.
  const id = ghostId(key, opId);
  if (state.departure?.left.has(id) === true) return; // Left behind on purpose.
  const looks = isUncertain ? 2 : 1;
  const known = state.ghosts.get(id);
  if (known !== undefined) {
    known.looks = Math.max(known.looks, looks);
    return;
  }
  if (state.ghosts.size >= GHOSTS_MAX) return refuse(state, "too-many-ghosts");
  state.ghosts.set(id, { key, opId, isCalling: false, looks });
  lookForGhost(state, id, now, out);
}

/** Looks for it. */
export function lookForGhost(state: DirectoryState, id: string, now: Instant, out: DirectoryEffect[]): void {
  const ghost = state.ghosts.get(id);
  if (ghost === undefined || ghost.isCalling) return;
  const isAsked = hasLease(state) && callEngine(
    state.calls,
    { kind: "ghostGet", id },
    { kind: "get", key: ghost.key },
    state.timings.readTimeoutMs,
    now,
    out,
  );
  if (isAsked) ghost.isCalling = true;
  else wakeIn(state, now, RETRY_MS, { kind: "ghost", id });
}

/** What the look showed. */
export function ghostSeen(
  state: DirectoryState,
  id: string,
  result: GetResult,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const ghost = state.ghosts.get(id);
  if (ghost === undefined) return;
  ghost.isCalling = false;
  if (result.kind === "unavailable") return wakeIn(state, now, waitOf(result.retryAfterMs), { kind: "ghost", id });
  const { entry } = result;
  if (entry?.opId !== ghost.opId || entry.record.holder !== state.self) return notThere(state, id, ghost, now);
  const isAsked = callEngine(
    state.calls,
    { kind: "ghostDelete", id },
    { kind: "cas", key: ghost.key, expect: entry.version, record: null, opId: nextOperation(state) },
    state.timings.writeTimeoutMs,
    now,
    out,
  );
  if (isAsked) ghost.isCalling = true;
  else wakeIn(state, now, RETRY_MS, { kind: "ghost", id });
}

/** What became of the deletion. */
export function ghostDeleted(
  state: DirectoryState,
  id: string,
  result: CasResult,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const ghost = state.ghosts.get(id);
  if (ghost === undefined) return;
  ghost.isCalling = false;
  switch (result.kind) {
    case "ok":
      state.ghosts.delete(id); // It was written, so nothing of it is on its way any more but repetitions: the audit's.
      out.push({ kind: "event", event: { kind: "ghostReleased", key: ghost.key, opId: ghost.opId } });
      return;
    case "conflict":
      return lookForGhost(state, id, now, out);
    case "unavailable":
      return wakeIn(state, now, waitOf(result.retryAfterMs), { kind: "ghost", id });
    default:
      return result satisfies never;
  }
}

function notThere(state: DirectoryState, id: string, ghost: Ghost, now: Instant): void {
  ghost.looks--;
  if (ghost.looks <= 0) state.ghosts.delete(id);
  else wakeIn(state, now, SECOND_LOOK_MS, { kind: "ghost", id });
}

function waitOf(retryAfterMs: number): number {
  return Math.min(Math.max(retryAfterMs, 50), 1_000);
}
