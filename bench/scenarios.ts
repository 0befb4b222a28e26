/**
 * What is measured, and what Troupe must reach. Every goal is a ratio within one run, a rate or a figure of
 * the contestant itself. The ids are what `--only` and `--scenario` take. Pure data.
 *
 * @module
 */

/** A claim that the table answers with met or not. */
export type Goal =
  /** Troupe delivers at least this many a second. */
  | { readonly kind: "rate"; readonly perSecondMin: number }
  /** Troupe is at least `min` times as fast as the contestant `to`. */
  | { readonly kind: "ratio"; readonly to: string; readonly min: number }
  /** Troupe's extra figure `field` is at most `max`. */
  | { readonly kind: "extra"; readonly field: string; readonly max: number };

/** One row of measurements: every contestant that knows it runs it in turn. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** What is counted, for the head of the column. */
  readonly unit: string;
  /** Of these at most; a slow contestant ends at the seconds instead. */
  readonly countMax: number;
  readonly goals: readonly Goal[];
  /** Extra figures worth a column of their own. */
  readonly extraColumns?: readonly string[];
  /** `false` where a rate says nothing, and has no column. */
  readonly hasRate?: boolean;
  /** Whether messages may be lost here without anybody being wrong. */
  readonly mayLose?: boolean;
  /** Bytes of one message's payload, where that is the subject. */
  readonly payloadBytes?: number;
}

const GOAKT = "GoAkt";
const ASK_LATENCIES = ["medianMicros", "p99Micros", "p999Micros", "cpuMicrosEach"];
const CRASH_MILLIS = ["p50Millis", "p99Millis", "maxMillis", "othersMaxMillis"];
const GOAKT_ONE_CORE = "GoAkt, one core";

/** The payload sweep, by the end of its ids. From 8 KiB up the ring is what counts. */
const SWEEP: readonly { readonly size: string; readonly payloadBytes: number }[] = [
  { size: "0B", payloadBytes: 0 },
  { size: "64B", payloadBytes: 64 },
  { size: "1KiB", payloadBytes: 1 << 10 },
  { size: "8KiB", payloadBytes: 8 << 10 },
  { size: "64KiB", payloadBytes: 64 << 10 },
  { size: "1MiB", payloadBytes: 1 << 20 },
];
const RING_COUNTS_FROM_BYTES = 8 << 10;

/**
 * What a node may keep for a peer that stands still: its queue and window of 16 + 8 MiB, 16 MiB between two threads, and
 * 64 MiB of messages whose place is not known; and as much again for what holds them.
 */
const STOPPED_GROWTH_MIB_MAX = 208;

/** Runs of the simulator in an hour of one core: enough to look for rare schedules overnight. */
const SIM_RUNS_AN_HOUR = 20_000;

