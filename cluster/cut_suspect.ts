/**
 * What is said of one member, and by whom. Pure; a suspect changes in place and belongs to one cut.
 *
 * One idea: an accusation is true for as long as it is repeated. Nobody has to take one back who has died.
 *
 * Invariant: whoever says something counts once, however often, and in whatever way it says it.
 *
 * @module
 */
import type { Instant, NodeId } from "../core/ids.ts";
import type { Now } from "./time.ts";

/** Milliseconds an accusation counts: five times as long as it takes to be repeated. */
export const FRESH_MS = 5_000;
/** Nodes that may accuse one subject without observing it. At the limit: refused; six of any sort are enough for a cut. */
export const BLOCKED_MAX = 32;

/** What one observer says. */
export interface Accusation {
  readonly alert: "down" | "link";
  /** When it was last said. */
  readonly at: Instant;
  /** Since when it has been said without a gap. */
  readonly since: Instant;
}

/** What is said of one member. */
export interface Suspect {
  /** By its observers. */
  readonly alerts: Map<NodeId, Accusation>;
  /** By members whose work waits for it, with when they last said so. */
  readonly blocked: Map<NodeId, Instant>;
  /** When another process last asked to join from its address. */
  supersededAt: Instant | undefined;
  /** Since when it has had a few accusers. */
  unclearAt: Instant | undefined;
  /** Since when it has had enough. */
  reachedAt: Instant | undefined;
}

/** Somebody of whom nothing has been said yet. */
export function createSuspect(): Suspect {
  return {
    alerts: new Map(),
    blocked: new Map(),
    supersededAt: undefined,
    unclearAt: undefined,
    reachedAt: undefined,
  };
}

/** `by` says so, again or for the first time. */
export function accuse({ alerts }: Suspect, by: NodeId, alert: "down" | "link", now: Now): void {
  const said = alerts.get(by);
  const isRepeated = said !== undefined && said.alert === alert && isFresh(said.at, now);
  alerts.set(by, { alert, at: now.mono, since: isRepeated ? said.since : now.mono });
}

/** `by` waits for it. Says whether there was room. */
export function block({ blocked }: Suspect, by: NodeId, now: Now): boolean {
  if (blocked.size >= BLOCKED_MAX && !blocked.has(by)) return false;
  blocked.set(by, now.mono);
  return true;
}

/** Drops what nobody has repeated. Says whether anything is left. */
export function forgetStale(suspect: Suspect, now: Now): boolean {
  const { alerts, blocked, supersededAt } = suspect;
  for (const [by, { at }] of alerts) if (!isFresh(at, now)) alerts.delete(by);
  for (const [by, at] of blocked) if (!isFresh(at, now)) blocked.delete(by);
  if (supersededAt !== undefined && !isFresh(supersededAt, now)) suspect.supersededAt = undefined;
  return alerts.size > 0 || blocked.size > 0 || suspect.supersededAt !== undefined;
}

/** How many hold it for gone. A dead link does not count. */
export function accuserCount({ alerts, blocked }: Suspect): number {
  let count = blocked.size;
  for (const [by, { alert }] of alerts) if (alert === "down" && !blocked.has(by)) count++;
  return count;
}

function isFresh(at: Instant, now: Now): boolean {
  return now.mono - at < FRESH_MS;
}
