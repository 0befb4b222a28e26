import { it } from "node:test";
import { Account } from "../../examples/bank/account.ts";
import { Directory } from "../../examples/bank/directory.ts";
import { Transfer } from "../../examples/bank/transfer.ts";
import { simulate } from "../../testkit/simulate.ts";
it("x", async () => {
  const lines: string[] = [];
  const world = simulate({ nodes: 5, seed: 0, kinds: [Account, Transfer, Directory], faults: [{"kind":"crash","atMs":3007,"host":3,"downMs":100,"stays":false}], trace: (l) => lines.push(l) });
  const orders = [{"to":"ann","amount":0, from: undefined},{"to":"ann","amount":0, from: undefined},{"to":"ann","amount":0, from: undefined},{"from":"cyd","to":"ann","amount":0}];
  const submit = (at: number, id: number, order: any) => world.node(at % 5).grain(Transfer, `t${id}`).ask.submit(order);
  const s: Promise<unknown>[] = [];
  for (const [id, order] of orders.entries()) { s.push(submit(id, id, order).catch((e) => (console.log(id, String(e)), submit(id + 1, id, order))).then(console.log, (e) => console.log("2", id, String(e)))); await world.run("1s"); }
  await Promise.all(s); world.heal();
  for (let i = 0; i < 8; i++) { await world.run("10s"); 
  console.log(world.nowMs, await world.node(0).grain(Account, "cyd").ask.books().catch(String), world.saved(Account).get("cyd"), world.saved(Transfer).get("t3"), world.logged); }
  console.log(lines.filter((l) => !/epochMark|cut off|broken|link to|lost/.test(l)).slice(-100).join("\n"));
});
