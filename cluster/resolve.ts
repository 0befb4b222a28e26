/**
 * The asking side of looking a key up: this node's router wants to know where its messages go. Pure functions over a
 * directory's state.
 *
 * One idea: an answer need not be true for long. It carries the token of an activation, and whoever gets a message for
 * another token says so.
 *
 * Invariant: each key has one question out, repeated to whoever is on duty until it is answered or its time is over;
 * each question ends with one answer.
 *
 * @module
 */
import { partitionOfKey } from "../core/hash.ts";
import { after, type Instant } from "../core/ids.ts";
import { isHolding } from "./activation.ts";
import type { AbsentReason, Creation, DirectoryEffect } from "./directory_protocol.ts";
import { type DirectoryState, nextNumber, send, wakeIn } from "./directory_state.ts";
import type { Entry, Version } from "./engine.ts";
import { WANTED_MS } from "./locate.ts";
import { ownerOf } from "./view.ts";

/** Keys looked up at one time. At the limit: `busy`. */
export const RESOLVING_MAX = 1 << 16;
/** Milliseconds until a question is repeated. */
const REPEAT_MS = 500;

/** One key that this node's router waits for. */
export interface Resolving {
  create: Creation | undefined;
  readonly notAt: Version | undefined;
  readonly until: Instant;
  round: number;
}

/** The router asks. */
export function resolveKey(
  state: DirectoryState,
  key: string,
  create: Creation | undefined,
  notAt: Version | undefined,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const known = state.resolving.get(key);
  if (known !== undefined) {
    known.create ??= create;
    return;
  }
  if (state.isFenced) return absent(key, "lease", out);
  const ours = state.activations.get(key);
  if (ours?.token !== undefined && isHolding(ours)) {
    out.push({ kind: "resolved", key, holder: state.self, token: ours.token });
    return;
  }
  if (state.resolving.size >= RESOLVING_MAX) return absent(key, "busy", out);
  state.resolving.set(key, { create, notAt, until: after(now, WANTED_MS), round: 0 });
  ask(state, key, now, out);
}

/** Nobody has answered yet. */
export function resolveDue(
  state: DirectoryState,
  key: string,
  round: number,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const resolving = state.resolving.get(key);
  if (resolving === undefined || resolving.round !== round) return;
  if (now < resolving.until) return ask(state, key, now, out);
  state.resolving.delete(key);
  absent(key, "timeout", out);
}

/** An answer, from whoever it is: a wrong one costs a message its way, and no more. */
export function located(
  state: DirectoryState,
  key: string,
  entry: Entry | undefined,
  reason: AbsentReason | undefined,
  out: DirectoryEffect[],
): void {
  if (!state.resolving.delete(key)) return;
  if (entry === undefined) return absent(key, reason ?? "absent", out);
  out.push({ kind: "resolved", key, holder: entry.record.holder, token: entry.version });
}

function ask(state: DirectoryState, key: string, now: Instant, out: DirectoryEffect[]): void {
  const resolving = state.resolving.get(key);
  if (resolving === undefined) return;
  resolving.round = nextNumber(state);
  wakeIn(state, now, REPEAT_MS, { kind: "resolve", key, round: resolving.round });
  const { view } = state;
  const owner = view === undefined ? undefined : ownerOf(view, partitionOfKey(key, state.settings.partitionCount));
  if (owner === undefined || !state.members.has(owner)) return; // Until a view says who is on duty.
  send(state, owner, { kind: "want", key, create: resolving.create, notAt: resolving.notAt }, out);
}

function absent(key: string, reason: AbsentReason, out: DirectoryEffect[]): void {
  out.push({ kind: "absent", key, reason });
}
