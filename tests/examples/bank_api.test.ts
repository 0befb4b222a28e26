/**
 * The contract of the bank's API: what it does, what it refuses, and that it says why.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AMOUNT_MAX } from "../../examples/bank/money.ts";
import { inParallel } from "../../examples/bank/in_parallel.ts";
import { CLOCK_NAME, type ClockReading, LedgerClock } from "../../examples/bank/ledger_clock.ts";
import { memoryStore, type StoreProvider } from "../../mod.ts";
import { fieldOf, TestBank } from "./bank_in_process.ts";

describe("the bank", () => {
  it("holds what was deposited and moves it between accounts", async () => {
    await using bank = await TestBank.open();
    const deposited = await bank.deposit("alice", "d1", 5_000);
    assert.deepEqual(deposited, { status: 200, body: { id: "d1", to: "alice", amount: 5_000, status: "done" } });
    await bank.deposit("bob", "d2", 100);
    const moved = await bank.transfer("t1", "alice", "bob", 1_250);
    assert.deepEqual(moved, {
      status: 200,
      body: { id: "t1", from: "alice", to: "bob", amount: 1_250, status: "done" },
    });
    assert.deepEqual([await bank.balance("alice"), await bank.balance("bob")], [3_750, 1_350]);
  });

  it("does a repeated request once and answers it the same each time", async () => {
    await using bank = await TestBank.open();
    const deposits = await Promise.all([1, 2, 3].map(() => bank.deposit("alice", "d1", 5_000)));
    await bank.deposit("bob", "d2", 100);
    const transfers = await Promise.all([1, 2, 3].map(() => bank.transfer("t1", "alice", "bob", 1_250)));
    transfers.push(await bank.transfer("t1", "alice", "bob", 1_250));
    for (const answers of [deposits, transfers]) {
      assert.equal(answers[0]?.status, 200);
      for (const answer of answers) assert.deepEqual(answer, answers[0]);
    }
    assert.deepEqual([await bank.balance("alice"), await bank.balance("bob")], [3_750, 1_350]);
  });

  it("refuses an id that was used for something else", async () => {
    await using bank = await TestBank.open();
    await bank.deposit("alice", "d1", 5_000);
    await bank.deposit("bob", "d2", 5_000);
    await bank.transfer("t1", "alice", "bob", 100);
    for (
      const other of [
        () => bank.deposit("alice", "d1", 5_001),
        () => bank.deposit("bob", "d1", 5_000),
        () => bank.transfer("t1", "alice", "bob", 101),
        () => bank.transfer("t1", "bob", "alice", 100),
        () => bank.deposit("bob", "t1", 100),
      ]
    ) {
      const { status, body } = await other();
      assert.deepEqual([status, fieldOf(body, "error")], [409, "id-reused"]);
    }
    assert.deepEqual([await bank.balance("alice"), await bank.balance("bob")], [4_900, 5_100]);
  });

  it("refuses a transfer of more than there is, for good", async () => {
    await using bank = await TestBank.open();
    await bank.deposit("alice", "d1", 100);
    await bank.deposit("bob", "d2", 100);
    const refused = await bank.transfer("t1", "alice", "bob", 101);
    assert.deepEqual([refused.status, fieldOf(refused.body, "error")], [409, "insufficient-funds"]);
    await bank.deposit("alice", "d3", 1_000);
    assert.deepEqual(await bank.transfer("t1", "alice", "bob", 101), refused);
    assert.equal(await bank.balance("bob"), 100);
  });

  it("gives the money back when the second account does not exist", async () => {
    await using bank = await TestBank.open();
    await bank.deposit("alice", "d1", 100);
    const { status, body } = await bank.transfer("t1", "alice", "nobody", 60);
    assert.deepEqual([status, fieldOf(body, "error")], [409, "account-unknown"]);
    assert.equal(await bank.balance("alice"), 100);
    assert.equal((await bank.get("/accounts/nobody")).status, 404);
    assert.equal((await bank.transfer("t2", "nobody", "alice", 1)).status, 409);
  });

  it("sums up all accounts, and says that the sum is exact when nothing moves", async () => {
    await using bank = await TestBank.open();
    const empty = { accounts: 0, balance: 0, deposited: 0, underWay: 0, isExact: true };
    assert.deepEqual((await bank.get("/total")).body, empty);
    await Promise.all(Array.from({ length: 40 }, (_, index) => bank.deposit(`a${index}`, `d${index}`, 10 + index)));
    await Promise.all(
      Array.from({ length: 39 }, (_, index) => bank.transfer(`t${index}`, `a${index}`, `a${index + 1}`, 5)),
    );
    const sum = 40 * 10 + 40 * 39 / 2;
    assert.deepEqual((await bank.get("/total")).body, { ...empty, accounts: 40, balance: sum, deposited: sum });
  });

  it("conserves money when transfers cross", async () => {
    await using bank = await TestBank.open();
    await inParallel(["account-0", "account-1", "account-2"], 3, async (account) => {
      await bank.deposit(account, `open-${account}`, 10_000);
    });
    const crossing = Array.from({ length: 200 }, (_, index) => `account-${index % 3}`);
    await Promise.all(
      crossing.map((from, index) => bank.transfer(`t${index}`, from, `account-${(index + 1) % 3}`, index + 1)),
    );
    const { body } = await bank.get("/total");
    assert.deepEqual(body, { accounts: 3, balance: 30_000, deposited: 30_000, underWay: 0, isExact: true });
  });

  it("finds its money again in the store", async () => {
    const store = memoryStore();
    {
      await using bank = await TestBank.open(store);
      await bank.deposit("alice", "d1", 5_000);
    }
    await using bank = await TestBank.open(store);
    assert.equal(await bank.balance("alice"), 5_000);
    assert.equal((await bank.deposit("alice", "d1", 5_000)).status, 200);
    assert.equal(await bank.balance("alice"), 5_000);
  });
});

describe("the bank refuses, with a reason,", () => {
  const id = "t1";
  const refused: readonly (readonly [string, number, string, string, string?])[] = [
    ["a route it does not have", 404, "GET", "/nothing"],
    ["a method it does not have", 404, "PUT", "/transfers"],
    ["an account that was never opened", 404, "GET", "/accounts/alice"],
    ["an account id with a slash", 400, "GET", "/accounts/a%2Fb"],
    ["an account id of 65 letters", 400, "GET", `/accounts/${"a".repeat(65)}`],
    ["a body that is no JSON", 400, "POST", "/transfers", "{"],
    ["a body that is missing", 400, "POST", "/transfers"],
    ["a body that is a list", 400, "POST", "/transfers", "[1]"],
    ["a body that is null", 400, "POST", "/accounts/alice/deposits", "null"],
    ["a deposit without an id", 400, "POST", "/accounts/alice/deposits", json({ amount: 1 })],
    ["a deposit into an account with a bad id", 400, "POST", "/accounts/..%2F/deposits", json({ id, amount: 1 })],
    ["a transfer with a bad id", 400, "POST", "/transfers", json({ id: "../t", from: "a", to: "b", amount: 1 })],
    ["a transfer from a number", 400, "POST", "/transfers", json({ id, from: 1, to: "b", amount: 1 })],
    ["a transfer to itself", 400, "POST", "/transfers", json({ id, from: "a", to: "a", amount: 1 })],
    ["a transfer to nobody", 400, "POST", "/transfers", json({ id, from: "a", amount: 1 })],
    ...[0, -1, 1.5, AMOUNT_MAX + 1, 2 ** 53, "1", null, undefined].map((amount) =>
      [`an amount of ${json(amount)}`, 400, "POST", "/transfers", json({ id, from: "a", to: "b", amount })] as const
    ),
  ];
  for (const [what, status, method, path, body] of refused) {
    it(what, async () => {
      await using bank = await TestBank.open();
      const answer = await bank.send(method, path, body);
      assert.equal(answer.status, status);
      assert.equal(typeof fieldOf(answer.body, "error"), "string");
      assert.equal(typeof fieldOf(answer.body, "reason"), "string");
    });
  }

  it("a body over its limit, before it is read", async () => {
    await using bank = await TestBank.open();
    const { status } = await bank.send("POST", "/transfers", "{", { "Content-Length": "4097" });
    assert.equal(status, 413);
  });

  it("a body that does not say its length", async () => {
    await using bank = await TestBank.open();
    const { status } = await bank.send("POST", "/transfers", "{", { "Transfer-Encoding": "chunked" });
    assert.equal(status, 411);
  });
});

describe("a bank without a cluster", () => {
  it("says that it has none, and what runs here", async () => {
    await using bank = await TestBank.open();
    await bank.deposit("alice", "d1", 100);
    assert.deepEqual((await bank.get("/cluster")).body, {
      node: null,
      members: [],
      leader: null,
      health: { isLive: true, isReady: true, reasons: [] },
      clock: null,
    });
    assert.deepEqual((await bank.get("/cluster/here")).body, { accounts: ["alice"], transfers: ["d1"] });
  });

  it("has a clock that goes on where its last life stopped, under a higher token", async () => {
    const store = memoryStore();
    const readings: ClockReading[] = [];
    for (let life = 0; life < 2; life++) {
      await using bank = await TestBank.open(store);
      const clock = await bank.system.singleton(CLOCK_NAME, LedgerClock);
      await clock.ask.tick();
      readings.push(await clock.ask.read());
      assert.equal(fieldOf((await bank.get("/cluster")).body, "clock") === null, false);
    }
    const [first, second] = readings;
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual([first.lives, second.lives], [1, 2]);
    assert.ok(first.ticks >= 1 && second.ticks > first.ticks && second.token > first.token, JSON.stringify(readings));
  });
});

describe("the bank tells what became of a request that failed:", () => {
  it("503 when nothing was done", async () => {
    const bank = await TestBank.open();
    await bank.system.stop();
    const { status, body } = await bank.deposit("alice", "d1", 1);
    assert.deepEqual([status, fieldOf(body, "fate")], [503, "not-delivered"], JSON.stringify(body));
  });

  it("504 when nobody knows", async () => {
    const bank = await TestBank.open(silentStore(), 20);
    const { status, body } = await bank.deposit("alice", "d1", 1);
    assert.deepEqual([status, fieldOf(body, "fate")], [504, "unknown"], JSON.stringify(body));
    // By force: its transfer would wait for the store for ever.
    await bank.system.stop({ timeoutMs: 1 });
  });
});

function json(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}

/** A store that never answers a load. */
function silentStore(): StoreProvider {
  const store = memoryStore();
  return {
    ...store,
    async open() {
      const opened = await store.open();
      return {
        load: () => new Promise<undefined>(() => {}),
        save: (key, token, bytes) => opened.save(key, token, bytes),
        generationOf: (clusterId) => opened.generationOf(clusterId),
        close: () => opened.close(),
      };
    },
  };
}
