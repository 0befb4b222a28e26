/**
 * The sum of all accounts, read while money moves. Money of a transfer under way is in neither of its two
 * accounts, and accounts are read one after the other; so a sum is only worth something when nothing was under
 * way and nothing changed while it was read. Two readings that agree in every account's change count prove
 * that (the double collect of Afek et al., *Atomic Snapshots of Shared Memory*, 1993).
 *
 * @module
 */
import type { ActorSystem } from "../../mod.ts";
import { Account } from "./account.ts";
import { Directory, shardNames } from "./directory.ts";
import { inParallel } from "./in_parallel.ts";

/** Readings before the answer is what was seen last, and says so. */
const READINGS_MAX = 5;
/** Accounts asked at once. */
const ASKS_AT_ONCE = 256;

/** The books of the whole bank. */
export interface Total {
  readonly accounts: number;
  /** Cents in all accounts. */
  readonly balance: number;
  /** Cents ever deposited in them. */
  readonly deposited: number;
  /** Transfers that accounts still wait for, counted in each account: their money may be in none. */
  readonly underWay: number;
  /** Whether all of this was true at one moment, with nothing under way. Then `balance` equals `deposited`. */
  readonly isExact: boolean;
}

/** Reads the books until two readings agree, {@link READINGS_MAX} times at most. Changes nothing. */
export async function readTotal(system: ActorSystem): Promise<Total> {
  let previous = await readOnce(system);
  for (let reading = 2; reading <= READINGS_MAX; reading++) {
    const now = await readOnce(system);
    if (now.changes === previous.changes) return totalOf(now, now.underWay === 0);
    previous = now;
  }
  return totalOf(previous, false);
}

interface Reading extends Omit<Total, "isExact"> {
  /** Decisions of all accounts: each only grows, so an equal sum means that none has changed. */
  readonly changes: number;
}

async function readOnce(system: ActorSystem): Promise<Reading> {
  const lists = await Promise.all(shardNames().map((shard) => system.grain(Directory, shard).ask.list()));
  const names = lists.flat();
  const sum = { accounts: names.length, balance: 0, deposited: 0, underWay: 0, changes: 0 };
  await inParallel(names, ASKS_AT_ONCE, async (name) => {
    const books = await system.grain(Account, name).ask.books();
    sum.balance += books.balance;
    sum.deposited += books.deposited;
    sum.underWay += books.underWay;
    sum.changes += books.changes;
  });
  return sum;
}

function totalOf({ accounts, balance, deposited, underWay }: Reading, isExact: boolean): Total {
  return { accounts, balance, deposited, underWay, isExact };
}
