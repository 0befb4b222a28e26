/**
 * One move of a route: from the place it leaves, through its flush and the question to the directory, to everything
 * sent to the next place. Pure.
 *
 * One idea: every input that may let a route go on ends in `settle`, which looks at all conditions anew. There is no
 * other way on, so none can be forgotten.
 *
 * Invariant: messages leave a moving route all at once, in order, when its old place is flushed, its new one is known
 * and can be reached, and the lease allows it.
 *
 * @module
 */
import { isOlder } from "./engine.ts";
import { failAsk } from "./router_asks.ts";
import type { Letter, Place, RouterEffect, UserFrame } from "./router_protocol.ts";
import {
  addMoving,
  hasWaiting,
  type MovingRoute,
  RESOLVE_TIMEOUT_MS,
  resolveBackoffMs,
  type SettledRoute,
  takeWaiting,
  type Waiting,
} from "./router_routes.ts";
import { bury, generationTo, hasLease, post, type RouterState } from "./router_state.ts";

/** Takes a route as far as it can go now: sent, waiting for what it needs, or forgotten. */
export function settle(state: RouterState, route: MovingRoute, out: RouterEffect[]): void {
  if (!hasWaiting(route)) {
    // Nothing is left of it but the flush. An answer under way is not waited for.
    if (route.flush === undefined) state.routes.moving.delete(route.key);
    return;
  }
  if (route.answer === undefined) {
    if (route.asking.kind === "idle") askLater(state, route, out);
    return;
  }
  if (route.flush !== undefined || (state.rules.freezeAtExpiry && !hasLease(state))) return;
  const place = route.answer;
  if (generationTo(state, place.node) === undefined) {
    // No link yet, or no more. If that lasts, somebody else may hold the key.
    if (route.asking.kind === "idle") {
      route.attempts++;
      route.asking = { kind: "later", at: state.now.mono + resolveBackoffMs(route.attempts) };
    }
    return;
  }
  const isNews = route.previous === undefined || isOlder(route.previous.token, place.token);
  const settled: SettledRoute = {
    key: route.key,
    place,
    attempts: isNews ? 0 : route.attempts + 1,
    isRecent: true,
  };
  const items = takeWaiting(state.routes, route);
  state.routes.moving.delete(route.key);
  state.routes.settled.set(route.key, settled);
  for (const item of items) transmit(state, place, item, out);
}

/** Sends a message to a place, unless its asker waits no more. */
export function transmit(state: RouterState, place: Place, item: Waiting, out: RouterEffect[]): void {
  const { letter } = item;
  const generation = generationTo(state, place.node);
  if (generation === undefined) return fail(state, letter, "link-lost", out); // Routes end with their links.
  const present = state.now.mono;
  let remainingMs: number | undefined;
  if (letter.ask !== undefined) {
    const ask = state.asks.pending.get(letter.ask.id);
    if (ask === undefined) return;
    ask.to = place.node;
    remainingMs = Math.max(0, ask.deadline - present);
  }
  const { target, actorKind, sender, bytes, payload } = letter;
  const frame: UserFrame = {
    kind: "user",
    target,
    token: place.token,
    actorKind,
    sender,
    askId: letter.ask?.id,
    remainingMs,
    waitedMs: item.waitedMs + Math.max(0, present - item.since),
    bytes,
    payload,
  };
  post(state, place.node, generation, frame, out);
}

/** Stops using a place: from now on messages wait, until it is flushed and the next one known. */
export function beginMove(state: RouterState, from: SettledRoute, actorKind: string, out: RouterEffect[]): MovingRoute {
  const { routes } = state;
  const route = addMoving(routes, from.key, actorKind, from.attempts);
  route.previous = from.place;
  const generation = generationTo(state, from.place.node);
  if (generation === undefined) return route; // Its link has ended, and its messages with it.
  const flushId = ++routes.lastFlushId;
  route.flush = { id: flushId, place: from.place };
  routes.flushes.set(flushId, from.key);
  const { node, token } = from.place;
  post(state, node, generation, { kind: "flush", flushId, target: from.key, token }, out);
  return route;
}

/** The flush is through, or there is nothing left to flush. */
export function endFlush(state: RouterState, route: MovingRoute): void {
  if (route.flush !== undefined) state.routes.flushes.delete(route.flush.id);
  route.flush = undefined;
}

/** Asks for the place of a key: now the first time, later the more often it did not help. */
export function askLater(state: RouterState, route: MovingRoute, out?: RouterEffect[]): void {
  const waitMs = resolveBackoffMs(route.attempts);
  if (waitMs === 0 && out !== undefined) ask(state, route, out);
  else route.asking = { kind: "later", at: state.now.mono + waitMs };
}

/** Asks for the place of a key, now. */
export function ask(state: RouterState, route: MovingRoute, out: RouterEffect[]): void {
  const { key, actorKind, previous } = route;
  route.asking = { kind: "asked", againAt: state.now.mono + RESOLVE_TIMEOUT_MS };
  out.push({ kind: "resolve", key, actorKind, previous });
}

/** A message that certainly has not run ends: an ask is told, a tell is a dead letter. */
export function fail(state: RouterState, letter: Letter, code: string, out: RouterEffect[]): void {
  if (letter.ask === undefined) bury(state, letter, code, out);
  else failAsk(state, letter.ask.id, code, "not-delivered", out);
}
