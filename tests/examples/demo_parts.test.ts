/**
 * The parts of the demo that judge: the verdict, the plan, the measures, the command line, the client's report.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { inParallel } from "../../examples/bank/in_parallel.ts";
import { formatCents } from "../../examples/bank/money.ts";
import { type BankBooks, Books } from "../../examples/demo/books.ts";
import { type ClientReport, decodeLine, encodeLine } from "../../examples/demo/client_report.ts";
import { Measures, percentile } from "../../examples/demo/measures.ts";
import { demoOptionsOf } from "../../examples/demo/options.ts";
import { planOf } from "../../examples/demo/plan.ts";

describe("the verdict", () => {
  it("is ok when every account holds what the answers said", () => {
    const books = new Books(bankBooks({}));
    books.moved(undefined, "a", 500);
    books.moved(undefined, "b", 100);
    books.moved("a", "b", 50);
    const verdict = books.verdict(bankBooks({ a: 450, b: 150 }));
    assert.deepEqual(verdict, {
      isOk: true,
      text: "ok, money conserved, 2 accounts hold the 6.00 that were deposited",
    });
  });

  it("counts from what the bank held before", () => {
    const books = new Books(bankBooks({ a: 450, b: 150 }));
    books.moved("a", "b", 50);
    assert.equal(books.verdict(bankBooks({ a: 400, b: 200 })).isOk, true);
  });

  it("fails when money is lost", () => {
    assert.equal(moved().verdict(bankBooks({ a: 450, b: 100 }, { deposited: 600 })).text, "FAILED, 0.50 lost");
  });

  it("fails when money is made", () => {
    assert.equal(
      moved().verdict(bankBooks({ a: 550, b: 150 }, { deposited: 600 })).text,
      "FAILED, 1.00 made from nothing",
    );
  });

  it("fails when the sum is right and an account is wrong", () => {
    const { isOk, text } = moved().verdict(bankBooks({ a: 440, b: 160 }));
    assert.deepEqual([isOk, text], [false, "FAILED, a holds 4.40, and by the bank's own answers it must be 4.50"]);
  });

  it("fails when a deposit was done twice, although the bank's own sums agree", () => {
    assert.equal(moved().verdict(bankBooks({ a: 950, b: 150 })).isOk, false);
  });

  it("fails when the total says something else than the accounts", () => {
    assert.equal(moved().verdict(bankBooks({ a: 450, b: 150 }, { balance: 601 })).isOk, false);
  });

  it("fails when the bank is not quiet, or two answers differ", () => {
    assert.equal(moved().verdict(bankBooks({ a: 450, b: 150 }, { isExact: false, underWay: 1 })).isOk, false);
    const contradicted = moved();
    contradicted.contradiction("two answers");
    assert.equal(contradicted.verdict(bankBooks({ a: 450, b: 150 })).text, "FAILED, two answers");
  });
});

describe("the plan", () => {
  it("makes the requests it was asked for, and the same again", () => {
    const options = { requests: 2_000, seed: 7, run: "r" };
    const plan = [...planOf(options)];
    const sent = plan.reduce((sum, { copies }) => sum + copies, 0);
    assert.ok(sent >= 1_800 && sent < 1_804, `${sent}`);
    assert.deepEqual([...planOf(options)], plan);
  });

  it("crosses transfers, sends copies, and goes where money must come back", () => {
    const plan = [...planOf({ requests: 2_000, seed: 7, run: "r" })];
    const transfers = plan.filter((planned) => planned.kind === "transfer");
    const crossing = transfers.filter((one, index) => one.from === transfers[index + 1]?.to);
    assert.ok(crossing.length > 400);
    assert.ok(transfers.some(({ to }) => to === "nobody"));
    assert.ok(plan.some(({ copies }) => copies === 2));
    assert.ok(transfers.every(({ from, to }) => from !== to));
  });
});

describe("the measures", () => {
  it("percentile() is the nearest rank", () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    assert.deepEqual([0, 0.5, 0.99, 1].map((fraction) => percentile(values, fraction)), [1, 50, 99, 100]);
    assert.equal(percentile([], 0.5), 0);
  });

  it("an account recovers with its first success, counted from its first failure", () => {
    const measures = new Measures();
    measures.succeeded(["a"], 1);
    measures.interrupted(["a", "b"], 10);
    measures.interrupted(["a"], 20);
    measures.succeeded(["a"], 35);
    measures.succeeded(["a"], 40);
    assert.deepEqual(measures.recoveries, [25]);
  });
});

describe("the command line", () => {
  it("has defaults for everything", () => {
    const { requests, seed, port, workers, db, killWorker } = demoOptionsOf([]);
    assert.deepEqual([requests, seed, port, workers, db, killWorker], [50_000, 1, 0, undefined, undefined, false]);
    assert.equal(demoOptionsOf(["--quick"]).requests, 5_000);
  });

  it("is refused with all that is wrong with it", () => {
    assert.throws(
      () => demoOptionsOf(["--requests", "12", "--seed=-1", "--workers", "many"]),
      (thrown) =>
        thrown instanceof Error && ["requests", "seed", "workers"].every((name) => thrown.message.includes(name)),
    );
    assert.throws(() => demoOptionsOf(["--kill-worker", "--workers", "0"]), /needs a worker/);
    assert.throws(() => demoOptionsOf(["--unheard-of"]));
  });
});

describe("the report of the client", () => {
  it("is read as it was written, and nothing else is", () => {
    const names = ["requests", "seconds", "p50Ms", "p99Ms", "moved", "refused", "reads", "retries", "unknown"];
    const more = ["unavailable", "interrupted", "recoveryP50Ms", "recoveryMaxMs"];
    const counts = Object.fromEntries(
      [...names, ...more].map((name, index) => [name, index]),
    ) as ClientReport["counts"];
    const line = { kind: "report", report: { counts, verdict: { isOk: true, text: "ok" } } } as const;
    assert.deepEqual(decodeLine(encodeLine(line)), line);
    for (const text of ["", "{}", "[]", "null", `{"kind":"progress"}`, `{"kind":"report","report":{}}`]) {
      assert.throws(() => decodeLine(text));
    }
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
