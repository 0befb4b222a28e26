/**
 * Who holds a key? Answered by the node on duty for it, which also finds a node for a grain that nobody holds. Pure
 * functions over a directory's state.
 *
 * One idea: finding and beginning are one question. Whoever asks is answered when somebody holds the key, and whoever is
 * chosen claims it itself; so any number of askers and of choices end with one holder.
 *
 * Invariant: no grain is hinted before the cluster is as large as it must be.
 *
 * @module
 */
import { partitionOfKey } from "../core/hash.ts";
import { after, type Instant, type NodeId } from "../core/ids.ts";
import { auditOne } from "./audit.ts";
import type { AbsentReason, Creation, DirectoryEffect, DirectoryMessage, HintRefusal } from "./directory_protocol.ts";
import { type DirectoryState, isLost, nextNumber, refuse, send, wakeIn } from "./directory_state.ts";
import { dutyOfKey } from "./duty_records.ts";
import { type Entry, isSameVersion, type Version } from "./engine.ts";
import { HINT_REPEAT_MS, HINT_TRIES } from "./relocation_work.ts";
import { candidates, chooseTarget } from "./targets.ts";

/** Keys asked for and held by nobody yet. At the limit: `busy`. */
export const WANTED_MAX = 1 << 16;
/** Milliseconds a question waits here: as long as a router keeps its messages. */
export const WANTED_MS = 10_000;

/** One key that somebody waits for. */
export interface Wanted {
  create: Creation | undefined;
  /** Under this token a message found nobody. */
  notAt: Version | undefined;
  readonly waiters: Set<NodeId>;
  readonly until: Instant;
  target: NodeId | undefined;
  tries: number;
  readonly refusedBy: Set<NodeId>;
  round: number;
}

/**
 * Milliseconds until a place that did not take a message is looked at again. Nearly always it was claimed a moment ago:
 * the first message, on the data lane, has overtaken the answer that tells its holder so. A place that goes on refusing
 * is asked for less and less often by who is refused.
 */
const FRESH_CLAIM_MS = 20;

/** Somebody asks. */
export function wantAsked(
  state: DirectoryState,
  from: NodeId,
  { key, create, notAt }: Extract<DirectoryMessage, { kind: "want" }>,
  now: Instant,
  out: DirectoryEffect[],
): void {
  if (!state.members.has(from)) return refuse(state, "stranger");
  const duty = dutyOfKey(state, key);
  if (duty === undefined) return refuse(state, "not-on-duty"); // It asks again, and knows better then.
  const entry = duty.entries.get(key);
  if (entry === undefined && create === undefined) return answer(state, from, key, undefined, "absent", out);
  if (isAnswer(state, entry, notAt)) return answer(state, from, key, entry, undefined, out);
  const known = state.wanted.get(key);
  if (known !== undefined) {
    known.waiters.add(from);
    known.create ??= create;
    return;
  }
  if (state.wanted.size >= WANTED_MAX) return answer(state, from, key, undefined, "busy", out);
  const until = after(now, WANTED_MS);
  const waiters = new Set([from]);
  const wanted: Wanted = { create, notAt, waiters, until, target: undefined, tries: 0, refusedBy: new Set(), round: 0 };
  state.wanted.set(key, wanted);
  if (entry === undefined) return findHolder(state, key, wanted, now, out);
  // Its holder does not know it, or is out: the one is asked to look, the other is seen to by relocation.
  if (state.members.has(entry.record.holder)) {
    auditOne(state, partitionOfKey(key, state.settings.partitionCount), entry, out);
  }
  lookAgain(state, key, wanted, now, FRESH_CLAIM_MS);
}

/** The record of a key has changed. */
export function wantedChanged(state: DirectoryState, key: string, now: Instant, out: DirectoryEffect[]): void {
  const wanted = state.wanted.get(key);
  if (wanted !== undefined) look(state, key, wanted, now, out);
}

/** It has waited for a while. */
export function wantedDue(
  state: DirectoryState,
  key: string,
  round: number,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const wanted = state.wanted.get(key);
  if (wanted === undefined || wanted.round !== round) return;
  wanted.notAt = undefined; // The holder has had time to look: what the record says now is the answer.
  look(state, key, wanted, now, out);
}

