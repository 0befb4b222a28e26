/**
 * Nodes with an embedded engine and nothing else, on a simulated network with simulated clocks: the world in which the
 * contract of engines is tested. Changes in place.
 *
 * One idea: the contract drafts the views itself, so there is neither a failure detector nor a leader here; who is
 * behind is told so by the header of every frame, as in `cluster_core.ts`.
 *
 * Invariant: same options, same run.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Epoch, epoch, instant, type NodeId, nodeId } from "../../core/ids.ts";
import { below, type Random, seededRandom } from "../../core/random.ts";
import {
  beginEngineStep,
  createEmbeddedEngine,
  type EmbeddedEngine,
  engineDiscovered,
  type EngineEffect,
  engineInput,
  type EngineMessage,
  engineMessage,
  engineMetEpoch,
  installedView,
  tickEngine,
} from "../../cluster/embedded_engine.ts";
import type { EngineInput, EngineOutput, EngineRequest, EngineResult, LeaseStatus } from "../../cluster/engine.ts";
import { initialPlaces } from "../../cluster/planner.ts";
import { ALL_RULES, type Rules } from "../../cluster/rules.ts";
import { type ClusterSettings, TIMINGS, type Timings } from "../../cluster/settings.ts";
import type { Now } from "../../cluster/time.ts";
import { isMember, type Member, type View } from "../../cluster/view.ts";
import { isBootstrap } from "../../cluster/view_protocol.ts";
import { EventQueue, type Timed } from "../../testkit/event_queue.ts";
import { SimClock } from "../../testkit/sim_clock.ts";
import type { EngineWorld, EngineWorldOptions } from "../contract/engine_world.ts";

/** Clocks run fast or slow by up to so many parts per million: within what promises allow for. */
const CLOCK_PPM = 10_000;
/** Delays of frames, in microseconds; one in fifty takes longer. */
const DELAY_US = 2_000;
const LONG_DELAY_US = 40_000;
/** Milliseconds a world may take to begin. */
const BEGIN_MS = 60_000;
/** Steps of one call of `runFor`: something sends for ever. */
const STEPS_MAX = 5_000_000;

interface Happening extends Timed {
  readonly run: () => void;
}

interface Node {
  readonly index: number;
  readonly id: NodeId;
  readonly address: string;
  readonly clock: SimClock;
  readonly engine: EmbeddedEngine;
  isUp: boolean;
  isDeaf: boolean;
  /** Nodes of the same number reach each other. */
  side: number;
  status: LeaseStatus;
  readonly waiting: Map<number, (result: EngineResult) => void>;
  /** When the last frame to each other node arrives: frames keep their order. */
  readonly lastArrivalUs: Map<number, number>;
}

interface Header {
  readonly clusterId: string;
  readonly epoch: Epoch;
}

/** Makes the world, under some rules. */
export function embeddedWorlds(rules: Rules = ALL_RULES): (options: EngineWorldOptions) => Promise<EngineWorld> {
  return async (options) => {
    const world = new EmbeddedWorld(options, rules);
    await world.begin();
    return world;
  };
}

class EmbeddedWorld implements EngineWorld {
  readonly options: EngineWorldOptions;
  readonly timings: Timings = { ...TIMINGS, stateSyncMs: 2_000 };
  readonly #nodes: readonly Node[];
  readonly #queue = new EventQueue<Happening>();
  readonly #random: Random;
  readonly #listeners: ((node: number, output: EngineOutput) => void)[] = [];
  #nowUs = 0;
  #requests = 0;
  #sides = 0;

