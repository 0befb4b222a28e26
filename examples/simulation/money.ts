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
import { Transfer } from "../bank/transfer.ts";

const NAMES = ["ann", "bob"];
const name = fc.constantFrom(...NAMES);
const order = fc.record({
  from: fc.option(name, { nil: undefined }),
  to: name,
  amount: fc.integer({ min: 1, max: 50 }),
});
const faults = fc.array(fc.array(fc.nat()), { maxLength: 3 }).map(toFaults({ nodes: 5, withinMs: 4_000 }));
const input = [fc.noShrink(fc.nat()), fc.array(order, { maxLength: 4 }), faults] as const;

/** Orders come in a second apart while faults happen; then all is mended, and counted. */
export const moneyIsConserved = fc.asyncProperty(...input, async (seed, orders, faults) => {
  const store = { latencyMsMax: 100, failPerMille: 50 }; // slow, and one answer in twenty is lost
  const world = simulate({ nodes: 5, seed, faults, store, kinds: [Account, Transfer, Directory] });
  const saved = () => [...world.saved<{ balance: number }>(Account).values()];
  world.expect(always("no account owes money", () => saved().every(({ balance }) => balance >= 0)));
  for (const [id, order] of orders.entries()) {
    const submit = (node: number) => world.node(node % 5).grain(Transfer, `t${id}`).ask.submit(order);
    submit(id).catch(() => submit(id + 1)).catch(() => "goes on by itself");
    await world.run("1s");
  }
  await world.run("15s");
  world.heal();
  const readBooks = () => Promise.all(NAMES.map((name) => world.node(0).grain(Account, name).ask.books()));
  await world.run("20s");
  await readBooks(); // an account that lost its node is woken by the first who asks, and looks after its transfers
  await world.run("10s");
  const books = await readBooks();
  const sum = (of: "balance" | "deposited" | "underWay") => books.reduce((total, each) => total + each[of], 0);
  assert.deepEqual([sum("balance"), sum("underWay")], [sum("deposited"), 0]);
});
