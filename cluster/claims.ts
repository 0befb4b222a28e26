/**
 * Taking a name: one compare-and-set under one operation id, repeated until its fate is known or nobody waits for it
 * any more. Pure functions over a directory's state.
 *
 * One idea: the operation id names this attempt of this node and nothing else, so "the record carries my id" means
 * "my attempt succeeded", however often it was sent and however late the answer comes.
 *
 * Invariant: an activation starts only under an acknowledged claim that still counts, and a held lease.
 *
 * @module
 */
import { partitionOfKey } from "../core/hash.ts";
import { epoch, type Instant } from "../core/ids.ts";
import { type Activation, publicStatus, type Waiter } from "./activation.ts";
import { advance, forget, startIfMay } from "./activation_life.ts";
import { failed, tell, tellWaiters } from "./answers.ts";
import type { Claim, DirectoryEffect, DirectoryResult } from "./directory_protocol.ts";
import {
  type DirectoryState,
  isAboveFloor,
  isLost,
  mayBegin,
  nextNumber,
  nextOperation,
  refuse,
  wakeIn,
} from "./directory_state.ts";
import { callEngine } from "./engine_calls.ts";
import type { CasResult, Entry, Expected, Version } from "./engine.ts";
import { releaseGhost } from "./ghosts.ts";

/** Activations of one node. At the limit: `limit-reached`, and hints are refused. */
export const ACTIVATIONS_MAX = 1 << 20;
/** Claims and starts under way on one node. At the limit: `limit-reached`. */
export const STARTING_MAX = 1 << 12;
/** … of them begun by hints and handoffs: what is begun for others leaves room for what is asked for here. */
export const STARTING_FOR_OTHERS_MAX = 1 << 11;
/** Who waits for one claim. At the limit: `limit-reached`. */
export const WAITERS_MAX = 1 << 10;
/** Milliseconds between attempts, when the engine names no other wait. */
const RETRY_MS = 200;

/** What a claim is begun with. */
export interface ClaimStart {
  readonly key: string;
  readonly claim: Claim;
  readonly expect: Expected;
  readonly snapshot: Uint8Array | undefined;
  readonly waiter: Waiter;
  readonly giveUpAt: Instant;
}

/** Whether one more activation may be begun; `isForOthers` when a hint or a handoff asks. */
export function hasRoom(state: DirectoryState, isForOthers: boolean): boolean {
  return state.activations.size < ACTIVATIONS_MAX &&
    state.startingCount < (isForOthers ? STARTING_FOR_OTHERS_MAX : STARTING_MAX);
}

/** Begins to claim a name that this node has nothing under. */
export function beginClaim(state: DirectoryState, start: ClaimStart, now: Instant, out: DirectoryEffect[]): void {
  const { key, claim } = start;
  const partition = partitionOfKey(key, state.settings.partitionCount);
  const activation: Activation = {
    key,
    partition,
    claim,
    status: "claiming",
    opId: attemptId(state, key, claim),
    expect: start.expect,
    origin: start.expect,
    record: undefined,
    token: undefined,
    snapshot: start.snapshot,
    isCalling: false,
    isUncertain: false,
    isStartSent: false,
    isStopSent: false,
    isStopped: false,
    giveUpAt: start.giveUpAt,
    told: "gone",
    wake: 0,
    waiters: [start.waiter],
    stopWaiters: [],
    handing: undefined,
  };
  state.activations.set(key, activation);
  const siblings = state.byPartition.get(partition);
  if (siblings === undefined) state.byPartition.set(partition, new Map([[key, activation]]));
  else siblings.set(key, activation);
  state.startingCount++;
  wakeIn(state, now, start.giveUpAt - now, { kind: "giveUp", key });
  sendClaim(state, activation, now, out);
  if (!state.rules.claimBeforeStart) startUnclaimed(state, activation, out);
}

