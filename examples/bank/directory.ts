/**
 * Which accounts there are: grains can be reached by name, but nobody can list the names of those that sleep
 * in the store. So each account signs in here once, before its first cent. Several grains share the list,
 * or every new account of the bank would wait for the same one.
 *
 * @module
 */
import { kind } from "../../mod.ts";

/** How many grains share the list. Part of the stored data: another number needs another bank. */
export const DIRECTORY_SHARDS = 16;
/** Accounts one grain lists; it saves all of them at once. At the limit: `bank-full`. */
export const ACCOUNTS_PER_SHARD_MAX = 4096;

/** One part of the list of accounts. */
export const Directory = kind("directory", {
  state: () => ({ accounts: new Set<string>() }),
  store: true,
  // What was changed and not saved must not be answered from memory: begin again from the store.
  supervision: { on: { "store-failed": "restart" } },
  handlers: {
    /** Lists `account`; `false` when there is no room. Safe to repeat. */
    async signIn(ctx, account: string): Promise<boolean> {
      const { accounts } = ctx.state;
      if (accounts.has(account)) return true;
      if (accounts.size >= ACCOUNTS_PER_SHARD_MAX) return false;
      accounts.add(account);
      await ctx.save();
      return true;
    },
    list(ctx): readonly string[] {
      return [...ctx.state.accounts];
    },
  },
});

/** The name of the grain that lists `account`: a pure function of the name, like everything that routes. */
export function shardOf(account: string): string {
  let hash = 0;
  for (let index = 0; index < account.length; index++) hash = (hash * 31 + account.charCodeAt(index)) >>> 0;
  return `shard-${hash % DIRECTORY_SHARDS}`;
}

/** All of them. */
export function shardNames(): readonly string[] {
  return Array.from({ length: DIRECTORY_SHARDS }, (_, index) => `shard-${index}`);
}