  constructor(options: EngineWorldOptions, rules: Rules) {
    this.options = options;
    this.#random = seededRandom(options.seed);
    this.#nodes = Array.from({ length: options.nodeCount }, (_, index) => this.#nodeOf(index, rules));
    for (const node of this.#nodes) this.#at(below(this.#random, 20_000), () => this.#tick(node));
  }

  /** Runs until everybody is in and serves. */
  async begin(): Promise<void> {
    const addresses = this.#nodes.map(({ address }) => address);
    for (const { engine, clock } of this.#nodes) engineDiscovered(engine, addresses, clock.now(this.#nowUs));
    while (!this.#isWell()) {
      assert.ok(this.nowMs() < BEGIN_MS, "a cluster begins");
      await this.runFor(100);
    }
  }

  idOf(node: number): NodeId {
    return this.#node(node).id;
  }

  nowMs(): number {
    return this.#nowUs / 1_000;
  }

  viewOf(node: number): View | undefined {
    return installedView(this.#node(node).engine);
  }

  statusOf(node: number): LeaseStatus {
    return this.#node(node).status;
  }

  hasLease(node: number): boolean {
    const { engine, isUp, clock } = this.#node(node);
    const { until } = engine.views;
    if (!isUp || engine.isRetired || until === undefined) return false;
    const { mono, wall } = clock.now(this.#nowUs);
    return mono < until.mono && wall < until.wall;
  }

  request(node: number, request: EngineRequest, timeoutMs: number): Promise<EngineResult> {
    const asked = this.#node(node);
    const requestId = ++this.#requests;
    return new Promise((resolve) => {
      asked.waiting.set(requestId, resolve);
      const deadline = instant(asked.clock.monoMs(this.#nowUs) + timeoutMs);
      this.#input(asked, { kind: "engineRequest", requestId, deadline, request });
    });
  }

  onOutput(listener: (node: number, output: EngineOutput) => void): void {
    this.#listeners.push(listener);
  }

  runFor(ms: number): Promise<void> {
    const untilUs = this.#nowUs + ms * 1_000;
    for (let steps = 0;; steps++) {
      assert.ok(steps < STEPS_MAX, "a world comes to rest");
      const next = this.#queue.take();
      if (next === undefined) break;
      if (next.atUs > untilUs) {
        this.#queue.add(next);
        break;
      }
      this.#nowUs = next.atUs;
      next.run();
    }
    this.#nowUs = untilUs;
    return Promise.resolve();
  }

  crash(node: number): void {
    this.#node(node).isUp = false;
  }

  split(nodes: readonly number[]): void {
    const side = ++this.#sides;
    for (const node of nodes) this.#node(node).side = side;
  }

  deafen(node: number): void {
    this.#node(node).isDeaf = true;
  }

  heal(): void {
    for (const node of this.#nodes) {
      node.side = 0;
      node.isDeaf = false;
    }
  }

  sizeOf(node: number): number {
    const { views, bootstrap, partitions, client } = this.#node(node).engine;
    return partsOf([views, bootstrap, partitions, client], new Set());
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  // --- nodes ----------------------------------------------------------------------------------------

  #nodeOf(index: number, rules: Rules): Node {
    const { nodeCount, partitionCount, replicaCount, seed } = this.options;
    const rate = 1 + (below(this.#random, 2 * CLOCK_PPM + 1) - CLOCK_PPM) / 1_000_000;
    const clock = new SimClock({ rate, monoMs: below(this.#random, 100_000), wallMs: 1_780_000_000_000 }, 0);
    const id = nodeId(`${String.fromCharCode(97 + index)}${seed}`);
    const address = `host-${index}:7600`;
    const self: Member = {
      id,
      address,
      zone: "",
      roles: [],
      kinds: [],
      joinEpoch: epoch(0),
      status: "up",
      capacity: 1,
    };
    const settings: ClusterSettings = {
      name: "contract",
      partitionCount,
      replicaCount,
      writeQuorum: Math.floor(replicaCount / 2) + 1,
      readQuorum: 1,
      rule: { kind: "dynamic" },
      minimumPeersQuorum: nodeCount,
    };
    const now = clock.now(0);
    const engine = createEmbeddedEngine({
      self,
      settings,
      timings: this.timings,
      rules,
      random: seededRandom(seed + 1_000 * index),
      bornAt: now,
      processStartedAt: now,
      wasMember: false,
      chunkEntries: 16,
      changesKept: 32,
      tableBytes: 1 << 26,
      initialPlaces: (founders) => initialPlaces(founders, partitionCount, replicaCount, epoch(1)),
    });
    return {
      index,
      id,
      address,
      clock,
      engine,
      isUp: true,
      isDeaf: false,
      side: 0,
      status: "none",
      waiting: new Map(),
      lastArrivalUs: new Map(),
    };
  }

  #isWell(): boolean {
    const views = this.#nodes.map(({ engine }) => installedView(engine));
    const count = this.options.nodeCount;
    return views.every((view) => view?.members.length === count && view.epoch === views[0]?.epoch) &&
      this.#nodes.every(({ status }) => status === "held");
  }

  #tick(node: Node): void {
    if (node.isUp) this.#step(node, (now, out) => tickEngine(node.engine, now, out));
    this.#at(this.timings.tickMs * 1_000, () => this.#tick(node));
  }

  #input(node: Node, input: EngineInput): void {
    if (node.isUp) this.#step(node, (now, out) => engineInput(node.engine, input, now, out));
  }

  #receive(node: Node, from: Node, { clusterId, epoch }: Header, message: EngineMessage): void {
    if (!node.isUp || node.isDeaf || !this.#reaches(from, node)) return;
    this.#step(node, (now, out) => {
      const { engine } = node;
      const view = installedView(engine);
      const isHeard = isBootstrap(message) || (view === undefined && message.kind === "commit");
      if (isHeard) return engineMessage(engine, from.id, message, now, out);
      if (view === undefined) return;
      if (clusterId !== view.clusterId) return;
      engineMetEpoch(engine, from.id, epoch, now, out);
      if (isMember(view, from.id) || message.kind === "commit" || message.kind === "pull") {
        engineMessage(engine, from.id, message, now, out);
      }
    });
  }

  #step(node: Node, run: (now: Now, out: EngineEffect[]) => void): void {
    const now = node.clock.now(this.#nowUs);
    const out: EngineEffect[] = [];
    beginEngineStep(node.engine, now, out);
    run(now, out);
    for (const effect of out) this.#perform(node, effect);
  }

  #perform(node: Node, effect: EngineEffect): void {
    switch (effect.kind) {
      case "send":
        return this.#send(node, this.#nodes.find(({ id }) => id === effect.to), effect.message);
      case "greet":
        return this.#send(node, this.#nodes.find(({ address }) => address === effect.address), effect.message);
      case "engineDone":
        node.waiting.get(effect.requestId)?.(effect.result);
        node.waiting.delete(effect.requestId);
        break;
      case "engineLease":
        node.status = effect.status;
        break;
      case "holdingsWanted":
        this.#input(node, { kind: "holdings", partition: effect.partition, cfg: effect.cfg, held: [] });
        break;
      case "odd":
        assert.fail(`${node.id} finds what ${effect.from} says odd: ${effect.reason}`);
        break;
      case "leaseTerm":
      case "retire":
      case "bootstrapTimedOut":
      case "foreignCluster":
      case "voted":
        return;
      default: // For whoever listens.
    }
    for (const listener of this.#listeners) listener(node.index, effect);
  }

  // --- the network ----------------------------------------------------------------------------------

  #send(from: Node, to: Node | undefined, message: EngineMessage): void {
    if (to === undefined || !this.#reaches(from, to)) return;
    const view = installedView(from.engine);
    const header = { clusterId: view?.clusterId ?? "", epoch: view?.epoch ?? epoch(0) };
    const isLong = below(this.#random, 50) === 0;
    const delayUs = 100 + below(this.#random, isLong ? LONG_DELAY_US : DELAY_US);
    const atUs = Math.max(this.#nowUs + delayUs, (from.lastArrivalUs.get(to.index) ?? 0) + 1);
    from.lastArrivalUs.set(to.index, atUs);
    this.#at(atUs - this.#nowUs, () => this.#receive(to, from, header, message));
  }

  #reaches(from: Node, to: Node): boolean {
    return from.side === to.side;
  }

  #at(inUs: number, run: () => void): void {
    this.#queue.add({ atUs: this.#nowUs + Math.floor(inUs), order: 0, run });
  }

  #node(index: number): Node {
    return this.#nodes[index] ?? assert.fail(`there is no node ${index}`);
  }
}

/** Objects, entries and elements that can be reached, without what is reached twice and without a machine's options. */
function partsOf(value: unknown, seen: Set<unknown>): number {
  if (typeof value !== "object" || value === null || seen.has(value)) return 0;
  seen.add(value);
  if (value instanceof Uint8Array) return 1;
  if (value instanceof Map) {
    let parts = 1;
    for (const [key, one] of value) parts += 1 + partsOf(key, seen) + partsOf(one, seen);
    return parts;
  }
  if (value instanceof Set || Array.isArray(value)) {
    let parts = 1;
    for (const one of value) parts += 1 + partsOf(one, seen);
    return parts;
  }
  let parts = 1;
  for (const [name, one] of Object.entries(value)) if (name !== "options") parts += partsOf(one, seen);
  return parts;
}
