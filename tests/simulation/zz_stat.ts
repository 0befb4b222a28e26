import { registryScenario, REGISTRY_RECIPE } from "/work/main/testkit/registry_scenario.ts";
import { ALL_RULES } from "/work/main/cluster/rules.ts";
import { planOf } from "/work/main/testkit/plan_recipe.ts";
import { runPlan } from "/work/main/testkit/sim_run.ts";
const counts: Record<string, number> = {};
const s = registryScenario(ALL_RULES);
for (let seed = 1; seed <= 60; seed++) {
  const plan = planOf(seed, REGISTRY_RECIPE);
  const scenario = { name: "x", begin: (p: typeof plan) => { const c = s.begin(p); return { ...c, checkers: [...c.checkers, { name: "count", onNote: (_w: unknown, _n: unknown, note: {kind: string}) => { counts[note.kind] = (counts[note.kind] ?? 0) + 1; } }] }; } };
  const o = runPlan(plan, scenario as never);
  counts["converged"] = (counts["converged"] ?? 0) + (o.convergedAfterMs !== undefined ? 1 : 0);
  counts["convergedMs"] = (counts["convergedMs"] ?? 0) + (o.convergedAfterMs ?? 0);
  counts["events"] = (counts["events"] ?? 0) + o.eventCount;
}
console.log(counts);
