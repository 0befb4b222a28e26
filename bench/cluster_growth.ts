/**
 * S13: what a cluster costs as it grows, in simulated time: control messages of one node in a second, what a view change
 * takes after a crash, and how long it takes. Calm clusters of whole nodes, founded by all at once. Run it alone:
 * `deno run -A bench/cluster_growth.ts --nodes 10,100,300,1000`, and with Bun. It ends with 1 when a cluster does not form.
 *
 * One idea: the machines are those of production and the network is simulated, so that figures of messages, bytes and
 * simulated milliseconds are the same on every machine; only the seconds it takes are of this one.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { encodeToBytes } from "../core/codec.ts";
import type { NodeId } from "../core/ids.ts";
import type { Frame } from "../cluster/cluster_core.ts";
import { ALL_RULES } from "../cluster/rules.ts";
import { hasQuorum, isMember, type View } from "../cluster/view.ts";
import type { ClusterNote } from "../testkit/cluster_notes.ts";
import type { ClusterOperation, ClusterProcess } from "../testkit/cluster_process.ts";
import { clusterScenario } from "../testkit/cluster_scenario.ts";
import { CALM_WORLD, type FaultPlan } from "../testkit/fault_plan.ts";
import type { ProcessEffect, ProcessInput } from "../testkit/process.ts";
import type { Checker, Scenario, World, WorldNode } from "../testkit/scenario.ts";
import { runPlan } from "../testkit/sim_run.ts";

/** Simulated milliseconds: from when to when traffic is counted, when one node crashes, when the run ends. */
const STEADY_FROM_MS = 12_000;
const STEADY_TO_MS = 18_000;
const CRASH_MS = 20_000;
const END_MS = 29_000;
/** The goal: from the end of the lease wait until all have the view without the lost node. */
const AFTER_WAIT_MS_MAX = 1_000;
/** Partitions of a cluster: more for a large one, a prime as always. */
const PARTITIONS = 271;
const PARTITIONS_OF_LARGE = 2_039;
const LARGE = 1_000;
/** One in so many frames of a kind is encoded, to know how long they are. */
const FRAMES_PER_SAMPLE = 256;
/** Events of one run at most, and of those that wait. */
const EVENTS_MAX = 60_000_000;
const WAITING_MAX = 10_000_000;

/** Frames of one kind. */
interface Traffic {
  count: number;
  sampled: number;
  sampledBytes: number;
}

/** The kinds of frames in the words of the table. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  "probes": ["ping", "pong", "pingRequest", "pongForward", "pingNack", "alert"],
  "leases": ["leaseRequest", "leaseGrant"],
  "views": ["prepare", "promise", "accept", "accepted", "refused", "wait", "commit", "pull"],
  "greetings": ["hello", "joinRequest", "found", "founderAccepts"],
};

/** One time of a run, in which traffic is counted. */
class Window {
  readonly kinds = new Map<string, Traffic>();
  readonly ofHost: number[];
  readonly nodeCount: number;

  constructor(nodeCount: number) {
    this.nodeCount = nodeCount;
    this.ofHost = Array.from({ length: nodeCount }, () => 0);
  }

  add(host: number, frame: Frame): void {
    const name = frame.message.kind;
    let traffic = this.kinds.get(name);
    if (traffic === undefined) this.kinds.set(name, traffic = { count: 0, sampled: 0, sampledBytes: 0 });
    if (traffic.count++ % FRAMES_PER_SAMPLE === 0) {
      traffic.sampled++;
      traffic.sampledBytes += encodeToBytes(frame).length;
    }
    this.ofHost[host] = (this.ofHost[host] ?? 0) + 1;
  }

  count(names?: readonly string[]): number {
    return this.#sum(names, ({ count }) => count);
  }

  bytes(names?: readonly string[]): number {
    return this.#sum(names, ({ count, sampled, sampledBytes }) => count * sampledBytes / sampled);
  }

  #sum(names: readonly string[] | undefined, of: (traffic: Traffic) => number): number {
    let sum = 0;
    for (const [name, traffic] of this.kinds) if (names === undefined || names.includes(name)) sum += of(traffic);
    return sum;
  }
}

/** What one run is watched for. */
class Growth implements Checker<Frame, ClusterOperation, ClusterNote, ClusterProcess> {
  readonly name = "growth";
  readonly founding: Window;
  readonly steady: Window;
  readonly change: Window;
  openedMs = NaN;
  memberCount = 0;
  lost: NodeId | undefined;
  /** When leases of the lost node have ended for enough voters; when enough accuse it; when the view was chosen. */
  waitOverMs = NaN;
  accusedMs = NaN;
  chosenMs = NaN;
  installedMs = NaN;
  settledMs = NaN;
  viewBytes = 0;
  viewCount = 0;
  openedCount = 0;
  installedCount = 0;
  readonly #votes = new Map<string, Set<NodeId>>();

