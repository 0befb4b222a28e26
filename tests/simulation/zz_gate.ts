import { mkdirSync, writeFileSync } from "node:fs";
import { planText } from "../../testkit/plan_text.ts";
import { runCampaign } from "../../testkit/campaign.ts";
import { CLUSTER_RECIPE, clusterScenario } from "../../testkit/cluster_scenario.ts";
import { without } from "../../cluster/rules.ts";
const a = Deno.args; const arg = (n: string, d: string) => { const i = a.indexOf("--" + n); return i < 0 ? d : a[i + 1]!; };
const rules = without(...(arg("without", "").split(",").filter(Boolean) as never[]));
const skips = +arg("skips", "0");
const base: any = { replicas: 3, readQuorum: 1, voting: 0, seeds: 3, partitions: 5, chunk: 4, changesKept: 64, barrierMs: 0, stepsBack: 0 };
const recipe = { ...CLUSTER_RECIPE, nodeCounts: [3, 5] as const, leftOut: ["crash", "wallStep", "clog", "reset", "lag", "suspend"] as any,
  tuning: (_r: any, _n: number) => ({ ...base, workers: 2, ringRecords: 64, stalls: 1, slow: 1, gateSkips: skips }),
  settings: { ...CLUSTER_RECIPE.settings, discoverMs: 500, discoveryPercent: 100, latencyPercent: 100, longPerMille: 0, lossPerMille: 0, startSpreadMs: 0 },
  operation: (r: any) => { const o = CLUSTER_RECIPE.operation!(r); return o.kind === "leave" || o.kind === "condemn" ? { kind: "condemn" as const, member: r.u32() >>> 8 } : o.kind === "passivate" || o.kind === "stop" ? { kind: "message" as const, name: r.u32() % 6, isGrain: true, isAsk: false } : o; } };
const t = performance.now();
const o = runCampaign(clusterScenario(rules), recipe as any, { firstSeed: +arg("seed", "1"), runs: +arg("runs", "100"), failuresMax: +arg("max", "1"), shrinkRunsMax: +arg("shrink", "100") });
mkdirSync("/tmp/failures", { recursive: true });
for (const f of o.failures) { const path = `/tmp/failures/${arg("name", "gate")}_${f.plan.seed}.json`; writeFileSync(path, planText(f.shrunk)); console.log(`seed ${f.plan.seed} ${f.violation.checker} at ${f.violation.atMs}: ${f.violation.message}\n   ${f.plan.items.length} -> ${f.shrunk.items.length} items ${path}: ${f.shrunkViolation.message}`); if (f.violation.cause instanceof Error) console.log(f.violation.cause.stack); }
const sec = (performance.now() - t) / 1000;
console.log(`${o.runs} runs, ${o.failures.length} violations, ${o.eventCount} events, ${sec.toFixed(1)} s`);
