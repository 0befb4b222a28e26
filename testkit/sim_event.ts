/**
 * What waits in the queue of a run. Pure types, and the one function that makes them.
 *
 * One idea: every sort of event has the same fields in the same order, so that the loop that runs millions of them sees
 * one shape of object. What a sort does not need is 0 or `undefined`.
 *
 * Invariant: none but the queue's `order` is changed after it was made.
 *
 * @module
 */
import type { Connection, Endpoint, Side } from "./sim_link.ts";
import type { Timed } from "./event_queue.ts";

/** The sorts of events, as numbers that go into the hash of a run. */
export const EVENT = {
  /** `host` starts a process of the operating system. */
  start: 1,
  /** A tick of `host`; `number`: in which process of the operating system. */
  tick: 2,
  /** `frame` reaches the end `side` of `connection`. */
  arrive: 3,
  /** The end `side` of `connection` learns that it is gone. */
  close: 4,
  /** Whether `connection` has waited too long. */
  giveUp: 5,
  /** `frame` of `endpoint` reaches the address of `host`. */
  greet: 6,
  /** `frame` of `endpoint` to itself; `number`: 0 by the control lane, 1 by the data lane. */
  self: 7,
  /** A pause or suspend of `host` may be over. */
  resume: 8,
  /** `host` is told addresses; `number`: in which process of the operating system. */
  discover: 9,
  /** Item `number` of the plan begins. */
  item: 10,
  /** Item `number` of the plan ends. */
  itemEnd: 11,
  /** A process with a new identity takes the place of one that retired; `number`: in which process of the system. */
  rebirth: 12,
  /** Everything is mended. */
  heal: 13,
  /** Whether the cluster is well again. */
  look: 14,
} as const;

/** One of {@link EVENT}. */
export type EventKind = typeof EVENT[keyof typeof EVENT];

/** One event. */
export interface SimEvent<F> extends Timed {
  readonly kind: EventKind;
  /** Index of a host; `-1` when there is none. */
  readonly host: number;
  readonly number: number;
  readonly side: Side;
  readonly connection: Connection<F> | undefined;
  readonly endpoint: Endpoint<F> | undefined;
  readonly frame: F | undefined;
}

/** An event of a host, or of the whole run. */
export function hostEvent<F>(atUs: number, kind: EventKind, host: number, number: number): SimEvent<F> {
  return { atUs, order: 0, kind, host, number, side: 0, connection: undefined, endpoint: undefined, frame: undefined };
}

/** An event of one end of a connection. */
export function connectionEvent<F>(
  atUs: number,
  kind: EventKind,
  connection: Connection<F>,
  side: Side,
  frame: F | undefined,
): SimEvent<F> {
  const host = connection.link.ends[side].host;
  return { atUs, order: 0, kind, host, number: 0, side, connection, endpoint: undefined, frame };
}

/** A frame that travels without a connection. */
export function looseEvent<F>(
  atUs: number,
  kind: EventKind,
  host: number,
  endpoint: Endpoint<F>,
  frame: F,
  number: number,
): SimEvent<F> {
  return { atUs, order: 0, kind, host, number, side: 0, connection: undefined, endpoint, frame };
}
