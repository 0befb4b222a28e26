/**
 * The hosts of a run with what lives on them: births, ends, steps, and what becomes of their effects. Pure; changes in
 * place. `sim_run.ts` decides what happens when.
 *
 * One idea: one step at a time. A process is told one input with its own clocks, its effects are performed at that same
 * instant in their order, then checkers look.
 *
 * Invariant: steps never nest, and whatever a process throws ends the run as a violation.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import type { Now } from "../cluster/time.ts";
import type { EventHash } from "./event_hash.ts";
import { EventQueue } from "./event_queue.ts";
import type { FaultPlan, WorldSettings } from "./fault_plan.ts";
import { KeyedRandom, PURPOSE } from "./keyed_random.ts";
import type { LaneName, ProcessEffect, ProcessInput, SimulatedProcess } from "./process.ts";
import { type Cast, type Phase, type ProcessEnd, SimulationViolation, type World, type WorldNode } from "./scenario.ts";
import { SimBlocks } from "./sim_blocks.ts";
import type { BreakManner } from "./sim_break.ts";
import { connectionEvent, EVENT, hostEvent, looseEvent, type SimEvent } from "./sim_event.ts";
import { type Connection, type Endpoint, endpointOf, otherSide, type Side } from "./sim_link.ts";
import { type NetworkReader, SimNetwork } from "./sim_network.ts";
import { addressOf, bootHost, hostOf, idOf, LIVES_MAX, randomOf, type SimNode } from "./sim_node.ts";
import { effectLine, inputLine, traceLine, type Tracer } from "./transcript.ts";

/** Between the end of one identity and the beginning of the next, in milliseconds. */
const REBIRTH_MS_MAX = 50;
/** One in so many frames is looked at more closely. */
const FRAMES_PER_CHECK = 20;

const TICK = { kind: "tick" } as const;
const FATE_WORDS = { lost: "lost", cutOff: "cut off", held: "held", broken: "broken" } as const;
/** For the hash of a run. */
const INPUT_NUMBER = { tick: 1, frame: 2, linkLost: 3, discovered: 4, lag: 5, operation: 6 } as const;

/** The next few frames of one name, from one host to another, are to be late, or lost; `-1` is any host. */
export interface FrameCatch {
  readonly from: number;
  readonly to: number;
  readonly frame: string;
  readonly isLost: boolean;
  left: number;
  readonly untilUs: number;
}

/** The present state of a run. */
export class SimWorld<F, O, N, P extends SimulatedProcess<F, O, N>> implements World<O, P>, NetworkReader<F> {
  readonly plan: FaultPlan<O>;
  readonly nodes: readonly SimNode<F, P>[];
  readonly queue: EventQueue<SimEvent<F>> = new EventQueue();
  readonly blocks: SimBlocks;
  readonly network: SimNetwork<F>;
  readonly random: KeyedRandom;
  phase: Phase = "chaos";
  nowUs = 0;
  /** Whether somebody reads along. */
  readonly isTraced: boolean;
  readonly fate: NetworkReader<F>["fate"];
  /** Frames that are to come late, or not at all. */
  readonly catches: FrameCatch[] = [];
  /** Steps so far. */
  stepCount = 0;
  readonly #cast: Cast<F, O, N, P>;
  readonly #hash: EventHash;
  readonly #trace: Tracer | undefined;
  readonly #settings: WorldSettings;
  readonly #endpoints: Map<NodeId, Endpoint<F>> = new Map();
  readonly #hosts: ReadonlyMap<string, number>;
  readonly #addresses: readonly string[];
  readonly #effects: ProcessEffect<F, N>[] = [];
  #framesSent = 0;

  constructor(plan: FaultPlan<O>, cast: Cast<F, O, N, P>, hash: EventHash, trace: Tracer | undefined) {
    this.plan = plan;
    this.random = new KeyedRandom(plan.seed);
    this.#cast = cast;
    this.#hash = hash;
    this.#trace = trace;
    this.isTraced = trace !== undefined;
    this.fate = trace === undefined ? undefined : (fate, { link, generation }, side, frame) => {
      const name = frame === undefined ? "connection" : cast.subject.frameName(frame);
      const { id: from, host } = link.ends[otherSide(side)];
      this.trace(
        link.ends[side].host,
        `~~ ${FATE_WORDS[fate]}: ${name} of ${from}  ${link.lane}#${generation} from n${host}`,
      );
    };
    this.#settings = plan.settings;
    this.blocks = new SimBlocks(plan.settings.nodeCount);
    this.network = new SimNetwork(plan.settings, this.random, this.queue, this, this.blocks);
    this.nodes = Array.from({ length: plan.settings.nodeCount }, (_, host) => hostOf(host, plan.settings, this.random));
    this.#addresses = this.nodes.map((node) => node.address);
    this.#hosts = new Map(this.nodes.map((node) => [addressOf(node.host), node.host]));
  }