  constructor(nodeCount: number) {
    this.founding = new Window(nodeCount);
    this.steady = new Window(nodeCount);
    this.change = new Window(nodeCount);
  }

  onEnded(world: World<ClusterOperation, ClusterProcess>, _node: unknown, ended: ClusterProcess): void {
    if (world.nowMs < CRASH_MS) return;
    this.lost ??= ended.id;
    const view = ended.core.engine.views.view;
    if (view === undefined || this.lost !== ended.id) return;
    const waits = view.voters.flatMap(({ id, weight }) => {
      const voter = world.nodeOf(id);
      const until = voter?.process?.core.engine.views.acceptor.promisedUntil.get(ended.id);
      if (voter === undefined || until === undefined) return [];
      return Array.from({ length: weight }, () => world.nowMs + until - world.clockOf(voter).mono);
    });
    this.waitOverMs = waits.toSorted((one, other) => one - other)[view.need - 1] ?? NaN;
  }

  onStep(
    world: World<ClusterOperation, ClusterProcess>,
    { host, process: at }: WorldNode<ClusterProcess>,
    input: ProcessInput<Frame, ClusterOperation>,
  ): void {
    const { nowMs } = world;
    if (input.kind === "frame") this.#windowAt(nowMs)?.add(host, input.frame);
    if (this.lost === undefined || !Number.isNaN(this.accusedMs) || at === undefined) return;
    if (at.core.leader.cut.suspects.get(this.lost)?.reachedAt !== undefined) this.accusedMs = nowMs;
  }

  onNote({ nowMs }: { readonly nowMs: number }, { process: at }: WorldNode<ClusterProcess>, note: ClusterNote): void {
    if (note.kind === "voted" && at !== undefined) this.#voted(nowMs, at.id, note.base, note.view);
    if (note.kind !== "installed") return;
    const { view } = note;
    if (Number.isNaN(this.openedMs)) this.openedMs = nowMs;
    if (this.lost === undefined) {
      this.memberCount = view.members.length;
      this.openedCount++;
      return;
    }
    if (isMember(view, this.lost)) return;
    if (++this.installedCount === this.memberCount - 1) this.installedMs = nowMs;
    if (Number.isNaN(this.settledMs) && view.partitions.every(({ next }) => next === undefined)) this.settledMs = nowMs;
  }

  #voted(nowMs: number, by: NodeId, base: View, view: View): void {
    if (this.lost === undefined) return;
    const name = `${view.epoch} ${view.draft}`;
    const votes = this.#votes.get(name) ?? new Set();
    const had = hasQuorum(base, votes);
    votes.add(by);
    this.#votes.set(name, votes);
    if (had || !hasQuorum(base, votes)) return;
    this.viewCount++;
    if (isMember(view, this.lost) || !Number.isNaN(this.chosenMs)) return;
    this.chosenMs = nowMs;
    this.viewBytes = encodeToBytes(view).length;
  }

  #windowAt(nowMs: number): Window | undefined {
    if (Number.isNaN(this.openedMs)) return this.founding;
    if (nowMs >= STEADY_FROM_MS && nowMs < STEADY_TO_MS) return this.steady;
    return nowMs >= CRASH_MS ? this.change : undefined;
  }
}

/** The marks with which two nodes begin a data link: every pair has one here, and nothing else is sent on it. */
function isIdleMark(effect: ProcessEffect<Frame, ClusterNote>): boolean {
  return effect.kind === "send" && effect.lane === "data" && effect.frame.message.kind === "epochMark";
}

function scenarioOf(watcher: Growth): Scenario<Frame, ClusterOperation, ClusterNote, ClusterProcess> {
  const { begin } = clusterScenario(ALL_RULES);
  return {
    name: "growth",
    begin(plan) {
      const { subject } = begin(plan);
      return {
        // No close look at frames, and no marks on idle links: half a million connections would be memory for nothing.
        subject: { ...subject, checkFrame: undefined, create: (birth) => withoutMarks(subject.create(birth)) },
        checkers: [watcher],
      };
    },
  };
}

function withoutMarks(made: ClusterProcess): ClusterProcess {
  const step = made.step.bind(made);
  made.step = (input, now, out) => {
    const before = out.length;
    step(input, now, out);
    const kept = out.splice(before).filter((effect) => !isIdleMark(effect));
    for (const effect of kept) out.push(effect);
  };
  return made;
}

