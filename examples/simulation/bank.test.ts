/**
 * The bank under test: `deno test -A examples/simulation/` or `bun test examples/simulation/`.
 *
 * @module
 */
import { it } from "node:test";
import fc from "fast-check";
import { moneyIsConserved } from "./money.ts";

it("money is neither made nor lost, whatever happens to the five nodes of the bank", { timeout: 60_000 }, async () => {
  await fc.assert(moneyIsConserved, { numRuns: 20 });
});
