/**
 * The simulator as a command: `deno task sim --runs 2000 --seed 1`.
 *
 *     --runs N           how many plans to run (200)
 *     --seed S           the seed of the first (1); the others follow
 *     --without a,b      rules to switch off, by name: to see the simulator find the hole
 *     --failures FOLDER  where small plans of failures are written (failures)
 *     --failures-max N   failures after which it stops (3)
 *     --shrink N         runs to spend on making one failing plan smaller (400)
 *     --replay FILE      runs one written plan instead, also one of mutants/; with --trace it prints every event
 *     --plan S           prints the plan of a seed as JSON
 *
 * One idea: what it prints last is the same on every machine and runtime: `hash: …` and how many runs broke a promise.
 *
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Failure, runCampaign } from "../../testkit/campaign.ts";
import { planOf } from "../../testkit/plan_recipe.ts";
import { planFrom, planText } from "../../testkit/plan_text.ts";
import { runPlan } from "../../testkit/sim_run.ts";
import { operationFrom, RECIPE, scenarioWithout } from "./subject.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    without: { type: "string", default: "" },
    failures: { type: "string", default: "failures" },
    "failures-max": { type: "string", default: "3" },
    shrink: { type: "string", default: "400" },
    replay: { type: "string" },
    plan: { type: "string" },
    trace: { type: "boolean", default: false },
  },
});

const rules = values.without.split(",").filter((rule) => rule !== "");
if (values.plan !== undefined) console.log(planText(planOf(wholeNumber("plan", values.plan), RECIPE)));
else process.exitCode = values.replay === undefined ? search() : replay(values.replay);

function search(): number {
  const firstSeed = wholeNumber("seed", values.seed);
  const begunMs = performance.now();
  const { runs, hash, eventCount, failures } = runCampaign(scenarioWithout(rules), RECIPE, {
    firstSeed,
    runs: wholeNumber("runs", values.runs),
    failuresMax: wholeNumber("failures-max", values["failures-max"]),
    shrinkRunsMax: wholeNumber("shrink", values.shrink),
  });
  const seconds = (performance.now() - begunMs) / 1_000;
  for (const failure of failures) report(failure);
  console.error(`${eventCount} events in ${seconds.toFixed(1)} s, ${Math.round(runs * 3_600 / seconds)} runs an hour`);
  console.log(`hash: ${hash}`);
  console.log(`${runs} runs, ${failures.length} violations`);
  return failures.length === 0 ? 0 : 1;
}

function report<O>({ plan, violation, shrunk, shrunkViolation, shrinkRuns }: Failure<O>): void {
  mkdirSync(values.failures, { recursive: true });
  const path = join(values.failures, `${violation.checker.replaceAll(/[^a-zA-Z0-9]+/g, "_")}_${plan.seed}.json`);
  writeFileSync(path, planText(shrunk));
  console.log(`seed ${plan.seed}: ${violation.checker} at ${violation.atMs} ms: ${violation.message}`);
  console.log(`  ${plan.items.length} items, ${shrunk.items.length} after ${shrinkRuns} runs: ${path}`);
  console.log(`  there: ${shrunkViolation.message}`);
  if (violation.cause instanceof Error) console.log(violation.cause.stack);
}

function replay(path: string): number {
  const parsed: unknown = JSON.parse(readFileSync(path, "utf8"));
  const isRecorded = typeof parsed === "object" && parsed !== null && "plan" in parsed;
  const plan = planFrom(isRecorded ? parsed.plan : parsed, operationFrom);
  const trace = values.trace ? (line: string) => console.log(line) : undefined;
  const { hash, violation } = runPlan(plan, scenarioWithout(rules), { trace });
  if (violation !== undefined) {
    console.log(`${violation.checker} at ${violation.atMs} ms: ${violation.message}`);
    if (violation.cause instanceof Error) console.log(violation.cause.stack);
  }
  console.log(`hash: ${hash}`);
  console.log(`1 run, ${violation === undefined ? 0 : 1} violations`);
  return violation === undefined ? 0 : 1;
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new RangeError(`Cannot read --${name} ${text}: a whole number`);
  }
  return number;
}
