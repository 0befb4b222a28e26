/**
 * What the client knows and what the bank says, side by side, and the verdict over both. Everything here comes
 * from answers to requests: the bank is judged by what it told its customers. Pure; mutable.
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

/** How the run ends. */
export interface Verdict {
  readonly isOk: boolean;
  readonly text: string;
}

/** The client's own books. */
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

  /** The bank said that it has moved `amount` from `from` (outside, when it is a deposit) to `to`. */
  moved(from: string | undefined, to: string, amount: number): void {
    if (from === undefined) this.#deposited += amount;
    else this.#add(from, -amount);
    this.#add(to, amount);
  }

  contradiction(what: string): void {
    this.#contradictions.push(what);
  }

  /** Compares. The gravest thing wrong is the verdict. */
  verdict(after: BankBooks): Verdict {
    const { balances, total } = after;
    const held = sumOf(balances.values());
    const lost = total.deposited - held;
    if (!total.isExact) return failed(`the bank is not quiet: accounts still wait for ${total.underWay} transfers`);
    if (lost !== 0) return failed(`${formatCents(Math.abs(lost))} ${lost > 0 ? "lost" : "made from nothing"}`);
    const wrong = this.#wrongBalance(balances) ?? this.#wrongTotal(total, held) ?? this.#contradictions[0];
    if (wrong !== undefined) return failed(wrong);
    return {
      isOk: true,
      text: `ok, money conserved, ${balances.size} accounts hold the ${formatCents(held)} that were deposited`,
    };
  }

  #add(account: string, amount: number): void {
    this.#balances.set(account, (this.#balances.get(account) ?? 0) + amount);
  }

  #wrongBalance(balances: ReadonlyMap<string, number>): string | undefined {
    for (const [account, expected] of this.#balances) {
      const held = balances.get(account) ?? 0;
      if (held !== expected) {
        return `${account} holds ${formatCents(held)}, and by the bank's own answers it must be ${
          formatCents(expected)
        }`;
      }
    }
    return undefined;
  }

  #wrongTotal(total: Total, held: number): string | undefined {
    if (total.balance !== held) {
      return `the total says ${formatCents(total.balance)}, the accounts ${formatCents(held)}`;
    }
    if (total.deposited === this.#deposited) return undefined;
    return `the total says ${formatCents(total.deposited)} deposited, the answers ${formatCents(this.#deposited)}`;
  }
}

function failed(why: string): Verdict {
  return { isOk: false, text: `FAILED, ${why}` };
}

function sumOf(numbers: Iterable<number>): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}
