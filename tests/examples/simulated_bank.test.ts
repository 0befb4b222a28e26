/**
 * The bank on simulated nodes: the example as its users run it, and what it is worth when the bank has a bug.
 *
 * @module
 */
import "../../examples/simulation/bank.test.ts";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { withForgetfulAccounts } from "../../examples/simulation/forgetful_accounts.ts";
import { moneyIsConserved } from "../../examples/simulation/money.ts";

describe("a bank whose accounts forget what they have decided", () => {
  it(
    "is found out by a few orders and a few faults, and again by their seed and path",
    { timeout: 60_000 },
    async () => {
      await withForgetfulAccounts(async () => {
        const found = await fc.check(moneyIsConserved, { numRuns: 1_000, seed: 6 });
        assert.ok(found.failed && found.counterexamplePath !== null, "nothing was found");
        const [, orders, faults] = found.counterexample;
        assert.ok(orders.length + faults.length <= 3, JSON.stringify(found.counterexample));
        const again = await fc.check(moneyIsConserved, { seed: 6, path: found.counterexamplePath, endOnFailure: true });
        assert.deepEqual([again.counterexample, again.numRuns], [found.counterexample, 1]);
      });
    },
  );
});
