/**
 * The network of a run: connections that keep their order, delays, losses, cuts, clogs and resets. Pure; changes in
 * place.
 *
 * One idea: a cut holds frames, as a socket does, until the cut ends or the connection is given up; so what comes after
 * a split is old frames in good order, or a lost link, never a gap.
 *
 * Invariant: what one end reads from one connection is a prefix of what the other end wrote to it; on the control lane,
 * of what was left of it after losses.
 *
 * @module
 */
import type { LaneName } from "./process.ts";
import type { EventQueue } from "./event_queue.ts";
import type { WorldSettings } from "./fault_plan.ts";
import { type KeyedRandom, PURPOSE } from "./keyed_random.ts";
import type { SimBlocks } from "./sim_blocks.ts";
import { type BreakManner, partingDraw, patienceUs, tailUs } from "./sim_break.ts";
import { connectionEvent, EVENT, looseEvent, type SimEvent } from "./sim_event.ts";
import {
  type Connection,
  connectionOf,
  type Endpoint,
  type Link,
  linkOf,
  otherSide,
  type Side,
  sideOf,
} from "./sim_link.ts";
import { delayUs } from "./sim_latency.ts";

/** Who is told what comes out of the network. */
export interface NetworkReader<F> {
  /** A frame has come through; whoever reads it passes it to {@link SimNetwork.read}. */
  passed(connection: Connection<F>, side: Side, frame: F): void;
  frameRead(to: Endpoint<F>, from: Endpoint<F>, lane: LaneName, generation: number, frame: F): void;
  linkLost(to: Endpoint<F>, peer: Endpoint<F>, lane: LaneName, generation: number): void;
  /** For transcripts: what has become of a frame on its way to `side`, or of a connection that `side` will miss. */
  readonly fate: ((fate: Fate, connection: Connection<F>, side: Side, frame: F | undefined) => void) | undefined;
}

/** What the network does to frames and connections beside delivering them. */
export type Fate = "lost" | "cutOff" | "held" | "broken";

/** What became of the frames of a run. */
export interface NetworkCounts {
  sent: number;
  read: number;
  /** On the control lane, by chance. */
  lost: number;
  /** With a connection that broke, or to a process that was gone. */
  cutOff: number;
  held: number;
  connections: number;
  broken: number;
}

/** The network between the hosts of one run. */
export class SimNetwork<F> {
  readonly counts: NetworkCounts = { sent: 0, read: 0, lost: 0, cutOff: 0, held: 0, connections: 0, broken: 0 };
  readonly #settings: WorldSettings;
  readonly #random: KeyedRandom;
  readonly #queue: EventQueue<SimEvent<F>>;
  readonly #reader: NetworkReader<F>;
  readonly #blocks: SimBlocks;
  readonly #holding: Set<Connection<F>> = new Set();
  #isCalm = false;

  constructor(
    settings: WorldSettings,
    random: KeyedRandom,
    queue: EventQueue<SimEvent<F>>,
    reader: NetworkReader<F>,
    blocks: SimBlocks,
  ) {
    this.#settings = settings;
    this.#random = random;
    this.#queue = queue;
    this.#reader = reader;
    this.#blocks = blocks;
  }

