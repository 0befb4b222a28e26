/**
 * An activation from the acknowledged claim to the acknowledged release: starting, stopping, freezing, being fenced.
 * Pure functions over a directory's state.
 *
 * One idea: the host does, and says what it did; nothing is believed to have stopped before the host said so.
 *
 * Invariant: a name is released after its actor has stopped, and an activation leaves the map only when its name is
 * free, another's, or the node is out.
 *
 * @module
 */
import type { Instant } from "../core/ids.ts";
import { type Activation, type ActivationStatus, isHolding, moveTo, publicStatus } from "./activation.ts";
import { failed, tellWaiters } from "./answers.ts";
import { handingEnded, handoffStopped } from "./departure.ts";
import type { DirectoryEffect, StopReason } from "./directory_protocol.ts";
import { type DirectoryState, hasLease, mayBegin, nextNumber, nextOperation, wakeIn } from "./directory_state.ts";
import { callEngine } from "./engine_calls.ts";
import { type CasResult, isSameVersion, type Version } from "./engine.ts";
import { releaseGhost } from "./ghosts.ts";

/** Milliseconds between attempts, when the engine names no other wait. */
const RETRY_MS = 200;

/** Tells the host to start it, if the lease is held; it is looked at again when that changes. */
export function startIfMay(state: DirectoryState, activation: Activation, out: DirectoryEffect[]): void {
  const { key, token, record, snapshot } = activation;
  if (activation.status !== "starting" || activation.isStartSent || !mayBegin(state)) return;
  if (token === undefined || record === undefined) return;
  activation.isStartSent = true;
  activation.snapshot = undefined;
  out.push({ kind: "start", key, token, record, snapshot });
}

/** The host says how starting went. */
export function started(
  state: DirectoryState,
  key: string,
  token: Version,
  error: string | undefined,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const activation = ofToken(state, key, token);
  if (activation === undefined || !activation.isStartSent) return;
  if (error !== undefined) {
    if (activation.status === "starting") {
      tellWaiters(state, key, activation.waiters, failed("start-failed", "not-delivered", error), out);
    }
    return hasStopped(state, activation, undefined, now, out);
  }
  if (activation.status !== "starting") return;
  advance(state, activation, mayBegin(state) ? "live" : "paused", out);
  const result = { kind: "spawned", holder: state.self, token, isNew: true } as const;
  const others = activation.waiters.filter((waiter) => waiter.kind !== "handoff"); // They were told at the claim.
  activation.waiters.length = 0;
  tellWaiters(state, key, others, result, out);
}

/** The host says that it has ended: by itself, or because it was told to. */
export function ended(
  state: DirectoryState,
  key: string,
  token: Version,
  snapshot: Uint8Array | undefined,
  isByItself: boolean,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const activation = ofToken(state, key, token);
  if (activation === undefined || !activation.isStartSent || activation.isStopped) return;
  if (!isByItself && !activation.isStopSent) return;
  if (isByItself && activation.status === "handing") {
    handingEnded(state, "released");
    advance(state, activation, "stopping", out);
  }
  tellWaiters(state, key, activation.waiters, failed("start-failed", "not-delivered", "it stopped"), out);
  hasStopped(state, activation, snapshot, now, out);
}

/** Stops it, and goes on from there as the reason says. For a claim see `giveUp`. */
export function stopActivation(
  state: DirectoryState,
  activation: Activation,
  reason: StopReason,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const { key, token, status } = activation;
  if (token === undefined) return;
  if (!isHolding(activation)) {
    if (!givesUpName(reason) || status !== "handing") return;
    // It was to go on elsewhere, and now is to end.
    activation.handing = undefined;
    handingEnded(state, "released");
    if (activation.isStopped) return release(state, activation, now, out);
    return advance(state, activation, "stopping", out);
  }
  const next = reason === "handoff" ? "handing" : givesUpName(reason) ? "stopping" : "lost";
  advance(state, activation, next, out);
  if (!activation.isStartSent) return hasStopped(state, activation, undefined, now, out);
  activation.isStopSent = true;
  out.push({ kind: "stop", key, token, reason });
  if (!state.rules.stopBeforeRelease && next === "stopping") release(state, activation, now, out);
}

function givesUpName(reason: StopReason): boolean {
  return reason === "released" || reason === "left";
}

/** Sends the release of its name, unless it is out. */
export function sendRelease(state: DirectoryState, activation: Activation, now: Instant, out: DirectoryEffect[]): void {
  const { key, token, opId } = activation;
  if (activation.status !== "releasing" || activation.isCalling || token === undefined) return;
  const isAsked = hasLease(state) && callEngine(
    state.calls,
    { kind: "release", key, opId },
    { kind: "cas", key, expect: token, record: null, opId: nextOperation(state) },
    state.timings.writeTimeoutMs,
    now,
    out,
  );
  if (isAsked) activation.isCalling = true;
  else repeatRelease(state, activation, RETRY_MS, now);
}

