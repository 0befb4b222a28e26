/**
 * Spawning: where an actor is to be, here or there, and what another node asks to be spawned here. Pure functions over a
 * directory's state.
 *
 * One idea: whoever is to run it claims its name. The asker repeats itself until it is answered, and the pair of asker
 * and number makes all its repetitions one request.
 *
 * Invariant: a request of another node begins at most one claim while it is remembered.
 *
 * @module
 */
import { after, type Instant, type NodeId } from "../core/ids.ts";
import { isHolding, type Waiter } from "./activation.ts";
import { failed, finish, isRefusal, tell } from "./answers.ts";
import { beginClaim, hasRoom, isSameSpawn, WAITERS_MAX } from "./claims.ts";
import type { Claim, DirectoryEffect, DirectoryMessage, DirectoryResult } from "./directory_protocol.ts";
import { type DirectoryState, refuse, send, wakeIn } from "./directory_state.ts";
import { lookAtRequest, type Request } from "./requests.ts";
import type { ChoiceRefusal } from "./placement.ts";
import { chooseTarget, singletonHost } from "./targets.ts";

/** Spawns of other nodes that are remembered. At the limit: further ones are not answered. */
export const REMOTE_SPAWNS_MAX = 1 << 16;
/** Milliseconds the answer to another node's spawn is kept after its deadline. */
const REMEMBER_MS = 30_000;
/** The longest another node may have us wait. */
const WAIT_MS_MAX = 300_000;

/** A spawn of another node, and what became of it. */
export interface SpawnAnswered {
  result: DirectoryResult | undefined;
}

/** Finds a node for it, and asks that node or claims here. */
export function lookAtSpawn(
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

function targetOf(state: DirectoryState, request: Extract<Request, { kind: "spawn" }>): NodeId | DirectoryResult {
  const { claim, placement, refusedBy } = request;
  const role = claim.role === "" ? "" : `the role ${JSON.stringify(claim.role)} and `;
  const nobody = `no member that is up has ${role}the kind ${JSON.stringify(claim.kind)}`;
  if (claim.type === "singleton") {
    return singletonHost(state, claim) ?? failed("no-eligible-node", "not-delivered", nobody);
  }
  const choice = chooseTarget(state, claim, placement, state.self, (id) => refusedBy.has(id));
  if (choice.kind === "chosen") return choice.node;
  return failed("no-eligible-node", "not-delivered", wordsOf(choice, nobody, refusedBy.size));
}

/** Why no node was chosen, for people. */
function wordsOf(
  { reason, detail }: { readonly reason: ChoiceRefusal; readonly detail: string },
  nobody: string,
  refusedCount: number,
): string {
  switch (reason) {
    case "no-candidate":
      return refusedCount === 0 ? nobody : `${refusedCount} nodes were asked, and none takes more`;
    case "not-local":
      return "this node is none of those that may have it";
    case "choice-threw":
      return `the placement function threw: ${detail}`;
    case "choice-stranger":
      return `the placement function chose ${JSON.stringify(detail)}, which is no candidate`;
    case "choice-none":
      return "the placement function chose nobody";
    default:
      return reason satisfies never;
  }
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
      return refuseWith(failed("name-taken", "not-delivered", "", state.self));
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
