/**
 * The directory of one node: which names it holds and how it takes and releases them, where others are, and, for the
 * partitions of its duty, that no record stays with a node that is out. A machine: changes its own state in place.
 *
 * One idea: an engine keeps views, leases and a map with compare-and-set; everything a cluster promises about names is
 * built on these three, here, whichever engine it is.
 *
 * Invariant: at most one acknowledged holder of a name is not removed, not released and not stopped.
 *
 * @module
 */
import type { Instant, NodeId } from "../core/ids.ts";
import { mayStillRun } from "./activation.ts";
import { ended, fence, leaseChanged, releaseAnswered, sendRelease, started } from "./activation_life.ts";
import { failed } from "./answers.ts";
import { audit, audited } from "./audit.ts";
import { claimAnswered, giveUpDue, sendClaim } from "./claims.ts";
import { departureDue, handingDue, handoffAnswered, leaseReleased, leave } from "./departure.ts";
import type { DirectoryEffect, DirectoryInput, DirectoryMessage } from "./directory_protocol.ts";
import { type DirectoryState, type Due, refuse } from "./directory_state.ts";
import { takeDue } from "./due_queue.ts";
import { dutyChanged, entryChanged, scan, scanAnswered } from "./duty_records.ts";
import { answered, type Purpose } from "./engine_calls.ts";
import type { CasResult, EngineOutput, EngineResult, GetResult, Held, LeaseStatus } from "./engine.ts";
import { ghostDeleted, ghostSeen, lookForGhost } from "./ghosts.ts";
import { handedOver, hinted } from "./hints.ts";
import { grainRefused, lookAtBarrier, wantAsked, wantedDue } from "./locate.ts";
import { deletesAnswered, hintRefused, pumpDue, relocateAgain } from "./relocation_work.ts";
import { lossesInView, relocator, reportProgress } from "./relocator.ts";
import { locateAnswered, requestDue, requested } from "./requests.ts";
import { located, resolveDue, resolveKey } from "./resolve.ts";
import { spawnAnswered, spawnAsked } from "./spawn_requests.ts";
import { stopAnswered, stopAsked, stopDeleted, stopLocated } from "./stop_requests.ts";
import type { Now } from "./time.ts";
import { memberOf, type View } from "./view.ts";

/** Messages of a node to itself handled in one step. At the limit: the others in the next one. */
const LOOPBACK_MAX = 4096;

/** Takes one input, appends what should be done to `out`. Never throws on any input. */
export function stepDirectory(
  state: DirectoryState,
  input: DirectoryInput,
  { mono }: Now,
  out: DirectoryEffect[],
): void {
  take(state, input, mono, out);
  for (let count = 0; count < LOOPBACK_MAX; count++) {
    const message = state.loopback.shift();
    if (message === undefined) return;
    if (!state.isFenced) received(state, state.self, message, mono, out);
  }
}

function take(state: DirectoryState, input: DirectoryInput, now: Instant, out: DirectoryEffect[]): void {
  switch (input.kind) {
    case "tick":
      for (let next = takeDue(state.due, now); next !== undefined; next = takeDue(state.due, now)) {
        due(state, next.item, now, out);
      }
      return;
    case "message":
      if (state.isFenced) return refuse(state, "fenced");
      return received(state, input.from, input.message, now, out);
    case "spawn":
    case "singleton":
    case "stop":
    case "locate":
      return requested(state, input, now, out);
    case "leave":
      return leave(state, input.requestId, input.deadline, now, out);
    case "resolve":
      return resolveKey(state, input.key, input.create, input.notAt, now, out);
    case "started":
      return started(state, input.key, input.token, input.error, now, out);
    case "ended":
      return ended(state, input.key, input.token, undefined, true, now, out);
    case "stoppedFor":
      return ended(state, input.key, input.token, input.snapshot, false, now, out);
    default:
      return engineSaid(state, input, now, out);
  }
}

