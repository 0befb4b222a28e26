/**
 * The records of the simulated network: who is on it, and what joins two of them. Data that changes in place; only
 * `SimNetwork` writes it.
 *
 * One idea: a link is a pair of processes and a lane, for as long as both live; over it there is one connection after
 * another, each with a higher generation, and each end has its own opinion of which is the present one.
 *
 * Invariant: an end's present connection only ever changes to one of a higher generation, or to none.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import type { LaneName } from "./process.ts";

/** One of the two ends of a link. */
export type Side = 0 | 1;

/** One process as the network knows it. */
export interface Endpoint<F> {
  readonly id: NodeId;
  readonly host: number;
  readonly address: string;
  /** Which process it is, the same in every run of a plan whatever other hosts do. Below 2^31. */
  readonly key: number;
  isAlive: boolean;
  readonly control: Map<NodeId, Link<F>>;
  readonly data: Map<NodeId, Link<F>>;
  /** Greetings sent. */
  greeted: number;
}

/** What joins two processes on one lane. */
export interface Link<F> {
  readonly lane: LaneName;
  readonly ends: readonly [Endpoint<F>, Endpoint<F>];
  /** Generation of the newest connection. */
  generation: number;
  /** What each end sends by. */
  readonly present: [Connection<F> | undefined, Connection<F> | undefined];
  /** The newest generation each end has read from. */
  readonly heard: [number, number];
  /** The newest generation of which each end was told that it is lost; older ones went with it. */
  readonly told: [number, number];
  /** The newest connection that is not broken, whoever knows of it. */
  newest: Connection<F> | undefined;
  /** Frames sent by each end: the number that addresses the draws of the next. */
  readonly sent: [number, number];
}

/** One connection of a link. Indexes are sides: those of arrivals name the receiver. */
export interface Connection<F> {
  readonly link: Link<F>;
  readonly generation: number;
  /** Whether a frame has arrived: until then, both directions are needed. */
  isOpen: boolean;
  isBroken: boolean;
  /** Time of the last arrival planned for each end; the next is later. */
  readonly lastArrivalUs: [number, number];
  /** What arrives later than this is lost. */
  readonly readableUntilUs: [number, number];
  /** Frames stuck on their way to each end. */
  readonly held: [F[], F[]];
  /** Whether somebody will look if it still waits. */
  isWatched: boolean;
}

/** A process on the network. */
export function endpointOf<F>(id: NodeId, host: number, address: string, key: number): Endpoint<F> {
  return { id, host, address, key, isAlive: true, control: new Map(), data: new Map(), greeted: 0 };
}

/** The link of two processes, made when there is none. */
export function linkOf<F>(from: Endpoint<F>, to: Endpoint<F>, lane: LaneName): Link<F> {
  const links = lane === "control" ? from.control : from.data;
  const known = links.get(to.id);
  if (known !== undefined) return known;
  const link: Link<F> = {
    lane,
    ends: [from, to],
    generation: 0,
    present: [undefined, undefined],
    heard: [0, 0],
    told: [0, 0],
    newest: undefined,
    sent: [0, 0],
  };
  links.set(to.id, link);
  (lane === "control" ? to.control : to.data).set(from.id, link);
  return link;
}

/** A new connection of a link, newer than all before it. */
export function connectionOf<F>(link: Link<F>): Connection<F> {
  return {
    link,
    generation: ++link.generation,
    isOpen: false,
    isBroken: false,
    lastArrivalUs: [0, 0],
    readableUntilUs: [Infinity, Infinity],
    held: [[], []],
    isWatched: false,
  };
}

/** The end of a link at which a process is. */
export function sideOf<F>(link: Link<F>, endpoint: Endpoint<F>): Side {
  return link.ends[0] === endpoint ? 0 : 1;
}

/** The other end. */
export function otherSide(side: Side): Side {
  return side === 0 ? 1 : 0;
}
