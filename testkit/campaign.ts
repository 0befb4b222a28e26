/**
 * Many runs, one seed after another, and the smallest plans of those that failed. Pure.
 *
 * One idea: a run in so many is done twice, because a simulator that cannot repeat itself proves nothing.
 *
 * Invariant: the hash of a campaign is that of its runs in their order, whatever is done about failures in between.
 *
 * @module
 */
import { EventHash } from "./event_hash.ts";
import type { FaultPlan } from "./fault_plan.ts";
import { planOf, type PlanRecipe } from "./plan_recipe.ts";
import type { SimulatedProcess } from "./process.ts";
import { type Scenario, SimulationViolation } from "./scenario.ts";
import { shrinkPlan } from "./shrink.ts";
import { type RunOptions, type RunOutcome, runPlan } from "./sim_run.ts";

/** What to run. */
export interface CampaignOptions extends RunOptions {
  readonly firstSeed: number;
  readonly runs: number;
  /** Failures after which it ends. */
  readonly failuresMax: number;
  /** Runs that may be spent on making the plan of one failure smaller. */
  readonly shrinkRunsMax: number;
}

/** A run that failed. */
export interface Failure<O> {
  /** As the seed drew it. */
  readonly plan: FaultPlan<O>;
  readonly violation: SimulationViolation;
  /** The smallest plan found that breaks the same promise. */
  readonly shrunk: FaultPlan<O>;
  readonly shrunkViolation: SimulationViolation;
  readonly shrinkRuns: number;
}

/** What came of a campaign. */
export interface CampaignOutcome<O> {
  readonly runs: number;
  readonly hash: string;
  readonly eventCount: number;
  readonly failures: readonly Failure<O>[];
}

/** One run in so many is done twice. */
export const RUNS_PER_REPEAT = 100;

/** Runs the plans of seeds in a row. */
export function runCampaign<F, O, N, P extends SimulatedProcess<F, O, N>>(
  scenario: Scenario<F, O, N, P>,
  recipe: PlanRecipe<O>,
  options: CampaignOptions,
): CampaignOutcome<O> {
  const hash = new EventHash();
  const failures: Failure<O>[] = [];
  let eventCount = 0;
  let runs = 0;
  while (runs < options.runs && failures.length < options.failuresMax) {
    const plan = planOf(options.firstSeed + runs, recipe);
    const outcome = runPlan(plan, scenario, options);
    const violation = outcome.violation ??
      (runs % RUNS_PER_REPEAT === 0 ? unlike(outcome, runPlan(plan, scenario, options)) : undefined);
    hash.addText(outcome.hash);
    eventCount += outcome.eventCount;
    runs++;
    if (violation !== undefined) failures.push(failureOf(plan, violation, scenario, options));
  }
  return { runs, hash: hash.digest(), eventCount, failures };
}

function unlike(one: RunOutcome, other: RunOutcome): SimulationViolation | undefined {
  if (one.hash === other.hash) return undefined;
  return new SimulationViolation("repeat", `The same plan gave ${one.hash} and then ${other.hash}`);
}

function failureOf<F, O, N, P extends SimulatedProcess<F, O, N>>(
  plan: FaultPlan<O>,
  violation: SimulationViolation,
  scenario: Scenario<F, O, N, P>,
  options: CampaignOptions,
): Failure<O> {
  let shrunkViolation = violation;
  const fails = (smaller: FaultPlan<O>): boolean => {
    const found = runPlan(smaller, scenario, { ...options, trace: undefined }).violation;
    if (found?.checker !== violation.checker) return false;
    shrunkViolation = found;
    return true;
  };
  const { plan: shrunk, runs: shrinkRuns } = shrinkPlan(plan, fails, options.shrinkRunsMax);
  return { plan, violation, shrunk, shrunkViolation, shrinkRuns };
}