/** Every scenario, in the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  {
    id: "S1.one-pair",
    title: "local tell, one thread: one producer actor, one counter",
    unit: "messages/s",
    countMax: 5_000_000,
    goals: [
      { kind: "rate", perSecondMin: 10_000_000 },
      { kind: "ratio", to: "nact", min: 20 },
      { kind: "ratio", to: GOAKT_ONE_CORE, min: 2 },
    ],
  },
  {
    id: "S1.hundred-pairs",
    title: "local tell, one thread: 100 producers, 100 counters",
    unit: "messages/s",
    countMax: 5_000_000,
    goals: [
      { kind: "rate", perSecondMin: 10_000_000 },
      { kind: "ratio", to: "nact", min: 20 },
      { kind: "ratio", to: GOAKT_ONE_CORE, min: 2 },
    ],
  },
  {
    id: "S2.sequential",
    title: "local ask, one thread: one caller, one ask at a time",
    unit: "asks/s",
    countMax: 5_000_000,
    goals: [{ kind: "extra", field: "medianMicros", max: 1 }, { kind: "ratio", to: GOAKT, min: 1 }],
    extraColumns: ["medianMicros"],
  },
  {
    id: "S2.hundred-callers",
    title: "local ask, one thread: 100 callers with one ask in flight each, one receiver",
    unit: "asks/s",
    countMax: 5_000_000,
    goals: [{ kind: "ratio", to: GOAKT, min: 1 }],
  },
  {
    id: "S3.main-to-worker",
    title: "tell across threads: main to worker, three-field object",
    unit: "messages/s",
    countMax: 5_000_000,
    goals: [{ kind: "rate", perSecondMin: 2_000_000 }, { kind: "ratio", to: "floor: postMessage", min: 5 }],
  },
  {
    id: "S3.worker-to-worker",
    title: "tell across threads: worker to worker, three-field object",
    unit: "messages/s",
    countMax: 5_000_000,
    goals: [{ kind: "rate", perSecondMin: 2_000_000 }, { kind: "ratio", to: "floor: postMessage", min: 5 }],
  },
  {
    id: "S4.one-in-flight",
    title: "ask across threads: one in flight",
    unit: "asks/s",
    countMax: 1_000_000,
    // A round trip at most 1.3 times as long is a rate at least 1/1.3 times as high.
    goals: [{ kind: "ratio", to: "floor: waitAsync", min: 1 / 1.3 }],
    extraColumns: ["medianMicros"],
  },
  {
    id: "S4.hundred-in-flight",
    title: "ask across threads: 100 in flight",
    unit: "asks/s",
    countMax: 5_000_000,
    goals: [{ kind: "rate", perSecondMin: 500_000 }],
  },
  {
    id: "S5.tell",
    title: "remote tell, two processes on loopback: 20 senders, 20,000 receivers at random",
    unit: "messages/s",
    countMax: 5_000_000,
    goals: [{ kind: "ratio", to: GOAKT, min: 2 }],
    extraColumns: ["cpuMicrosEach"],
  },
  {
    id: "S5.stopped-receiver",
    title:
      "remote tell of 1 KiB, three processes, and the receiving one stands still for 10 s: memory of the sending one",
    unit: "messages/s",
    countMax: 100_000_000,
    goals: [{ kind: "extra", field: "growthMiB", max: STOPPED_GROWTH_MIB_MAX }],
    extraColumns: ["healthyMiB", "peakMiB", "growthMiB", "refused"],
    hasRate: false,
    mayLose: true,
  },
  {
    id: "S6.one-in-flight",
    title: "remote ask, two processes on loopback: one in flight",
    unit: "asks/s",
    countMax: 1_000_000,
    // As in S4: a round trip at most 1.5 times as long.
    goals: [{ kind: "ratio", to: "floor: ws echo, two hops", min: 1 / 1.5 }, { kind: "ratio", to: GOAKT, min: 1 }],
    extraColumns: ASK_LATENCIES,
  },
  {
    id: "S6.hundred-in-flight",
    title: "remote ask, two processes on loopback: 100 in flight",
    unit: "asks/s",
    countMax: 5_000_000,
    goals: [{ kind: "ratio", to: GOAKT, min: 1 }],
    extraColumns: ASK_LATENCIES,
  },
  ...SWEEP.map(({ size, payloadBytes }): Scenario => ({
    id: `S7.${size}`,
    title: `payload sweep, threads: main to worker, ${size} of bytes`,
    unit: "messages/s",
    countMax: 1_000_000,
    goals: payloadBytes < RING_COUNTS_FROM_BYTES ? [] : [{ kind: "ratio", to: "floor: bare ring", min: 0.7 }],
    payloadBytes,
  })),
  {
    id: "S8.spawn",
    title: "spawn 1 M actors, then idle",
    unit: "spawns/s",
    countMax: 1_000_000,
    goals: [{ kind: "rate", perSecondMin: 500_000 }, { kind: "extra", field: "heapBytesEach", max: 500 }],
    extraColumns: ["heapBytesEach"],
  },
  {
    id: "S8.grains",
    title: "activate 1 M grains, then idle",
    unit: "activations/s",
    countMax: 1_000_000,
    goals: [{ kind: "rate", perSecondMin: 500_000 }, { kind: "extra", field: "heapBytesEach", max: 500 }],
    extraColumns: ["heapBytesEach"],
  },
  {
    id: "S9.grains",
    title: "cluster of 3: 100 k cold grains, asked by all nodes at once; then asks of warm ones on other nodes",
    unit: "activations/s",
    countMax: 100_000,
    goals: [{ kind: "rate", perSecondMin: 20_000 }],
    extraColumns: ["cpuMicrosEach", "warmMedianMicros", "warmP99Micros", "warmPerSecond"],
  },
  {
    id: "S10.member",
    title: "cluster of 3 under load: kill -9 one that does not lead; for each key on it, time to the first success",
    unit: "keys",
    countMax: 1,
    goals: [{ kind: "extra", field: "maxMillis", max: 7_000 }],
    extraColumns: CRASH_MILLIS,
    hasRate: false,
  },
  {
    id: "S10.leader",
    title: "the same, and the one that is killed leads",
    unit: "keys",
    countMax: 1,
    goals: [{ kind: "extra", field: "maxMillis", max: 7_000 }],
    extraColumns: CRASH_MILLIS,
    hasRate: false,
  },
  {
    id: "S10.member-fast",
    title: "as S10.member, profile `fast`",
    unit: "keys",
    countMax: 1,
    goals: [{ kind: "extra", field: "maxMillis", max: 3_000 }],
    extraColumns: CRASH_MILLIS,
    hasRate: false,
  },
  {
    id: "S12.names",
    title: "cluster of 3, 3 copies of which 2 must be stored: names taken by all nodes at once, each with its actor",
    unit: "claims/s",
    countMax: 100_000,
    goals: [{ kind: "rate", perSecondMin: 10_000 }],
    extraColumns: ["cpuMicrosEach", "lookUpsPerSecond", "releasesPerSecond"],
  },
  {
    id: "S14.registry",
    title: "simulator, one thread: 40 s of chaos on 5 nodes, views and registry",
    unit: "runs/s",
    countMax: 100_000,
    goals: [{ kind: "extra", field: "cpuMillisEach", max: 3_600_000 / SIM_RUNS_AN_HOUR }],
    extraColumns: ["cpuMillisEach"],
  },
  {
    id: "S14.cluster",
    title: "simulator, one thread: 40 s of chaos on 5 nodes, whole nodes with actors and messages",
    unit: "runs/s",
    countMax: 100_000,
    goals: [{ kind: "extra", field: "cpuMillisEach", max: 3_600_000 / SIM_RUNS_AN_HOUR }],
    extraColumns: ["cpuMillisEach"],
  },
];

/** The ids of the payload sweep. */
export const SWEEP_IDS: readonly string[] = SWEEP.map(({ size }) => `S7.${size}`);

/** Bytes of one message's payload in the scenario `id` of the sweep; 0 in any other. */
export function payloadBytesIn(id: string): number {
  return SCENARIOS.find((scenario) => scenario.id === id)?.payloadBytes ?? 0;
}

/** The scenarios that `only` names: an id, or the part before its dot. All, when nothing is named. */
export function scenariosNamed(only: readonly string[]): readonly Scenario[] {
  if (only.length === 0) return SCENARIOS;
  return SCENARIOS.filter(({ id }) => only.some((name) => id === name || id.startsWith(`${name}.`)));
}
