import fc from "fast-check";
import { moneyIsConserved } from "/work/main/examples/simulation/money.ts";
import { Account } from "/work/main/examples/bank/account.ts";
const seed = Number(process.argv[2] ?? 1);
import process from "node:process";
let t = performance.now();
if (process.argv[3] === "broken") {
  for (const entry of Account.handlers) {
    const { name, run: remembering } = entry;
    if (name !== "deposit" && name !== "debit" && name !== "credit") continue;
    const forgetful = (ctx: any, transfer: any, ...rest: any[]) => {
      ctx.state.decisions.delete(`${String(transfer)}/${name}`);
      return (remembering as any)(ctx, transfer, ...rest);
    };
    Object.assign(entry, { run: forgetful });
  }
}
const found = await fc.check(moneyIsConserved, { numRuns: Number(process.argv[4] ?? 15), seed });
console.log(
  found.failed,
  found.numRuns,
  found.numShrinks,
  JSON.stringify(found.counterexample, null, 1),
  String(found.errorInstance?.message ?? "").slice(0, 600),
  Math.round(performance.now() - t),
  "ms",
);
