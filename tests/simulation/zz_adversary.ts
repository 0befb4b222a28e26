import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { runCampaign } from "../../testkit/campaign.ts";
import { planFrom, planText } from "../../testkit/plan_text.ts";
import { planOf } from "../../testkit/plan_recipe.ts";
import { runPlan } from "../../testkit/sim_run.ts";
import { CLUSTER_RECIPE, clusterScenario } from "../../testkit/cluster_scenario.ts";
import { REGISTRY_RECIPE, registryScenario } from "../../testkit/registry_scenario.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
const a = Deno.args; const arg = (n: string, d: string) => { const i = a.indexOf("--" + n); return i < 0 ? d : a[i + 1]!; };
const isCluster = arg("on", "registry") === "cluster";
const base: any = isCluster ? CLUSTER_RECIPE : REGISTRY_RECIPE;
const frames: Record<string, string[]> = {
  sync: ["sync", "synced", "replicate", "replicated"], req: ["registryRequest", "registryReply"], seal: ["seal", "sealed", "fetch", "fetched", "install", "stored", "ready", "commit"],
  view: ["leaseRequest", "leaseGrant", "prepare", "promise", "accept", "accepted", "commit", "leaseRelease"], boot: ["hello", "joinRequest", "found", "founderAccepts", "founderRefuses", "founderGivesUp", "commit"],
  hold: ["holdingsRequest", "holdings", "registryReply", "commit"], dir: ["handoff", "handoffAck", "holdAudit", "hint", "want", "located", "leaveRequest"], router: ["user", "bounced", "flush", "flushAck"], none: [],
};
const name = arg("recipe", "none");
const tune = Object.fromEntries(arg("tune", "").split(",").filter(Boolean).map((t) => { const [k, v] = t.split("="); return [k, +v!]; }));
const set = Object.fromEntries(arg("set", "").split(",").filter(Boolean).map((t) => { const [k, v] = t.split("="); return [k, v === "true" ? true : v === "false" ? false : +v!]; }));
const nodes = arg("nodes", "3-8").split("-").map(Number);
const fr = name.split("+").flatMap((n) => frames[n] ?? []);
const recipe: any = { ...base, nodeCounts: nodes, ...(fr.length ? { frames: fr, leftOut: [] } : {}), faultsMax: +arg("faults", "8"), operationsMax: +arg("ops", "400"),
  tuning: (r: any, n: number) => ({ ...base.tuning(r, n), ...tune }), settings: { ...base.settings, ...set } };
const s: any = isCluster ? clusterScenario(ALL_RULES) : registryScenario(ALL_RULES);
if (a.includes("--replay")) {
  const f = arg("replay", ""); const plan = /^\d+$/.test(f) ? planOf(+f, recipe) : planFrom(JSON.parse(readFileSync(f, "utf8")), (v) => v as never);
  const o = runPlan(plan as any, s, { trace: a.includes("--trace") ? (l: string) => console.log(l) : undefined });
  console.log(o.violation?.checker, o.violation?.message, o.violation?.cause);
} else {
  const t = performance.now();
  const o = runCampaign(s, recipe, { firstSeed: +arg("seed", "1"), runs: +arg("runs", "100"), failuresMax: +arg("max", "3"), shrinkRunsMax: +arg("shrink", "80") });
  mkdirSync("/tmp/failures", { recursive: true });
  for (const f of o.failures) { const path = `/tmp/failures/adv_${name}_${f.plan.seed}.json`; writeFileSync(path, planText(f.shrunk)); console.log(`seed ${f.plan.seed} ${f.violation.checker} at ${f.violation.atMs}: ${f.violation.message}\n   ${f.plan.items.length} -> ${f.shrunk.items.length} items ${path}: ${f.shrunkViolation.message}`); if (f.violation.cause instanceof Error) console.log(f.violation.cause.stack); }
  const sec = (performance.now() - t) / 1000;
  console.log(a.join(" "), `${o.runs} runs, ${o.failures.length} violations, ${o.eventCount} events, ${sec.toFixed(1)} s`);
}
