/**
 * Going in good order: what runs here is given to others, then stopped and its name released, then the lease is given
 * back, so that nobody has to wait for it to end. Pure functions over a directory's state.
 *
 * One idea: an actor goes on elsewhere because its present holder says so, after stopping it. One of those asked claims
 * the name over exactly the version that was stopped; the others come too late.
 *
 * Invariant: the lease is given back only when nothing runs here any more.
 *
 * @module
 */
import { after, type Instant, type NodeId } from "../core/ids.ts";
import { type Activation, isHolding } from "./activation.ts";
import { forget, stopActivation } from "./activation_life.ts";
import { failed } from "./answers.ts";
import { giveUp } from "./claims.ts";
import type { DepartureCounts, DirectoryEffect } from "./directory_protocol.ts";
import { type DirectoryState, nextNumber, refuse, send, wakeIn } from "./directory_state.ts";
import { callEngine } from "./engine_calls.ts";
import { isSameVersion, type Version } from "./engine.ts";
import { ghostId } from "./ghosts.ts";
import { SNAPSHOT_BYTES_MAX } from "./hints.ts";
import { chooseTarget, singletonHost } from "./targets.ts";
import { memberOf } from "./view.ts";

/** Actors on their way to others at one time: 8 bundles of 256. */
export const HANDOFFS_MAX: number = 8 * 256;
/** Milliseconds until a handoff is sent again. */
export const HANDOFF_REPEAT_MS = 500;
/** Sends to one target, and targets, before it is given up. */
export const HANDOFF_TRIES = 3;
/** Milliseconds between two wishes to leave. */
const LEAVE_REPEAT_MS = 1_000;
/** Milliseconds after the deadline in which what runs may still stop. */
const GRACE_MS = 10_000;
/** Milliseconds the engine has to give the lease back, and between two times that this is said. */
const RELEASE_LEASE_MS = 5_000;
const RELEASE_AGAIN_MS = 1_000;
/**
 * Milliseconds after that in which a view without this node is waited for: those who stay may need its vote for it. Until
 * the deadline, within these two.
 */
const GOODBYE_MS_MIN = 5_000;
const GOODBYE_MS_MAX = 20_000;
/** A departure that has found nothing out yet. */
const UNLOOKED = { queue: [], next: 0, looked: -1, isFree: false };

/** How far a departure has come. */
export interface Departure {
  readonly requestId: number;
  readonly deadline: Instant;
  phase:
    /** The leader is asked for a view that says so. */
    | "asking"
    /** Activations move, or stop. */
    | "moving"
    /** The deadline is over: all that runs is stopped. */
    | "overdue"
    | "releasing-lease"
    /** Nothing runs and the lease is back: it still votes, until a view is without it. */
    | "going"
    | "done";
  /** Activations that have not been seen to, those that matter most first. */
  queue: readonly string[];
  next: number;
  handing: number;
  moved: number;
  released: number;
  failed: number;
  askAgainAt: Instant;
  /** Until when a view without this node is waited for. */
  goneBy: Instant | undefined;
  /**
   * What stopped here and nobody took, by key and operation: its name stays this node's until the view is without it, and
   * then is relocated like that of a node that was lost. So it waits for a node that can run it, and isn't forgotten.
   */
  readonly left: Set<string>;
  /** Epoch at which the partitions were last found to be elsewhere, or not. */
  looked: number;
  isFree: boolean;
}

/** The user wants this node to go. */
export function leave(
  state: DirectoryState,
  requestId: number,
  deadline: Instant,
  now: Instant,
  out: DirectoryEffect[],
): void {
  if (state.departure !== undefined) return refuse(state, "duplicate-request");
  const counts = { handing: 0, moved: 0, released: 0, failed: 0 };
  state.departure = {
    requestId,
    deadline,
    phase: "asking",
    ...counts,
    ...UNLOOKED,
    left: new Set(),
    askAgainAt: now,
    goneBy: undefined,
  };
  departureDue(state, now, out);
}

