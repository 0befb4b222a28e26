/**
 * The loop of a world with actors in it: takes the next event, lets promises settle, looks at what is claimed, and goes
 * on for as long as somebody waits. Mutable; the one place of the testkit that waits for the event loop.
 *
 * One idea: simulated time passes only between events, and no event comes before everything that the one before it led
 * to has settled. So `await` in a handler costs no time, and two runs of one seed are the same run.
 *
 * Invariant: while a handler waits for something that isn't of this world, a timer of the platform say, the world
 * stands still until that settles, or {@link OUTSIDE_WAIT_MS_MAX} have passed.
 *
 * @module
 */
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { HandlerContext } from "../core/handler_context.ts";
import type { Now } from "../cluster/time.ts";
import type { ActorFrame } from "./actor_cluster.ts";
import type { ActorNode, ActorOperation } from "./actor_node.ts";
import type { ActorTrace } from "./actor_trace.ts";
import { EventHash } from "./event_hash.ts";
import { type Fault, type StoppedWay, stoppedWays, type WorldSettings } from "./fault_plan.ts";
import { hostFaultText, wayFaultName } from "./fault_words.ts";
import { setTraps, trapError, type TrapReport } from "./handler_traps.ts";
import { type Cast, SimulationViolation } from "./scenario.ts";
import { EVENT, hostEvent, type SimEvent } from "./sim_event.ts";
import { disturb, liveHost, mannerOfCrash } from "./sim_faults.ts";
import type { SimNode } from "./sim_node.ts";
import { SimWorld } from "./sim_world.ts";
import type { Tracer } from "./transcript.ts";

/** Real milliseconds a world stands still for a handler that waits for something outside of it. */
export const OUTSIDE_WAIT_MS_MAX = 1_000;
/** Events of one world at most: something sends for ever. At the limit: a violation. */
export const EVENTS_MAX = 20_000_000;
/** Simulated microseconds one turn of a node takes. */
const TURN_US = 10;

/** What a world needs of whoever made it. */
export interface WorldWatcher {
  /** Something may have changed. Throws what is wrong. */
  look(): void;
}

/** A world of actor nodes. */
export class ActorWorld {
  readonly sim: SimWorld<ActorFrame, ActorOperation, never, ActorNode>;
  /** What ended the world; everything that waits fails with it. */
  failure: Error | undefined = undefined;
  /** How often the world stood still for a handler, as `kind.handler`. */
  readonly outside: Map<string, number> = new Map();
  readonly #hash = new EventHash();
  readonly #settings: WorldSettings;
  readonly #watcher: WorldWatcher;
  readonly #trace: ActorTrace | undefined;
  readonly #calls = new Map<number, () => void>();
  readonly #wakes = new Map<number, number>();
  readonly #patient = new WeakSet<HandlerContext>();
  readonly #blocked = new Set<readonly StoppedWay[]>();
  #callId = 0;
  #eventCount = 0;
  #trap: TrapReport | undefined = undefined;
  /** How many wait for something to happen in the world. */
  #waiting = 0;
  #driving: Promise<void> | undefined = undefined;
  readonly #losers = new Set<(error: Error) => void>();

