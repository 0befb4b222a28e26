import { it } from "node:test";
import assert from "node:assert/strict";
import { Account } from "/work/main/examples/bank/account.ts";
import { Transfer } from "/work/main/examples/bank/transfer.ts";
import { Directory } from "/work/main/examples/bank/directory.ts";
import { simulate } from "/work/main/testkit/simulate.ts";

it("bank calm", async () => {
  const t = performance.now();
  const lines: string[] = [];
  const world = simulate({ nodes: 5, seed: 42, kinds: [Account, Transfer, Directory], trace: (l) => lines.push(l) });
  try {
    const d = await world.node(0).grain(Transfer, "d1").ask.submit({ from: undefined, to: "alice", amount: 100 });
    console.log(d, world.nowMs);
    await world.node(1).grain(Transfer, "d2").ask.submit({ from: undefined, to: "bob", amount: 100 });
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => world.node(i % 5).grain(Transfer, `t${i}`).ask.submit({ from: i % 2 ? "alice" : "bob", to: i % 2 ? "bob" : "alice", amount: 7 })));
    console.log(all.length, world.nowMs);
    await world.run("10s");
    console.log(await world.node(3).grain(Account, "alice").ask.books(), await world.node(3).grain(Account, "bob").ask.books());
    console.log(world.nowMs, world.hash, world.counts, performance.now() - t);
  } catch (e) { console.log(e); console.log(lines.slice(-60).join("\n")); throw e; }
});
