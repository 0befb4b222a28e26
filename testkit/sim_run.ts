/**
 * Runs a plan from its first event to its verdict. Pure: the same plan and scenario give the same outcome and the same
 * hash.
 *
 * One idea: first everything goes wrong, and only safety counts; then everything is mended, and the cluster must become
 * well within a time. A fault that only delays the right thing for ever is found by the second part.
 *
 * Invariant: a run ends. Its time is bounded by its settings, its events by {@link RunOptions.eventsMax}.
 *
 * @module
 */
import { EventHash } from "./event_hash.ts";
import { type FaultPlan, isInCut, type PlanItem } from "./fault_plan.ts";
import { PURPOSE } from "./keyed_random.ts";
import type { SimulatedProcess } from "./process.ts";
import { type Cast, type Scenario, SimulationViolation } from "./scenario.ts";
import { EVENT, hostEvent, type SimEvent } from "./sim_event.ts";
import type { BreakManner, NetworkCounts } from "./sim_network.ts";
import type { SimNode } from "./sim_node.ts";
import { SimWorld } from "./sim_world.ts";
import { itemLine, type Tracer } from "./transcript.ts";

/** What a run may cost, and who reads along. */
export interface RunOptions {
  /** Events after which a run ends as a violation: something sends for ever. */
  readonly eventsMax?: number;
  /** Events that may wait at one time. */
  readonly waitingMax?: number;
  readonly trace?: Tracer;
}

/** What came of a run. */
export interface RunOutcome {
  /** Sixteen hexadecimal digits; equal for equal runs. */
  readonly hash: string;
  readonly violation: SimulationViolation | undefined;
  readonly simulatedMs: number;
  readonly eventCount: number;
  readonly stepCount: number;
  /** Simulated milliseconds from the healing until the cluster was well; `undefined` when it was not, or nobody asked. */
  readonly convergedAfterMs: number | undefined;
  readonly network: Readonly<NetworkCounts>;
}

/** Events of one run at most, unless told otherwise: some fifty times what a lively run of 40 s needs. */
export const EVENTS_MAX_DEFAULT = 20_000_000;
/** Events that wait at one time at most, unless told otherwise. At the limit: a violation. */
export const WAITING_MAX_DEFAULT = 1_000_000;
/** Between two looks whether the cluster is well, in milliseconds. */
const LOOK_MS = 250;

/** Runs a plan. Never throws what a process or a checker throws: it is in the outcome. */
export function runPlan<F, O, N, P extends SimulatedProcess<F, O, N>>(
  plan: FaultPlan<O>,
  scenario: Scenario<F, O, N, P>,
  options: RunOptions = {},
): RunOutcome {
  return new SimRun(plan, scenario.begin(plan), options).toEnd();
}

class SimRun<F, O, N, P extends SimulatedProcess<F, O, N>> {
  readonly #plan: FaultPlan<O>;
  readonly #cast: Cast<F, O, N, P>;
  readonly #options: RunOptions;
  readonly #hash = new EventHash();
  readonly #world: SimWorld<F, O, N, P>;
  #eventCount = 0;
  #healedUs = 0;
  #wellSinceUs = -1;

  constructor(plan: FaultPlan<O>, cast: Cast<F, O, N, P>, options: RunOptions) {
    this.#plan = plan;
    this.#cast = cast;
    this.#options = options;
    this.#world = new SimWorld(plan, cast, this.#hash, options.trace);
  }

  toEnd(): RunOutcome {
    let violation: SimulationViolation | undefined;
    try {
      this.#begin();
      this.#loop();
      for (const checker of this.#cast.checkers) checker.onEnd?.(this.#world);
    } catch (error) {
      violation = violationOf(error);
      violation.atMs = this.#world.nowMs;
      if (this.#options.trace !== undefined) {
        this.#world.trace(undefined, `VIOLATION of ${violation.checker}: ${violation.message}`);
      }
    }
    return this.#outcome(violation);
  }

  #begin(): void {
    const { queue, random } = this.#world;
    const { settings, items } = this.#plan;
    for (const { host } of this.#world.nodes) {
      const atMs = random.below(settings.startSpreadMs + 1, PURPOSE.start, host, 0, 0);
      queue.add(hostEvent(atMs * 1_000, EVENT.start, host, 0));
    }
    queue.add(hostEvent(settings.chaosMs * 1_000, EVENT.heal, -1, 0));
    items.forEach((item, index) => {
      if (item.atMs < settings.chaosMs) queue.add(hostEvent(Math.floor(item.atMs * 1_000), EVENT.item, -1, index));
    });
  }

