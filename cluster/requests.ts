/**
 * What users ask of a directory: spawn, singleton, stop by name, locate; and the first three asked by another node. Pure
 * functions over a directory's state.
 *
 * One idea: a request is a small loop that looks, acts, and looks again until its deadline. Whatever it sends may be sent
 * again, because the pair of asker and number names it.
 *
 * Invariant: each request ends with one `done`, at its deadline at the latest; where its effect is not known it says so.
 *
 * @module
 */
import { after, type Instant, type NodeId } from "../core/ids.ts";
import { isHolding, type Waiter } from "./activation.ts";
import { stopActivation } from "./activation_life.ts";
import { failed, finish, isRefusal, tell } from "./answers.ts";
import { beginClaim, giveUp, hasRoom, isSameSpawn, WAITERS_MAX } from "./claims.ts";
import type {
  Claim,
  DirectoryEffect,
  DirectoryInput,
  DirectoryMessage,
  DirectoryResult,
} from "./directory_protocol.ts";
import { type DirectoryState, isLost, nextNumber, nextOperation, refuse, send, wakeIn } from "./directory_state.ts";
import { callEngine } from "./engine_calls.ts";
import { type CasResult, type GetResult, isSameVersion, type Version } from "./engine.ts";
import { releaseGhost } from "./ghosts.ts";
import type { Placement } from "./placement.ts";
import { chooseTarget, singletonHost } from "./targets.ts";

/** Requests of this node's users under way. At the limit: `limit-reached`. */
export const REQUESTS_MAX = 1 << 16;
/** Spawns of other nodes that are remembered. At the limit: further ones are not answered. */
export const REMOTE_SPAWNS_MAX = 1 << 16;
/** Milliseconds until a request looks again. */
const LOOK_MS = 500;
/** Milliseconds until it looks again where something of this node is on its way out. */
const SOON_MS = 100;
/** Milliseconds the answer to another node's spawn is kept after its deadline. */
const REMEMBER_MS = 30_000;
/** The longest another node may have us wait. */
const WAIT_MS_MAX = 300_000;

/** A request of this node's user. */
export type Request =
  | {
    readonly kind: "spawn";
    readonly requestId: number;
    readonly key: string;
    readonly claim: Claim;
    readonly placement: Placement;
    readonly deadline: Instant;
    round: number;
    readonly refusedBy: Set<NodeId>;
    target: NodeId | undefined;
    /** A claim of this node has it as its waiter. */
    isClaiming: boolean;
    /** Some node may have it. */
    isSent: boolean;
  }
  | {
    readonly kind: "stop";
    readonly requestId: number;
    readonly key: string;
    readonly deadline: Instant;
    round: number;
    /** The activation that is being stopped. */
    token: Version | undefined;
    isCalling: boolean;
  }
  | {
    readonly kind: "locate";
    readonly requestId: number;
    readonly key: string;
    readonly deadline: Instant;
    round: number;
    isCalling: boolean;
  };

/** A spawn of another node, and what became of it. */
export interface SpawnAnswered {
  result: DirectoryResult | undefined;
}

/** A user asks for something. */
export function requested(
  state: DirectoryState,
  input: Extract<DirectoryInput, { kind: "spawn" | "singleton" | "stop" | "locate" }>,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const { requestId, key, deadline } = input;
  if (state.requests.has(requestId)) return refuse(state, "duplicate-request");
  const refusal = state.isFenced
    ? failed("lease-lost", "not-delivered", "this node was removed from the cluster")
    : state.departure !== undefined && input.kind !== "locate"
    ? failed("system-stopping", "not-delivered", "this node is leaving")
    : state.requests.size >= REQUESTS_MAX
    ? failed("limit-reached", "not-delivered", `there are ${REQUESTS_MAX} requests under way`)
    : undefined;
  if (refusal !== undefined) {
    out.push({ kind: "done", requestId, result: refusal });
    return;
  }
  if (input.kind === "spawn" || input.kind === "singleton") {
    const placement: Placement = input.kind === "spawn" ? input.placement : { kind: "local" };
    const claim: Claim = input.kind === "spawn" ? input.claim : { ...input.claim, type: "singleton" };
    const begun = { target: undefined, isClaiming: false, isSent: false, round: 0, refusedBy: new Set<NodeId>() };
    state.requests.set(requestId, { kind: "spawn", requestId, key, claim, placement, deadline, ...begun });
  } else if (input.kind === "stop") {
    state.requests.set(requestId, {
      kind: "stop",
      requestId,
      key,
      deadline,
      token: undefined,
      isCalling: false,
      round: 0,
    });
  } else state.requests.set(requestId, { kind: "locate", requestId, key, deadline, isCalling: false, round: 0 });
  lookAtRequest(state, requestId, now, out);
}