  /** Sends a frame by the present connection of its sender, or by a new one. It arrives after `notBeforeUs`. */
  send(from: Endpoint<F>, to: Endpoint<F>, lane: LaneName, frame: F, nowUs: number, notBeforeUs: number): void {
    this.counts.sent++;
    const link = (lane === "control" ? from.control : from.data).get(to.id) ?? linkOf(from, to, lane);
    const side = sideOf(link, from);
    const number = link.sent[side]++;
    const connection = link.present[side] ?? this.#open(link, side);
    const laneKey = lane === "control" ? to.key * 2 : to.key * 2 + 1;
    const receiver = otherSide(side);
    if (connection.isBroken) return this.#note("cutOff", connection, receiver, frame);
    if (lane === "control" && this.#isLost(from.key, laneKey, number)) {
      return this.#note("lost", connection, receiver, frame);
    }
    const draw = this.#random.u32(PURPOSE.latency, from.key, laneKey, number);
    const delay = delayUs(draw, this.#settings, this.#isCalm);
    const isFirst = !connection.isOpen && connection.lastArrivalUs[receiver] === 0;
    const soonestUs = Math.max(notBeforeUs, connection.lastArrivalUs[receiver] + 1);
    const atUs = Math.max(nowUs + (isFirst ? 3 * delay : delay), soonestUs);
    connection.lastArrivalUs[receiver] = atUs;
    this.#queue.add(connectionEvent(atUs, EVENT.arrive, connection, receiver, frame));
  }

  /** Sends a frame to whoever is at a host when it arrives, after `notBeforeUs`. */
  greet(from: Endpoint<F>, host: number, frame: F, nowUs: number, notBeforeUs: number): void {
    const number = from.greeted++;
    if (this.#isLost(from.key, -1 - host, number)) {
      this.counts.lost++;
      return;
    }
    const draw = this.#random.u32(PURPOSE.greet, from.key, host, number);
    const atUs = Math.max(nowUs + 3 * delayUs(draw, this.#settings, this.#isCalm), notBeforeUs);
    this.#queue.add(looseEvent(atUs, EVENT.greet, host, from, frame, 0));
  }

  /** A frame has come to the host of its receiver: it is passed on, held, or lost. */
  arrive(connection: Connection<F>, side: Side, frame: F, nowUs: number): void {
    if (nowUs > connection.readableUntilUs[side]) {
      this.#note("cutOff", connection, side, frame);
    } else if (connection.held[side].length > 0 || this.#isStopped(connection, side)) {
      this.#hold(connection, side, frame, nowUs);
    } else {
      connection.isOpen = true;
      this.#reader.passed(connection, side, frame);
    }
  }

  /** The receiver takes a frame that has passed. */
  read(connection: Connection<F>, side: Side, frame: F, nowUs: number): void {
    const { link, generation } = connection;
    const to = link.ends[side];
    if (!to.isAlive) {
      this.#note("cutOff", connection, side, frame);
      this.break(connection, side, "flush", nowUs);
      return;
    }
    const present = link.present[side];
    if (present === undefined || present.generation < generation) this.#adopt(connection, side, nowUs);
    if (generation > link.heard[side] && generation > link.told[side]) {
      if (link.heard[side] > link.told[side]) this.#tell(link, side, link.heard[side]);
      link.heard[side] = generation;
    }
    if (!to.isAlive) return; // It may have ended itself when it was told.
    this.counts.read++;
    this.#reader.frameRead(to, link.ends[otherSide(side)], link.lane, generation, frame);
  }

  /** An end learns that a connection is gone. Says nothing when that end already uses a newer one. */
  close(connection: Connection<F>, side: Side): void {
    const { link, generation } = connection;
    connection.held[side].length = 0;
    if (link.present[side] !== connection) return;
    link.present[side] = undefined;
    this.#tell(link, side, generation);
  }

  /** Somebody has waited long enough: a connection with frames stuck in it ends. */
  giveUp(connection: Connection<F>, nowUs: number): void {
    connection.isWatched = false;
    if (connection.isBroken) return;
    const stuck: Side | undefined = connection.held[0].length > 0 ? 0 : connection.held[1].length > 0 ? 1 : undefined;
    if (stuck === undefined) return;
    const writer = otherSide(stuck);
    this.break(connection, writer, "silent", nowUs);
    this.#queue.add(connectionEvent(nowUs + 1, EVENT.close, connection, writer, undefined));
  }

  /** Ends all connections between two hosts; `from` knows at once. */
  reset(from: Endpoint<F>, to: Endpoint<F>, nowUs: number): void {
    for (const link of [from.control.get(to.id), from.data.get(to.id)]) {
      if (link === undefined) continue;
      const side = sideOf(link, from);
      for (const connection of openConnections(link)) {
        this.break(connection, side, "tail", nowUs);
        this.#queue.add(connectionEvent(nowUs + 1, EVENT.close, connection, side, undefined));
      }
    }
  }

  /** A process is no more: its connections end in this manner. */
  drop(endpoint: Endpoint<F>, manner: BreakManner, nowUs: number): void {
    endpoint.isAlive = false;
    for (const links of [endpoint.control, endpoint.data]) {
      for (const link of links.values()) {
        for (const connection of openConnections(link)) {
          this.break(connection, sideOf(link, endpoint), manner, nowUs);
        }
      }
    }
  }

  /** Ends a connection from one end, which reads nothing more; the other end learns of it in its time. */
  break(connection: Connection<F>, side: Side, manner: BreakManner, nowUs: number): void {
    if (connection.isBroken) return;
    const { link } = connection;
    const other = otherSide(side);
    connection.isBroken = true;
    this.#note("broken", connection, other, undefined);
    if (link.newest === connection) link.newest = undefined;
    connection.readableUntilUs[side] = nowUs;
    const isStuck = connection.held[other].length > 0 || this.#isStopped(connection, other);
    connection.readableUntilUs[other] = isStuck
      ? nowUs
      : manner === "flush"
      ? Infinity
      : nowUs + tailUs(connection, this.#random);
    this.counts.cutOff += connection.held[0].length + connection.held[1].length;
    connection.held[0].length = 0;
    connection.held[1].length = 0;
    this.#holding.delete(connection);
    this.#queue.add(
      connectionEvent(
        this.#closeUs(connection, other, isStuck ? "silent" : manner, nowUs),
        EVENT.close,
        connection,
        other,
        undefined,
      ),
    );
  }

  /** Lets through what is held where nothing is blocked any more. */
  flush(nowUs: number): void {
    for (const connection of [...this.#holding]) {
      this.#flushSide(connection, 0, nowUs);
      this.#flushSide(connection, 1, nowUs);
      if (connection.held[0].length + connection.held[1].length === 0) this.#holding.delete(connection);
    }
  }

  /** From now on the network is whole, quick, and loses nothing. */
  heal(nowUs: number): void {
    this.#isCalm = true;
    this.#blocks.clear();
    this.flush(nowUs);
  }

  #open(link: Link<F>, side: Side): Connection<F> {
    const newest = link.newest;
    const joins = newest !== undefined && !this.#settings.hasDuplicateConnections;
    const connection = joins ? newest : connectionOf(link);
    if (!joins) this.counts.connections++;
    link.newest = connection;
    link.present[side] = connection;
    return connection;
  }

  #adopt(connection: Connection<F>, side: Side, nowUs: number): void {
    const { link } = connection;
    const former = link.present[side];
    link.present[side] = connection;
    if (former === undefined) return;
    this.break(former, side, "flush", nowUs);
    this.#tell(link, side, former.generation);
  }

  #tell(link: Link<F>, side: Side, generation: number): void {
    if (generation <= link.told[side]) return;
    link.told[side] = generation;
    const to = link.ends[side];
    if (to.isAlive) this.#reader.linkLost(to, link.ends[otherSide(side)], link.lane, generation);
  }

  #isLost(fromKey: number, toKey: number, number: number): boolean {
    const { lossPerMille } = this.#settings;
    if (lossPerMille === 0 || this.#isCalm) return false;
    return this.#random.below(1_000, PURPOSE.loss, fromKey, toKey, number) < lossPerMille;
  }

  #note(fate: Fate, connection: Connection<F>, side: Side, frame: F | undefined): void {
    this.counts[fate]++;
    this.#reader.fate?.(fate, connection, side, frame);
  }

