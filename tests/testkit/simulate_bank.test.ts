import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Account } from "../../examples/bank/account.ts";
import { Directory } from "../../examples/bank/directory.ts";
import { type Order, Transfer } from "../../examples/bank/transfer.ts";
import { faultsOf } from "../../testkit/fault_arbitrary.ts";
import { always, type Fault, simulate } from "../../testkit/simulate.ts";

const NAMES = ["ann", "bob", "cyd"];
const name = fc.constantFrom(...NAMES);
const orders = fc.array(fc.record({ from: fc.option(name, { nil: undefined }), to: name, amount: fc.nat(50) }), {
  maxLength: 4,
});

/** Slow enough that faults find something under way; one answer in twenty is lost. */
const store = { latencyMsMax: 100, failPerMille: 50 };

/** Orders are carried out by any node, a second apart, while faults happen; then all is mended, and counted. */
async function moneyIsConserved(seed: number, orders: readonly Order[], faults: readonly Fault[]): Promise<void> {
  const world = simulate({ nodes: 5, seed, faults, store, kinds: [Account, Transfer, Directory] });
  const saved = () => [...world.saved<{ balance: number }>(Account).values()];
  world.expect(always("no account owes money", () => saved().every(({ balance }) => balance >= 0)));
  const submit = (at: number, id: number, order: Order) =>
    world.node(at % 5).grain(Transfer, `t${id}`).ask.submit(order);
  const submitted: Promise<unknown>[] = [];
  for (const [id, order] of orders.entries()) {
    submitted.push(submit(id, id, order).catch(() => submit(id + 1, id, order)).catch(() => "goes on by itself"));
    await world.run("1s");
  }
  await Promise.all(submitted);
  world.heal();
  const allBooks = () => Promise.all(NAMES.map((name) => world.node(0).grain(Account, name).ask.books()));
  await world.ready();
  await world.run("20s");
  await allBooks(); // An account that lost its node is woken by the first who asks, and then looks after its transfers.
  await world.run("10s");
  const books = await allBooks();
  const sum = (of: "balance" | "deposited" | "underWay") => books.reduce((total, each) => total + each[of], 0);
  assert.deepEqual([sum("balance"), sum("underWay")], [sum("deposited"), 0]);
}

const DEPOSIT: Order = { from: undefined, to: "ann", amount: 10 };
const TRANSFER: Order = { from: "ann", to: "bob", amount: 1 };
const FAULTS: readonly Fault[] = [0, 1, 2, 3, 4].flatMap((host): Fault[] => [
  { kind: "crash", atMs: 1_100, host, downMs: 1_000, stays: false },
  { kind: "partition", atMs: 1_000, cut: 1 << host, isOneWay: false, forMs: 5_000 },
  { kind: "pause", atMs: 1_000, host, forMs: 3_000 },
]);

/** The bank without its memory of what it has decided. */
async function withForgetfulAccounts(run: () => Promise<void>): Promise<void> {
  const undo: (() => void)[] = [];
  for (const entry of Account.handlers) {
    const { name, run: remembering } = entry;
    if (name !== "deposit" && name !== "debit" && name !== "credit") continue;
    const forgetful: typeof remembering = (ctx, transfer, ...rest) => {
      const { state } = ctx as { readonly state: { readonly decisions: Map<string, unknown> } };
      state.decisions.delete(`${String(transfer)}/${name}`);
      return remembering(ctx, transfer, ...rest);
    };
    Object.assign(entry, { run: forgetful });
    undo.push(() => Object.assign(entry, { run: remembering }));
  }
  try {
    await run();
  } finally {
    undo.forEach((put) => put());
  }
}

describe("the bank on five simulated nodes", () => {
  it("neither makes nor loses money, whatever happens to its nodes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), orders, faultsOf({ nodes: 5, withinMs: 4_000, max: 3 }), moneyIsConserved),
      {
        numRuns: 15,
      },
    );
  });

  it("is caught without its memory of decisions, by a plan of a few items", async () => {
    await withForgetfulAccounts(async () => {
      // Few choices: the real bank waits in real time before it repeats a step, so each try of the shrinker costs.
      const orders = fc.array(fc.constantFrom<Order>(DEPOSIT, TRANSFER), { maxLength: 4 });
      const faults = fc.array(fc.constantFrom<Fault>(...FAULTS), { maxLength: 3 });
      const property = fc.asyncProperty(fc.constant(7), orders, faults, moneyIsConserved);
      const found = await fc.check(property, { numRuns: 300, seed: 1 });
      assert.ok(found.failed, "nothing was found");
      const [, fewest = [], causes = []] = found.counterexample ?? [];
      assert.ok(fewest.length + causes.length <= 5, "it was not shrunk to a few items");
    });
  });
});
