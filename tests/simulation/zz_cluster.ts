import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { runCampaign } from "../../testkit/campaign.ts";
import { planFrom, planText } from "../../testkit/plan_text.ts";
import { planOf } from "../../testkit/plan_recipe.ts";
import { runPlan } from "../../testkit/sim_run.ts";
import { CLUSTER_RECIPE, clusterScenario } from "../../testkit/cluster_scenario.ts";
import { without } from "../../cluster/rules.ts";
const a = Deno.args; const arg = (n: string, d: string) => { const i = a.indexOf("--" + n); return i < 0 ? d : a[i + 1]!; };
const rules = without(...(arg("without", "").split(",").filter(Boolean) as never[]));
const s = clusterScenario(rules);
if (a.includes("--replay")) {
  const f = arg("replay", "");
  const plan = /^\d+$/.test(f) ? planOf(+f, CLUSTER_RECIPE) : planFrom(JSON.parse(readFileSync(f, "utf8")), (v) => v as never);
  let world: any;
  const o = runPlan(plan, { name: "x", begin: (p: any) => { const c = s.begin(p); return { ...c, converged: (w: any) => { world = w; return c.converged?.(w); } }; } } as any, { trace: a.includes("--trace") ? (l: string) => console.log(l) : undefined });
  console.log(o.violation?.checker, o.violation?.message, o.violation?.cause, o.convergedAfterMs);
  if (a.includes("--end")) for (const n of world.nodes) { const p = n.process; if (!p) { console.log(n.host, "none"); continue; } const v = p.node.view, d = p.node.directory, e = p.core.engine; console.log(n.host, p.id, v && `${v.clusterId}@${v.epoch} ${v.members.map((m: any) => m.id + (m.status === "up" ? "" : "(leaving)"))} voters ${v.voters.map((m: any) => m.id)} need ${v.need} leader ${v.leader}`, e.views.status, "acts", [...d.activations.values()].map((x: any) => `${x.key}:${x.status ?? x.state}`).join(), "actors", [...p.actors.actors.values()].map((x: any) => `${x.key}:${x.status}:${x.mailbox.length}`).join(), "req", d.requests.size, "ghosts", d.ghosts.size, "dep", d.departure && Object.keys(d.departure).length, "attempt", e.bootstrap.attempt?.view.clusterId, "asked", e.bootstrap.hasAskedToJoin, "was", e.options.wasMember, "peers", [...e.bootstrap.peers.values()].map((q: any) => `${q.id}:${q.standing}:${q.clusterId}`).join(" "));
    if (v) console.log("   parts", v.partitions.map((q: any, i: number) => `${i}:${q.cfg}[${q.group}]${q.next ? `->${q.next.cfg}[${q.next.group}]${q.next.why} ${e.partitions.incoming.get(i)?.phase ?? ""}` : ""}`).join(" ; "), "joiners", [...p.core.leader.joiners.keys()], "prop", p.core.leader.isProposing, e.views.proposal?.phase); }
} else {
  const t = performance.now();
  const o = runCampaign(s, CLUSTER_RECIPE, { firstSeed: +arg("seed", "1"), runs: +arg("runs", "100"), failuresMax: +arg("max", "3"), shrinkRunsMax: +arg("shrink", "60") });
  mkdirSync("/tmp/failures", { recursive: true });
  for (const f of o.failures) { const path = `/tmp/failures/c_${f.violation.checker.replaceAll(/[^a-zA-Z0-9]+/g, "_")}_${f.plan.seed}.json`; writeFileSync(path, planText(f.shrunk)); console.log(`seed ${f.plan.seed} ${f.violation.checker} at ${f.violation.atMs}: ${f.violation.message}\n   ${f.plan.items.length} -> ${f.shrunk.items.length} items ${path}: ${f.shrunkViolation.message}`); if (f.violation.cause instanceof Error) console.log(f.violation.cause.stack); }
  const sec = (performance.now() - t) / 1000;
  console.log(`${o.runs} runs, ${o.failures.length} violations, ${o.eventCount} events, ${sec.toFixed(1)} s, ${Math.round(o.runs * 3600 / sec)} runs/h, hash ${o.hash}`);
}