/** Sends the claim, unless it is out already. Without a held lease it waits. */
export function sendClaim(
  state: DirectoryState,
  activation: Activation,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const { key, claim, expect, opId } = activation;
  if (activation.status !== "claiming" || activation.isCalling) return;
  const isAsked = mayBegin(state) && state.selfJoin !== undefined && callEngine(
    state.calls,
    { kind: "claim", key, opId },
    { kind: "cas", key, expect, opId, record: { ...claim, holder: state.self, holderJoin: state.selfJoin } },
    state.timings.writeTimeoutMs,
    now,
    out,
  );
  if (isAsked) activation.isCalling = true;
  else repeatClaim(state, activation, RETRY_MS, now);
}

/** The answer to a claim. */
export function claimAnswered(
  state: DirectoryState,
  key: string,
  opId: string,
  result: CasResult,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const activation = state.activations.get(key);
  if (activation?.status !== "claiming" || activation.opId !== opId) {
    // Nobody waits for it. If it was written, or may be, it must go.
    const isWritten = result.kind === "ok";
    const isUncertain = result.kind === "unavailable" && result.indeterminate;
    if (isWritten || isUncertain) releaseGhost(state, key, opId, isUncertain, now, out);
    return;
  }
  activation.isCalling = false;
  switch (result.kind) {
    case "ok":
      return acknowledged(state, activation, result.version, now, out);
    case "conflict":
      return conflicting(state, activation, result.current, now, out);
    case "unavailable":
      if (result.indeterminate) activation.isUncertain = true;
      return repeatClaim(state, activation, Math.min(Math.max(result.retryAfterMs, 50), 1_000), now);
    default:
      return result satisfies never;
  }
}

/** Gives a claim up whose fate is not known. */
export function giveUp(
  state: DirectoryState,
  activation: Activation,
  result: DirectoryResult,
  now: Instant,
  out: DirectoryEffect[],
): void {
  if (activation.status !== "claiming") return;
  // A request that is out, or an earlier uncertain one, may still write it.
  if (activation.isUncertain || activation.isCalling) {
    releaseGhost(state, activation.key, activation.opId, true, now, out);
  }
  abandon(state, activation, result, out);
}

/** Its time is over. */
export function giveUpDue(state: DirectoryState, key: string, now: Instant, out: DirectoryEffect[]): void {
  const activation = state.activations.get(key);
  if (activation?.status !== "claiming" || activation.giveUpAt > now) return;
  const isUnknown = activation.isUncertain || activation.isCalling;
  const code = mayBegin(state) ? "partition-unavailable" : "lease-lost";
  const result = failed(code, isUnknown ? "unknown" : "not-delivered", "the claim was not acknowledged in time");
  giveUp(state, activation, result, now, out);
}

function attemptId(state: DirectoryState, key: string, claim: Claim): string {
  if (state.rules.attemptsAreUnique) return nextOperation(state);
  return claim.idempotencyKey === "" ? `${state.self}#${key}` : claim.idempotencyKey;
}

function repeatClaim(state: DirectoryState, activation: Activation, ms: number, now: Instant): void {
  activation.wake = nextNumber(state);
  wakeIn(state, now, ms, { kind: "claim", key: activation.key, wake: activation.wake });
}

function acknowledged(
  state: DirectoryState,
  activation: Activation,
  version: Version,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const { key, partition, claim } = activation;
  if (!isAboveFloor(state, partition, version)) {
    // Acknowledged before its partition was built anew, without it: whoever asked us for our holdings did not count it.
    refuse(state, "stale-claim");
    releaseGhost(state, key, activation.opId, false, now, out);
    return attemptAnew(state, activation, "absent", now);
  }
  activation.token = version;
  activation.record = { ...claim, holder: state.self, holderJoin: state.selfJoin ?? epoch(0) };
  advance(state, activation, "starting", out);
  const result: DirectoryResult = { kind: "spawned", holder: state.self, token: version, isNew: true };
  for (const waiter of activation.waiters) if (waiter.kind === "handoff") tell(state, key, waiter, result, out);
  if (activation.isStartSent) advance(state, activation, "live", out); // Only without the rule `claimBeforeStart`.
  else startIfMay(state, activation, out);
}

