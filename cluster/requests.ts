/**
 * What this node's users ask of its directory: spawn, singleton, stop by name, locate. Pure functions over a directory's
 * state.
 *
 * One idea: a request is a small loop that looks, acts, and looks again until its deadline. Whatever it sends may be sent
 * again, because the pair of asker and number names it.
 *
 * Invariant: each request ends with one `done`, at its deadline at the latest; where its effect is not known it says so.
 *
 * @module
 */
import type { Instant, NodeId } from "../core/ids.ts";
import { failed, finish } from "./answers.ts";
import type { Claim, DirectoryEffect, DirectoryInput } from "./directory_protocol.ts";
import { type DirectoryState, nextNumber, refuse, wakeIn } from "./directory_state.ts";
import { callEngine } from "./engine_calls.ts";
import type { GetResult, Version } from "./engine.ts";
import type { Placement } from "./placement.ts";
import { lookAtSpawn } from "./spawn_requests.ts";
import { lookAtStop } from "./stop_requests.ts";

/** Requests of this node's users under way. At the limit: `limit-reached`. */
export const REQUESTS_MAX = 1 << 16;
/** Milliseconds until a request looks again. */
const LOOK_MS = 500;
/** Milliseconds until it looks again where something of this node is on its way out. */
const SOON_MS = 100;

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

/** Asks the registry who holds the key of a request; false when too much waits. */
export function readKey(
  state: DirectoryState,
  purpose: { readonly kind: "locate" | "stopGet"; readonly requestId: number },
  key: string,
  now: Instant,
  out: DirectoryEffect[],
): boolean {
  const request = { kind: "get", key } as const;
  return callEngine(state.calls, purpose, request, state.timings.readTimeoutMs, now, out);
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
