/**
 * The verdict over a run: everything that was promised, compared with what was seen. Pure.
 *
 * @module
 */
import { formatCents } from "../bank/money.ts";
import { type BankBooks, type Books, sumOf } from "./books.ts";
import type { ClockMove } from "./incident.ts";

/** How the run ends. */
export interface Verdict {
  readonly isOk: boolean;
  readonly text: string;
}

/** What a verdict looks at. */
export interface Evidence {
  /** What the customers were told. */
  readonly books: Books;
  /** What the bank says at the end, through the door of each node. */
  readonly readings: readonly { readonly name: string; readonly books: BankBooks }[];
  /** What lies in the file. */
  readonly stored: ReadonlyMap<string, number>;
  /** Requests that were begun, and those that ended with a word of the bank. */
  readonly begun: number;
  readonly answered: number;
  readonly transfers: number;
  /** Survivors of the kill that never noticed. */
  readonly unaware: readonly string[];
  /** Accounts and requests that were never served again. */
  readonly unserved: number;
  readonly clock: ClockMove;
  /** Nodes that did not stop in good order. */
  readonly stubborn: readonly string[];
}

/** Judges. The gravest thing wrong is the verdict: first the money, then the requests, then the cluster. */
export function judge(evidence: Evidence): Verdict {
  const { books, readings, stored, transfers } = evidence;
  const problem = problemOfMoney(books, readings, stored) ?? problemOfRequests(evidence) ?? problemOfCluster(evidence);
  if (problem !== undefined) return failed(problem);
  const [accounts, held] = [stored.size.toLocaleString("en-US"), formatCents(sumOf(stored.values()))];
  return {
    isOk: true,
    text: `ok, money conserved, ${transfers.toLocaleString("en-US")} transfers, 1 node killed, ` +
      `${accounts} accounts hold the ${held} that were deposited`,
  };
}

/** The verdict over a run that could not be brought to its end. */
export function failed(why: unknown): Verdict {
  return { isOk: false, text: `FAILED, ${why instanceof Error ? why.message : String(why)}` };
}

function problemOfMoney(
  books: Books,
  readings: Evidence["readings"],
  stored: ReadonlyMap<string, number>,
): string | undefined {
  for (const reading of readings) {
    const problem = books.problem(reading.books);
    if (problem !== undefined) return `through ${reading.name}: ${problem}`;
  }
  const problem = books.problemOfBalances(stored);
  return problem && `in the file: ${problem}`;
}

function problemOfRequests({ begun, answered, unserved }: Evidence): string | undefined {
  if (begun !== answered) return `${begun - answered} of ${begun} requests never got an answer`;
  return unserved === 0 ? undefined : `${unserved} accounts and requests were never served again`;
}

function problemOfCluster({ unaware, clock: { before, after }, stubborn }: Evidence): string | undefined {
  if (unaware.length > 0) return `${unaware.join(" and ")} never noticed that a node was gone`;
  if (before === undefined) return "the clock ran nowhere before the kill";
  if (after === undefined) return "the clock did not begin again";
  if (!hasAddress(after.node)) return "the clock runs again, and nobody knows where";
  if (after.node === before.node) return `the clock is still at ${after.node}`;
  if (after.ticks < before.ticks) return `the clock went back from ${before.ticks} to ${after.ticks}`;
  if (after.token <= before.token) return `the clock's token did not grow: ${before.token}, then ${after.token}`;
  return stubborn.length > 0 ? `${stubborn.join(" and ")} did not stop in good order` : undefined;
}

function hasAddress(node: string | null): boolean {
  return node !== null && node.includes(":");
}
