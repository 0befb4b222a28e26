/**
 * The routes of a node: where messages for each key go, and what waits while that is not known. Pure; mutable, for one
 * owner.
 *
 * One idea: a route is either settled, then it is one line of a cache of locations, or it moves, then it holds all its
 * messages until its old place is flushed and its new one known. An idle line is forgotten the same way: it moves,
 * with nothing waiting, and is gone when its flush is answered.
 *
 * Invariant: a key is in at most one of the two maps; what waits is counted, and within its limits.
 *
 * @module
 */
import type { BouncedFrame, Letter, Place } from "./router_protocol.ts";
import { saneBytes } from "./router_state.ts";

/** Settled routes of one node. At the limit the one least used is flushed and forgotten. */
export const SETTLED_ROUTES_MAX = 100_000;
/** Routes on the move, those being forgotten included. At the limit messages for yet other keys fail: `buffer-full`. */
export const MOVING_ROUTES_MAX = 10_000;
/** Messages that wait for one key. At the limit: `buffer-full`. */
export const WAITING_MESSAGES_MAX = 1_000;
/** Bytes of messages that wait for one key; a single larger one may wait alone. At the limit: `buffer-full`. */
export const WAITING_BYTES_MAX: number = 1 << 20;
/** Bytes of messages that wait on one node, for all keys. At the limit: `buffer-full`. */
export const NODE_WAITING_BYTES_MAX: number = 64 << 20;
/** Milliseconds a message waits here, over all its bounces. At the limit: `relocation-timeout`. */
export const WAITING_MS_MAX = 10_000;
/** Milliseconds until the directory is asked again when it says nothing. */
export const RESOLVE_TIMEOUT_MS = 5_000;
/** Milliseconds before the second question about a key in a row; doubles up to {@link RESOLVE_BACKOFF_MS_MAX}. */
export const RESOLVE_BACKOFF_MS_MIN = 10;
/** The longest wait between two questions about one key. */
export const RESOLVE_BACKOFF_MS_MAX = 200;
/** Routes looked at to find one that was not used lately; then the oldest is taken, whatever it was. */
const EVICTION_LOOKS_MAX = 16;

/** A route whose place is known and in use. */
export interface SettledRoute {
  readonly key: string;
  readonly place: Place;
  /** Questions asked in a row whose answer did not help. Kept, so that the next bounce goes on from there. */
  readonly attempts: number;
  /** Used since it was last looked at for being forgotten. */
  isRecent: boolean;
}

/** A message that waits. */
export interface Waiting {
  readonly letter: Letter;
  /** Milliseconds it had waited before. */
  readonly waitedMs: number;
  readonly since: number;
}

/** Where the question about a key stands: not asked; asked, to be repeated at an instant; to be asked at an instant. */
export type Asking =
  | { readonly kind: "idle" }
  | { readonly kind: "asked"; readonly againAt: number }
  | { readonly kind: "later"; readonly at: number };

/** A route on the move. */
export interface MovingRoute {
  readonly key: string;
  actorKind: string;
  /** What must be answered before anything is sent again. */
  flush: { readonly id: number; readonly place: Place } | undefined;
  /** The place that did not take a message, or that was in use before. */
  previous: Place | undefined;
  answer: Place | undefined;
  asking: Asking;
  attempts: number;
  /** What came back, in order: all of it was sent before anything in `waiting`. */
  returned: Waiting[];
  waiting: Waiting[];
  bytes: number;
  /** No message here has waited too long before this instant. */
  expiryAt: number;
}

/** All routes of a node. */
export interface Routes {
  /** Oldest first, but for the second chances. */
  readonly settled: Map<string, SettledRoute>;
  readonly moving: Map<string, MovingRoute>;
  /** The key of each flush that is out. */
  readonly flushes: Map<number, string>;
  lastFlushId: number;
  bytes: number;
  /** See {@link SETTLED_ROUTES_MAX}; smaller in tests. */
  settledMax: number;
}

/** No routes. */
export function createRoutes(): Routes {
  return {
    settled: new Map(),
    moving: new Map(),
    flushes: new Map(),
    lastFlushId: 0,
    bytes: 0,
    settledMax: SETTLED_ROUTES_MAX,
  };
}

