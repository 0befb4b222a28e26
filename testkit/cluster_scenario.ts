/**
 * The scenario of {@link ClusterProcess}: whole nodes with actors, grains, singletons and messages between them. Pure.
 *
 * @module
 */
import { below, type Random } from "../core/random.ts";
import { type Frame, viewOf } from "../cluster/cluster_core.ts";
import { FRAME_LIMITS } from "../cluster/decode_values.ts";
import type { Rules } from "../cluster/rules.ts";
import type { ClusterSettings } from "../cluster/settings.ts";
import type { Partition } from "../core/ids.ts";
import { isSameVersion } from "../cluster/engine.ts";
import { isMember } from "../cluster/view.ts";
import { isBeyondHelp } from "./beyond_help.ts";
import { memoryBounded } from "./checkers/memory_bounded.ts";
import { registrationsKept } from "./checkers/registrations.ts";
import { runningProcesses, whyNotSettled } from "./checkers/settled.ts";
import { askEnds } from "./checkers/ask_ends.ts";
import { copiesAgree } from "./checkers/copies_agree.ts";
import { leaseOver } from "./checkers/lease_over.ts";
import { leavesUnderLease } from "./checkers/leaves_under_lease.ts";
import { messageOrder } from "./checkers/message_order.ts";
import { oneCluster } from "./checkers/one_cluster.ts";
import { oneExecution } from "./checkers/one_execution.ts";
import { oneHolder } from "./checkers/one_holder.ts";
import { oneLeader } from "./checkers/one_leader.ts";
import { oneView } from "./checkers/one_view.ts";
import { relocationSums } from "./checkers/relocation_sums.ts";
import { runsUnderLease } from "./checkers/runs_under_lease.ts";
import type { ClusterNote } from "./cluster_notes.ts";
import { type ClusterNodeSettings, type ClusterOperation, ClusterProcess, targetNames } from "./cluster_process.ts";
import type { FaultPlan, WorldSettings } from "./fault_plan.ts";
import { frameCheck } from "./frame_check.ts";
import { type PlanRecipe, USUAL_RECIPE } from "./plan_recipe.ts";
import {
  clusterSettingsOf,
  drawnSettings,
  keepsClockAssumption,
  noOddMessages,
  noteLine,
  simulatedTimings,
} from "./registry_scenario.ts";
import type { Cast, Scenario, World } from "./scenario.ts";
import { SimulatedThreads, STALL_MS_MAX } from "./simulated_threads.ts";

/** Names of one run, of actors and of grains each: few, so that they are fought for. */
const NAMES = 6;

/** What plans hold. */
export const CLUSTER_RECIPE: PlanRecipe<ClusterOperation> = {
  ...USUAL_RECIPE,
  operationsMax: 400,
  operation: (random) => operationOf(random),
  tuning: (random, nodeCount) => ({
    ...drawnSettings(random, nodeCount),
    barrierMs: 1_000 * below(random, 10),
    stepsBack: below(random, 2),
    workers: below(random, 4),
    ringRecords: 4 << 2 * below(random, 3),
    stalls: below(random, 2),
    slow: below(random, 3) === 0 ? 1 : 0,
  }),
  mayHappen: (item, settings) => keepsClockAssumption(item, settings),
  settings: { tickMs: 100, convergeMs: 120_000 },
};

/** The scenario, under some rules. */
export function clusterScenario(rules: Rules): Scenario<Frame, ClusterOperation, ClusterNote, ClusterProcess> {
  return { name: "cluster", begin: (plan) => cast(plan, rules) };
}

function cast(
  plan: FaultPlan<ClusterOperation>,
  rules: Rules,
): Cast<Frame, ClusterOperation, ClusterNote, ClusterProcess> {
  const settings = clusterSettingsOf(plan.settings);
  const { tuning } = plan.settings;
  const options: ClusterNodeSettings = {
    settings,
    timings: simulatedTimings(plan.settings.tickMs),
    rules,
    chunkEntries: tuning["chunk"] ?? 4,
    changesKept: tuning["changesKept"] ?? 64,
    barrierMs: tuning["barrierMs"] ?? 0,
    rolesOf: (host) => host % 2 === 0 ? ["even"] : ["odd"],
    threadsOf: threadsIn(plan.settings, rules),
  };
  return {
    subject: {
      name: "cluster",
      create: (birth) => new ClusterProcess(birth, options),
      frameName: (frame) => `${frame.message.kind} @${frame.epoch}`,
      noteLine,
      checkFrame: frameCheck({ ...FRAME_LIMITS, partitionCount: settings.partitionCount }),
    },
    checkers: [
      oneView(),
      oneLeader(),
      oneCluster(plan, settings.rule),
      leaseOver(),
      oneExecution(),
      runsUnderLease(),
      oneHolder(),
      copiesAgree(),
      leavesUnderLease(),
      askEnds(tuning["stalls"] === 1 ? STALL_MS_MAX : 0),
      messageOrder(),
      relocationSums(),
      registrationsKept(),
      memoryBounded(),
      noOddMessages(),
    ],
    converged: (world) => whyNotWell(world, settings),
  };
}