/** Goes on with the departure, as far as it can. */
export function departureDue(state: DirectoryState, now: Instant, out: DirectoryEffect[]): void {
  const departure = state.departure;
  if (departure === undefined || departure.phase === "done") return;
  if (state.isFenced) return leaveDone(departure, state.activations.size === 0, out);
  const isOverdue = now >= departure.deadline;
  if (isOverdue && (departure.phase === "asking" || departure.phase === "moving")) stopAll(state, departure, now, out);
  switch (departure.phase) {
    case "asking":
      askToLeave(state, departure, now, out);
      break;
    case "moving":
      moveSome(state, departure, now, out);
      if (departure.next === departure.queue.length && state.activations.size === 0 && isFree(state, departure)) {
        giveLeaseBack(state, departure, now, out);
      }
      break;
    case "overdue":
      if ([...state.activations.values()].every(hasEnded)) giveLeaseBack(state, departure, now, out);
      else if (now >= departure.deadline + GRACE_MS) return leaveDone(departure, false, out);
      break;
    case "releasing-lease":
      break;
    case "going":
      if (isAlone(state) || now >= (departure.goneBy ?? now)) return leaveDone(departure, isAlone(state), out);
      if (now >= departure.askAgainAt) giveLeaseBack(state, departure, now, out);
      break;
    default:
      departure.phase satisfies never;
  }
  wakeIn(state, now, state.timings.tickMs, { kind: "departure" });
}

/** The engine has given the lease back, or said that it tried. */
export function leaseReleased({ departure }: DirectoryState, now: Instant): void {
  if (departure?.phase !== "releasing-lease") return;
  departure.phase = "going";
  const leftMs = Math.min(Math.max(departure.deadline - now, GOODBYE_MS_MIN), GOODBYE_MS_MAX);
  departure.goneBy ??= after(now, leftMs);
  departure.askAgainAt = after(now, RELEASE_AGAIN_MS);
}

/** What is to go on elsewhere has stopped here. */
export function handoffStopped(
  state: DirectoryState,
  activation: Activation,
  snapshot: Uint8Array | undefined,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const kept = snapshot !== undefined && snapshot.length <= SNAPSHOT_BYTES_MAX ? snapshot : undefined;
  activation.handing = { snapshot: kept, target: undefined, sends: 0, refusedBy: new Set() };
  offer(state, activation, now, out);
}

/** A handoff has shown nothing for a while. */
export function handingDue(
  state: DirectoryState,
  key: string,
  wake: number,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const activation = state.activations.get(key);
  if (activation?.status !== "handing" || activation.wake !== wake || activation.handing === undefined) return;
  const { handing } = activation;
  if (handing.sends >= HANDOFF_TRIES && handing.target !== undefined) {
    handing.refusedBy.add(handing.target);
    handing.target = undefined;
  }
  offer(state, activation, now, out);
}

/** A node has claimed what was handed to it, or will not. */
export function handoffAnswered(
  state: DirectoryState,
  from: NodeId,
  key: string,
  version: Version,
  isTaken: boolean,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const activation = state.activations.get(key);
  const { status, token, handing } = activation ?? {};
  if (activation === undefined || status !== "handing" || token === undefined || handing === undefined) return;
  if (!isSameVersion(token, version)) return;
  if (isTaken) {
    handingEnded(state, "moved");
    return forget(state, activation, out);
  }
  handing.refusedBy.add(from);
  if (handing.target !== from) return;
  handing.target = undefined;
  offer(state, activation, now, out);
}

/** A handoff has ended, and how. */
export function handingEnded(state: DirectoryState, how: "moved" | "released" | "failed"): void {
  const { departure } = state;
  if (departure === undefined) return;
  departure.handing--;
  departure[departure.phase === "overdue" && how === "released" ? "failed" : how]++;
}

function askToLeave(state: DirectoryState, departure: Departure, now: Instant, out: DirectoryEffect[]): void {
  const { view, self } = state;
  if (isAlone(state) || (view !== undefined && memberOf(view, self)?.status === "leaving")) {
    return beginMoving(state, departure, now, out);
  }
  if (now < departure.askAgainAt) return;
  departure.askAgainAt = after(now, LEAVE_REPEAT_MS);
  if (view?.leader !== undefined) send(state, view.leader, { kind: "leaveRequest" }, out);
}

function beginMoving(state: DirectoryState, departure: Departure, now: Instant, out: DirectoryEffect[]): void {
  departure.phase = "moving";
  giveUpClaims(state, now, out);
  const ranked: string[][] = [[], [], [], []];
  for (const activation of state.activations.values()) ranked[rankOf(activation)]?.push(activation.key);
  departure.queue = ranked.flat();
  moveSome(state, departure, now, out);
}

/** Singletons first: of them there is only one. Then what should be there unasked, then what comes back by itself. */
function rankOf({ claim }: Activation): number {
  if (claim.type === "singleton") return 0;
  if (claim.type === "actor") return claim.isRelocatable ? 2 : 3;
  return claim.isEager ? 1 : 3;
}