/** The answer to a release. */
export function releaseAnswered(
  state: DirectoryState,
  key: string,
  opId: string,
  result: CasResult,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const activation = state.activations.get(key);
  if (activation?.status !== "releasing" || activation.opId !== opId) return;
  activation.isCalling = false;
  switch (result.kind) {
    case "ok":
      forget(state, activation, out);
      // A repetition of its claim may still be on its way to a name that is free now.
      if (activation.isUncertain) releaseGhost(state, key, opId, true, now, out);
      return;
    case "conflict": {
      const { current } = result;
      if (current?.opId !== opId || current.record.holder !== state.self) return forget(state, activation, out);
      // The same claim under another version: its partition was built anew from what was reported.
      if (activation.token !== undefined && isSameVersion(activation.token, current.version)) {
        return repeatRelease(state, activation, RETRY_MS, now);
      }
      activation.token = current.version;
      return sendRelease(state, activation, now, out);
    }
    case "unavailable":
      return repeatRelease(state, activation, Math.min(Math.max(result.retryAfterMs, 50), 1_000), now);
    default:
      return result satisfies never;
  }
}

/** From stopped, or never started, to the release of its name. */
export function release(state: DirectoryState, activation: Activation, now: Instant, out: DirectoryEffect[]): void {
  advance(state, activation, "releasing", out);
  sendRelease(state, activation, now, out);
}

/** Goes on after the lease has changed: freezes, resumes, starts what waited. */
export function leaseChanged(state: DirectoryState, activation: Activation, out: DirectoryEffect[]): void {
  if (!mayBegin(state)) {
    if (activation.status === "live") advance(state, activation, "paused", out);
    return;
  }
  if (activation.status === "paused") advance(state, activation, "live", out);
  startIfMay(state, activation, out);
}

/** The node is out: whatever runs must end, and no name of it is ours any more. */
export function fence(state: DirectoryState, activation: Activation, out: DirectoryEffect[]): void {
  const { key, token, waiters } = activation;
  tellWaiters(state, key, waiters, failed("lease-lost", "unknown", "the node was removed"), out);
  if (activation.status === "lost") return;
  if (activation.status === "handing") handingEnded(state, "failed");
  const isRunning = activation.isStartSent && !activation.isStopped;
  if (!isRunning || activation.status === "claiming") return forget(state, activation, out);
  advance(state, activation, "lost", out);
  if (token === undefined) return;
  activation.isStopSent = true;
  out.push({ kind: "stop", key, token, reason: "fenced" });
}

/** Moves it on, keeps count of what is beginning, and tells the receiver of messages what it must know. */
export function advance(
  state: DirectoryState,
  activation: Activation,
  status: ActivationStatus,
  out: DirectoryEffect[],
): void {
  if (activation.status === status) return;
  const wasBeginning = isBeginning(activation.status);
  moveTo(activation, status);
  if (wasBeginning && !isBeginning(status)) state.startingCount--;
  tellReceiver(activation, out);
}

/** Takes it out of the map. Its key is free for another claim of this node. */
export function forget(state: DirectoryState, activation: Activation, out: DirectoryEffect[]): void {
  const { key, partition, token, waiters, stopWaiters } = activation;
  if (state.activations.get(key) !== activation) return;
  state.activations.delete(key);
  const siblings = state.byPartition.get(partition);
  siblings?.delete(key);
  if (siblings?.size === 0) state.byPartition.delete(partition);
  if (isBeginning(activation.status)) state.startingCount--;
  if (token !== undefined && activation.told !== "gone") {
    activation.told = "gone";
    out.push({ kind: "activation", key, token, status: "gone" });
  }
  tellWaiters(state, key, waiters, failed("start-failed", "not-delivered", "it stopped"), out);
  tellWaiters(state, key, stopWaiters, { kind: "stopped" }, out);
}

function hasStopped(
  state: DirectoryState,
  activation: Activation,
  snapshot: Uint8Array | undefined,
  now: Instant,
  out: DirectoryEffect[],
): void {
  if (activation.isStopped) return;
  activation.isStopped = true;
  const { status } = activation;
  switch (status) {
    case "starting":
    case "live":
    case "paused":
    case "stopping":
      return release(state, activation, now, out);
    case "handing":
      tellReceiver(activation, out);
      return handoffStopped(state, activation, snapshot, now, out);
    case "lost":
      return forget(state, activation, out);
    case "claiming":
    case "releasing":
      return; // Only without the rules `claimBeforeStart` and `stopBeforeRelease`.
    default:
      return status satisfies never;
  }
}

function ofToken(state: DirectoryState, key: string, token: Version): Activation | undefined {
  const activation = state.activations.get(key);
  return activation?.token !== undefined && isSameVersion(activation.token, token) ? activation : undefined;
}

function repeatRelease(state: DirectoryState, activation: Activation, ms: number, now: Instant): void {
  activation.wake = nextNumber(state);
  wakeIn(state, now, ms, { kind: "release", key: activation.key, wake: activation.wake });
}

function tellReceiver(activation: Activation, out: DirectoryEffect[]): void {
  const { key, token } = activation;
  const status = publicStatus(activation);
  if (token === undefined || status === activation.told) return;
  activation.told = status;
  out.push({ kind: "activation", key, token, status });
}

function isBeginning(status: ActivationStatus): boolean {
  return status === "claiming" || status === "starting";
}