  constructor(
    seed: number,
    settings: WorldSettings,
    cast: (world: ActorWorld) => Cast<ActorFrame, ActorOperation, never, ActorNode>,
    watcher: WorldWatcher,
    trace?: ActorTrace,
    frames?: Tracer,
  ) {
    this.#trace = trace;
    this.#settings = settings;
    this.#watcher = watcher;
    this.sim = new SimWorld({ seed, settings, items: [] }, cast(this), this.#hash, frames);
  }

  /** All hosts start. */
  begin(): void {
    for (const node of this.sim.nodes) this.sim.boot(node);
  }

  /** Simulated milliseconds since the world began. */
  get nowMs(): number {
    return this.sim.nowMs;
  }

  /** Sixteen digits that two equal runs share. */
  get hash(): string {
    return this.#hash.digest();
  }

  /** Events so far. */
  get eventCount(): number {
    return this.#eventCount;
  }

  /** The clocks of a host, now. */
  clockOf(host: number): Now {
    return this.sim.at(host).clock.now(this.sim.nowUs);
  }

  /** Calls `go` after so many simulated milliseconds. */
  later(ms: number, go: () => void): void {
    const id = ++this.#callId;
    this.#calls.set(id, go);
    this.sim.queue.add(hostEvent(this.sim.nowUs + Math.max(1, Math.ceil(ms * 1_000)), EVENT.item, -1, id));
  }

  /** Resolves as `promise` does, with the world going on until then. Rejects when the world breaks. */
  async during<T>(promise: Promise<T>): Promise<T> {
    if (this.failure !== undefined) throw this.failure;
    this.#waiting++;
    this.#driving ??= this.#drive();
    const { promise: broken, reject } = Promise.withResolvers<never>();
    this.#losers.add(reject);
    try {
      return await Promise.race([promise, broken]);
    } finally {
      this.#losers.delete(reject);
      this.#waiting--;
    }
  }

  /** Lets so many simulated milliseconds pass. */
  async pass(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.later(ms, resolve);
    await this.during(promise);
  }

  // --- what goes wrong ------------------------------------------------------------------------------

  crash(host: number, downMs: number | undefined): void {
    const node = this.sim.at(host);
    if (node.isUp) this.#trace?.say(host, downMs === undefined ? "crashes" : `crashes for ${downMs} ms`);
    this.sim.crash(node, mannerOfCrash(this.sim, node));
    if (downMs !== undefined) this.later(downMs, () => this.restart(host));
  }

  restart(host: number): void {
    this.sim.boot(this.sim.at(host));
  }

  /** Nothing gets through on these ways, by whatever `name` says; the function that mends it. */
  block(ways: readonly StoppedWay[], name: string): () => void {
    this.#trace?.say(undefined, `${name} begins`);
    this.#blocked.add(ways);
    this.sim.blocks.change(ways, 1);
    return () => {
      if (!this.#blocked.delete(ways)) return;
      this.#trace?.say(undefined, `${name} ends`);
      this.sim.blocks.change(ways, -1);
      this.sim.network.flush(this.sim.nowUs);
    };
  }

  /** All that was blocked gets through again. */
  mend(): void {
    this.#trace?.say(undefined, "all is mended");
    for (const ways of this.#blocked) this.sim.blocks.change(ways, -1);
    this.#blocked.clear();
    this.sim.network.flush(this.sim.nowUs);
  }

  /** One fault of a plan happens now. */
  befall(fault: Fault): void {
    switch (fault.kind) {
      case "crash": {
        const node = liveHost(this.sim, fault.host);
        if (node !== undefined) this.crash(node.host, fault.stays ? undefined : fault.downMs);
        return;
      }
      case "partition":
      case "clog": {
        const hosts = this.sim.nodes.length;
        return this.later(fault.forMs, this.block(stoppedWays(fault, hosts), wayFaultName(fault, hosts)));
      }
      default:
        this.#sayFault(fault);
        return disturb(this.sim, fault);
    }
  }

  #sayFault(fault: Exclude<Fault, { kind: "crash" | "partition" | "clog" }>): void {
    if (this.#trace === undefined) return;
    if (fault.kind === "reset") {
      const [from, to] = [liveHost(this.sim, fault.from), liveHost(this.sim, fault.to)];
      if (from !== undefined && to !== undefined && from !== to) {
        this.#trace.say(undefined, `the connections of n${from.host} and n${to.host} break`);
      }
      return;
    }
    const host = liveHost(this.sim, fault.host)?.host;
    if (host !== undefined) this.#trace.say(host, hostFaultText(fault));
  }

  // --- the loop -------------------------------------------------------------------------------------

  async #drive(): Promise<void> {
    const undo = setTraps(() => this.#runningHandler(), (trap) => {
      this.#trap ??= trap;
    });
    try {
      await settle();
      while (this.#waiting > 0 && this.failure === undefined) {
        this.#arm(); // what users did meanwhile wants turns
        const event = this.sim.queue.take();
        if (event === undefined) throw new SimulationViolation("simulator", "Nothing will ever happen any more");
        if (++this.#eventCount > EVENTS_MAX) {
          throw new SimulationViolation("simulator", `Over ${EVENTS_MAX} events happened`);
        }
        this.sim.nowUs = event.atUs;
        this.#hash.add(event.atUs);
        this.#hash.add(event.kind << 24 | event.side << 20 | (event.host & 1_023));
        this.#handle(event);
        if (event.host < 0 || this.#takeTouched()) await this.#settled();
        if (this.#trap !== undefined) throw trapError(this.#trap);
      }
    } catch (thrown) {
      this.#fail(thrown);
    } finally {
      undo();
      this.#driving = undefined;
    }
    // Somebody came while the last promise settled.
    if (this.#waiting > 0 && this.failure === undefined) this.#driving ??= this.#drive();
  }

  #fail(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    // What a watcher throws inside of a step comes wrapped by the step.
    const cause = error instanceof SimulationViolation && error.cause instanceof SimulationViolation;
    const failure = cause ? error.cause as SimulationViolation : error;
    if (failure instanceof SimulationViolation) failure.atMs = this.nowMs;
    failure.message += ` (at ${this.nowMs} ms of a world with seed ${this.sim.plan.seed})`;
    this.#trace?.say(undefined, `the world ends: ${failure.message}`);
    this.failure = failure;
    for (const lose of [...this.#losers]) lose(failure);
  }

  async #settled(): Promise<void> {
    await settle();
    await this.#standStill();
    this.#watcher.look();
  }

  /** Waits, in real time, for handlers that wait for nothing of this world. */
  async #standStill(): Promise<void> {
    for (const { process } of this.sim.nodes) {
      if (process === undefined) continue;
      let waitedMs = 0;
      for (
        let ctx = process.waitsOutside(this.#patient);
        ctx !== undefined;
        ctx = process.waitsOutside(this.#patient)
      ) {
        if (waitedMs === 0) this.#note(ctx);
        if (waitedMs++ >= OUTSIDE_WAIT_MS_MAX) {
          this.#patient.add(ctx);
          waitedMs = 0;
        } else await realMs(1);
      }
    }
  }

  #note({ cell, handler }: HandlerContext): void {
    const name = `${cell.kind.name}.${handler}`;
    this.outside.set(name, (this.outside.get(name) ?? 0) + 1);
  }

  #takeTouched(): boolean {
    let isTouched = false;
    for (const { process } of this.sim.nodes) {
      if (process?.isTouched !== true) continue;
      process.isTouched = false;
      isTouched = true;
    }
    return isTouched;
  }

  /** Each node that wants a turn gets one, now or when its next timer is due. */
  #arm(): void {
    for (const node of this.sim.nodes) {
      const { process, host } = node;
      if (process === undefined || node.isStill) continue;
      const { nowUs } = this.sim;
      const dueMs = process.actors.nextDueMs();
      const dueUs = dueMs === undefined
        ? Infinity
        : nowUs + Math.max(TURN_US, node.clock.realUs(dueMs - node.clock.monoMs(nowUs)));
      const wakeUs = process.wantsStep ? nowUs + TURN_US : dueUs;
      const known = this.#wakes.get(host);
      if (wakeUs === Infinity || (known !== undefined && known <= wakeUs && known > nowUs)) continue;
      this.#wakes.set(host, wakeUs);
      const { boot } = node;
      const id = ++this.#callId;
      this.#calls.set(id, () => {
        if (this.#wakes.get(host) === wakeUs) this.#wakes.delete(host);
        if (node.boot === boot && !node.isStill) this.sim.operate(node, { kind: "turn" });
      });
      this.sim.queue.add(hostEvent(wakeUs, EVENT.item, host, id));
    }
  }

  #runningHandler(): string | undefined {
    for (const { process } of this.sim.nodes) {
      const ctx = process?.runningHandler;
      if (ctx !== undefined) return `${ctx.key}.${ctx.handler}`;
    }
    return undefined;
  }

