import { readFileSync } from "node:fs";
import { planFrom } from "../../testkit/plan_text.ts";
import { operationFrom, scenarioWithout } from "./subject.ts";
import { runPlan } from "../../testkit/sim_run.ts";
import { planOf } from "../../testkit/plan_recipe.ts";
import { RECIPE } from "./subject.ts";
const arg = Deno.args[0]!;
const plan = /^\d+$/.test(arg) ? planOf(+arg, RECIPE) : planFrom(JSON.parse(readFileSync(arg, "utf8")), operationFrom);
let world: any;
const s = scenarioWithout((Deno.args[1] ?? "").split(",").filter(Boolean));
const o = runPlan(plan, { name: "x", begin: (p: any) => { const c = s.begin(p); return { ...c, converged: (w: any) => { world = w; return c.converged?.(w); } }; } } as any);
console.log(o.violation?.message, o.convergedAfterMs);
for (const n of world.nodes) {
  const p = n.process; if (!p) { console.log(n.host, "none"); continue; }
  const e = p.core.engine, v = e.views.view, b = e.bootstrap;
  console.log(n.host, p.id, "view", v && `${v.clusterId}@${v.epoch} members ${v.members.map((m: any) => m.id)} voters ${v.voters.map((m: any) => m.id + ":" + m.weight)} need ${v.need}`, "lease", e.views.status, "attempt", b.attempt && { c: b.attempt.view.clusterId, mine: b.attempt.isMine, founders: b.attempt.view.members.map((m: any) => m.id).join(), given: b.attempt.isGivenUp, by: [...b.attempt.givenUpBy].join(), since: b.attempt.since }, "asked", b.hasAskedToJoin, "was", e.options.wasMember, "peers", [...b.peers.values()].map((q: any) => `${q.id}:${q.standing}:${q.clusterId}:${q.attempt}:${q.heardAt | 0}`).join(" | "));
  if (v) console.log("   parts", v.partitions.map((q: any, i: number) => `${i}:${q.cfg}[${q.group}]${q.next ? `->${q.next.cfg}[${q.next.group}]${q.next.why} ${e.partitions.incoming.get(i)?.phase ?? ""}` : ""}`).join(" ; "), "proposal", e.views.proposal?.phase, "calls", p.isQuiet, "recovered", [...p.core.leader.recovered], "joiners", [...p.core.leader.joiners.keys()], "status", p.core.leader.status, "prop", p.core.leader.isProposing);
}
