/**
 * What clients may ask for: every body is `unknown` until it was looked at here. Pure.
 *
 * @module
 */
import { fieldsOf } from "./json.ts";
import { AMOUNT_MAX, isAmount } from "./money.ts";
import type { Order } from "./transfer.ts";

/** A transfer as a client asks for it. */
export interface Submission {
  /** The client's own name for it, by which it may be repeated. */
  readonly id: string;
  readonly order: Order;
}

/** What was asked for, or why that makes no sense. */
export type Decoded = { readonly submission: Submission } | { readonly problem: string };

/** Letters, digits, `_` and `-`: a part of what Troupe takes for a name, so no id can make an actor fail. */
const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const ID_ALLOWED = "a letter or digit, then letters, digits, `_` or `-`, at most 64";

/** Whether `value` can name an account or a transfer. */
export function isId(value: unknown): value is string {
  return typeof value === "string" && ID.test(value);
}

/** Why `value` cannot name an account. */
export function idProblem(name: string, value: unknown): string {
  return `${name} is ${shown(value)}; allowed is ${ID_ALLOWED}`;
}

/** Reads the body of `POST /accounts/:id/deposits`. */
export function decodeDeposit(account: string, body: unknown): Decoded {
  const { id, amount } = fieldsOf(body);
  if (!isId(account)) return { problem: idProblem("the account", account) };
  if (!isId(id)) return { problem: idProblem("id", id) };
  if (!isAmount(amount)) return { problem: amountProblem(amount) };
  return { submission: { id, order: { from: undefined, to: account, amount } } };
}

/** Reads the body of `POST /transfers`. */
export function decodeTransfer(body: unknown): Decoded {
  const { id, from, to, amount } = fieldsOf(body);
  if (!isId(id)) return { problem: idProblem("id", id) };
  if (!isId(from)) return { problem: idProblem("from", from) };
  if (!isId(to)) return { problem: idProblem("to", to) };
  if (from === to) return { problem: `from and to are both ${shown(to)}; allowed are two accounts` };
  if (!isAmount(amount)) return { problem: amountProblem(amount) };
  return { submission: { id, order: { from, to, amount } } };
}

function amountProblem(amount: unknown): string {
  return `amount is ${shown(amount)}; allowed are whole cents from 1 to ${AMOUNT_MAX}`;
}

/** A value as a short text: a reason must not be longer than what it is about. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
