/**
 * What `sim.ts` and the kept seeds simulate: each scenario with its plans, under one form. Pure.
 *
 * @module
 */
import { type RuleName, RULES, type Rules } from "../../cluster/rules.ts";
import { type CampaignOptions, type CampaignOutcome, runCampaign } from "../../testkit/campaign.ts";
import type { Frame } from "../../cluster/cluster_core.ts";
import type { ClusterNote } from "../../testkit/cluster_notes.ts";
import { withStory } from "../../testkit/story.ts";
import type { Tracer } from "../../testkit/transcript.ts";
import type { ClusterOperation } from "../../testkit/cluster_process.ts";
import { CLUSTER_RECIPE, clusterScenario } from "../../testkit/cluster_scenario.ts";
import type { FaultPlan } from "../../testkit/fault_plan.ts";
import { planOf, type PlanRecipe } from "../../testkit/plan_recipe.ts";
import { planFrom } from "../../testkit/plan_text.ts";
import type { SimulatedProcess } from "../../testkit/process.ts";
import type { RegistryOperation } from "../../testkit/registry_process.ts";
import { REGISTRY_RECIPE, registryScenario } from "../../testkit/registry_scenario.ts";
import type { Scenario } from "../../testkit/scenario.ts";
import { type RunOptions, type RunOutcome, runPlan } from "../../testkit/sim_run.ts";

/** What is simulated: the core with a client of its registry, or whole nodes with actors. */
export type ScenarioName = "registry" | "cluster";

/** A scenario, whatever its operations are. */
export interface Simulated {
  campaign(rules: Rules, options: CampaignOptions): CampaignOutcome<unknown>;
  /** The plan that a seed draws. */
  plan(seed: number): FaultPlan<unknown>;
  /** Runs a plan that was read from a file; `story` hears it told for people. */
  replay(plan: unknown, rules: Rules, options: RunOptions & { readonly story?: Tracer }): RunOutcome;
}

/** All of them. */
export const SCENARIOS: Readonly<Record<ScenarioName, Simulated>> = {
  registry: simulated(registryScenario, REGISTRY_RECIPE, registryOperation),
  cluster: simulated(clusterScenario, CLUSTER_RECIPE, clusterOperation),
};

/** The rule of a name that somebody typed. */
export function ruleOf(name: string): RuleName {
  const rule = (Object.keys(RULES) as RuleName[]).find((known) => known === name);
  if (rule === undefined) throw new RangeError(`Cannot switch off ${name}: there is no such rule`);
  return rule;
}

/** An operation on the registry, as it stands in a plan. */
export function registryOperation(value: unknown): RegistryOperation {
  const { kind, numberOf } = fieldsOf(value);
  switch (kind) {
    case "condemn":
    case "leave":
      return { kind, member: numberOf("member") };
    case "claim":
    case "release":
    case "get":
      return { kind, key: numberOf("key") };
    default:
      throw new RangeError("Cannot read the plan: op is no operation on a registry");
  }
}

/** An operation on a node, as it stands in a plan. */
export function clusterOperation(value: unknown): ClusterOperation {
  const { kind, numberOf, isSet } = fieldsOf(value);
  switch (kind) {
    case "spawn":
      return { kind, name: numberOf("name"), placement: numberOf("placement") };
    case "singleton":
    case "stop":
    case "locate":
      return { kind, name: numberOf("name") };
    case "message":
      return { kind, name: numberOf("name"), isGrain: isSet("isGrain"), isAsk: isSet("isAsk") };
    case "passivate":
      return { kind, index: numberOf("index") };
    case "leave":
      return { kind };
    case "condemn":
      return { kind, member: numberOf("member") };
    default:
      throw new RangeError("Cannot read the plan: op is no operation on a node");
  }
}

function simulated<O, P extends SimulatedProcess<Frame, O, ClusterNote>>(
  scenario: (rules: Rules) => Scenario<Frame, O, ClusterNote, P>,
  recipe: PlanRecipe<O>,
  operationFrom: (value: unknown) => O,
): Simulated {
  return {
    campaign: (rules, options) => runCampaign(scenario(rules), recipe, options),
    plan: (seed) => planOf(seed, recipe),
    replay: (plan, rules, options) => {
      const { story } = options;
      const played = story === undefined ? scenario(rules) : withStory(scenario(rules), story);
      return runPlan(planFrom(plan, operationFrom), played, options);
    },
  };
}

interface Fields {
  readonly kind: unknown;
  numberOf(name: string): number;
  isSet(name: string): boolean;
}

function fieldsOf(value: unknown): Fields {
  const fields = new Map<string, unknown>(typeof value === "object" && value !== null ? Object.entries(value) : []);
  return {
    kind: fields.get("kind"),
    numberOf: (name) => {
      const field = fields.get(name);
      if (typeof field === "number" && Number.isSafeInteger(field)) return field;
      throw new RangeError(`Cannot read the plan: ${name} of op is no whole number`);
    },
    isSet: (name) => fields.get(name) === true,
  };
}