function moveSome(state: DirectoryState, departure: Departure, now: Instant, out: DirectoryEffect[]): void {
  for (; departure.next < departure.queue.length && departure.handing < HANDOFFS_MAX; departure.next++) {
    const activation = state.activations.get(departure.queue[departure.next] ?? "");
    if (activation === undefined || !isHolding(activation)) continue;
    if (isToMove(activation)) {
      departure.handing++;
      stopActivation(state, activation, "handoff", now, out);
      continue;
    }
    departure.released++;
    stopActivation(state, activation, "left", now, out);
  }
}

/** Whether it is to be somewhere unasked. */
function isToMove(activation: Activation): boolean {
  return rankOf(activation) < 3;
}

/** Sends it to the present target, or to a new one, or leaves it to whoever relocates what this node held. */
function offer(state: DirectoryState, activation: Activation, now: Instant, out: DirectoryEffect[]): void {
  const { key, claim, token, handing } = activation;
  if (handing === undefined || token === undefined) return;
  if (handing.target === undefined || !state.members.has(handing.target)) {
    handing.target = targetOf(state, activation);
    handing.sends = 0;
  }
  const { target, snapshot } = handing;
  if (target === undefined || state.departure?.phase === "overdue") {
    activation.handing = undefined;
    handingEnded(state, "failed");
    state.departure?.left.add(ghostId(key, activation.opId));
    return forget(state, activation, out);
  }
  handing.sends++;
  activation.wake = nextNumber(state);
  wakeIn(state, now, HANDOFF_REPEAT_MS, { kind: "handing", key, wake: activation.wake });
  send(state, target, { kind: "handoff", key, version: token, claim, snapshot }, out);
}

function targetOf(state: DirectoryState, { claim, handing }: Activation): NodeId | undefined {
  const refusedBy = handing?.refusedBy ?? new Set<NodeId>();
  if (refusedBy.size >= HANDOFF_TRIES) return undefined;
  if (claim.type === "singleton") {
    const host = singletonHost(state, claim);
    return host === undefined || refusedBy.has(host) ? undefined : host;
  }
  const isExcluded = (id: NodeId) => id === state.self || refusedBy.has(id);
  const choice = chooseTarget(state, claim, { kind: "least-load" }, state.self, isExcluded);
  return choice.kind === "chosen" ? choice.node : undefined;
}

function stopAll(state: DirectoryState, departure: Departure, now: Instant, out: DirectoryEffect[]): void {
  departure.phase = "overdue";
  giveUpClaims(state, now, out);
  for (const activation of [...state.activations.values()]) {
    if (isHolding(activation) && isToMove(activation)) {
      departure.handing++;
      stopActivation(state, activation, "handoff", now, out);
      continue;
    }
    if (isHolding(activation)) departure.failed++;
    stopActivation(state, activation, "left", now, out);
  }
}

function giveUpClaims(state: DirectoryState, now: Instant, out: DirectoryEffect[]): void {
  const why = failed("system-stopping", "not-delivered", "the node is leaving");
  for (const activation of [...state.activations.values()]) giveUp(state, activation, why, now, out);
}

/** Nothing of it runs, whatever becomes of its name. */
function hasEnded({ isStartSent, isStopped }: Activation): boolean {
  return isStopped || !isStartSent;
}

function isAlone({ view, self }: DirectoryState): boolean {
  return view !== undefined && view.members.every(({ id }) => id === self);
}

/** Whether no partition has a copy here any more; looked up once a view. */
function isFree(state: DirectoryState, departure: Departure): boolean {
  const { view, self } = state;
  if (view === undefined) return true;
  if (departure.looked !== view.epoch) {
    departure.looked = view.epoch;
    departure.isFree = isAlone(state) ||
      view.partitions.every(({ group, next }) => !group.includes(self) && !(next?.group.includes(self) ?? false));
  }
  return departure.isFree;
}

function giveLeaseBack(state: DirectoryState, departure: Departure, now: Instant, out: DirectoryEffect[]): void {
  const purpose = { kind: "releaseLease" } as const;
  if (callEngine(state.calls, purpose, purpose, RELEASE_LEASE_MS, now, out)) departure.phase = "releasing-lease";
}

function leaveDone(departure: Departure, isComplete: boolean, out: DirectoryEffect[]): void {
  departure.phase = "done";
  const counts: DepartureCounts = {
    moved: departure.moved,
    released: departure.released,
    failed: departure.failed,
  };
  out.push({ kind: "done", requestId: departure.requestId, result: { kind: "left", isComplete, counts } });
}