/** The one place that messages for a key go to now, with none of them waiting; `undefined` when that cannot be said. */
export function settledPlace({ routes }: { readonly routes: Routes }, key: string): Place | undefined {
  return routes.moving.has(key) ? undefined : routes.settled.get(key)?.place;
}

/** A new moving route, with nothing waiting. */
export function addMoving(routes: Routes, key: string, actorKind: string, attempts: number): MovingRoute {
  const route: MovingRoute = {
    key,
    actorKind,
    flush: undefined,
    previous: undefined,
    answer: undefined,
    asking: { kind: "idle" },
    attempts,
    returned: [],
    waiting: [],
    bytes: 0,
    expiryAt: Infinity,
  };
  routes.moving.set(key, route);
  return route;
}

/** Makes a message wait. `false` when there is no room for it. */
export function addWaiting(routes: Routes, route: MovingRoute, list: "returned" | "waiting", item: Waiting): boolean {
  const bytes = saneBytes(item.letter.bytes);
  const count = route.returned.length + route.waiting.length;
  if (count >= WAITING_MESSAGES_MAX || routes.bytes + bytes > NODE_WAITING_BYTES_MAX) return false;
  if (count > 0 && route.bytes + bytes > WAITING_BYTES_MAX) return false;
  route[list].push(item);
  route.bytes += bytes;
  routes.bytes += bytes;
  route.expiryAt = Math.min(route.expiryAt, expiryOf(item));
  return true;
}

/** Takes everything that waits, in the order to send it. */
export function takeWaiting(routes: Routes, route: MovingRoute): readonly Waiting[] {
  const items = [...route.returned, ...route.waiting];
  route.returned = [];
  route.waiting = [];
  routes.bytes -= route.bytes;
  route.bytes = 0;
  route.expiryAt = Infinity;
  return items;
}

/** Takes what has waited too long; the others keep their order. */
export function takeExpired(routes: Routes, route: MovingRoute, present: number): readonly Waiting[] {
  return present < route.expiryAt ? [] : takeThose(routes, route, (item) => expiryOf(item) <= present);
}

/** Takes some of what waits; the others keep their order. */
export function takeThose(
  routes: Routes,
  route: MovingRoute,
  isTaken: (item: Waiting) => boolean,
): readonly Waiting[] {
  const taken: Waiting[] = [];
  route.expiryAt = Infinity;
  const stays = (item: Waiting): boolean => {
    if (isTaken(item)) {
      taken.push(item);
      return false;
    }
    route.expiryAt = Math.min(route.expiryAt, expiryOf(item));
    return true;
  };
  route.returned = route.returned.filter(stays);
  route.waiting = route.waiting.filter(stays);
  for (const { letter } of taken) {
    route.bytes -= saneBytes(letter.bytes);
    routes.bytes -= saneBytes(letter.bytes);
  }
  return taken;
}

/** Whether anything waits. */
export function hasWaiting(route: MovingRoute): boolean {
  return route.returned.length + route.waiting.length > 0;
}

/** Milliseconds until the next question about a key, after so many in a row that did not help. */
export function resolveBackoffMs(attempts: number): number {
  if (attempts === 0) return 0;
  return Math.min(RESOLVE_BACKOFF_MS_MIN << Math.min(attempts - 1, 16), RESOLVE_BACKOFF_MS_MAX);
}

/** The settled route to forget: one that was not used lately, as far as a short look shows. */
export function routeToForget(routes: Routes): SettledRoute | undefined {
  let looks = 0;
  for (const route of routes.settled.values()) {
    if (!route.isRecent || ++looks > EVICTION_LOOKS_MAX) return route;
    route.isRecent = false;
    routes.settled.delete(route.key);
    routes.settled.set(route.key, route);
  }
  return undefined;
}

/** The letter in a frame that came back. */
export function letterIn({ frame }: BouncedFrame, ask: Letter["ask"]): Letter {
  const { target, actorKind, sender, bytes, payload } = frame;
  return { target, actorKind, sender, ask, bytes, payload };
}

function expiryOf({ since, waitedMs }: Waiting): number {
  return since + WAITING_MS_MAX - waitedMs;
}
