import { clusterScenario as registryScenario, CLUSTER_RECIPE as REGISTRY_RECIPE } from "../../testkit/cluster_scenario.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
import { planOf } from "../../testkit/plan_recipe.ts";
import { runPlan } from "../../testkit/sim_run.ts";
const counts: Record<string, number> = {};
const s = registryScenario(ALL_RULES);
for (let seed = 1; seed <= 60; seed++) {
  const plan = planOf(seed, REGISTRY_RECIPE);
  const scenario = { name: "x", begin: (p: typeof plan) => { const c = s.begin(p); return { ...c, checkers: [...c.checkers, { name: "count", onNote: (_w: unknown, _n: unknown, note: {kind: string}) => { const k = note.kind === "ended" ? "ended " + (note as any).id.split(" ")[0] + " " + (note as any).how : note.kind === "event" ? "event " + (note as any).event.kind : note.kind; counts[k] = (counts[k] ?? 0) + 1; } }] }; } };
  const o = runPlan(plan, scenario as never);
  counts["converged"] = (counts["converged"] ?? 0) + (o.convergedAfterMs !== undefined ? 1 : 0);
  counts["convergedMs"] = (counts["convergedMs"] ?? 0) + (o.convergedAfterMs ?? 0);
  counts["events"] = (counts["events"] ?? 0) + o.eventCount;
}
console.log(counts);
