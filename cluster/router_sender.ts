/**
 * The sender's side of the message router: what a node does with the messages of its own actors. Pure.
 *
 * One idea: a message is sent at once while the place of its target is known and in use. When anything shows that it is
 * no more, the route moves: the old place is flushed, the directory asked, and everything waits in order, what came
 * back before what was never sent.
 *
 * Invariant: a message is sent again only after a bounce of exactly it, from the place in use or being flushed.
 * Everything else that was sent is never sent again.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import type { Resolution } from "./directory_protocol.ts";
import { isOlder, isSameVersion } from "./engine.ts";
import { failAsk, failAsksAt, takeAsk } from "./router_asks.ts";
import { ask, askLater, beginMove, endFlush, fail, settle, transmit } from "./router_move.ts";
import type { BouncedFrame, Letter, RouterEffect, UserFrame } from "./router_protocol.ts";
import {
  addMoving,
  addWaiting,
  hasWaiting,
  letterIn,
  MOVING_ROUTES_MAX,
  type MovingRoute,
  routeToForget,
  takeExpired,
  takeThose,
  takeWaiting,
  type Waiting,
  WAITING_MS_MAX,
} from "./router_routes.ts";
import { bury, hasLease, type RouterState } from "./router_state.ts";

/** A message of an actor of this node. */
export function send(state: RouterState, letter: Letter, out: RouterEffect[]): void {
  const refusal = takeAsk(state, letter);
  if (refusal === "ask-id-taken") return bury(state, letter, refusal, out);
  if (refusal !== undefined) return refuseAsk(letter, refusal, out);
  if (state.lease === "fenced") return fail(state, letter, "fenced", out);
  if (letter.sender !== undefined && state.rules.freezeAtExpiry && !hasLease(state)) {
    return fail(state, letter, "lease-lost", out);
  }
  const item: Waiting = { letter, waitedMs: 0, since: state.now.mono };
  const settled = state.routes.settled.get(letter.target);
  if (settled !== undefined) {
    settled.isRecent = true;
    return transmit(state, settled.place, item, out);
  }
  let route = state.routes.moving.get(letter.target);
  if (route === undefined) {
    if (state.routes.moving.size >= MOVING_ROUTES_MAX) return fail(state, letter, "buffer-full", out);
    route = addMoving(state.routes, letter.target, letter.actorKind, 0);
  }
  route.actorKind = letter.actorKind;
  if (!keep(state, route, "waiting", item)) return fail(state, letter, "buffer-full", out);
  settle(state, route, out);
}

/** What the directory says of a key. */
export function resolved(state: RouterState, answer: Resolution, out: RouterEffect[]): void {
  const route = state.routes.moving.get(answer.key);
  if (route === undefined || route.asking.kind !== "asked") {
    state.counts.refused++;
    return;
  }
  route.asking = { kind: "idle" };
  if (answer.kind === "resolved") {
    route.answer = { node: answer.holder, token: answer.token };
    return settle(state, route, out);
  }
  const code = codeOfAbsence(answer.reason);
  if (code === undefined) {
    route.attempts++;
    return askLater(state, route);
  }
  for (const { letter } of takeWaiting(state.routes, route)) fail(state, letter, code, out);
  settle(state, route, out);
}

/** A message comes back. */
export function bounced(state: RouterState, from: NodeId, message: BouncedFrame, out: RouterEffect[]): void {
  const { frame } = message;
  state.counts.bounces++;
  const pending = frame.askId === undefined ? undefined : state.asks.pending.get(frame.askId);
  const isOver = frame.askId !== undefined && pending?.to !== from;
  const route = routeOf(state, from, frame, out);
  if (route === undefined) {
    if (!isOver) failFrame(state, frame, "stray-bounce", out);
    else state.counts.lateBounces++;
    return;
  }
  if (isOver) {
    state.counts.lateBounces++;
  } else if (message.reason === "stopped") {
    failFrame(state, frame, "actor-stopped", out);
  } else {
    if (pending !== undefined) pending.to = undefined;
    const letter = letterIn(message, pending && { id: pending.id, deadline: pending.deadline });
    const waitedMs = frame.waitedMs > 0 ? Math.min(frame.waitedMs, WAITING_MS_MAX) : 0;
    const isKept = keep(state, route, "returned", { letter, waitedMs, since: state.now.mono });
    if (!isKept) fail(state, letter, "buffer-full", out);
    // A hint spares a question, but only forward: two nodes that point at each other must not keep a message going.
    if (message.hint !== undefined && isOlder(frame.token, message.hint.token)) route.answer ??= message.hint;
  }
  settle(state, route, out);
}

/** All that was sent to a place before its flush has run there, or come back. */
export function flushAcked(state: RouterState, from: NodeId, flushId: number, out: RouterEffect[]): void {
  const route = state.routes.moving.get(state.routes.flushes.get(flushId) ?? "");
  if (route?.flush?.id !== flushId || route.flush.place.node !== from) {
    state.counts.refused++;
    return;
  }
  endFlush(state, route);
  settle(state, route, out);
}

