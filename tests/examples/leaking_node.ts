/**
 * A node of a bank with a bug: of every transfer, a cent never arrives. For the test that the demo finds out.
 *
 * @module
 */
import { Account } from "../../examples/bank/account.ts";
import { runNode } from "../../examples/bank/node_program.ts";

for (const entry of Account.handlers) {
  const { name, run } = entry;
  if (name !== "credit") continue;
  const leaking: typeof run = (ctx, transfer, amount) => run(ctx, transfer, Number(amount) - 1);
  Object.assign(entry, { run: leaking });
}

await runNode(import.meta.url);