  #isStopped(connection: Connection<F>, side: Side): boolean {
    const to = connection.link.ends[side].host;
    const from = connection.link.ends[otherSide(side)].host;
    return this.#blocks.isBlocked(from, to) || (!connection.isOpen && this.#blocks.isBlocked(to, from));
  }

  #hold(connection: Connection<F>, side: Side, frame: F, nowUs: number): void {
    this.#note("held", connection, side, frame);
    connection.held[side].push(frame);
    this.#holding.add(connection);
    const { ends } = connection.link;
    if (connection.isWatched || !this.#blocks.areCut(ends[0].host, ends[1].host)) return;
    connection.isWatched = true;
    const atUs = nowUs + this.#patienceUs(connection, side);
    this.#queue.add(connectionEvent(atUs, EVENT.giveUp, connection, side, undefined));
  }

  #flushSide(connection: Connection<F>, side: Side, nowUs: number): void {
    if (connection.held[side].length === 0 || this.#isStopped(connection, side)) return;
    connection.isOpen = true;
    for (const frame of connection.held[side].splice(0)) {
      if (nowUs > connection.readableUntilUs[side]) this.#note("cutOff", connection, side, frame);
      else this.#reader.passed(connection, side, frame);
    }
  }

  #patienceUs(connection: Connection<F>, side: Side): number {
    return patienceUs(connection, side, this.#settings.linkTimeoutMs, this.#random);
  }

  /** The word that a connection is over takes as long as a frame. */
  #partingUs(connection: Connection<F>): number {
    return delayUs(partingDraw(connection, this.#random), this.#settings, this.#isCalm);
  }

  #closeUs(connection: Connection<F>, side: Side, manner: BreakManner, nowUs: number): number {
    const until = connection.readableUntilUs[side];
    switch (manner) {
      case "flush":
        return Math.max(nowUs + this.#partingUs(connection), connection.lastArrivalUs[side]) + 1;
      case "tail":
        return until + 1;
      case "silent":
        return Math.max(nowUs + this.#patienceUs(connection, side), until === Infinity ? 0 : until) + 1;
      default:
        return manner satisfies never;
    }
  }
}

function openConnections<F>(link: Link<F>): readonly Connection<F>[] {
  const found: Connection<F>[] = [];
  for (const connection of [link.present[0], link.present[1], link.newest]) {
    if (connection !== undefined && !connection.isBroken && !found.includes(connection)) found.push(connection);
  }
  return found;
}
