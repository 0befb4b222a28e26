/**
 * The promise of the bank, as a property: whatever is ordered, and whatever happens to its nodes, money is neither made
 * nor lost. Runs the bank's own kinds on five simulated nodes.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { always, simulate, toFaults } from "../../testkit/simulate.ts";
import { Account } from "../bank/account.ts";
import { Directory } from "../bank/directory.ts";
import { type Order, Transfer } from "../bank/transfer.ts";

const name = fc.constantFrom("ann", "bob");
const order = fc.record({
  from: fc.option(name, { nil: undefined }),
  to: name,
  amount: fc.integer({ min: 1, max: 50 }),
});
const faults = fc.array(fc.array(fc.nat(999)), { maxLength: 3 }).map(toFaults({ nodes: 5, withinMs: 4_000 }));
const inputs = [fc.noShrink(fc.nat()), fc.array(order, { maxLength: 4 }), faults] as const;

/** Orders come in while faults happen; then all is mended, and what was promised is compared with what is there. */
export const moneyIsConserved = fc.asyncProperty(...inputs, async (seed, orders, faults) => {
  const kinds = [Account, Transfer, Directory];
  const world = simulate({ nodes: 5, seed, faults, kinds, store: { latencyMsMax: 200 } });
  const balances = () => [...world.saved<{ balance: number }>(Account).values()].map(({ balance }) => balance);
  world.expect(always("no account owes money", () => balances().every((balance) => balance >= 0)));
  const submit = (id: number, order: Order) => world.node(id % 5).grain(Transfer, `t${id}`).ask.submit(order);
  for (const [id, order] of orders.entries()) {
    submit(id, order).catch(() => "no answer: the client will repeat it");
    await world.run("1s");
  }
  await world.run("5s");
  world.heal();
  await world.run("15s");
  let deposited = 0;
  for (const [id, order] of orders.entries()) {
    const { status } = await submit(id, order); // the same id: it is not done twice
    if (status === "done" && order.from === undefined) deposited += order.amount;
  }
  assert.equal(balances().reduce((sum, balance) => sum + balance, 0), deposited);
});