/** Acts for a request, and puts it down to be looked at again. */
export function lookAtRequest(state: DirectoryState, requestId: number, now: Instant, out: DirectoryEffect[]): void {
  const request = state.requests.get(requestId);
  if (request === undefined) return;
  if (now >= request.deadline) return overdue(state, request, out);
  const soonMs = act(state, request, now, out);
  if (state.requests.get(requestId) !== request) return;
  request.round = nextNumber(state);
  const ms = Math.min(soonMs, request.deadline - now);
  wakeIn(state, now, ms, { kind: "request", requestId, round: request.round });
}

/** It has waited for a while. */
export function requestDue(
  state: DirectoryState,
  requestId: number,
  round: number,
  now: Instant,
  out: DirectoryEffect[],
): void {
  if (state.requests.get(requestId)?.round === round) lookAtRequest(state, requestId, now, out);
}

/** The registry says who holds the key of a `locate`. */
export function locateAnswered(
  state: DirectoryState,
  requestId: number,
  result: GetResult,
  out: DirectoryEffect[],
): void {
  const request = state.requests.get(requestId);
  if (request?.kind !== "locate") return;
  request.isCalling = false;
  if (result.kind === "unavailable") return; // Asked again when it is looked at next.
  finish(state, requestId, { kind: "located", entry: result.entry ?? undefined }, out);
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

/** Another node asks for a spawn here. */
export function spawnAsked(
  state: DirectoryState,
  from: NodeId,
  message: Extract<DirectoryMessage, { kind: "spawnRequest" }>,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const { requestId, key, claim } = message;
  if (!state.members.has(from)) return refuse(state, "stranger");
  const id = `${from}|${requestId}`;
  const known = state.remoteSpawns.get(id);
  if (known !== undefined) {
    if (known.result !== undefined) send(state, from, { kind: "spawnAnswer", requestId, result: known.result }, out);
    return;
  }
  if (state.remoteSpawns.size >= REMOTE_SPAWNS_MAX) return refuse(state, "too-many-waiters");
  const waitMs = Math.min(Math.max(0, message.waitMs), WAIT_MS_MAX) || 0;
  const waiter: Waiter = { kind: "remote", from, requestId };
  state.remoteSpawns.set(id, { result: undefined });
  if (spawnHere(state, key, claim, waiter, after(now, waitMs), now, out)) {
    wakeIn(state, now, waitMs + REMEMBER_MS, { kind: "answered", id });
  } else state.remoteSpawns.delete(id); // Something of the name is on its way out: it asks again.
}

/** Another node says what became of a spawn there. */
export function spawnAnswered(
  state: DirectoryState,
  from: NodeId,
  requestId: number,
  result: DirectoryResult,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const request = state.requests.get(requestId);
  if (request?.kind !== "spawn" || request.target !== from) return;
  if (!isRefusal(result)) return finish(state, requestId, result, out);
  request.target = undefined;
  request.isSent = false;
  if (request.claim.type === "singleton") return; // There is one place for it: asked again when it is looked at next.
  request.refusedBy.add(from);
  lookAtRequest(state, requestId, now, out);
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

/** Does what can be done now; the milliseconds until it should be looked at again. */
function act(state: DirectoryState, request: Request, now: Instant, out: DirectoryEffect[]): number {
  switch (request.kind) {
    case "spawn":
      lookAtSpawn(state, request, now, out);
      return request.target === state.self && !request.isClaiming ? SOON_MS : LOOK_MS;
    case "stop":
      lookAtStop(state, request, now, out);
      return LOOK_MS;
    case "locate":
      request.isCalling ||= readKey(state, { kind: "locate", requestId: request.requestId }, request.key, now, out);
      return LOOK_MS;
    default:
      return request satisfies never;
  }
}

function lookAtSpawn(
  state: DirectoryState,
  request: Extract<Request, { kind: "spawn" }>,
  now: Instant,
  out: DirectoryEffect[],
): void {
  const { requestId, key, claim, deadline } = request;
  if (request.isClaiming || state.view === undefined) return;
  if (request.target !== undefined && !state.members.has(request.target)) {
    const isRepeatable = claim.type !== "actor" || claim.idempotencyKey !== "";
    if (request.isSent && !isRepeatable) {
      const result = failed("partition-unavailable", "unknown", `node ${request.target} was removed meanwhile`);
      return finish(state, requestId, result, out);
    }
    request.target = undefined;
  }
  if (request.target === undefined || claim.type === "singleton") {
    const target = targetOf(state, request);
    if (typeof target !== "string") return finish(state, requestId, target, out);
    request.target = target;
  }
  const { target } = request;
  if (target !== state.self) {
    request.isSent = true;
    return send(state, target, { kind: "spawnRequest", requestId, key, claim, waitMs: deadline - now }, out);
  }
  request.isClaiming = spawnHere(state, key, claim, { kind: "request", requestId }, deadline, now, out);
}

function targetOf(state: DirectoryState, request: Extract<Request, { kind: "spawn" }>): NodeId | DirectoryResult {
  const { claim, placement, refusedBy } = request;
  const needs = `a node with role ${JSON.stringify(claim.role)} and kind ${JSON.stringify(claim.kind)}`;
  if (claim.type === "singleton") {
    return singletonHost(state, claim) ?? failed("no-eligible-node", "not-delivered", `there is no ${needs}`);
  }
  const choice = chooseTarget(state, claim, placement, state.self, (id) => refusedBy.has(id));
  if (choice.kind === "chosen") return choice.node;
  return failed("no-eligible-node", "not-delivered", `${choice.reason}: ${needs} ${choice.detail}`.trim());
}

/** Spawns on this node; false when something of the name is on its way out, and it should be tried again. */
function spawnHere(
  state: DirectoryState,
  key: string,
  claim: Claim,
  waiter: Waiter,
  giveUpAt: Instant,
  now: Instant,
  out: DirectoryEffect[],
): boolean {
  const refuseWith = (result: DirectoryResult): boolean => {
    tell(state, key, waiter, result, out);
    return true;
  };
  if (state.departure !== undefined) {
    return refuseWith(failed("system-stopping", "not-delivered", "the node is leaving"));
  }
  const activation = state.activations.get(key);
  if (activation !== undefined) {
    const { status, token, claim: theirs } = activation;
    if (status !== "claiming" && !isHolding(activation)) return false;
    if (!isSameSpawn(claim, theirs)) {
      return refuseWith(failed("name-taken", "not-delivered", "the name has another holder", state.self));
    }
    if (token !== undefined && (status === "live" || status === "paused")) {
      return refuseWith({ kind: "spawned", holder: state.self, token, isNew: false });
    }
    if (activation.waiters.length >= WAITERS_MAX) {
      return refuseWith(failed("limit-reached", "not-delivered", `${WAITERS_MAX} wait for this claim`));
    }
    activation.waiters.push(waiter);
    return true;
  }
  if (!hasRoom(state, waiter.kind !== "request")) {
    return refuseWith(failed("limit-reached", "not-delivered", "too many actors are beginning on this node"));
  }
  beginClaim(state, { key, claim, expect: "absent", snapshot: undefined, waiter, giveUpAt }, now, out);
  return true;
}

function lookAtStop(
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

function readKey(
  state: DirectoryState,
  purpose: { readonly kind: "locate" | "stopGet"; readonly requestId: number },
  key: string,
  now: Instant,
  out: DirectoryEffect[],
): boolean {
  const request = { kind: "get", key, level: "linearizable" } as const;
  return callEngine(state.calls, purpose, request, state.timings.readTimeoutMs, now, out);
}

function overdue(state: DirectoryState, request: Request, out: DirectoryEffect[]): void {
  const isUnknown = request.kind === "spawn"
    ? request.isClaiming || request.isSent
    : request.kind === "stop" && request.token !== undefined;
  const reason = "no answer before the deadline";
  finish(
    state,
    request.requestId,
    failed("partition-unavailable", isUnknown ? "unknown" : "not-delivered", reason),
    out,
  );
}