function engineSaid(state: DirectoryState, input: EngineOutput, now: Instant, out: DirectoryEffect[]): void {
  switch (input.kind) {
    case "engineDone": {
      const purpose = answered(state.calls, input.requestId, now, out);
      if (purpose === undefined) return refuse(state, "unknown-request");
      return done(state, purpose, input.result, now, out);
    }
    case "engineView":
      return viewInstalled(state, input.view, now, out);
    case "engineLease":
      return leaseNow(state, input.status, now, out);
    case "engineDuty":
      return dutyChanged(state, input.partition, input.isOn && !state.isFenced, now, out);
    case "engineEntry":
      return entryChanged(state, input.partition, input.key, input.entry, now, out);
    case "holdingsWanted": {
      const { partition, cfg } = input;
      const floor = state.floors.get(partition);
      if (floor === undefined || floor < cfg) state.floors.set(partition, cfg);
      out.push({ kind: "holdings", partition, cfg, held: holdingsOf(state, input) });
      return;
    }
    case "engineDataLoss":
    case "joinWanted":
    case "leaseReleased":
    case "votersProven":
    case "recovered":
    case "accused":
    case "engineDown":
    case "engineUp":
    case "stateLost":
      return; // For others; what matters of it here comes as a lease, a view or an answer.
    default:
      return input satisfies never;
  }
}

function done(
  state: DirectoryState,
  purpose: Purpose,
  result: EngineResult,
  now: Instant,
  out: DirectoryEffect[],
): void {
  switch (purpose.kind) {
    case "claim":
      return claimAnswered(state, purpose.key, purpose.opId, casOf(result), now, out);
    case "release":
      return releaseAnswered(state, purpose.key, purpose.opId, casOf(result), now, out);
    case "ghostGet":
      return ghostSeen(state, purpose.id, getOf(result), now, out);
    case "ghostDelete":
      return ghostDeleted(state, purpose.id, casOf(result), now, out);
    case "locate":
      return locateAnswered(state, purpose.requestId, getOf(result), out);
    case "stopGet":
      return stopLocated(state, purpose.requestId, getOf(result), now, out);
    case "stopDelete":
      return stopDeleted(state, purpose.requestId, casOf(result), out);
    case "scan": {
      const { partition, round } = purpose;
      const { entries, isComplete } = result.kind === "scan" ? result : { entries: [], isComplete: false };
      return scanAnswered(state, partition, round, entries, isComplete, now, out);
    }
    case "deletes":
      return deletesAnswered(state, purpose.keys, now, out);
    case "releaseLease":
      return leaseReleased(state, now);
    default:
      return purpose satisfies never;
  }
}

/** The answer of an engine to another question is none. */
function casOf(result: EngineResult): CasResult {
  return result.kind === "cas" ? result.result : NO_ANSWER;
}

function getOf(result: EngineResult): GetResult {
  return result.kind === "get" ? result.result : NO_ANSWER;
}

const NO_ANSWER = { kind: "unavailable", reason: "busy", retryAfterMs: 200, indeterminate: true } as const;

function received(
  state: DirectoryState,
  from: NodeId,
  message: DirectoryMessage,
  now: Instant,
  out: DirectoryEffect[],
): void {
  switch (message.kind) {
    case "want":
      return wantAsked(state, from, message, now, out);
    case "located":
      return located(state, message.key, message.entry, message.absent, out);
    case "hint":
      return hinted(state, from, message, now, out);
    case "hintRefused":
      grainRefused(state, from, message.key, message.why, now, out);
      return hintRefused(state, from, message.key, message.expect, message.why, now, out);
    case "spawnRequest":
      return spawnAsked(state, from, message, now, out);
    case "spawnAnswer":
      return spawnAnswered(state, from, message.requestId, message.result, now, out);
    case "stopRequest":
      return stopAsked(state, from, message, now, out);
    case "stopAnswer":
      return stopAnswered(state, message.requestId, out);
    case "handoff":
      return handedOver(state, from, message, now, out);
    case "handoffAck":
      return handoffAnswered(state, from, message.key, message.version, message.isTaken, now, out);
    case "holdAudit":
      return audited(state, from, message, now, out);
    case "leaveRequest":
      if (state.view?.leader !== state.self || !state.members.has(from)) return refuse(state, "stranger");
      out.push({ kind: "leaveWanted", id: from });
      return;
    default:
      return message satisfies never;
  }
}