/** A node does not want a grain. */
export function grainRefused(
  state: DirectoryState,
  from: NodeId,
  key: string,
  why: HintRefusal,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const wanted = state.wanted.get(key);
  if (wanted === undefined || wanted.target !== from || why === "busy") return;
  wanted.refusedBy.add(from);
  wanted.target = undefined;
  const { create } = wanted;
  if (create !== undefined && candidates(state, create.claim).some(({ id }) => !wanted.refusedBy.has(id))) {
    findHolder(state, key, wanted, now, out);
  } else wanted.refusedBy.clear(); // All have refused: from the beginning, after a while.
}

/** Opens the barrier for grains when there are, or were, enough members, or it has lasted long enough. */
export function lookAtBarrier(state: DirectoryState, now: Instant): void {
  const { barrier, view } = state;
  if (view === undefined || state.isBarrierOpen) return;
  state.barrierUntil ??= after(now, barrier.timeoutMs);
  const isOver = now >= state.barrierUntil && barrier.onTimeout === "proceed";
  state.isBarrierOpen = isOver || view.members.length >= barrier.minimumMembers;
}

function look(state: DirectoryState, key: string, wanted: Wanted, now: Instant, out: DirectoryEffect[]): void {
  const duty = dutyOfKey(state, key);
  if (duty === undefined) {
    state.wanted.delete(key); // Another is on duty: they ask there.
    return;
  }
  const entry = duty.entries.get(key);
  if (isAnswer(state, entry, wanted.notAt)) return answerAll(state, key, wanted, entry, undefined, out);
  if (now >= wanted.until) return answerAll(state, key, wanted, undefined, "timeout", out);
  if (entry !== undefined) return lookAgain(state, key, wanted, now);
  if (wanted.create === undefined) return answerAll(state, key, wanted, undefined, "absent", out);
  findHolder(state, key, wanted, now, out);
}

/** Asks a node to claim it: the same as before up to some tries, then another. */
function findHolder(state: DirectoryState, key: string, wanted: Wanted, now: Instant, out: DirectoryEffect[]): void {
  const { create, refusedBy } = wanted;
  if (create === undefined) return;
  lookAtBarrier(state, now);
  if (!state.isBarrierOpen) {
    const isOver = state.barrierUntil !== undefined && now >= state.barrierUntil;
    if (isOver) return answerAll(state, key, wanted, undefined, "barrier", out);
    return lookAgain(state, key, wanted, now);
  }
  const { claim, placement } = create;
  const all = candidates(state, claim);
  if (all.length === 0) return answerAll(state, key, wanted, undefined, "no-eligible-node", out);
  if (wanted.tries >= HINT_TRIES || !all.some(({ id }) => id === wanted.target)) {
    if (wanted.target !== undefined) refusedBy.add(wanted.target);
    if (all.every(({ id }) => refusedBy.has(id))) refusedBy.clear();
    wanted.tries = 0;
    const near = wanted.waiters.values().next().value ?? state.self;
    let choice = chooseTarget(state, claim, placement, near, (id) => refusedBy.has(id));
    if (choice.kind === "refused") { // Where it should be it cannot: anywhere it may.
      choice = chooseTarget(state, claim, { kind: "least-load" }, state.self, (id) => refusedBy.has(id));
    }
    wanted.target = choice.kind === "chosen" ? choice.node : undefined;
  }
  lookAgain(state, key, wanted, now);
  if (wanted.target === undefined) return;
  wanted.tries++;
  send(state, wanted.target, { kind: "hint", key, claim, expect: "absent", why: "grain" }, out);
}

function lookAgain(
  state: DirectoryState,
  key: string,
  wanted: Wanted,
  now: Instant,
  waitMs: number = HINT_REPEAT_MS,
): void {
  wanted.round = nextNumber(state);
  wakeIn(state, now, waitMs, { kind: "want", key, round: wanted.round });
}

/** Whether this record answers who waits: its holder is in, and it is not where nobody was found. */
function isAnswer(state: DirectoryState, entry: Entry | undefined, notAt: Version | undefined): boolean {
  if (entry === undefined || isLost(state, entry.record.holder, entry.record.holderJoin)) return false;
  return notAt === undefined || !isSameVersion(entry.version, notAt);
}

function answerAll(
  state: DirectoryState,
  key: string,
  wanted: Wanted,
  entry: Entry | undefined,
  absent: AbsentReason | undefined,
  out: DirectoryEffect[],
): void {
  state.wanted.delete(key);
  for (const id of wanted.waiters) answer(state, id, key, entry, absent, out);
}

function answer(
  state: DirectoryState,
  to: NodeId,
  key: string,
  entry: Entry | undefined,
  absent: AbsentReason | undefined,
  out: DirectoryEffect[],
): void {
  send(state, to, { kind: "located", key, entry, absent }, out);
}