function run(nodeCount: number): { readonly growth: Growth; readonly seconds: number; readonly problem?: string } {
  const partitions = nodeCount >= LARGE ? PARTITIONS_OF_LARGE : PARTITIONS;
  const plan: FaultPlan<ClusterOperation> = {
    seed: 13,
    settings: {
      ...CALM_WORLD,
      nodeCount,
      chaosMs: END_MS,
      stableMs: 0,
      tuning: { partitions, replicas: 3, chunk: 64, changesKept: 64 },
    },
    items: [{ kind: "crash", atMs: CRASH_MS, host: nodeCount - 1, downMs: 0, stays: true }],
  };
  const growth = new Growth(nodeCount);
  const begunMs = performance.now();
  const { violation } = runPlan(plan, scenarioOf(growth), { eventsMax: EVENTS_MAX, waitingMax: WAITING_MAX });
  const seconds = (performance.now() - begunMs) / 1_000;
  const problem = violation?.message ??
    (growth.memberCount === nodeCount ? undefined : `${growth.memberCount} members of ${nodeCount}`) ??
    (Number.isNaN(growth.installedMs) ? "not all have installed the view without the lost node" : undefined);
  return { growth, seconds, problem };
}

function main(): void {
  const { values } = parseArgs({ options: { nodes: { type: "string", default: "10,100,300,1000" } } });
  const rows: string[][] = [];
  for (const text of values.nodes.split(",")) {
    const nodeCount = Number(text);
    const { growth, seconds, problem } = run(nodeCount);
    if (problem !== undefined) {
      console.log(`${nodeCount} nodes: ${problem}`);
      process.exitCode = 1;
      continue;
    }
    rows.push(figuresOf(nodeCount, growth, seconds));
    console.error(`${nodeCount} nodes: ${seconds.toFixed(1)} s`);
  }
  console.log(tableOf(rows));
}

function figuresOf(nodeCount: number, growth: Growth, seconds: number): string[] {
  const { founding, steady, change } = growth;
  const nodeSeconds = nodeCount * (STEADY_TO_MS - STEADY_FROM_MS) / 1_000;
  const steadyOf = (group: string) => (steady.count(GROUPS[group]) / nodeSeconds).toFixed(1);
  const busiest = Math.max(...steady.ofHost) / ((STEADY_TO_MS - STEADY_FROM_MS) / 1_000);
  const afterWait = (atMs: number) => Math.round(atMs - growth.waitOverMs).toString();
  return [
    nodeCount.toString(),
    (growth.openedMs / 1_000).toFixed(1),
    (founding.count(GROUPS["greetings"]) / nodeCount / (growth.openedMs / 1_000)).toFixed(0),
    (steady.count() / nodeSeconds).toFixed(1),
    steadyOf("probes"),
    steadyOf("leases"),
    (steady.bytes() / nodeSeconds / 1_024).toFixed(2),
    busiest.toFixed(0),
    (growth.viewBytes / 1_024).toFixed(0),
    growth.viewCount.toString(),
    (change.count(GROUPS["views"]) / nodeCount / growth.viewCount).toFixed(1),
    (change.bytes(GROUPS["views"]) / nodeCount / growth.viewCount / 1_024).toFixed(0),
    Math.round(growth.accusedMs - CRASH_MS).toString(),
    Math.round(growth.waitOverMs - CRASH_MS).toString(),
    afterWait(growth.chosenMs),
    afterWait(growth.installedMs),
    afterWait(growth.settledMs),
    growth.installedMs - growth.waitOverMs <= AFTER_WAIT_MS_MAX ? "yes" : "**no**",
    seconds.toFixed(0),
  ];
}

/** One figure a line, one cluster a column: there are more figures than clusters. */
function tableOf(rows: readonly (readonly string[])[]): string {
  const lines = FIGURES.map((name, index) => `| ${[name, ...rows.map((row) => row[index] ?? "")].join(" | ")} |`);
  const rule = `| --- |${" ---: |".repeat(rows.length)}`;
  return [lines[0] ?? "", rule, ...lines.slice(1)].join("\n");
}

const FIGURES: readonly string[] = [
  "nodes",
  "founded after, s",
  "greetings a node and second until then",
  "steady: control messages read a node and second",
  "… of these probes",
  "… of these leases",
  "steady: KiB a node and second",
  "steady: messages of the busiest node a second",
  "a view, KiB",
  "views for one crash",
  "messages about a view, a node and view",
  "… KiB a node and view",
  "from the crash until enough accuse, ms",
  "from the crash until its lease is over, ms",
  "from then until the view is chosen, ms",
  "… until all have it, ms",
  "… until no partition is on its way, ms",
  "≤ 1 s after the lease wait",
  "seconds this took here",
];

main();
