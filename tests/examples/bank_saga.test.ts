/**
 * The saga behind a transfer: every step may be repeated, whatever fails in between, and no cent is lost.
 *
 * @module
 */
import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Account, DECISIONS_MAX } from "../../examples/bank/account.ts";
import { Transfer } from "../../examples/bank/transfer.ts";
import { fieldOf, TestBank } from "./bank_in_process.ts";
import { type SaveFate, type Trouble, troubledStore } from "./troubled_store.ts";

describe("an account", () => {
  it("decides a step once, however often it is asked for", async () => {
    await using bank = await TestBank.open();
    const { ask } = await openAccount(bank, "alice", 100);
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => ask.debit("t1", 60))), ["done", "done", "done"]);
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => ask.credit("t2", 5))), ["done", "done", "done"]);
    assert.equal((await ask.books()).balance, 45);
  });

  it("remembers a refusal: what was refused once is not done later", async () => {
    await using bank = await TestBank.open();
    const { ask } = await openAccount(bank, "alice", 100);
    assert.equal(await ask.debit("t1", 101), "insufficient-funds");
    await ask.deposit("d2", 50);
    assert.equal(await ask.debit("t1", 101), "insufficient-funds");
    const nobody = bank.system.grain(Account, "nobody");
    assert.equal(await nobody.ask.credit("t2", 5), "account-unknown");
    await nobody.ask.deposit("d3", 10);
    assert.equal(await nobody.ask.credit("t2", 5), "account-unknown");
    assert.equal((await nobody.ask.books()).balance, 10);
  });

  it("gives back what it took, once, and nothing that it did not take", async () => {
    await using bank = await TestBank.open();
    const { ask } = await openAccount(bank, "alice", 100);
    await ask.debit("t1", 60);
    assert.deepEqual([await ask.refund("t1"), await ask.refund("t1")], ["done", "done"]);
    assert.equal((await ask.books()).balance, 100);
    await assert.rejects(ask.refund("t2"), { code: "not-debited" });
    await ask.debit("t3", 1_000);
    await assert.rejects(ask.refund("t3"), { code: "not-debited" });
  });

  it("refuses to begin more than it can remember, and still gives back", async () => {
    await using bank = await TestBank.open();
    const { ask, tell } = await openAccount(bank, "alice", 10_000);
    for (let index = 0; index < DECISIONS_MAX; index++) await ask.debit(`t${index}`, 1);
    await assert.rejects(ask.debit("one-more", 1), { code: "account-busy" });
    assert.equal(await ask.debit("t0", 1), "done");
    assert.equal(await ask.refund("t0"), "done");
    tell.ended("t0");
    assert.equal(await ask.debit("one-more", 1), "done");
  });

  it("neither answers nor shows what was not saved", async () => {
    const trouble: Trouble = { saves: [], unreadable: new Set() };
    await using bank = await TestBank.open(troubledStore(trouble));
    const { ask } = await openAccount(bank, "alice", 100);
    trouble.saves.push("lost");
    await assert.rejects(ask.debit("t1", 60), { code: "store-failed" });
    assert.equal((await ask.books()).balance, 100);
    trouble.saves.push("saved-unheard");
    await assert.rejects(ask.debit("t1", 60), { code: "store-failed" });
    assert.deepEqual([await ask.debit("t1", 60), (await ask.books()).balance], ["done", 40]);
  });

  it("has nothing under way when all transfers have ended", async () => {
    await using bank = await TestBank.open();
    await bank.deposit("alice", "d1", 100);
    await bank.deposit("bob", "d2", 100);
    for (let index = 0; index < 20; index++) await bank.transfer(`t${index}`, "alice", "bob", 1);
    for (const name of ["alice", "bob"]) {
      assert.equal((await bank.system.grain(Account, name).ask.books()).underWay, 0);
    }
  });
});

describe("a transfer", () => {
  it("that nobody repeats goes on when its account asks for it", async () => {
    const trouble: Trouble = { saves: [], unreadable: new Set(["account:bob"]) };
    await using bank = await TestBank.open(troubledStore(trouble));
    const alice = await openAccount(bank, "alice", 100);
    assert.equal((await bank.transfer("t1", "alice", "bob", 60)).status, 504);
    assert.deepEqual(await moneyOf(alice), { balance: 40, underWay: 1 });
    trouble.unreadable.clear();
    alice.tell.sweep();
    // Behind the `resume` that the sweep has sent: it has ended when this is answered.
    await inTheMailbox();
    const { body } = await bank.transfer("t1", "alice", "bob", 60);
    assert.equal(fieldOf(body, "error"), "account-unknown");
    assert.deepEqual(await moneyOf(alice), { balance: 100, underWay: 0 });
  });

  it("that has ended says so again when an account still waits for it", async () => {
    await using bank = await TestBank.open();
    const alice = await openAccount(bank, "alice", 100);
    await bank.deposit("bob", "d2", 100);
    await bank.transfer("t1", "alice", "bob", 60);
    // As if its last word had been lost: the account knows a step of it again.
    await alice.ask.credit("t1", 1);
    assert.equal((await moneyOf(alice)).underWay, 1);
    alice.tell.sweep();
    await bank.system.grain(Transfer, "t1").ask.resume();
    assert.equal((await moneyOf(alice)).underWay, 0);
  });

  it("conserves money whatever becomes of saves, when what ended unknown is repeated", async () => {
    const save = fc.constantFrom<SaveFate>("saved", "saved", "saved", "saved", "lost", "saved-unheard");
    const account = fc.constantFrom("alice", "bob", "carol", "nobody");
    const move = fc.record({ from: account, to: account, amount: fc.integer({ min: 1, max: 80 }) });
    const saves = fc.array(save, { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(saves, fc.array(move, { minLength: 1, maxLength: 6 }), async (fates, moves) => {
        await using bank = await TestBank.open(troubledStore({ saves: [...fates], unreadable: new Set() }));
        const expected = new Map([["alice", 100], ["bob", 100], ["carol", 100]]);
        await Promise.all(
          [...expected.keys()].map((name) => untilAnswered(() => bank.deposit(name, `d-${name}`, 100))),
        );
        await Promise.all(moves.map(async ({ from, to, amount }, index) => {
          if (from === to) return;
          const status = await untilAnswered(() => bank.transfer(`t${index}`, from, to, amount));
          if (status !== 200) return;
          expected.set(from, (expected.get(from) ?? 0) - amount);
          expected.set(to, (expected.get(to) ?? 0) + amount);
        }));
        for (const [name, balance] of expected) assert.equal(await bank.balance(name), balance, name);
      }),
      { numRuns: 12 },
    );
  });
});

async function openAccount(bank: TestBank, name: string, amount: number) {
  const { status } = await bank.deposit(name, `open-${name}`, amount);
  assert.equal(status, 200);
  return bank.system.grain(Account, name);
}

async function moneyOf(account: Awaited<ReturnType<typeof openAccount>>) {
  const { balance, underWay } = await account.ask.books();
  return { balance, underWay };
}

/** The status of the first answer that says what happened. */
async function untilAnswered(send: () => Promise<{ readonly status: number }>): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const { status } = await send();
    if (status < 500) return status;
  }
  throw new Error("no answer in 50 tries");
}

/** Lets what was sent be put where it is going. */
function inTheMailbox(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
