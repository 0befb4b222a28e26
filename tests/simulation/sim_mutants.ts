/**
 * Looks for a plan that kills each rule: `deno task sim:mutants`.
 *
 *     rule ...     only these; all that are not killed elsewhere, unless some are named
 *     --seeds N    plans to try for each rule (3000)
 *     --shrink N   runs to spend on making one plan smaller (400)
 *     --record     writes every plan that is found; without it only where the recorded one kills no more
 *
 * One idea: a rule that was once seen to matter has to be seen again. How many plans it takes says how well the simulator
 * still looks. Of plans that kill, one is kept that does so under other delays too, or every change would outdate it.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import type { RuleName } from "../../cluster/rules.ts";
import type { FaultPlan } from "../../testkit/fault_plan.ts";
import type { SimulationViolation } from "../../testkit/scenario.ts";
import { shrinkPlan } from "../../testkit/shrink.ts";
import { plansFor } from "./mutant_recipes.ts";
import type { ScenarioName } from "./scenarios.ts";
import { ELSEWHERE } from "./mutants_elsewhere.ts";
import { record, recordedMutant, RULE_NAMES, violationWithAll, violationWithout } from "./recorded_mutants.ts";

interface Kill {
  readonly plan: FaultPlan<unknown>;
  readonly seedsTaken: number;
  readonly violation: SimulationViolation;
}

/** Delays of a sturdy plan, as parts of what it says. */
const LATENCY_FACTORS: readonly number[] = [0.7, 1.2, 1.6];
/** After the first plan that kills, sturdy ones are looked for up to this seed, and up to so many times the first. */
const STURDY_SEEDS_MIN = 200;
const STURDY_SEEDS_FACTOR = 4;

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

/** The first plan that kills, and then, if it is not too far, one that does so whatever the delays are. */
function search(rule: RuleName): Kill | undefined {
  const { scenario, planOf } = plansFor(rule);
  let first: Kill | undefined;
  let lastSeed = seedsMax;
  for (let seed = 1; seed <= lastSeed; seed++) {
    const plan = planOf(seed);
    const violation = violationWithout(scenario, rule, plan);
    if (violation === undefined) continue;
    const bug = violationWithAll(scenario, plan);
    if (bug !== undefined) {
      console.log(`${rule}: seed ${seed} fails with all rules: ${bug.checker}: ${bug.message}`);
      continue;
    }
    if (first === undefined) lastSeed = Math.max(STURDY_SEEDS_MIN, STURDY_SEEDS_FACTOR * seed);
    first ??= { plan, seedsTaken: seed, violation };
    if (isSturdy(scenario, rule, plan, violation.checker)) return { ...first, plan, violation };
  }
  return first;
}

/** Whether a plan kills also when all that is sent comes sooner, or later: then small changes do not outdate it. */
function isSturdy(scenario: ScenarioName, rule: RuleName, plan: FaultPlan<unknown>, checker: string): boolean {
  return LATENCY_FACTORS.every((factor) => {
    const latencyPercent = Math.round(factor * plan.settings.latencyPercent);
    return violationWithout(scenario, rule, { ...plan, settings: { ...plan.settings, latencyPercent } })?.checker ===
      checker;
  });
}

function stillKills(rule: RuleName): boolean {
  const recorded = recordedMutant(rule);
  if (recorded === undefined) return false;
  const { scenario, plan, checker } = recorded;
  return violationWithout(scenario, rule, plan)?.checker === checker && violationWithAll(scenario, plan) === undefined;
}

function keep(rule: RuleName, { plan, seedsTaken, violation }: Kill): void {
  const { checker } = violation;
  const { scenario } = plansFor(rule);
  const mustBeSturdy = isSturdy(scenario, rule, plan, checker);
  let { message } = violation;
  const fails = (smaller: FaultPlan<unknown>): boolean => {
    const found = violationWithout(scenario, rule, smaller);
    if (found?.checker !== checker || violationWithAll(scenario, smaller) !== undefined) return false;
    if (mustBeSturdy && !isSturdy(scenario, rule, smaller, checker)) return false;
    message = found.message;
    return true;
  };
  const shrunk = shrinkPlan(plan, fails, shrinkRunsMax).plan;
  const [line = ""] = message.split("\n");
  record({ scenario, rule, seedsTaken, checker, message: line, plan: shrunk });
  const how = mustBeSturdy ? "sturdy" : "not sturdy";
  console.log(`  ${plan.items.length} items, ${shrunk.items.length} after shrinking, ${how}`);
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new RangeError(`Cannot read --${name} ${text}: a whole number`);
  }
  return number;
}
