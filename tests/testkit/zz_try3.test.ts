import { it } from "node:test";
import { Account } from "/work/main/examples/bank/account.ts";
import { Transfer } from "/work/main/examples/bank/transfer.ts";
import { Directory } from "/work/main/examples/bank/directory.ts";
import { simulate } from "/work/main/testkit/simulate.ts";
it("x", async () => {
  const lines: string[] = [];
  const world = simulate({ nodes: 5, seed: 1, kinds: [Account, Transfer, Directory], faults: "aggressive", trace: (l) => { if (lines.length < 3000000) lines.push(l); } });
  await world.node(0).grain(Transfer, "x").ask.submit({ from: undefined, to: "a", amount: 1 });
  for (let s = 0; s < 20; s++) { const n = lines.length, e = world.counts.events; await world.run("2s"); console.log(s, world.counts.events - e, lines.length - n); 
   if (world.counts.events - e > 4500) { const c = new Map(); for (const l of lines.slice(n)) { const k = l.replace(/[0-9.]+/g, "#").slice(12, 60); c.set(k, (c.get(k) ?? 0) + 1); } console.log([...c].sort((a, b) => b[1] - a[1]).slice(0, 8)); console.log(lines.slice(-5)); break; } }
});