  #handle(event: SimEvent<ActorFrame>): void {
    const { sim } = this;
    const { connection, frame } = event;
    switch (event.kind) {
      case EVENT.arrive:
        if (connection !== undefined && frame !== undefined) {
          sim.network.arrive(connection, event.side, frame, event.atUs);
        }
        return;
      case EVENT.greet:
        if (event.endpoint !== undefined && !sim.isBlocked(event.endpoint.host, event.host)) sim.offer(event);
        return;
      case EVENT.close:
      case EVENT.self:
      case EVENT.discover:
        return sim.offer(event);
      case EVENT.giveUp:
        if (connection !== undefined) sim.network.giveUp(connection, event.atUs);
        return;
      case EVENT.start:
        return sim.boot(sim.at(event.host));
      case EVENT.item: {
        const go = this.#calls.get(event.number);
        this.#calls.delete(event.number);
        return go?.();
      }
      default:
        return this.#handleOfBoot(event);
    }
  }

  #handleOfBoot(event: SimEvent<ActorFrame>): void {
    const node = this.sim.at(event.host);
    if (!node.isUp || event.number !== node.boot) return;
    if (event.kind === EVENT.tick) this.sim.tick(node);
    else if (event.kind === EVENT.resume) this.#resume(node);
    else if (event.kind === EVENT.rebirth) this.sim.birth(node);
  }

  #resume(node: SimNode<ActorFrame, ActorNode>): void {
    // Said before it does what has waited.
    if (node.isStill && this.sim.nowUs >= node.stillUntilUs) this.#trace?.say(node.host, "goes on");
    this.sim.resume(node);
  }
}

/** Lets every promise that can settle do so, and everything that follows from it. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function realMs(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      clearTimeout(timer);
      resolve();
    }, ms);
  });
}
