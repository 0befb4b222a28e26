/**
 * The simulator as a command: `deno task sim --runs 2000 --seed 1`.
 *
 *     --runs N           how many plans to run (200), half of them in each scenario
 *     --seed S           the seed of the first (1); the others follow
 *     --scenario NAME    only this one: registry (the core of a cluster) or cluster (whole nodes)
 *     --without a,b      rules to switch off, by name: to see the simulator find the hole
 *     --failures FOLDER  where small plans of failures are written (failures)
 *     --failures-max N   failures after which a scenario stops (3)
 *     --shrink N         runs to spend on making one failing plan smaller (400)
 *     --replay FILE      runs one written plan instead; with --trace it prints one line for each event, with --story
 *                        what happened, in words
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
import { without } from "../../cluster/rules.ts";
import type { Failure } from "../../testkit/campaign.ts";
import { EventHash } from "../../testkit/event_hash.ts";
import { planText } from "../../testkit/plan_text.ts";
import { ruleOf, type ScenarioName, SCENARIOS } from "./scenarios.ts";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    scenario: { type: "string" },
    without: { type: "string", default: "" },
    failures: { type: "string", default: "failures" },
    "failures-max": { type: "string", default: "3" },
    shrink: { type: "string", default: "400" },
    replay: { type: "string" },
    plan: { type: "string" },
    trace: { type: "boolean", default: false },
    story: { type: "boolean", default: false },
  },
});

const rules = without(...values.without.split(",").filter((rule) => rule !== "").map(ruleOf));
if (values.plan !== undefined) console.log(planText(SCENARIOS[scenarios()[0]].plan(wholeNumber("plan", values.plan))));
else process.exitCode = values.replay === undefined ? search() : replay(values.replay);

function search(): number {
  const hash = new EventHash();
  const names = scenarios();
  let left = wholeNumber("runs", values.runs);
  let runs = 0;
  let violations = 0;
  for (const [index, name] of names.entries()) {
    const share = Math.ceil(left / (names.length - index));
    left -= share;
    const begunMs = performance.now();
    const outcome = SCENARIOS[name].campaign(rules, {
      firstSeed: wholeNumber("seed", values.seed),
      runs: share,
      failuresMax: wholeNumber("failures-max", values["failures-max"]),
      shrinkRunsMax: wholeNumber("shrink", values.shrink),
    });
    const seconds = (performance.now() - begunMs) / 1_000;
    for (const failure of outcome.failures) report(name, failure);
    const pace = Math.round(outcome.runs * 3_600 / seconds);
    console.error(`${name}: ${outcome.eventCount} events in ${seconds.toFixed(1)} s, ${pace} runs an hour`);
    hash.addText(outcome.hash);
    runs += outcome.runs;
    violations += outcome.failures.length;
  }
  console.log(`hash: ${hash.digest()}`);
  console.log(`${runs} runs, ${violations} violations`);
  return violations === 0 ? 0 : 1;
}

function report<O>(name: ScenarioName, { plan, violation, shrunk, shrunkViolation, shrinkRuns }: Failure<O>): void {
  mkdirSync(values.failures, { recursive: true });
  const file = `${name}_${violation.checker.replaceAll(/[^a-zA-Z0-9]+/g, "_")}_${plan.seed}.json`;
  const path = join(values.failures, file);
  writeFileSync(path, planText(shrunk).replace("{", `{\n  "scenario": "${name}",`));
  console.log(`seed ${plan.seed} of ${name}: ${violation.checker} at ${violation.atMs} ms: ${violation.message}`);
  console.log(`  ${plan.items.length} items, ${shrunk.items.length} after ${shrinkRuns} runs: ${path}`);
  console.log(`  there: ${shrunkViolation.message}`);
  if (violation.cause instanceof Error) console.log(violation.cause.stack);
}

function replay(path: string): number {
  const parsed: unknown = JSON.parse(readFileSync(path, "utf8"));
  const written = new Map<string, unknown>(typeof parsed === "object" && parsed !== null ? Object.entries(parsed) : []);
  const name = written.get("scenario") === "cluster" ? "cluster" : scenarios()[0];
  const print = (line: string) => console.log(line);
  const options = { trace: values.trace ? print : undefined, story: values.story ? print : undefined };
  // A recorded mutant holds its plan beside what is known of it.
  const { hash, violation } = SCENARIOS[name].replay(written.get("plan") ?? parsed, rules, options);
  if (violation !== undefined) {
    console.log(`${violation.checker} at ${violation.atMs} ms: ${violation.message}`);
    if (violation.cause instanceof Error) console.log(violation.cause.stack);
  }
  console.log(`hash: ${hash}`);
  console.log(`1 run, ${violation === undefined ? 0 : 1} violations`);
  return violation === undefined ? 0 : 1;
}

function scenarios(): readonly [ScenarioName, ...ScenarioName[]] {
  const { scenario } = values;
  if (scenario === undefined) return ["registry", "cluster"];
  if (scenario === "registry" || scenario === "cluster") return [scenario];
  throw new RangeError(`Cannot simulate ${scenario}: there are registry and cluster`);
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new RangeError(`Cannot read --${name} ${text}: a whole number`);
  }
  return number;
}
