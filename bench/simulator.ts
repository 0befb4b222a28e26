/**
 * S14, Troupe alone: whole-cluster runs of the simulator in one thread. Each run is another plan of 5 nodes and 40 s of
 * chaos, watched by all its checkers; a run that breaks a promise counts as sent and not as delivered.
 *
 * @module
 */
import process from "node:process";
import { ALL_RULES } from "../cluster/rules.ts";
import { CLUSTER_RECIPE, clusterScenario } from "../testkit/cluster_scenario.ts";
import { planOf, type PlanRecipe } from "../testkit/plan_recipe.ts";
import type { SimulatedProcess } from "../testkit/process.ts";
import { REGISTRY_RECIPE, registryScenario } from "../testkit/registry_scenario.ts";
import type { Scenario } from "../testkit/scenario.ts";
import { runPlan } from "../testkit/sim_run.ts";
import { type Contest, type Contests, secondsNow, takePart } from "./contestant.ts";

const NODES = 5;

const CONTESTS: Contests = {
  "S14.registry": runsOf(REGISTRY_RECIPE, registryScenario(ALL_RULES)),
  "S14.cluster": runsOf(CLUSTER_RECIPE, clusterScenario(ALL_RULES)),
};

/** Seeds go on from the warm-up to the measurement: each run is new to the simulator. */
function runsOf<F, O, N, P extends SimulatedProcess<F, O, N>>(
  usual: PlanRecipe<O>,
  scenario: Scenario<F, O, N, P>,
): Contest {
  const recipe: PlanRecipe<O> = { ...usual, nodeCounts: [NODES, NODES] };
  let seed = 0;
  return ({ seconds, countMax }) => {
    const begun = secondsNow();
    const before = process.cpuUsage();
    let sent = 0;
    let delivered = 0;
    let eventCount = 0;
    while (sent < countMax && secondsNow() - begun < seconds) {
      const { violation, eventCount: events } = runPlan(planOf(++seed, recipe), scenario);
      sent++;
      eventCount += events;
      if (violation === undefined) delivered++;
    }
    // Of all threads, so the collector's work is in it; and on a machine that others use as well it is the only fair figure.
    const { user, system } = process.cpuUsage(before);
    const cpuMillis = (user + system) / 1_000;
    const extra = { cpuMillisEach: cpuMillis / sent, eventsEach: eventCount / sent };
    return { sent, delivered, seconds: secondsNow() - begun, extra };
  };
}

await takePart(({ scenario }) => CONTESTS[scenario]);
