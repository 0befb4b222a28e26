/**
 * The faults of a user's world: none, as many as it can take, or those of a plan. Pure.
 *
 * One idea: what is drawn is drawn by its place in time, so a world of the same seed has the same faults however its
 * actors behave.
 *
 * @module
 */
import { CALM_WORLD, type Fault, type WorldSettings } from "./fault_plan.ts";
import type { KeyedRandom } from "./keyed_random.ts";
import { PURPOSE } from "./keyed_random.ts";
import { type SimStoreSettings, STORE_CALM } from "./sim_store.ts";

/** What may go wrong in a world. What is left out does not. */
export interface FaultChoice {
  /** Processes end and begin again. */
  readonly crashes?: boolean;
  /** The network falls apart, or stops in one direction. */
  readonly splits?: boolean;
  /** Processes stand still. */
  readonly pauses?: boolean;
  /** Connections break; frames are late. */
  readonly network?: boolean;
  /** Clocks go wrong within what is promised about them. */
  readonly clocks?: boolean;
  /** The store is slow and fails. */
  readonly store?: boolean;
  /** Milliseconds between two faults, on average; 5 s unless said otherwise. */
  readonly everyMs?: number;
}

/** How a world fails: not at all, in every way, in these ways, or exactly so. */
export type Faults = "none" | "aggressive" | FaultChoice | readonly Fault[];

/** Everything that a cluster must stand. */
export const AGGRESSIVE: FaultChoice = {
  crashes: true,
  splits: true,
  pauses: true,
  network: true,
  clocks: true,
  store: true,
};

const EVERY_MS_DEFAULT = 5_000;

/** What was chosen, in full; `undefined` when it is a plan or nothing. */
export function choiceOf(faults: Faults): FaultChoice | undefined {
  if (faults === "none" || isPlan(faults)) return undefined;
  return faults === "aggressive" ? AGGRESSIVE : faults;
}

/** Whether these faults are a plan. */
export function isPlan(faults: Faults): faults is readonly Fault[] {
  return Array.isArray(faults);
}

/** The world that fits the faults. */
export function settingsOf(nodeCount: number, choice: FaultChoice | undefined): WorldSettings {
  const calm = { ...CALM_WORLD, nodeCount, chaosMs: Number.MAX_SAFE_INTEGER };
  return {
    ...calm,
    ...(choice?.network ? { longPerMille: 10, longMsMax: 200, lossPerMille: 10 } : {}),
    ...(choice?.clocks ? { clockPpm: 5_000 } : {}),
  };
}

/** The store that fits the faults. */
export function storeSettingsOf(choice: FaultChoice | undefined): SimStoreSettings {
  return choice?.store ? { latencyMsMax: 20, failPerMille: 20 } : STORE_CALM;
}

/** The `index`-th fault of a world and how long after the one before it comes; `undefined` when none is chosen. */
export function drawnFault(
  index: number,
  atMs: number,
  choice: FaultChoice,
  nodeCount: number,
  random: KeyedRandom,
): { readonly fault: Fault; readonly waitMs: number } | undefined {
  let part = 0;
  const below = (count: number) => random.below(count, PURPOSE.planItem, index, part++, 0);
  const makers: ((atMs: number) => Fault)[] = [];
  const host = below(nodeCount);
  if (choice.crashes) {
    makers.push((at) => ({ kind: "crash", atMs: at, host, downMs: 200 + below(8_000), stays: false }));
  }
  if (choice.splits && nodeCount > 1) {
    const cut = 1 + below(2 ** nodeCount - 2);
    makers.push((at) => ({ kind: "partition", atMs: at, cut, isOneWay: below(4) === 0, forMs: 500 + below(12_000) }));
  }
  if (choice.pauses) makers.push((at) => ({ kind: "pause", atMs: at, host, forMs: 100 + below(9_000) }));
  if (choice.network && nodeCount > 1) {
    const to = (host + 1 + below(nodeCount - 1)) % nodeCount;
    makers.push((at) => ({ kind: "clog", atMs: at, from: host, to, forMs: 100 + below(3_000) }));
    makers.push((at) => ({ kind: "reset", atMs: at, from: host, to }));
  }
  if (choice.clocks) makers.push((at) => ({ kind: "wallStep", atMs: at, host, byMs: below(2_000_000) - 1_000_000 }));
  const make = makers[below(Math.max(1, makers.length))];
  const waitMs = 1 + below(2 * (choice.everyMs ?? EVERY_MS_DEFAULT));
  return make && { fault: make(atMs + waitMs), waitMs };
}
