import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { askConcurrently, askOneByOne, type AskToAdd } from "../../bench/asking.ts";

const TASK = { scenario: "S0.test", contestant: "test", seconds: 60, countMax: 500 };

function adder(): AskToAdd {
  let total = 0;
  return (amount) => Promise.resolve(total += amount);
}

describe("askOneByOne()", () => {
  it("asks as often as it may, and gives the quantiles of what single asks took", async () => {
    const { sent, delivered, extra } = await askOneByOne(TASK, adder(), 1);
    assert.deepEqual([sent, delivered], [500, 500]);
    assert.deepEqual(Object.keys(extra ?? {}), ["medianMicros", "p99Micros", "p999Micros"]);
  });
});

describe("askConcurrently()", () => {
  it("counts what was answered, and times single asks only when it is told to", async () => {
    const plain = await askConcurrently(TASK, adder(), 10);
    assert.equal(plain.delivered, plain.sent);
    assert.ok(plain.sent >= TASK.countMax);
    assert.deepEqual(plain.extra, {});
    const timed = await askConcurrently(TASK, adder(), 10, true);
    assert.deepEqual(Object.keys(timed.extra ?? {}), ["medianMicros", "p99Micros", "p999Micros"]);
  });

  it("ends at a reply that no receiver can have given", async () => {
    await assert.rejects(askConcurrently(TASK, () => Promise.resolve(1e9), 10), /a total of what was asked/);
  });
});
