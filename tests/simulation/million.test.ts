/**
 * A million events and more, twice: the same on every runtime. `million.txt` has the hash; `UPDATE_TRANSCRIPTS=1` writes
 * it anew, which is right after a change of the machines or of the simulator, and never else.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { ALL_RULES } from "../../cluster/rules.ts";
import type { ClusterOperation } from "../../testkit/cluster_process.ts";
import { CLUSTER_RECIPE, clusterScenario } from "../../testkit/cluster_scenario.ts";
import { planOf, type PlanRecipe } from "../../testkit/plan_recipe.ts";
import type { SimulatedProcess } from "../../testkit/process.ts";
import type { Scenario } from "../../testkit/scenario.ts";
import { runPlan } from "../../testkit/sim_run.ts";

const FILE = new URL("./transcripts/million.txt", import.meta.url);
const EVENTS_MIN = 1_000_000;
const SEED = 3;
const SEEDS_VOTE = 1;

/**
 * Half an hour of chaos on five nodes. Nobody stays away for good and the seeds vote, so that there is a cluster again and
 * again, however often it is lost: frozen nodes would only tick.
 */
const RECIPE: PlanRecipe<ClusterOperation> = {
  ...CLUSTER_RECIPE,
  nodeCounts: [5, 5],
  chaosMs: 1_850_000,
  faultsMax: 185,
  operationsMax: 555_000,
  tuning: (random, nodeCount) => ({ ...CLUSTER_RECIPE.tuning?.(random, nodeCount), voting: SEEDS_VOTE }),
  mayHappen: (item, settings) =>
    CLUSTER_RECIPE.mayHappen?.(item, settings) !== false && !(item.kind === "crash" && item.stays) &&
    !(item.kind === "op" && item.op.kind === "condemn"),
};

describe("a million events", () => {
  it("are the same twice, with checkers and without, on every runtime, and break no promise", () => {
    const plan = planOf(SEED, RECIPE);
    const watched = runPlan(plan, clusterScenario(ALL_RULES));
    assert.equal(watched.violation, undefined);
    assert.ok(watched.eventCount >= EVENTS_MIN, `${watched.eventCount} events`);
    const again = runPlan(plan, unwatched(clusterScenario(ALL_RULES)));
    assert.deepEqual([again.hash, again.eventCount], [watched.hash, watched.eventCount]);
    const text = `${watched.eventCount} events\nhash: ${watched.hash}\n`;
    if (process.env.UPDATE_TRANSCRIPTS === "1") writeFileSync(FILE, text);
    else assert.equal(text, readFileSync(FILE, "utf8"));
  });
});

/** The same world with nobody looking, neither at what happens nor at frames: checkers watch, and change nothing. */
function unwatched<F, O, N, P extends SimulatedProcess<F, O, N>>(
  scenario: Scenario<F, O, N, P>,
): Scenario<F, O, N, P> {
  return {
    name: scenario.name,
    begin(plan) {
      const cast = scenario.begin(plan);
      return { ...cast, subject: { ...cast.subject, checkFrame: undefined }, checkers: [] };
    },
  };
}
