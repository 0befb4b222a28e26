/**
 * What the customers ask for: a mix that goes where banks break. Same seed, same mix. Pure.
 *
 * - Crossing transfers: A→B and B→A at once. With nested asks between accounts they would wait for each other.
 * - Two hot accounts that everybody pays.
 * - Transfers to an account that does not exist: taken from the first account, refused, given back.
 * - Transfers of more than anybody has.
 * - Requests sent twice with the same id, at once: done once, answered twice.
 *
 * @module
 */
import { between, type Chance, chanceOf } from "./random.ts";

/** One request; `copies` of it are sent at once. */
export type Planned =
  & { readonly copies: 1 | 2 }
  & (
    | { readonly kind: "deposit"; readonly id: string; readonly account: string; readonly amount: number }
    | {
      readonly kind: "transfer";
      readonly id: string;
      readonly from: string;
      readonly to: string;
      readonly amount: number;
    }
    | { readonly kind: "read"; readonly account: string }
  );

/** What a plan is made from. */
export interface PlanOptions {
  readonly seed: number;
  /** Begins every id, so that a second run on the same books asks for something new. */
  readonly run: string;
}

/** Accounts the plan moves money between. */
export const ACCOUNTS = 200;
/** Cents each is opened with. */
const OPENING = 100_000;
/** Cents nobody has. */
const FORTUNE = 900_000_000;
/** An account that nobody ever opens. */
const NOBODY = "nobody";

/** The names of all accounts; the first two are the hot ones. */
export function accountNames(): readonly string[] {
  return Array.from({ length: ACCOUNTS }, (_, index) => `account-${index}`);
}

/** A deposit for every account, so that the transfers that follow find money. */
export function openings({ run }: Pick<PlanOptions, "run">): readonly Planned[] {
  return accountNames().map((account) => ({
    kind: "deposit",
    id: `${run}-${account}`,
    account,
    amount: OPENING,
    copies: 1,
  }));
}

/** Everything after the openings, without an end: each is asked for only when a customer is free for it. */
export function* planOf({ seed, run }: PlanOptions): Generator<Planned, never> {
  const chance = chanceOf(seed);
  for (let number = 0;; number++) yield* nextOf(chance, `${run}-${number}`);
}

/** What comes of `plan` until `isOver`. */
export function* takeUntil(plan: Iterable<Planned>, isOver: () => boolean): Generator<Planned> {
  for (const planned of plan) {
    if (isOver()) return;
    yield planned;
  }
}

function nextOf(chance: Chance, id: string): readonly Planned[] {
  const [from, to] = pairOf(chance);
  const amount = between(chance, 1, 5_000);
  const copies = chance() < 0.03 ? 2 : 1;
  const roll = chance();
  if (roll < 0.4) {
    return [
      { kind: "transfer", id, from, to, amount, copies },
      { kind: "transfer", id: `${id}x`, from: to, to: from, amount: between(chance, 1, 5_000), copies },
    ];
  }
  if (roll < 0.78) return [{ kind: "transfer", id, from, to, amount, copies }];
  if (roll < 0.8) return [{ kind: "transfer", id, from, to: NOBODY, amount, copies }];
  if (roll < 0.82) return [{ kind: "transfer", id, from, to, amount: FORTUNE, copies }];
  if (roll < 0.9) return [{ kind: "deposit", id, account: to, amount, copies }];
  return [{ kind: "read", account: from, copies: 1 }];
}

/** Two different accounts: a tenth of the time the hot pair, a tenth one of them and somebody. */
function pairOf(chance: Chance): readonly [string, string] {
  const roll = chance();
  const first = roll < 0.2 ? 0 : between(chance, 0, ACCOUNTS - 1);
  const second = roll < 0.1 ? 1 : (first + between(chance, 1, ACCOUNTS - 1)) % ACCOUNTS;
  return [`account-${first}`, `account-${second}`];
}