  #loop(): void {
    const world = this.#world;
    const { queue } = world;
    const eventsMax = this.#options.eventsMax ?? EVENTS_MAX_DEFAULT;
    const waitingMax = this.#options.waitingMax ?? WAITING_MAX_DEFAULT;
    while (world.phase !== "over") {
      const event = queue.take();
      if (event === undefined) return;
      if (++this.#eventCount > eventsMax) throw tooMany("happened", eventsMax);
      if (queue.size > waitingMax) throw tooMany("wait", waitingMax);
      world.nowUs = event.atUs;
      this.#hash.add(event.atUs);
      this.#hash.add(event.kind << 24 | event.side << 20 | (event.host & 1_023));
      this.#handle(event);
    }
  }

  #handle(event: SimEvent<F>): void {
    const world = this.#world;
    const { connection, frame } = event;
    switch (event.kind) {
      case EVENT.arrive:
        if (connection !== undefined && frame !== undefined) {
          world.network.arrive(connection, event.side, frame, event.atUs);
        }
        return;
      case EVENT.greet:
        if (event.endpoint !== undefined && !world.isBlocked(event.endpoint.host, event.host)) world.offer(event);
        return;
      case EVENT.close:
      case EVENT.self:
      case EVENT.discover:
        world.offer(event);
        return;
      case EVENT.giveUp:
        if (connection !== undefined) world.network.giveUp(connection, event.atUs);
        return;
      case EVENT.start:
        world.boot(world.at(event.host));
        return;
      case EVENT.item:
        this.#beginItem(event.number);
        return;
      case EVENT.itemEnd:
        this.#endItem(event.number);
        return;
      case EVENT.heal:
        this.#heal();
        return;
      case EVENT.look:
        this.#look();
        return;
      default:
        this.#handleOfBoot(event);
    }
  }

  /** Events that mean something only to the process of the operating system that they were made for. */
  #handleOfBoot(event: SimEvent<F>): void {
    const node = this.#world.at(event.host);
    if (!node.isUp || event.number !== node.boot) return;
    switch (event.kind) {
      case EVENT.tick:
        return this.#world.tick(node);
      case EVENT.resume:
        return this.#world.resume(node);
      case EVENT.rebirth:
        return this.#world.birth(node);
      default:
        throw new SimulationViolation("simulator", `Nobody handles events of sort ${event.kind}`);
    }
  }

  #beginItem(index: number): void {
    const world = this.#world;
    const item = this.#plan.items[index];
    if (item === undefined || world.phase !== "chaos") return;
    if (this.#options.trace !== undefined && item.kind !== "op") world.trace(undefined, itemLine(item));
    switch (item.kind) {
      case "partition":
      case "clog":
        this.#block(item, true);
        this.#endLater(item.forMs, index);
        return;
      case "reset":
        this.#reset(item.from, item.to);
        return;
      default: {
        const node = this.#liveHost(item.host);
        if (node !== undefined) this.#befall(node, item, index);
      }
    }
  }

  #befall(
    node: SimNode<F, P>,
    item: Exclude<PlanItem<O>, { kind: "partition" | "clog" | "reset" }>,
    index: number,
  ): void {
    const world = this.#world;
    const { nowUs } = world;
    switch (item.kind) {
      case "crash":
        this.#crash(node, item.downMs, item.stays);
        return;
      case "pause":
        world.still(node, nowUs + wholeUs(item.forMs));
        return;
      case "suspend":
        node.clock.suspend(nowUs, nowUs + wholeUs(item.forMs));
        world.still(node, nowUs + wholeUs(item.forMs));
        return;
      case "lag":
        world.still(node, nowUs + wholeUs(item.ms));
        return;
      case "wallStep":
        node.clock.stepWall(item.byMs);
        return;
      case "op":
        world.offer(hostEvent(nowUs, EVENT.item, node.host, index));
        return;
      default:
        return item satisfies never;
    }
  }

  #endItem(index: number): void {
    const item = this.#plan.items[index];
    if (this.#world.phase !== "chaos" || (item?.kind !== "partition" && item?.kind !== "clog")) return;
    if (this.#options.trace !== undefined) this.#world.trace(undefined, `.. ${item.kind} ends`);
    this.#block(item, false);
    this.#world.network.flush(this.#world.nowUs);
  }

  #endLater(forMs: number, index: number): void {
    this.#world.queue.add(hostEvent(this.#world.nowUs + wholeUs(forMs), EVENT.itemEnd, -1, index));
  }

  #block(item: PlanItem<O> & { kind: "partition" | "clog" }, isOn: boolean): void {
    const { network, nodes } = this.#world;
    const change = (from: number, to: number, isCut: boolean): void => {
      if (isOn) network.block(from, to, isCut);
      else network.unblock(from, to, isCut);
    };
    if (item.kind === "clog") {
      const [from, to] = [item.from % nodes.length, item.to % nodes.length];
      if (from !== to) change(from, to, false);
      return;
    }
    for (const { host: from } of nodes) {
      if (!isInCut(item.cut, from)) continue;
      for (const { host: to } of nodes) {
        if (isInCut(item.cut, to)) continue;
        change(from, to, true);
        if (!item.isOneWay) change(to, from, true);
      }
    }
  }

  #reset(fromIndex: number, toIndex: number): void {
    const from = this.#liveHost(fromIndex)?.endpoint;
    const to = this.#liveHost(toIndex)?.endpoint;
    if (from !== undefined && to !== undefined && from !== to) {
      this.#world.network.reset(from, to, this.#world.nowUs);
    }
  }

  #crash(node: SimNode<F, P>, downMs: number, stays: boolean): void {
    const world = this.#world;
    const draw = world.random.u32(PURPOSE.breakManner, node.host, node.lives, 0);
    const manner: BreakManner = (draw & 1) === 0 ? "tail" : (draw & 2) === 0 ? "flush" : "silent";
    world.crash(node, manner);
    if (stays) node.isGone = true;
    else world.queue.add(hostEvent(world.nowUs + wholeUs(downMs), EVENT.start, node.host, 0));
  }

  /** Hosts of a plan are taken modulo those that are up. */
  #liveHost(index: number): SimNode<F, P> | undefined {
    const live = this.#world.nodes.filter((node) => node.isUp);
    return live[index % Math.max(1, live.length)];
  }

  #heal(): void {
    const world = this.#world;
    world.phase = "healed";
    this.#healedUs = world.nowUs;
    if (this.#options.trace !== undefined) world.trace(undefined, "== all is mended");
    for (const node of world.nodes) {
      node.clock.wake(world.nowUs);
      node.stillUntilUs = Math.min(node.stillUntilUs, world.nowUs);
    }
    world.network.heal(world.nowUs);
    for (const node of world.nodes) {
      if (!node.isUp) world.boot(node);
      else world.resume(node);
    }
    for (const checker of this.#cast.checkers) checker.onHealed?.(world);
    for (const { host, operation } of this.#cast.operationsWhenHealed?.(world) ?? []) {
      const node = world.nodes[host];
      if (node !== undefined) world.operate(node, operation);
    }
    this.#look();
  }

  #look(): void {
    const world = this.#world;
    const { stableMs, convergeMs } = this.#plan.settings;
    const reason = this.#cast.converged?.(world);
    if (reason !== undefined) {
      this.#wellSinceUs = -1;
      if (world.nowUs >= this.#healedUs + convergeMs * 1_000) {
        throw new SimulationViolation("converged", `Not well ${convergeMs} ms after all was mended: ${reason}`);
      }
    } else if (this.#wellSinceUs < 0) {
      this.#wellSinceUs = world.nowUs;
    }
    if (this.#wellSinceUs >= 0 && world.nowUs >= this.#wellSinceUs + stableMs * 1_000) world.phase = "over";
    else world.queue.add(hostEvent(world.nowUs + LOOK_MS * 1_000, EVENT.look, -1, 0));
  }

  #outcome(violation: SimulationViolation | undefined): RunOutcome {
    const world = this.#world;
    for (const { process } of world.nodes) this.#hash.addText(JSON.stringify(process?.describe?.()) ?? "");
    if (violation !== undefined) this.#hash.addText(violation.message);
    const isWell = violation === undefined && this.#cast.converged !== undefined;
    return {
      hash: this.#hash.digest(),
      violation,
      simulatedMs: world.nowMs,
      eventCount: this.#eventCount,
      stepCount: world.stepCount,
      convergedAfterMs: isWell ? (this.#wellSinceUs - this.#healedUs) / 1_000 : undefined,
      network: world.network.counts,
    };
  }
}

function wholeUs(ms: number): number {
  return Math.floor(ms * 1_000);
}

function tooMany(what: string, limit: number): SimulationViolation {
  return new SimulationViolation("simulator", `More than ${limit} events ${what}: something sends for ever`);
}

function violationOf(error: unknown): SimulationViolation {
  if (error instanceof SimulationViolation) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new SimulationViolation("simulator", `The simulation threw: ${text}`, { cause: error });
}