/**
 * The workers of each host. They live as long as the process of the operating system: a birth without a predecessor is a
 * new one. `gateSkips` of the tuning leaves out single checks, as bits, for tests.
 */
function threadsIn({ tuning, tickMs }: WorldSettings, rules: Rules): ClusterNodeSettings["threadsOf"] {
  const workerCount = tuning["workers"] ?? 0;
  const bits = tuning["gateSkips"] ?? 0;
  const settings = {
    workerCount,
    recordsMax: tuning["ringRecords"] ?? 64,
    hasStalls: tuning["stalls"] === 1,
    isSlow: tuning["slow"] === 1,
    skips: { begin: (bits & 1) > 0, leave: (bits & 2) > 0, drain: (bits & 4) > 0, margin: (bits & 8) > 0 },
  };
  const targets = targetNames(NAMES);
  const byHost = new Map<number, SimulatedThreads>();
  return ({ host, previous, random, bornAt }) => {
    if (workerCount === 0) return undefined;
    const known = previous === undefined ? undefined : byHost.get(host);
    if (known !== undefined) return known;
    const threads = new SimulatedThreads(settings, rules, simulatedTimings(tickMs), targets, random, bornAt);
    byHost.set(host, threads);
    return threads;
  };
}

function operationOf(random: Random): ClusterOperation {
  const draw = below(random, 100);
  const name = below(random, NAMES);
  if (draw < 20) return { kind: "spawn", name, placement: below(random, 4) };
  if (draw < 25) return { kind: "singleton", name };
  if (draw < 33) return { kind: "stop", name };
  if (draw < 36) return { kind: "locate", name };
  if (draw < 89) {
    return { kind: "message", name, isGrain: below(random, 2) === 0, isAsk: below(random, 2) === 0 };
  }
  if (draw < 95) return { kind: "passivate", index: below(random, 8) };
  if (draw < 97) return { kind: "leave" };
  return { kind: "condemn", member: below(random, 64) };
}

/** Why a cluster is not well; `undefined` when it is, or must stay frozen. */
function whyNotWell(world: World<ClusterOperation, ClusterProcess>, settings: ClusterSettings): string | undefined {
  const processes = runningProcesses(world);
  if (isBeyondHelp(world, processes, settings)) return undefined;
  const problem = whyNotSettled(processes, settings);
  if (problem !== undefined) return problem;
  const busy = processes.find(({ isQuiet }) => !isQuiet);
  if (busy !== undefined) return `${busy.id} has something under way`;
  const stale = processes.find((process) => receiverOfNobody(process) !== undefined);
  if (stale !== undefined) return `${stale.id} takes messages for ${receiverOfNobody(stale)}, which is gone`;
  const newest = processes[0] === undefined ? undefined : viewOf(processes[0].core);
  if (newest === undefined) return undefined;
  const byId = new Map(processes.map((process) => [process.id, process]));
  for (const [index, { group }] of newest.partitions.entries()) {
    const [ownerId] = group;
    const owner = ownerId === undefined ? undefined : byId.get(ownerId);
    const partition = index as Partition;
    for (const [key, { record, version }] of owner?.core.engine.partitions.replicas.get(partition)?.entries ?? []) {
      if (!isMember(newest, record.holder)) {
        if (hasPlaceFor(record.role, processes)) return `${key} is held by ${record.holder}, which is gone`;
        continue;
      }
      const actor = byId.get(record.holder)?.actors.actors.get(key);
      if (actor === undefined || !isSameVersion(actor.token, version)) return `${key} does not run on ${record.holder}`;
    }
  }
  return undefined;
}

/** An activation that the router of a node takes messages for, and that is not there. */
function receiverOfNobody({ node, actors }: ClusterProcess): string | undefined {
  const present = actors.actors;
  for (const [key, receivers] of node.router.receiving.receivers) {
    const actor = present.get(key);
    if (receivers.some(({ token }) => actor === undefined || !isSameVersion(actor.token, token))) return key;
  }
  return undefined;
}

function hasPlaceFor(role: string, processes: readonly ClusterProcess[]): boolean {
  return role === "" || processes.some(({ core }) => core.options.self.roles.includes(role));
}
