/**
 * Shows what becomes of a bug: a bank whose accounts forget is found out, and what it took is shrunk to little. Prints
 * what a test would print.
 *
 * @module
 */
import fc from "fast-check";
import { withForgetfulAccounts } from "./forgetful_accounts.ts";
import { moneyIsConserved } from "./money.ts";

await withForgetfulAccounts(async () => {
  try {
    await fc.assert(moneyIsConserved, { numRuns: 1_000, seed: 6 }); // without a seed, each run looks at other worlds
    console.log("Nothing was found");
  } catch (thrown) {
    const { message } = thrown as Error;
    console.log(message.slice(0, message.indexOf("\n\n")));
  }
});
