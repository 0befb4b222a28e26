/**
 * The parts of the demo that judge: the books, the verdict, the plan, the measures, the command lines, the table.
 *
 * @module
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { inParallel } from "../../examples/bank/in_parallel.ts";
import { formatCents } from "../../examples/bank/money.ts";
import { decodeLine, encodeLine, type NodeLine } from "../../examples/bank/node_lines.ts";
import { decodeSettings, encodeSettings } from "../../examples/bank/node_settings.ts";
import { type BankBooks, Books } from "../../examples/demo/books.ts";
import { percentile, Recovery } from "../../examples/demo/measures.ts";
import { demoOptionsOf } from "../../examples/demo/options.ts";
import { planOf, takeUntil } from "../../examples/demo/plan.ts";
import { freePorts } from "../../examples/demo/ports.ts";
import { viewsOf } from "../../examples/demo/report.ts";
import { storedBalances } from "../../examples/demo/stored_books.ts";
import { type Evidence, judge } from "../../examples/demo/verdict.ts";
import { sqliteStore } from "../../mod.ts";
import { TestBank } from "./bank_in_process.ts";

describe("the customers' books", () => {
  it("agree when every account holds what the answers said", () => {
    assert.equal(moved().problem(bankBooks({ a: 450, b: 150 })), undefined);
    assert.equal(moved().deposited, 600);
  });

  it("count from what the bank held before", () => {
    const books = new Books(bankBooks({ a: 450, b: 150 }));
    books.moved("a", "b", 50);
    assert.equal(books.problem(bankBooks({ a: 400, b: 200 })), undefined);
  });

  const problems: readonly (readonly [string, BankBooks, string])[] = [
    ["money is lost", bankBooks({ a: 450, b: 100 }, { deposited: 600 }), "0.50 lost"],
    ["money is made", bankBooks({ a: 550, b: 150 }, { deposited: 600 }), "1.00 made from nothing"],
    [
      "the sum is right and an account is wrong",
      bankBooks({ a: 440, b: 160 }),
      "a holds 4.40, and by the bank's own answers it must be 4.50",
    ],
    [
      "a deposit was done twice, although the bank's own sums agree",
      bankBooks({ a: 950, b: 150 }),
      "a holds 9.50, and by the bank's own answers it must be 4.50",
    ],
    [
      "the total says something else than the accounts",
      bankBooks({ a: 450, b: 150 }, { balance: 601 }),
      "the total says 6.01, the accounts 6.00",
    ],
    [
      "the bank is not quiet",
      bankBooks({ a: 450, b: 150 }, { isExact: false, underWay: 1 }),
      "the bank is not quiet: accounts still wait for 1 transfers",
    ],
  ];
  for (const [what, after, problem] of problems) {
    it(`say so when ${what}`, () => assert.equal(moved().problem(after), problem));
  }

  it("say so when two answers contradict each other, or the file has other balances", () => {
    const contradicted = moved();
    contradicted.contradiction("two answers");
    assert.equal(contradicted.problem(bankBooks({ a: 450, b: 150 })), "two answers");
    assert.equal(moved().problemOfBalances(new Map([["a", 450], ["b", 150]])), undefined);
    assert.equal(moved().problemOfBalances(new Map([["a", 450], ["b", 150], ["c", 1]])), "0.01 made from nothing");
    assert.match(moved().problemOfBalances(new Map([["a", 450]])) ?? "", /^b holds 0.00/);
  });
});

describe("the verdict", () => {
  it("is ok when all of the evidence is, and says what was survived", () => {
    assert.deepEqual(judge(evidence({})), {
      isOk: true,
      text: "ok, money conserved, 1,234 transfers, 1 node killed, 2 accounts hold the 6.00 that were deposited",
    });
  });

  const clock = { node: "127.0.0.1:2", ticks: 12, lives: 2, token: "00000001.00000003.0000000000001" };
  const flaws: readonly (readonly [string, Partial<Evidence>, RegExp])[] = [
    [
      "one of the doors says something else",
      {
        readings: [
          { name: "node 1", books: bankBooks({ a: 450, b: 150 }) },
          { name: "node 2", books: bankBooks({ a: 450, b: 100 }, { deposited: 600 }) },
        ],
      },
      /^FAILED, through node 2: 0.50 lost$/,
    ],
    ["the file says something else", { stored: new Map([["a", 400]]) }, /^FAILED, in the file: a holds 4.00/],
    ["a request got no answer", { answered: 1_999 }, /^FAILED, 1 of 2000 requests never got an answer$/],
    ["an account was never served again", { unserved: 2 }, /^FAILED, 2 accounts and requests were never served/],
    ["nobody noticed", { unaware: ["node 2"] }, /^FAILED, node 2 never noticed/],
    ["the clock never ran", { clock: { before: undefined, after: clock, afterMs: 1 } }, /ran nowhere/],
    ["the clock stays away", { clock: { ...evidence({}).clock, after: undefined } }, /did not begin again/],
    [
      "the clock stays where it was",
      { clock: { ...evidence({}).clock, after: { ...clock, node: "127.0.0.1:1" } } },
      /still at 127.0.0.1:1/,
    ],
    [
      "the clock is nowhere",
      { clock: { ...evidence({}).clock, after: { ...clock, node: "null" } } },
      /nobody knows where/,
    ],
    ["the clock goes back", { clock: { ...evidence({}).clock, after: { ...clock, ticks: 9 } } }, /from 10 to 9$/],
    [
      "the token does not grow",
      { clock: { ...evidence({}).clock, after: { ...clock, token: "00000001.00000001.0000000000001" } } },
      /did not grow/,
    ],
    ["a node had to be killed", { stubborn: ["node 3"] }, /^FAILED, node 3 did not stop in good order$/],
  ];
  for (const [what, flaw, text] of flaws) {
    it(`is FAILED when ${what}`, () => {
      const verdict = judge(evidence(flaw));
      assert.equal(verdict.isOk, false);
      assert.match(verdict.text, text);
    });
  }
});

describe("the plan", () => {
  const take = (count: number, seed = 7) => {
    let left = count;
    return [...takeUntil(planOf({ seed, run: "r" }), () => left-- === 0)];
  };

  it("is the same for the same seed, and goes on as long as it is asked to", () => {
    assert.deepEqual(take(2_000), take(2_000));
    assert.equal(take(2_000).length, 2_000);
    assert.notDeepEqual(take(100), take(100, 8));
  });

  it("crosses transfers, sends copies, and goes where money must come back", () => {
    const plan = take(2_000);
    const transfers = plan.filter((planned) => planned.kind === "transfer");
    const crossing = transfers.filter((one, index) => one.from === transfers[index + 1]?.to);
    assert.ok(crossing.length > 400);
    assert.ok(transfers.some(({ to }) => to === "nobody"));
    assert.ok(plan.some(({ copies }) => copies === 2));
    assert.ok(transfers.every(({ from, to }) => from !== to));
  });

  it("never uses an id twice", () => {
    const ids = take(2_000).flatMap((planned) => planned.kind === "read" ? [] : [planned.id]);
    assert.equal(new Set(ids).size, ids.length);
  });
});

describe("the measures", () => {
  it("percentile() is the nearest rank", () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    assert.deepEqual([0, 0.5, 0.99, 1].map((fraction) => percentile(values, fraction)), [1, 50, 99, 100]);
    assert.equal(percentile([], 0.5), 0);
  });

  it("a key recovers with the first success that was asked for after the kill, counted from the kill", () => {
    const recovery = new Recovery(1_000, ["a", "b", "c"]);
    recovery.succeeded("a", 999, 1_500); // asked before
    recovery.succeeded("a", 1_200, 1_300);
    recovery.succeeded("a", 1_400, 1_500); // the second one
    recovery.succeeded("b", 1_000, 1_100);
    recovery.succeeded("elsewhere", 1_000, 1_001);
    assert.deepEqual(recovery.figures(["a", "b", "b", "c", "elsewhere"]), {
      recovered: 2,
      waiting: 1,
      p50Ms: 100,
      p99Ms: 300,
      maxMs: 300,
    });
    assert.deepEqual([...recovery.waiting], ["c"]);
  });
});

describe("the command line", () => {
  it("has defaults for everything", () => {
    assert.deepEqual(demoOptionsOf([]), {
      requests: 20_000,
      seed: 1,
      port: 0,
      workers: 1,
      db: undefined,
      runtimes: undefined,
      profile: "default",
      killWorker: false,
      help: false,
    });
    assert.equal(demoOptionsOf(["--quick"]).requests, 5_000);
    assert.deepEqual(demoOptionsOf(["--runtimes", "deno,deno,bun"]).runtimes, ["deno", "deno", "bun"]);
  });

  it("is refused with all that is wrong with it", () => {
    const args = ["--requests", "12", "--seed=-1", "--workers", "many", "--runtimes", "deno,bun", "--profile", "slow"];
    assert.throws(
      () => demoOptionsOf(args),
      (thrown) =>
        thrown instanceof Error &&
        ["requests", "seed", "workers", "runtimes", "profile"].every((name) => thrown.message.includes(`--${name} is`)),
    );
    assert.throws(() => demoOptionsOf(["--kill-worker", "--workers", "0"]), /needs a worker/);
    assert.throws(() => demoOptionsOf(["--unheard-of"]));
  });
});

describe("a process of the bank", () => {
  it("is told on its command line what it is to be, and reads it as it was written", () => {
    const port = fc.integer({ min: 0, max: 65_535 });
    const settings = fc.record({
      name: fc.constantFrom("node 1", "n"),
      httpPort: port,
      clusterPort: port,
      seeds: fc.array(port.map((each) => `127.0.0.1:${each}`), { minLength: 1, maxLength: 5 }),
      db: fc.constantFrom("bank.db", "/tmp/a folder/bank.db"),
      workers: fc.integer({ min: 0, max: 64 }),
      profile: fc.constantFrom("default" as const, "fast" as const),
      hasParent: fc.boolean(),
    }, { noNullPrototype: true });
    fc.assert(fc.property(settings, (one) => assert.deepEqual(decodeSettings(encodeSettings(one)), one)));
    assert.throws(
      () => decodeSettings(["--workers", "65", "--profile", "slow"]),
      /--profile is slow[\s\S]*--workers is 65/,
    );
  });

  it("says lines that are read as they were written, and whatever else it prints is none", () => {
    const event = { type: "nodeLeft", epoch: 3, about: "127.0.0.1:1", detail: "lost" };
    const lines: readonly NodeLine[] = [
      { kind: "ready", atMs: 1, url: "http://127.0.0.1:2", address: "127.0.0.1:1", runtime: "deno 2" },
      { kind: "event", atMs: 2, event },
      { kind: "event", atMs: 3, event: { ...event, epoch: undefined, about: undefined } },
      { kind: "failed", atMs: 4, reason: "no" },
      { kind: "stopped", atMs: 5 },
    ];
    for (const line of lines) assert.deepEqual(decodeLine(encodeLine(line)), line);
    for (const text of ["", "{", "{}", "[]", "null", "hello", `{"kind":"ready"}`, `{"kind":"other","atMs":1}`]) {
      assert.equal(decodeLine(text), undefined);
    }
  });
});

describe("the table", () => {
  it("says in which views nodes came and went, each once however many nodes told it", () => {
    const at = (type: string, epoch: number | undefined, about: string) => ({
      atMs: 0,
      event: { type, epoch, about, detail: "" },
    });
    const events = [
      at("nodeJoined", 9, "x:2"),
      at("nodeLeft", 3, "x:2"),
      at("nodeLeft", 3, "x:2"),
      at("leaderChanged", 3, "x:1"),
      at("leaseFrozen", undefined, "x:1"),
    ];
    const text = viewsOf(events, (address) => `node ${address.slice(2)}`);
    assert.equal(text, "in view 3 node 2 was removed, in view 9 node 2 joined");
  });
});

describe("the stored books", () => {
  it("are read from the file as the bank wrote them", async () => {
    const folder = mkdtempSync(join(tmpdir(), "troupe-books-"));
    const path = join(folder, "bank.db");
    try {
      {
        await using bank = await TestBank.open(sqliteStore({ path }));
        await bank.deposit("alice", "d1", 5_000);
        await bank.deposit("bob", "d2", 1);
        await bank.transfer("t1", "alice", "bob", 1_250);
        await bank.transfer("t2", "alice", "nobody", 1);
      }
      assert.deepEqual(storedBalances(path), new Map([["alice", 3_750], ["bob", 1_251]]));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("freePorts()", () => {
  it("gives different ports that are free, or those in a row that were asked for", async () => {
    const ports = await freePorts(6, 0);
    assert.equal(new Set(ports).size, 6);
    const server = createServer();
    const [taken = 0] = ports;
    await new Promise<void>((resolve) => server.listen(taken, "127.0.0.1", resolve));
    await assert.rejects(freePorts(1, taken), /somebody else does/);
    server.close();
  });
});

describe("inParallel()", () => {
  it("runs everything, never more at once than allowed", async () => {
    const [running, seen] = [new Set<number>(), new Set<number>()];
    let most = 0;
    await inParallel(Array(50).keys(), 7, async (item) => {
      running.add(item);
      most = Math.max(most, running.size);
      await Promise.resolve();
      running.delete(item);
      seen.add(item);
    });
    assert.deepEqual([most, seen.size], [7, 50]);
  });

  it("begins nothing more after a failure", async () => {
    let begun = 0;
    const work = async (item: number) => {
      begun++;
      await Promise.resolve();
      if (item === 3) throw new Error("three");
    };
    await assert.rejects(inParallel(Array(50).keys(), 2, work), /three/);
    assert.ok(begun < 8, `${begun}`);
  });
});

describe("formatCents()", () => {
  it("shows cents as people read them", () => {
    assert.deepEqual([0, 5, 123, 1234567, -1234567].map(formatCents), [
      "0.00",
      "0.05",
      "1.23",
      "12,345.67",
      "-12,345.67",
    ]);
  });
});

/** Nothing wrong but what `flaw` says. */
function evidence(flaw: Partial<Evidence>): Evidence {
  const clock = { node: "127.0.0.1:1", ticks: 10, lives: 1, token: "00000001.00000001.0000000000001" };
  return {
    books: moved(),
    readings: ["node 1", "node 2"].map((name) => ({ name, books: bankBooks({ a: 450, b: 150 }) })),
    stored: new Map([["a", 450], ["b", 150]]),
    begun: 2_000,
    answered: 2_000,
    transfers: 1_234,
    unaware: [],
    unserved: 0,
    clock: {
      before: clock,
      after: { node: "127.0.0.1:2", ticks: 10, lives: 2, token: "00000001.00000002.0000000000001" },
      afterMs: 6_000,
    },
    stubborn: [],
    ...flaw,
  };
}

/** A's 450 and B's 150 by the answers. */
function moved(): Books {
  const books = new Books(bankBooks({}));
  books.moved(undefined, "a", 500);
  books.moved(undefined, "b", 100);
  books.moved("a", "b", 50);
  return books;
}

function bankBooks(balances: Record<string, number>, total: Partial<BankBooks["total"]> = {}): BankBooks {
  const sum = Object.values(balances).reduce((all, balance) => all + balance, 0);
  return {
    balances: new Map(Object.entries(balances)),
    total: { accounts: 2, balance: sum, deposited: sum, underWay: 0, isExact: true, ...total },
  };
}
