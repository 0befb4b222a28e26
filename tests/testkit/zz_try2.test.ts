import { it } from "node:test";
import { Account } from "/work/main/examples/bank/account.ts";
import { Transfer } from "/work/main/examples/bank/transfer.ts";
import { Directory } from "/work/main/examples/bank/directory.ts";
import { simulate } from "/work/main/testkit/simulate.ts";

async function once(seed: number) {
  const t = performance.now();
  const world = simulate({ nodes: 5, seed, kinds: [Account, Transfer, Directory], faults: "aggressive" });
  const names = ["a", "b", "c", "d"];
  let ok = 0, bad: Record<string, number> = {};
  const submit = async (node: number, id: string, order: { from: string | undefined; to: string; amount: number }) => {
    for (let tries = 0; tries < 1; tries++) {
      try { await world.node(node).grain(Transfer, id).ask.submit(order); ok++; return; } catch (e) { const c = (e as { code: string }).code ?? String(e); bad[c] = (bad[c] ?? 0) + 1; }
    }
  };
  const all: Promise<void>[] = [];
  for (const n of names) all.push(submit(0, `dep-${n}`, { from: undefined, to: n, amount: 1000 }));
  for (let i = 0; i < 60; i++) {
    all.push(submit(i % 5, `t${i}`, { from: names[i % 4], to: names[(i + 1 + i % 3) % 4]!, amount: 10 + i }));
    await world.run(500);
  }
  await Promise.all(all);
  world.heal();
  await world.run("40s");
  let total = 0, deposited = 0, underWay = 0;
  for (const n of names) {
    const b = await world.node(1).grain(Account, n).ask.books();
    total += b.balance; deposited += b.deposited; underWay += b.underWay;
  }
  console.log(seed, { total, deposited, underWay, ok }, JSON.stringify(bad), world.nowMs, world.hash, JSON.stringify(world.counts), world.outside, Math.round(performance.now() - t));
}
it("bank", async () => { for (const s of [1, 1, 2, 3, 4]) await once(s).catch((e) => console.log(s, e)); });
