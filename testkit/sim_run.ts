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
import type { FaultPlan } from "./fault_plan.ts";
import { PURPOSE } from "./keyed_random.ts";
import type { SimulatedProcess } from "./process.ts";
import { type Cast, type Scenario, SimulationViolation } from "./scenario.ts";
import { EVENT, hostEvent, type SimEvent } from "./sim_event.ts";
import { beginItem, endItem } from "./sim_faults.ts";
import type { NetworkCounts } from "./sim_network.ts";
import { SimWorld } from "./sim_world.ts";
import type { Tracer } from "./transcript.ts";

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
      if (this.#world.isTraced) {
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
        beginItem(world, event.number);
        return;
      case EVENT.itemEnd:
        endItem(world, event.number);
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

  #heal(): void {
    const world = this.#world;
    world.phase = "healed";
    this.#healedUs = world.nowUs;
    if (world.isTraced) world.trace(undefined, "== all is mended");
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

function tooMany(what: string, limit: number): SimulationViolation {
  return new SimulationViolation("simulator", `More than ${limit} events ${what}: something sends for ever`);
}

function violationOf(error: unknown): SimulationViolation {
  if (error instanceof SimulationViolation) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new SimulationViolation("simulator", `The simulation threw: ${text}`, { cause: error });
}