  get nowMs(): number {
    return this.nowUs / 1_000;
  }

  clockOf(node: WorldNode<P>): Now {
    return this.at(node.host).clock.now(this.nowUs);
  }

  rateOf(node: WorldNode<P>): number {
    return this.at(node.host).clock.rate;
  }

  nodeOf(id: NodeId): WorldNode<P> | undefined {
    const endpoint = this.#endpoints.get(id);
    return endpoint?.isAlive === true ? this.nodes[endpoint.host] : undefined;
  }

  isBlocked(fromHost: number, toHost: number): boolean {
    return this.blocks.isBlocked(fromHost, toHost);
  }

  /** The host of an index that exists. */
  at(host: number): SimNode<F, P> {
    const node = this.nodes[host];
    if (node === undefined) throw new SimulationViolation("simulator", `There is no host ${host}`);
    return node;
  }

  /** Starts the operating system's process of a host, and the first identity in it. */
  boot(node: SimNode<F, P>): void {
    if (node.isUp || node.isGone) return;
    const { nowUs } = this;
    bootHost(node, this.#settings, this.random, nowUs);
    if (this.isTraced) this.trace(node.host, `starts (process ${node.boot})`);
    const phaseMs = this.random.below(this.#settings.tickMs, PURPOSE.tickJitter, node.host, -1, node.boot);
    node.tickDueUs = nowUs + node.clock.realUs(phaseMs);
    this.queue.add(hostEvent(node.tickDueUs, EVENT.tick, node.host, node.boot));
    this.queue.add(hostEvent(nowUs + 1, EVENT.discover, node.host, node.boot));
    this.birth(node);
  }

  /** A new identity on a host that is up and has none. */
  birth(node: SimNode<F, P>): void {
    if (!node.isUp || node.process !== undefined) return;
    const life = node.lives++;
    if (life >= LIVES_MAX) throw new SimulationViolation("simulator", `Host ${node.host} began ${life} lives`);
    const id = idOf(node.host, life, this.random);
    const process = this.#cast.subject.create({
      host: node.host,
      address: node.address,
      id,
      life,
      processStartedAt: node.processStartedAt,
      bornAt: node.clock.now(this.nowUs),
      random: randomOf(node.host, life, this.random),
      previous: node.previous,
    });
    node.process = process;
    node.endpoint = endpointOf(id, node.host, node.address, node.host * LIVES_MAX + life);
    this.#endpoints.set(id, node.endpoint);
    this.#hash.add(life);
    if (this.isTraced) this.trace(node.host, `is ${id}`);
    for (const checker of this.#cast.checkers) checker.onBorn?.(this, node, process);
  }

  /** The process of a host is gone with its memory. */
  crash(node: SimNode<F, P>, manner: BreakManner): void {
    if (!node.isUp) return;
    this.#end(node, "crash", manner);
    node.isUp = false;
    node.isStill = false;
    node.previous = undefined;
    node.backlog.length = 0;
  }

  /** Takes one event that concerns a single host: now, or when the host is no longer still. */
  offer(event: SimEvent<F>): void {
    const node = this.at(event.host);
    if (node.isStill) node.backlog.push(event);
    else this.#take(node, event);
  }

  /** A host does nothing until a time. */
  still(node: SimNode<F, P>, untilUs: number): void {
    node.isStill = true;
    node.stillUntilUs = Math.max(node.stillUntilUs, untilUs);
    this.queue.add(hostEvent(untilUs, EVENT.resume, node.host, node.boot));
  }

  /** A host takes what has come meanwhile, if nothing else keeps it still. */
  resume(node: SimNode<F, P>): void {
    if (!node.isStill || this.nowUs < node.stillUntilUs) return;
    node.isStill = false;
    if (this.isTraced) this.trace(node.host, `goes on, ${node.backlog.length} inputs have waited`);
    const isTickFirst = (this.random.u32(PURPOSE.resumeOrder, node.host, node.boot, node.ticks) & 1) === 0;
    if (isTickFirst) this.#takeMissedTick(node);
    for (const event of node.backlog.splice(0)) this.#take(node, event);
    if (!isTickFirst) this.#takeMissedTick(node);
  }

  /** A tick is due. */
  tick(node: SimNode<F, P>): void {
    if (node.isStill) {
      node.isTickMissed = true;
      return;
    }
    const { tickMs, tickJitterMs } = this.#settings;
    const { clock, host } = node;
    const monoMs = clock.monoMs(this.nowUs);
    const lateMs = monoMs - node.lastTickMonoMs - tickMs;
    node.lastTickMonoMs = monoMs;
    if (lateMs > Math.max(tickMs, tickJitterMs + 1)) this.#step(node, { kind: "lag", ms: lateMs });
    this.#step(node, TICK);
    node.tickDueUs = Math.max(node.tickDueUs, this.nowUs - clock.realUs(tickJitterMs)) + clock.realUs(tickMs);
    const jitterUs = this.random.below(tickJitterMs * 1_000 + 1, PURPOSE.tickJitter, host, node.boot, node.ticks++);
    this.queue.add(hostEvent(Math.max(node.tickDueUs + jitterUs, this.nowUs + 1), EVENT.tick, host, node.boot));
  }

  passed(connection: Connection<F>, side: Side, frame: F): void {
    const node = this.at(connection.link.ends[side].host);
    if (node.isStill) node.backlog.push(connectionEvent(this.nowUs, EVENT.arrive, connection, side, frame));
    else this.network.read(connection, side, frame, this.nowUs);
  }

  frameRead(to: Endpoint<F>, from: Endpoint<F>, lane: LaneName, generation: number, frame: F): void {
    this.#stepAt(to, { kind: "frame", from: from.id, fromAddress: from.address, lane, generation, frame });
  }

  linkLost(to: Endpoint<F>, peer: Endpoint<F>, lane: LaneName, generation: number): void {
    this.#stepAt(to, { kind: "linkLost", peer: peer.id, lane, generation });
  }

  /** A user asks the process of a host for something. */
  operate(node: SimNode<F, P>, operation: O): void {
    this.#step(node, { kind: "operation", operation });
  }

  /** One line of the transcript; called only when there is one. */
  trace(host: number | undefined, text: string): void {
    this.#trace?.(traceLine(this.nowUs, host, text));
  }

  #takeMissedTick(node: SimNode<F, P>): void {
    if (!node.isTickMissed) return;
    node.isTickMissed = false;
    this.tick(node);
  }