function due(state: DirectoryState, item: Due, now: Instant, out: DirectoryEffect[]): void {
  if (state.isFenced && item.kind !== "departure") return;
  switch (item.kind) {
    case "claim": {
      const activation = state.activations.get(item.key);
      if (activation?.wake === item.wake) sendClaim(state, activation, now, out);
      return;
    }
    case "giveUp":
      return giveUpDue(state, item.key, now, out);
    case "release": {
      const activation = state.activations.get(item.key);
      if (activation?.wake === item.wake) sendRelease(state, activation, now, out);
      return;
    }
    case "handing":
      return handingDue(state, item.key, item.wake, now, out);
    case "ghost":
      return lookForGhost(state, item.id, now, out);
    case "request":
      return requestDue(state, item.requestId, item.round, now, out);
    case "resolve":
      return resolveDue(state, item.key, item.round, now, out);
    case "want":
      return wantedDue(state, item.key, item.round, now, out);
    case "relocate":
      return relocateAgain(state, item.key, item.round, now, out);
    case "relocationProgress":
      return reportProgress(state, item.node, now, out);
    case "pump":
      return pumpDue(state, now, out);
    case "scan":
      return scan(state, item.partition, now, out);
    case "audit":
      return audit(state, item.partition, item.round, now, out);
    case "answered":
      state.remoteSpawns.delete(item.id);
      return;
    case "departure":
      return departureDue(state, now, out);
    default:
      return item satisfies never;
  }
}

function viewInstalled(state: DirectoryState, view: View, now: Instant, out: DirectoryEffect[]): void {
  if (state.isFenced || (state.view !== undefined && view.epoch <= state.view.epoch)) return;
  const before = state.members;
  state.view = view;
  state.members = new Set(view.members.map(({ id }) => id));
  state.eligibleOf.clear();
  const own = memberOf(view, state.self);
  if (own === undefined && state.selfJoin !== undefined) return fenceAll(state, now, out);
  state.selfJoin = own?.joinEpoch;
  lookAtBarrier(state, now);
  lossesInView(state, view.members.some(({ id }) => !before.has(id)), now, out);
}

function leaseNow(state: DirectoryState, status: LeaseStatus, now: Instant, out: DirectoryEffect[]): void {
  if (state.isFenced) return;
  state.lease = status;
  if (status === "fenced") return fenceAll(state, now, out);
  for (const activation of [...state.activations.values()]) {
    leaseChanged(state, activation, out);
    sendClaim(state, activation, now, out);
  }
}

/** This node is out, and never comes back under this id: nothing of it is lawful any more. */
function fenceAll(state: DirectoryState, now: Instant, out: DirectoryEffect[]): void {
  state.isFenced = true;
  state.lease = "fenced";
  for (const activation of [...state.activations.values()]) fence(state, activation, out);
  state.ghosts.clear();
  state.wanted.clear();
  state.remoteSpawns.clear();
  state.loopback.length = 0;
  for (const key of state.resolving.keys()) out.push({ kind: "absent", key, reason: "lease" });
  state.resolving.clear();
  for (const requestId of state.requests.keys()) {
    const result = failed("lease-lost", "unknown", "this node was removed from the cluster");
    out.push({ kind: "done", requestId, result });
  }
  state.requests.clear();
  for (const partition of [...state.duty.partitions.keys()]) dutyChanged(state, partition, false, now, out);
  Object.assign(state.relocator, relocator());
  departureDue(state, now, out);
}

function holdingsOf(
  state: DirectoryState,
  { partition }: Extract<EngineOutput, { kind: "holdingsWanted" }>,
): readonly Held[] {
  const held: Held[] = [];
  if (state.isFenced) return held;
  for (const activation of state.byPartition.get(partition)?.values() ?? []) {
    const { key, token, record, opId } = activation;
    if (token === undefined || record === undefined) continue;
    if (state.rules.holdExcludesLeaving && !mayStillRun(activation)) continue;
    held.push({ entry: { key, version: token, opId, record } });
  }
  return held;
}
