/**
 * What the customers know and what the bank says, side by side. Their side comes from answers to requests alone: the
 * bank is judged by what it told its customers. Pure; mutable.
 *
 * @module
 */
import { formatCents } from "../bank/money.ts";
import type { Total } from "../bank/total.ts";

/** What the bank says when all is done. */
export interface BankBooks {
  /** Cents of each account, as `GET /accounts/:id` has it. */
  readonly balances: ReadonlyMap<string, number>;
  /** What `GET /total` has. */
  readonly total: Total;
}

/** The customers' own books. */
export class Books {
  /** Cents each account must hold by the answers so far. */
  readonly #balances: Map<string, number>;
  /** Cents deposited by the answers so far. */
  #deposited: number;
  /** What cannot be: an id with two answers, an answer nobody can explain. The first is enough for a verdict. */
  readonly #contradictions: string[] = [];

  /** Begins with what the bank holds before the run. */
  constructor(before: BankBooks) {
    this.#balances = new Map(before.balances);
    this.#deposited = before.total.deposited;
  }

  /** Cents that were put in, ever. */
  get deposited(): number {
    return this.#deposited;
  }

  /** The bank said that it has moved `amount` from `from` (outside, when it is a deposit) to `to`. */
  moved(from: string | undefined, to: string, amount: number): void {
    if (from === undefined) this.#deposited += amount;
    else this.#add(from, -amount);
    this.#add(to, amount);
  }

  contradiction(what: string): void {
    this.#contradictions.push(what);
  }

  /** The gravest thing wrong with what the bank says; `undefined` when all of it agrees. */
  problem({ balances, total }: BankBooks): string | undefined {
    const held = sumOf(balances.values());
    if (!total.isExact) return `the bank is not quiet: accounts still wait for ${total.underWay} transfers`;
    return differenceOf(total.deposited, held) ?? this.problemOfBalances(balances) ?? this.#wrongTotal(total, held) ??
      this.#contradictions[0];
  }

  /** The same of balances alone, wherever they were read. */
  problemOfBalances(balances: ReadonlyMap<string, number>): string | undefined {
    for (const [account, expected] of this.#balances) {
      const held = balances.get(account) ?? 0;
      if (held !== expected) {
        return `${account} holds ${formatCents(held)}, and by the bank's own answers it must be ${
          formatCents(expected)
        }`;
      }
    }
    return differenceOf(this.#deposited, sumOf(balances.values()));
  }

  #add(account: string, amount: number): void {
    this.#balances.set(account, (this.#balances.get(account) ?? 0) + amount);
  }

  #wrongTotal(total: Total, held: number): string | undefined {
    if (total.balance !== held) {
      return `the total says ${formatCents(total.balance)}, the accounts ${formatCents(held)}`;
    }
    if (total.deposited === this.#deposited) return undefined;
    return `the total says ${formatCents(total.deposited)} deposited, the answers ${formatCents(this.#deposited)}`;
  }
}

/** Cents of all accounts. */
export function sumOf(cents: Iterable<number>): number {
  let sum = 0;
  for (const one of cents) sum += one;
  return sum;
}

function differenceOf(deposited: number, held: number): string | undefined {
  if (deposited === held) return undefined;
  return deposited > held
    ? `${formatCents(deposited - held)} lost`
    : `${formatCents(held - deposited)} made from nothing`;
}