  #take(node: SimNode<F, P>, event: SimEvent<F>): void {
    const { connection, endpoint, frame } = event;
    switch (event.kind) {
      case EVENT.arrive:
        if (connection !== undefined && frame !== undefined) {
          this.network.read(connection, event.side, frame, this.nowUs);
        }
        return;
      case EVENT.close:
        if (connection !== undefined) this.network.close(connection, event.side);
        return;
      case EVENT.greet:
      case EVENT.self: {
        if (endpoint === undefined || frame === undefined) return;
        if (event.kind === EVENT.self && !endpoint.isAlive) return;
        const { id: from, address: fromAddress } = endpoint;
        const lane = event.number === 0 ? "control" : "data";
        this.#step(node, { kind: "frame", from, fromAddress, lane, generation: 0, frame });
        return;
      }
      case EVENT.discover:
        if (event.number === node.boot) this.#discover(node);
        return;
      case EVENT.item: {
        const item = this.plan.items[event.number];
        if (item?.kind === "op") this.operate(node, item.op);
        return;
      }
      default:
        throw new SimulationViolation("simulator", `A host takes no event of sort ${event.kind}`);
    }
  }

  #discover(node: SimNode<F, P>): void {
    const { discoverMs, discoveryPercent } = this.#settings;
    const number = node.discoveries++;
    const isWhole = discoveryPercent >= 100 || this.phase !== "chaos";
    const addresses = isWhole ? this.#addresses : this.#addresses.filter((_, host) =>
      host === node.host ||
      this.random.below(100, PURPOSE.discovery, node.host, host, number) < discoveryPercent
    );
    this.queue.add(
      hostEvent(this.nowUs + node.clock.realUs(discoverMs), EVENT.discover, node.host, node.boot),
    );
    this.#step(node, { kind: "discovered", addresses });
  }

  #stepAt(endpoint: Endpoint<F>, input: ProcessInput<F, O>): void {
    const node = this.nodes[endpoint.host];
    if (node !== undefined && node.endpoint === endpoint) this.#step(node, input);
  }

  #step(node: SimNode<F, P>, input: ProcessInput<F, O>): void {
    const { process, endpoint } = node;
    if (process === undefined || endpoint === undefined) return;
    this.stepCount++;
    const out = this.#effects;
    if (this.isTraced) {
      const line = inputLine(this.#cast.subject, input);
      if (line !== undefined) this.trace(node.host, line);
    }
    try {
      process.step(input, node.clock.now(this.nowUs), out);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new SimulationViolation("process", `${process.id} threw at ${input.kind}: ${text}`, { cause: error });
    }
    this.#hash.add(node.host << 16 | INPUT_NUMBER[input.kind] << 12 | (out.length & 4_095));
    let retired: string | undefined;
    for (const effect of out) retired = this.#perform(node, endpoint, effect) ?? retired;
    out.length = 0;
    if (retired !== undefined) this.#retire(node, process, retired);
    for (const checker of this.#cast.checkers) checker.onStep?.(this, node, input);
  }

  #perform(node: SimNode<F, P>, endpoint: Endpoint<F>, effect: ProcessEffect<F, N>): string | undefined {
    if (this.isTraced) this.trace(node.host, effectLine(this.#cast.subject, effect));
    switch (effect.kind) {
      case "send":
        this.#send(endpoint, effect.to, effect.lane, effect.frame);
        return undefined;
      case "greet": {
        this.#check(effect.frame);
        const host = this.#hosts.get(effect.address);
        if (host === undefined) return undefined;
        const notBeforeUs = this.#notBeforeUs(endpoint.host, host, "control", effect.frame);
        if (notBeforeUs < Infinity) this.network.greet(endpoint, host, effect.frame, this.nowUs, notBeforeUs);
        return undefined;
      }
      case "retire":
        return effect.reason;
      case "note":
        for (const checker of this.#cast.checkers) checker.onNote?.(this, node, effect.note);
        return undefined;
      default:
        return effect satisfies never;
    }
  }

  #send(from: Endpoint<F>, id: NodeId, lane: LaneName, frame: F): void {
    this.#check(frame);
    const to = this.#endpoints.get(id);
    if (to === undefined) return;
    if (to !== from) {
      const notBeforeUs = this.#notBeforeUs(from.host, to.host, lane, frame);
      if (notBeforeUs < Infinity) this.network.send(from, to, lane, frame, this.nowUs, notBeforeUs);
      return;
    }
    const event = looseEvent(this.nowUs, EVENT.self, from.host, from, frame, lane === "control" ? 0 : 1);
    this.queue.add(event);
  }

  /** When a frame may arrive at the soonest; never, if it is to be lost. */
  #notBeforeUs(from: number, to: number, lane: LaneName, frame: F): number {
    if (this.catches.length === 0) return 0;
    const [name] = this.#cast.subject.frameName(frame).split(" ");
    const caught = this.catches.find((one) =>
      one.left > 0 && one.untilUs > this.nowUs && one.frame === name && (one.from < 0 || one.from === from) &&
      (one.to < 0 || one.to === to) && !(one.isLost && lane === "data")
    );
    if (caught === undefined) return 0;
    caught.left--;
    if (this.isTraced) this.trace(from, `~~ ${caught.isLost ? "dropped" : "held back"}: ${name} for n${to}`);
    return caught.isLost ? Infinity : caught.untilUs;
  }

  #check(frame: F): void {
    if (++this.#framesSent % FRAMES_PER_CHECK !== 0) return;
    const wrong = this.#cast.subject.checkFrame?.(frame);
    if (wrong !== undefined) throw new SimulationViolation("frame", wrong);
  }

  #retire(node: SimNode<F, P>, process: P, reason: string): void {
    const predecessor = { id: process.id, reason, described: process.describe?.() };
    this.#end(node, "retire", "flush");
    node.previous = predecessor;
    const waitUs = this.random.below(REBIRTH_MS_MAX * 1_000, PURPOSE.rebirth, node.host, node.lives, 0);
    this.queue.add(hostEvent(this.nowUs + waitUs, EVENT.rebirth, node.host, node.boot));
  }

  #end(node: SimNode<F, P>, end: ProcessEnd, manner: BreakManner): void {
    const { process, endpoint } = node;
    if (process === undefined || endpoint === undefined) return;
    this.network.drop(endpoint, manner, this.nowUs);
    node.process = undefined;
    node.endpoint = undefined;
    for (const checker of this.#cast.checkers) checker.onEnded?.(this, node, process, end);
  }
}
