/**
 * The bank with a bug: its accounts don't remember which steps they have decided, so a step that is asked for again,
 * because its answer was lost, is done again. Changes the kind of all accounts, and puts it back.
 *
 * @module
 */
import { Account } from "../bank/account.ts";

const FORGOTTEN: readonly string[] = ["deposit", "debit", "credit"];

/** Runs `run` with accounts that forget. Not twice at once: the kind is the one that everybody uses. */
export async function withForgetfulAccounts(run: () => Promise<void>): Promise<void> {
  const mended: (() => void)[] = [];
  for (const entry of Account.handlers) {
    const { name, run: remembering } = entry;
    if (!FORGOTTEN.includes(name)) continue;
    const forgetful: typeof remembering = (ctx, transfer, ...rest) => {
      const { state } = ctx as { readonly state: { readonly decisions: Map<string, unknown> } };
      state.decisions.delete(`${String(transfer)}/${name}`);
      return remembering(ctx, transfer, ...rest);
    };
    Object.assign(entry, { run: forgetful });
    mended.push(() => Object.assign(entry, { run: remembering }));
  }
  try {
    await run();
  } finally {
    for (const mend of mended) mend();
  }
}