/** A link, or the node behind it, is no more: what it had is lost, and there is nothing left to flush. */
export function peerEnded(
  state: RouterState,
  node: NodeId,
  code: "link-lost" | "node-lost",
  out: RouterEffect[],
): void {
  failAsksAt(state, node, code, out);
  const { settled, moving } = state.routes;
  for (const route of [...settled.values()]) if (route.place.node === node) settled.delete(route.key);
  for (const route of [...moving.values()]) {
    if (route.flush?.place.node === node) endFlush(state, route);
    if (route.answer?.node === node) route.answer = undefined;
    settle(state, route, out);
  }
}

/** A node can be reached, or the lease is back: what waited for that goes on. */
export function settleAll(state: RouterState, node: NodeId | undefined, out: RouterEffect[]): void {
  for (const route of [...state.routes.moving.values()]) {
    if (route.answer !== undefined && (node === undefined || route.answer.node === node)) settle(state, route, out);
  }
}

/** Time passes: messages that waited too long fail, questions are asked (again). */
export function tickRoutes(state: RouterState, out: RouterEffect[]): void {
  const present = state.now.mono;
  for (const route of [...state.routes.moving.values()]) {
    const expired = takeExpired(state.routes, route, present);
    for (const { letter } of expired) fail(state, letter, "relocation-timeout", out);
    const { asking } = route;
    if (!hasWaiting(route)) {
      route.asking = { kind: "idle" };
      settle(state, route, out);
    } else if (asking.kind === "asked" && present >= asking.againAt) ask(state, route, out);
    else if (asking.kind === "later" && present >= asking.at) {
      route.answer = undefined; // It could not be reached meanwhile.
      ask(state, route, out);
    }
  }
}

/** Begins to forget the routes that are too many. */
export function forgetRoutes(state: RouterState, out: RouterEffect[]): void {
  const { routes } = state;
  while (routes.settled.size > routes.settledMax && routes.moving.size < MOVING_ROUTES_MAX) {
    const route = routeToForget(routes);
    if (route === undefined) return;
    routes.settled.delete(route.key);
    if (state.rules.evictRemembers) beginMove(state, route, "", out);
  }
}

/** Ends everything: this node is out of the cluster. */
export function fenceRoutes(state: RouterState, out: RouterEffect[]): void {
  const { routes } = state;
  for (const route of routes.moving.values()) {
    for (const { letter } of takeWaiting(routes, route)) fail(state, letter, "fenced", out);
  }
  routes.moving.clear();
  routes.settled.clear();
  routes.flushes.clear();
}

/** Makes a message wait, if need be in the room of those whose asker has stopped waiting. */
function keep(state: RouterState, route: MovingRoute, list: "returned" | "waiting", item: Waiting): boolean {
  if (addWaiting(state.routes, route, list, item)) return true;
  const isOver = ({ letter }: Waiting) => letter.ask !== undefined && !state.asks.pending.has(letter.ask.id);
  return takeThose(state.routes, route, isOver).length > 0 && addWaiting(state.routes, route, list, item);
}

/** The moving route a bounce belongs to; begins the move if its place was in use. */
function routeOf(state: RouterState, from: NodeId, frame: UserFrame, out: RouterEffect[]): MovingRoute | undefined {
  const settled = state.routes.settled.get(frame.target);
  if (settled !== undefined) {
    if (settled.place.node !== from || !isSameVersion(settled.place.token, frame.token)) return undefined;
    state.routes.settled.delete(frame.target);
    return beginMove(state, settled, frame.actorKind, out);
  }
  const moving = state.routes.moving.get(frame.target);
  const flushed = moving?.flush?.place;
  return flushed?.node === from && isSameVersion(flushed.token, frame.token) ? moving : undefined;
}

/** The code to fail with when nobody holds a key; `undefined` when it is worth asking again. */
function codeOfAbsence(reason: (Resolution & { kind: "absent" })["reason"]): string | undefined {
  switch (reason) {
    case "absent":
      return "actor-not-found";
    case "no-eligible-node":
      return "no-eligible-node";
    case "barrier":
      return "barrier-timeout";
    case "timeout":
    case "busy":
    case "lease":
      return undefined;
    default:
      reason satisfies never;
      return undefined;
  }
}

function failFrame(state: RouterState, frame: UserFrame, code: string, out: RouterEffect[]) {
  if (frame.askId === undefined) bury(state, frame, code, out);
  else failAsk(state, frame.askId, code, "not-delivered", out);
}

function refuseAsk(letter: Letter, code: string, out: RouterEffect[]) {
  if (letter.ask !== undefined) out.push({ kind: "failed", askId: letter.ask.id, code, fate: "not-delivered" });
}
