/**
 * What `sim.ts` simulates.
 *
 * @module
 */
import { type RuleName, RULES, without } from "../../cluster/rules.ts";
import type { Frame } from "../../cluster/cluster_core.ts";
import type { ClusterNote } from "../../testkit/cluster_notes.ts";
import type { PlanRecipe } from "../../testkit/plan_recipe.ts";
import type { RegistryOperation, RegistryProcess } from "../../testkit/registry_process.ts";
import { REGISTRY_RECIPE, registryScenario } from "../../testkit/registry_scenario.ts";
import type { Scenario } from "../../testkit/scenario.ts";

/** The scenario with some rules switched off by name. */
export function scenarioWithout(
  names: readonly string[],
): Scenario<Frame, RegistryOperation, ClusterNote, RegistryProcess> {
  return registryScenario(without(...names.map(ruleOf)));
}

/** What plans hold. */
export const RECIPE: PlanRecipe<RegistryOperation> = REGISTRY_RECIPE;

/** The operation that a value read from a plan stands for. */
export function operationFrom(value: unknown): RegistryOperation {
  if (typeof value === "object" && value !== null && "kind" in value) {
    const { kind } = value;
    if ((kind === "condemn" || kind === "leave") && "member" in value && typeof value.member === "number") {
      return { kind, member: value.member };
    }
    if ((kind === "claim" || kind === "release" || kind === "get") && "key" in value && typeof value.key === "number") {
      return { kind, key: value.key };
    }
  }
  throw new RangeError("Cannot read the plan: op is no operation on a registry");
}

function ruleOf(name: string): RuleName {
  const rule = (Object.keys(RULES) as RuleName[]).find((known) => known === name);
  if (rule === undefined) throw new RangeError(`Cannot switch off ${name}: there is no such rule`);
  return rule;
}
