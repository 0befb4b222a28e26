/**
 * Simulated clusters: seeds that once found a bug, and some that never did. All promises hold, and a run is the same run on
 * every runtime.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ALL_RULES } from "../../cluster/rules.ts";
import { planText } from "../../testkit/plan_text.ts";
import { CAMPAIGNS, KEPT_SEEDS } from "./kept_seeds.ts";
import { type ScenarioName, SCENARIOS } from "./scenarios.ts";

/** Runs to spend on making a failing plan smaller: a test should say why within seconds. */
const SHRINK_RUNS_MAX = 60;

/** Simulations take what they take; this is for runners with a limit of their own. */
const TIMEOUT_MS = 120_000;

function run(scenario: ScenarioName, firstSeed: number, runs: number): string {
  const { hash, failures } = SCENARIOS[scenario].campaign(ALL_RULES, {
    firstSeed,
    runs,
    failuresMax: 1,
    shrinkRunsMax: SHRINK_RUNS_MAX,
  });
  const [failure] = failures;
  if (failure === undefined) return hash;
  const { plan, violation, shrunk } = failure;
  assert.fail(`seed ${plan.seed}: ${violation.checker}: ${violation.message}\n${planText(shrunk)}`);
}

describe("a simulated cluster keeps its promises", () => {
  for (const { scenario, seed, story } of KEPT_SEEDS) {
    it(`under seed ${seed} of ${scenario}: ${story}`, () => void run(scenario, seed, 1));
  }

  for (const { scenario, firstSeed, runs, hash } of CAMPAIGNS) {
    it(
      `under ${runs} fresh seeds of ${scenario}, and goes as it went on every runtime`,
      { timeout: TIMEOUT_MS },
      () => {
        assert.equal(run(scenario, firstSeed, runs), hash);
      },
    );
  }
});