function conflicting(
  state: DirectoryState,
  activation: Activation,
  current: Entry | null,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const { key, claim } = activation;
  if (current === null) {
    // What was expected is gone. A handoff goes on: a rebuilt partition has forgotten the activation that let go.
    // A relocation does not: somebody has given the name up on purpose.
    const goesOn = activation.expect === "absent" || claim.type === "grain" ||
      activation.waiters.some((waiter) => waiter.kind === "handoff");
    if (!goesOn) {
      return lose(state, activation, failed("actor-not-found", "not-delivered", "it was given up"), now, out);
    }
    activation.expect = "absent";
    return repeatClaim(state, activation, RETRY_MS, now);
  }
  const { holder, holderJoin } = current.record;
  if (holder === state.self) {
    if (current.opId === activation.opId) return acknowledged(state, activation, current.version, now, out);
    if (state.rules.conflictWithSelf) {
      releaseGhost(state, key, current.opId, false, now, out);
      activation.expect = "absent";
      return repeatClaim(state, activation, RETRY_MS, now);
    }
  } else if (isLost(state, holder, holderJoin)) {
    if (current.record.type === "grain" || !current.record.isRelocatable) {
      activation.expect = current.version; // Nobody else is to have it: its node is out and it does not go on.
      return repeatClaim(state, activation, 0, now);
    }
    if (isSameSpawn(claim, current.record)) return repeatClaim(state, activation, 2 * RETRY_MS, now); // Until it is elsewhere.
  } else if (isSameSpawn(claim, current.record)) {
    const result = { kind: "spawned", holder, token: current.version, isNew: false } as const;
    return lose(state, activation, result, now, out);
  }
  lose(state, activation, failed("name-taken", "not-delivered", "", holder), now, out);
}

/** Whether what is there is what the claim asks for. */
export function isSameSpawn(claim: Claim, other: Claim): boolean {
  if (claim.type !== other.type || claim.kind !== other.kind) return false;
  return claim.type !== "actor" || (claim.idempotencyKey !== "" && claim.idempotencyKey === other.idempotencyKey);
}

/** Another has it. An earlier attempt of unknown fate may still be written, once the name is free again. */
function lose(
  state: DirectoryState,
  activation: Activation,
  result: DirectoryResult,
  now: Instant,
  out: DirectoryEffect[],
): void {
  if (activation.isUncertain) releaseGhost(state, activation.key, activation.opId, true, now, out);
  abandon(state, activation, result, out);
}

function abandon(
  state: DirectoryState,
  activation: Activation,
  result: DirectoryResult,
  out: DirectoryEffect[],
): void {
  const { key, waiters } = activation;
  if (activation.isStartSent && activation.token !== undefined) {
    out.push({ kind: "stop", key, token: activation.token, reason: "gave-up" });
  }
  tellWaiters(state, key, waiters, result, out);
  forget(state, activation, out);
}

function attemptAnew(state: DirectoryState, activation: Activation, expect: Expected, now: Instant): void {
  activation.opId = attemptId(state, activation.key, activation.claim);
  activation.expect = expect;
  activation.isUncertain = false;
  repeatClaim(state, activation, RETRY_MS, now);
}

/** What happens without the rule `claimBeforeStart`: the actor runs under a token that nobody gave. */
function startUnclaimed(state: DirectoryState, activation: Activation, out: DirectoryEffect[]): void {
  const { key, claim, snapshot } = activation;
  const token = { cfg: state.view?.epoch ?? epoch(0), seq: 0 };
  activation.token = token;
  activation.isStartSent = true;
  activation.told = publicStatus(activation);
  const record = { ...claim, holder: state.self, holderJoin: state.selfJoin ?? epoch(0) };
  out.push({ kind: "start", key, token, record, snapshot });
}
