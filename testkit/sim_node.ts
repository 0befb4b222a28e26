/**
 * One host of a run: whether it is up, what lives on it, what its clocks show, and what waits while it is still. Data
 * that changes in place; only the run writes it.
 *
 * One idea: a host outlives its operating-system processes, and those outlive the identities that protocols give
 * themselves. Three lives, three counters.
 *
 * Invariant: a still host takes no input; what comes for it waits in the order of arrival.
 *
 * @module
 */
import { type NodeId, nodeId } from "../core/ids.ts";
import { type Random, seededRandom } from "../core/random.ts";
import type { Now } from "../cluster/time.ts";
import type { WorldSettings } from "./fault_plan.ts";
import { type KeyedRandom, PURPOSE } from "./keyed_random.ts";
import type { Predecessor } from "./process.ts";
import type { WorldNode } from "./scenario.ts";
import { SimClock } from "./sim_clock.ts";
import type { SimEvent } from "./sim_event.ts";
import type { Endpoint } from "./sim_link.ts";

/** A host and its present process. */
export interface SimNode<F, P> extends WorldNode<P> {
  isUp: boolean;
  isStill: boolean;
  isGone: boolean;
  process: P | undefined;
  endpoint: Endpoint<F> | undefined;
  clock: SimClock;
  /** Counts processes of the operating system, from 1; events of an earlier one mean nothing. */
  boot: number;
  /** Identities so far. */
  lives: number;
  processStartedAt: Now;
  previous: Predecessor | undefined;
  stillUntilUs: number;
  /** What came while it was still. */
  readonly backlog: SimEvent<F>[];
  /** When the next tick is due, and whether it came while the host was still. */
  tickDueUs: number;
  isTickMissed: boolean;
  lastTickMonoMs: number;
  /** Ticks and answers of discovery so far: they address draws. */
  ticks: number;
  discoveries: number;
}

/** Processes of one host: enough for one every few milliseconds of a long run. */
export const LIVES_MAX = 32_768;
/** The wall clock of a host at the beginning: some day in 2026. */
const WALL_START_MS = 1_780_000_000_000;
/** Wall clocks of different hosts differ by up to so much either way. */
const WALL_SKEW_MS_MAX = 60_000;
const MONO_START_MS_MAX = 1_000_000;

/** A host that is not started yet. */
export function hostOf<F, P>(host: number, settings: WorldSettings, random: KeyedRandom): SimNode<F, P> {
  const clock = clockOf(host, 0, WALL_START_MS + wallSkewMs(host, random), settings, random, 0);
  return {
    host,
    address: addressOf(host),
    isUp: false,
    isStill: false,
    isGone: false,
    process: undefined,
    endpoint: undefined,
    clock,
    boot: 0,
    lives: 0,
    processStartedAt: clock.now(0),
    previous: undefined,
    stillUntilUs: 0,
    backlog: [],
    tickDueUs: 0,
    isTickMissed: false,
    lastTickMonoMs: 0,
    ticks: 0,
    discoveries: 0,
  };
}

/** A new process of the operating system: a new monotonic clock, the same wall clock. */
export function bootHost<F, P>(node: SimNode<F, P>, settings: WorldSettings, random: KeyedRandom, nowUs: number): void {
  node.boot++;
  node.isUp = true;
  node.isStill = false;
  node.stillUntilUs = nowUs;
  node.isTickMissed = false;
  node.backlog.length = 0;
  node.clock = clockOf(node.host, node.boot, node.clock.wallMs(nowUs), settings, random, nowUs);
  node.processStartedAt = node.clock.now(nowUs);
  node.previous = undefined;
  node.lastTickMonoMs = node.clock.monoMs(nowUs);
}

/** By which others reach a host. */
export function addressOf(host: number): string {
  return `host-${host}:7600`;
}

/** The id of one life of a host. Ids are in no order of hosts or lives. */
export function idOf(host: number, life: number, random: KeyedRandom): NodeId {
  const draw = random.u32(PURPOSE.nodeId, host, life, 0);
  return nodeId(`${draw.toString(16).padStart(8, "0")}-${host}.${life}`);
}

/** The source of chance of one life of a host. */
export function randomOf(host: number, life: number, random: KeyedRandom): Random {
  return seededRandom(random.u32(PURPOSE.processSeed, host, life, 0));
}

function clockOf(
  host: number,
  boot: number,
  wallMs: number,
  { clockPpm }: WorldSettings,
  random: KeyedRandom,
  nowUs: number,
): SimClock {
  const ppm = random.between(-clockPpm, clockPpm, PURPOSE.clockRate, host, 0, 0);
  const monoMs = random.below(MONO_START_MS_MAX, PURPOSE.clockBase, host, boot, 0);
  return new SimClock({ rate: 1 + ppm / 1_000_000, monoMs, wallMs }, nowUs);
}

function wallSkewMs(host: number, random: KeyedRandom): number {
  return random.between(-WALL_SKEW_MS_MAX, WALL_SKEW_MS_MAX, PURPOSE.clockBase, host, 0, 1);
}
