/**
 * Stopping an actor by its name, wherever it is. Pure functions over a directory's state.
 *
 * One idea: look who has it, tell that node, look again. It has stopped when the registry names it no more.
 *
 * Invariant: what is stopped is the activation that was found first; one that came after it is left alone.
 *
 * @module
 */
import type { Instant, NodeId } from "../core/ids.ts";
import { stopActivation } from "./activation_life.ts";
import { failed, finish } from "./answers.ts";
import { giveUp, WAITERS_MAX } from "./claims.ts";
import type { DirectoryEffect, DirectoryMessage } from "./directory_protocol.ts";
import { type DirectoryState, isLost, nextOperation, refuse, send } from "./directory_state.ts";
import { callEngine } from "./engine_calls.ts";
import { type CasResult, type GetResult, isSameVersion } from "./engine.ts";
import { releaseGhost } from "./ghosts.ts";
import { readKey, type Request } from "./requests.ts";

/** Stops it here, or asks who has it. */
export function lookAtStop(
  state: DirectoryState,
  request: Extract<Request, { kind: "stop" }>,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const { key, requestId } = request;
  const activation = state.activations.get(key);
  if (activation?.status === "claiming") {
    return giveUp(state, activation, failed("actor-not-found", "unknown", "it was stopped meanwhile"), now, out);
  }
  if (activation === undefined) {
    request.isCalling ||= readKey(state, { kind: "stopGet", requestId }, key, now, out);
    return;
  }
  request.token = activation.token;
  const isKnown = activation.stopWaiters.some((waiter) => waiter.kind === "request" && waiter.requestId === requestId);
  if (!isKnown && activation.stopWaiters.length < WAITERS_MAX) {
    activation.stopWaiters.push({ kind: "request", requestId });
  }
  stopActivation(state, activation, "released", now, out);
}

/** The registry says who holds what is to be stopped. */
export function stopLocated(
  state: DirectoryState,
  requestId: number,
  result: GetResult,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const request = state.requests.get(requestId);
  if (request?.kind !== "stop") return;
  request.isCalling = false;
  if (result.kind === "unavailable") return;
  const { entry } = result;
  if (request.token !== undefined && (entry === null || !isSameVersion(entry.version, request.token))) {
    return finish(state, requestId, { kind: "stopped" }, out);
  }
  if (entry === null) {
    return finish(state, requestId, failed("actor-not-found", "not-delivered", "nobody holds the name"), out);
  }
  request.token = entry.version;
  const { key } = request;
  const { holder, holderJoin } = entry.record;
  if (isLost(state, holder, holderJoin)) {
    const operation = { key, expect: entry.version, record: null, opId: nextOperation(state) };
    const purpose = { kind: "stopDelete", requestId } as const;
    const ms = state.timings.writeTimeoutMs;
    request.isCalling = callEngine(state.calls, purpose, { kind: "cas", ...operation }, ms, now, out);
  } else if (holder !== state.self) {
    send(state, holder, { kind: "stopRequest", requestId, key, token: entry.version }, out);
  } else if (state.activations.get(key)?.opId !== entry.opId) {
    releaseGhost(state, key, entry.opId, false, now, out);
  }
}

/** The registry says what became of the deletion of a lost node's record. */
export function stopDeleted(state: DirectoryState, requestId: number, result: CasResult, out: DirectoryEffect[]): void {
  const request = state.requests.get(requestId);
  if (request?.kind !== "stop") return;
  request.isCalling = false;
  if (result.kind === "ok") finish(state, requestId, { kind: "stopped" }, out);
}

/** Another node asks for a stop here. */
export function stopAsked(
  state: DirectoryState,
  from: NodeId,
  message: Extract<DirectoryMessage, { kind: "stopRequest" }>,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const { requestId, key, token } = message;
  const activation = state.activations.get(key);
  if (activation?.token === undefined || !isSameVersion(activation.token, token)) {
    return refuse(state, "unknown-activation"); // It looks again, and sees what became of it.
  }
  const isKnown = activation.stopWaiters.some((waiter) =>
    waiter.kind === "remote" && waiter.from === from && waiter.requestId === requestId
  );
  if (!isKnown && activation.stopWaiters.length < WAITERS_MAX) {
    activation.stopWaiters.push({ kind: "remote", from, requestId });
  }
  stopActivation(state, activation, "released", now, out);
}

/** A holder says that it has stopped. */
export function stopAnswered(state: DirectoryState, requestId: number, out: DirectoryEffect[]): void {
  if (state.requests.get(requestId)?.kind === "stop") finish(state, requestId, { kind: "stopped" }, out);
}
