/**
 * Looks for a plan that kills each rule: `deno task sim:mutants`.
 *
 *     rule ...     only these; all that are not killed elsewhere, unless some are named
 *     --seeds N    plans to try for each rule (3000)
 *     --shrink N   runs to spend on making one plan smaller (400)
 *     --record     writes every plan that is found; without it only where the recorded one kills no more
 *
 * One idea: a rule that was once seen to matter has to be seen again. How many plans it takes says how well the simulator
 * still looks.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import type { RuleName } from "../../cluster/rules.ts";
import type { FaultPlan } from "../../testkit/fault_plan.ts";
import type { RegistryOperation } from "../../testkit/registry_process.ts";
import type { SimulationViolation } from "../../testkit/scenario.ts";
import { shrinkPlan } from "../../testkit/shrink.ts";
import { plansFor } from "./mutant_recipes.ts";
import { ELSEWHERE } from "./mutants_elsewhere.ts";
import { record, recordedMutant, RULE_NAMES, violationWithAll, violationWithout } from "./recorded_mutants.ts";

interface Kill {
  readonly plan: FaultPlan<RegistryOperation>;
  readonly seedsTaken: number;
  readonly violation: SimulationViolation;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "3000" },
    shrink: { type: "string", default: "400" },
    record: { type: "boolean", default: false },
  },
});
const seedsMax = wholeNumber("seeds", values.seeds);
const shrinkRunsMax = wholeNumber("shrink", values.shrink);

let survivors = 0;
for (const rule of rulesToTry(positionals)) {
  const begunMs = performance.now();
  const kill = search(rule);
  const seconds = ((performance.now() - begunMs) / 1_000).toFixed(1);
  if (kill === undefined) {
    survivors++;
    console.log(`${rule.padEnd(26)} survives ${seedsMax} plans  ${seconds} s`);
    continue;
  }
  const { seedsTaken, violation } = kill;
  console.log(
    `${rule.padEnd(26)} ${String(seedsTaken).padStart(5)} plans  ${seconds.padStart(6)} s  ${violation.checker}`,
  );
  if (values.record || !stillKills(rule)) keep(rule, kill);
}
console.log(`${survivors} rules survive`);
process.exitCode = survivors === 0 ? 0 : 1;

function rulesToTry(names: readonly string[]): readonly RuleName[] {
  const unknown = names.find((name) => !RULE_NAMES.some((rule) => rule === name));
  if (unknown !== undefined) throw new RangeError(`Cannot switch off ${unknown}: there is no such rule`);
  return RULE_NAMES.filter((rule) => names.length === 0 ? ELSEWHERE[rule] === undefined : names.includes(rule));
}

function search(rule: RuleName): Kill | undefined {
  const planOf = plansFor(rule);
  for (let seed = 1; seed <= seedsMax; seed++) {
    const plan = planOf(seed);
    const violation = violationWithout(rule, plan);
    if (violation === undefined) continue;
    const bug = violationWithAll(plan);
    if (bug === undefined) return { plan, seedsTaken: seed, violation };
    console.log(`${rule}: seed ${seed} fails with all rules: ${bug.checker}: ${bug.message}`);
  }
  return undefined;
}

function stillKills(rule: RuleName): boolean {
  const recorded = recordedMutant(rule);
  if (recorded === undefined) return false;
  const { plan, checker } = recorded;
  return violationWithout(rule, plan)?.checker === checker && violationWithAll(plan) === undefined;
}

function keep(rule: RuleName, { plan, seedsTaken, violation }: Kill): void {
  const { checker } = violation;
  let { message } = violation;
  const fails = (smaller: FaultPlan<RegistryOperation>): boolean => {
    const found = violationWithout(rule, smaller);
    if (found?.checker !== checker || violationWithAll(smaller) !== undefined) return false;
    message = found.message;
    return true;
  };
  const shrunk = shrinkPlan(plan, fails, shrinkRunsMax).plan;
  const [line = ""] = message.split("\n");
  record({ scenario: "registry", rule, seedsTaken, checker, message: line, plan: shrunk });
  console.log(`  ${plan.items.length} items, ${shrunk.items.length} after shrinking`);
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new RangeError(`Cannot read --${name} ${text}: a whole number`);
  }
  return number;
}
