/**
 * The scenario of {@link RegistryProcess}: clusters of them, drawn settings, and what must be true. Pure.
 *
 * @module
 */
import { below, type Random } from "../core/random.ts";
import type { Frame } from "../cluster/cluster_core.ts";
import { FRAME_LIMITS } from "../cluster/decode_values.ts";
import type { Rules } from "../cluster/rules.ts";
import { type ClusterSettings, TIMINGS, type Timings } from "../cluster/settings.ts";
import type { NodeId } from "../core/ids.ts";
import type { QuorumRule } from "../cluster/view.ts";
import { isBeyondHelp, remembersMembers } from "./beyond_help.ts";
import { memoryBounded } from "./checkers/memory_bounded.ts";
import { noResurrection } from "./checkers/no_resurrection.ts";
import { registrationsKept } from "./checkers/registrations.ts";
import { runningProcesses, whyNotSettled } from "./checkers/settled.ts";
import { copiesAgree } from "./checkers/copies_agree.ts";
import { linearizableHistory } from "./checkers/history.ts";
import { leaseKept } from "./checkers/lease_kept.ts";
import { leaseOver } from "./checkers/lease_over.ts";
import { oneCluster } from "./checkers/one_cluster.ts";
import { oneExecution } from "./checkers/one_execution.ts";
import { oneHolder } from "./checkers/one_holder.ts";
import { oneView } from "./checkers/one_view.ts";
import type { ClusterNote } from "./cluster_notes.ts";
import type { FaultPlan, PlanItem, WorldSettings } from "./fault_plan.ts";
import { frameCheck } from "./frame_check.ts";
import { type PlanRecipe, USUAL_RECIPE } from "./plan_recipe.ts";
import type { Subject } from "./process.ts";
import { type RegistryOperation, RegistryProcess } from "./registry_process.ts";
import { type Cast, type Checker, type Scenario, SimulationViolation, type World } from "./scenario.ts";
import { addressOf } from "./sim_node.ts";

/** Names of one run: few, so that they are fought for. */
const KEYS = 10;
/** Which way of giving out votes a number of the tuning means. */
const VOTING = ["dynamic", "seeds", "oldest"] as const;

/** What plans hold: everything that can go wrong, and a lively registry. */
export const REGISTRY_RECIPE: PlanRecipe<RegistryOperation> = {
  ...USUAL_RECIPE,
  operationsMax: 400,
  operation: (random) => operationOf(random),
  tuning: (random, nodeCount) => ({
    ...drawnSettings(random, nodeCount),
    condemns: below(random, 2),
    stepsBack: below(random, 2),
  }),
  mayHappen: (item, settings) => keepsClockAssumption(item, settings),
  settings: { tickMs: 100, convergeMs: 90_000 },
};

/** What {@link clusterSettingsOf} reads, drawn: mostly the defaults, few partitions, and buffers so small that they fill. */
export function drawnSettings(random: Random, nodeCount: number): Readonly<Record<string, number>> {
  return {
    replicas: below(random, 10) < 7 ? 3 : 1 + below(random, 2),
    readQuorum: below(random, 4) === 0 ? 2 : 1,
    voting: below(random, 10) < 7 ? 0 : 1 + below(random, 2),
    seeds: nodeCount >= 5 && below(random, 2) === 0 ? 5 : 3,
    partitions: 5,
    chunk: 1 + below(random, 4),
    changesKept: 4 + below(random, 60),
  };
}

/**
 * A lease is measured by whichever clock has gone further, so no world has both: machines that are suspended, and wall
 * clocks that are set back. Together, within one lease, they would hide the time that passed from both clocks.
 */
export function keepsClockAssumption(item: PlanItem<unknown>, { tuning }: WorldSettings): boolean {
  if (tuning["stepsBack"] === 1) return item.kind !== "suspend";
  return item.kind !== "wallStep" || item.byMs >= 0;
}

/** The scenario, under some rules. */
export function registryScenario(rules: Rules): Scenario<Frame, RegistryOperation, ClusterNote, RegistryProcess> {
  return { name: "registry", begin: (plan) => cast(plan, rules) };
}

