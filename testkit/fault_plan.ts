/**
 * What a run is made from: a seed, the settings of its world, and what goes wrong in it, when. Plain data that can be
 * written to a file, made smaller, and run again. Pure.
 *
 * One idea: times are absolute and hosts are taken modulo those that run at that time, so any item can be left out
 * and the others still mean something.
 *
 * Invariant: a plan is JSON. The same plan gives the same run, on every runtime.
 *
 * @module
 */

/** The world of one run. Milliseconds are simulated ones. */
export interface WorldSettings {
  /** Hosts, 1 to {@link HOSTS_MAX}. */
  readonly nodeCount: number;
  /** Between two ticks of a process, by its own clock. */
  readonly tickMs: number;
  /** A tick may be late by up to so much. */
  readonly tickJitterMs: number;
  /** Hosts start within the first so many milliseconds. */
  readonly startSpreadMs: number;
  /** How long things go wrong. */
  readonly chaosMs: number;
  /** How long the cluster may take to be well again after everything is mended. */
  readonly convergeMs: number;
  /** How long it must then stay well. */
  readonly stableMs: number;
  /** How much clocks may run fast or slow: parts per million. */
  readonly clockPpm: number;
  /** The usual delays (0.1 to 3 ms), in percent. */
  readonly latencyPercent: number;
  /** Of a thousand frames, how many take long. */
  readonly longPerMille: number;
  /** How long "long" is at most. */
  readonly longMsMax: number;
  /** Of a thousand frames of the control lane, and of greetings, how many are lost; 0 to 100. */
  readonly lossPerMille: number;
  /** A connection on which nothing passes is given up after between a quarter of this and all of it. */
  readonly linkTimeoutMs: number;
  /** Whether both ends may open a connection at the same time, or one end again while the other still has the old one. */
  readonly hasDuplicateConnections: boolean;
  /** Between two answers of discovery to one host. */
  readonly discoverMs: number;
  /** How likely each address is in one answer; a host always finds itself. */
  readonly discoveryPercent: number;
  /** Whatever the subject is to be told: number of copies, voters' rule, … */
  readonly tuning: Readonly<Record<string, number>>;
}

/**
 * Something that goes wrong at `atMs`: milliseconds of the run, or, in a world of a user's actors, since its cluster came
 * together. Hosts are taken modulo those that are up.
 */
export type Fault =
  /** The hosts whose bit is set in `cut` cannot reach the others; unless `isOneWay`, nor the other way round. */
  | {
    readonly kind: "partition";
    readonly atMs: number;
    readonly cut: number;
    readonly isOneWay: boolean;
    readonly forMs: number;
  }
  /** A process is gone with its memory; another begins after `downMs`, unless it `stays` down. */
  | {
    readonly kind: "crash";
    readonly atMs: number;
    readonly host: number;
    readonly downMs: number;
    readonly stays: boolean;
  }
  /** A process does nothing; its clocks go on. */
  | { readonly kind: "pause"; readonly atMs: number; readonly host: number; readonly forMs: number }
  /** A machine sleeps: its monotonic clock stands still too. */
  | { readonly kind: "suspend"; readonly atMs: number; readonly host: number; readonly forMs: number }
  /** A wall clock is set. */
  | { readonly kind: "wallStep"; readonly atMs: number; readonly host: number; readonly byMs: number }
  /** Nothing gets from one host to another; what was sent comes later. */
  | {
    readonly kind: "clog";
    readonly atMs: number;
    readonly from: number;
    readonly to: number;
    readonly forMs: number;
  }
  /** The connections between two hosts break. `from` knows at once, `to` perhaps later. */
  | { readonly kind: "reset"; readonly atMs: number; readonly from: number; readonly to: number }
  /** A stretch of code holds the event loop. */
  | { readonly kind: "lag"; readonly atMs: number; readonly host: number; readonly ms: number };

/** One thing that happens at a time. `O` is what the subject's users may ask for. */
export type PlanItem<O> =
  | Fault
  /**
   * Of what one host sends another, the next `count` frames of a name are held: they come no sooner than this is over,
   * and what follows them on their connection not before them. Or they are dropped: those of the control lane, and
   * greetings. A host of `-1` is any. For the one message in a thousand that must be late.
   */
  | {
    readonly kind: "hold" | "drop";
    readonly atMs: number;
    readonly from: number;
    readonly to: number;
    /** The first word of its name, as the subject calls it. */
    readonly frame: string;
    readonly count: number;
    readonly forMs: number;
  }
  /** A user asks a host for something. */
  | { readonly kind: "op"; readonly atMs: number; readonly host: number; readonly op: O };

/** The name of a sort of item. */
export type PlanItemKind = PlanItem<unknown>["kind"];

/** A whole run. */
export interface FaultPlan<O> {
  /** A whole number from 0: delays, losses, ids and all other chance that is not in the items. */
  readonly seed: number;
  readonly settings: WorldSettings;
  /** In any order. What is later than the chaos does not happen. */
  readonly items: readonly PlanItem<O>[];
}

/** Hosts of one world: cuts are bits of a number, taken modulo 31. */
export const HOSTS_MAX = 1024;

/** A world in which nothing goes wrong by itself: a network within one rack, exact clocks. */
export const CALM_WORLD: WorldSettings = {
  nodeCount: 3,
  tickMs: 50,
  tickJitterMs: 2,
  startSpreadMs: 100,
  chaosMs: 40_000,
  convergeMs: 30_000,
  stableMs: 1_000,
  clockPpm: 0,
  latencyPercent: 100,
  longPerMille: 0,
  longMsMax: 0,
  lossPerMille: 0,
  linkTimeoutMs: 8_000,
  hasDuplicateConnections: false,
  discoverMs: 2_000,
  discoveryPercent: 100,
  tuning: {},
};

/** Whether a cut has this host on the side of the set bits. */
export function isInCut(cut: number, host: number): boolean {
  return ((cut >>> (host % 31)) & 1) === 1;
}

/** From one host to another nothing gets through. Only behind a cut are connections given up. */
export interface StoppedWay {
  readonly from: number;
  readonly to: number;
  readonly isCut: boolean;
}

/** What a fault of the network stops, among so many hosts. */
export function stoppedWays(
  fault: Extract<Fault, { kind: "partition" | "clog" }>,
  hosts: number,
): readonly StoppedWay[] {
  if (fault.kind === "clog") {
    const [from, to] = [fault.from % hosts, fault.to % hosts];
    return from === to ? [] : [{ from, to, isCut: false }];
  }
  const ways: StoppedWay[] = [];
  for (let from = 0; from < hosts; from++) {
    if (!isInCut(fault.cut, from)) continue;
    for (let to = 0; to < hosts; to++) {
      if (isInCut(fault.cut, to)) continue;
      ways.push({ from, to, isCut: true });
      if (!fault.isOneWay) ways.push({ from: to, to: from, isCut: true });
    }
  }
  return ways;
}