function cast(
  plan: FaultPlan<RegistryOperation>,
  rules: Rules,
): Cast<Frame, RegistryOperation, ClusterNote, RegistryProcess> {
  const settings = clusterSettingsOf(plan.settings);
  const { tuning } = plan.settings;
  const options = {
    settings,
    timings: simulatedTimings(plan.settings.tickMs),
    rules,
    chunkEntries: tuning["chunk"] ?? 4,
    changesKept: tuning["changesKept"] ?? 64,
  };
  const subject: Subject<Frame, RegistryOperation, ClusterNote, RegistryProcess> = {
    name: "registry",
    create: (birth) => new RegistryProcess(birth, options),
    frameName: (frame) => `${frame.message.kind} @${frame.epoch}`,
    noteLine: noteLine,
    checkFrame: frameCheck({ ...FRAME_LIMITS, partitionCount: settings.partitionCount }),
  };
  const everMembers = new Set<NodeId>();
  return {
    subject,
    checkers: [
      remembersMembers(everMembers),
      oneView(),
      oneCluster(plan, settings.rule),
      leaseOver(),
      leaseKept(),
      oneExecution(),
      oneHolder(),
      linearizableHistory(),
      copiesAgree(),
      noOddMessages(),
      registrationsKept(),
      noResurrection(),
      memoryBounded(),
    ],
    converged: (world) => whyNotWell(world, settings, everMembers),
  };
}

/** What all nodes of a world are told. */
export function clusterSettingsOf({ nodeCount, tuning }: WorldSettings): ClusterSettings {
  const replicaCount = tuning["replicas"] ?? 3;
  const rule = ruleOf(VOTING[tuning["voting"] ?? 0] ?? "dynamic", Math.min(tuning["seeds"] ?? 3, nodeCount));
  return {
    name: "sim",
    partitionCount: tuning["partitions"] ?? 5,
    replicaCount,
    writeQuorum: Math.floor(replicaCount / 2) + 1,
    readQuorum: Math.min(tuning["readQuorum"] ?? 1, replicaCount),
    rule,
    minimumPeersQuorum: Math.floor((rule.kind === "seeds" ? rule.seeds.length : nodeCount) / 2) + 1,
  };
}

/** The usual times, with copies compared often enough to matter in one run. */
export function simulatedTimings(tickMs: number): Timings {
  return { ...TIMINGS, tickMs, stateSyncMs: 5_000 };
}

function ruleOf(kind: (typeof VOTING)[number], seeds: number): QuorumRule {
  if (kind !== "seeds") return { kind };
  return { kind, seeds: Array.from({ length: seeds }, (_, host) => addressOf(host)) };
}

function operationOf(random: Random): RegistryOperation {
  const draw = below(random, 100);
  const key = below(random, KEYS);
  if (draw < 45) return { kind: "claim", key };
  if (draw < 65) return { kind: "release", key };
  if (draw < 97) return { kind: "get", key };
  return { kind: "condemn", member: below(random, 64) };
}

/** Why a cluster is not well: it is not settled, or something is under way. */
function whyNotWell(
  world: World<RegistryOperation, RegistryProcess>,
  settings: ClusterSettings,
  everMembers: ReadonlySet<NodeId>,
): string | undefined {
  const processes = runningProcesses(world);
  if (isBeyondHelp(world, processes, settings, everMembers)) return undefined;
  const busy = processes.find(({ isQuiet }) => !isQuiet);
  return whyNotSettled(processes, settings) ?? (busy === undefined ? undefined : `${busy.id} has calls under way`);
}

/** In a simulation everybody means well, so a message that makes no sense is a bug. */
export function noOddMessages(): Checker<unknown, unknown, ClusterNote, unknown> {
  return {
    name: "no odd messages",
    onNote(_world, _node, note) {
      if (note.kind === "odd") throw new SimulationViolation(this.name, `${note.from}: ${note.reason}`);
    },
  };
}

/** A note in words. */
export function noteLine(note: ClusterNote): string {
  switch (note.kind) {
    case "installed": {
      const { view } = note;
      const members = view.members.map(({ id }) => id).join(" ");
      return `installs epoch ${view.epoch}: ${members}`;
    }
    case "voted":
      return `votes for ${note.view.draft} as epoch ${note.view.epoch}`;
    case "lease":
      return `lease ${note.status}`;
    case "acked":
      return `holds ${note.key} as ${note.token.cfg}.${note.token.seq}`;
    case "released":
      return `gives ${note.key} up`;
    case "executed":
      return `runs ${note.key} as ${note.token.cfg}.${note.token.seq}`;
    case "ran":
      return `has run ${note.key} as ${note.token.cfg}.${note.token.seq}`;
    case "left":
      return `lets a ${note.what} out to ${note.to}`;
    case "called":
      return `${note.isOpen ? "calls" : "called"} ${note.key} ${JSON.stringify(note.what)}`;
    case "delivered":
      return `${note.key} gets message ${note.seq} of ${note.sender}`;
    case "asked":
      return `asks for ${note.id} by ${note.deadlineMs}`;
    case "ended":
      return `${note.id} ends: ${note.how}`;
    case "event":
      return `event ${JSON.stringify(note.event)}`;
    case "dataLoss":
      return `partition ${note.partition} has lost data`;
    case "odd":
      return `odd message of ${note.from}: ${note.reason}`;
    default:
      return note satisfies never;
  }
}
