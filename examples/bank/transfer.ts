/**
 * A transfer: a stored grain that walks one amount of money through a saga, step by step, and keeps the
 * outcome for good. A deposit is a transfer without a first account.
 *
 *     debit ── done ──▶ credit ── done ──▶ outcome: done
 *       │                 └── refused ──▶ refund ──▶ outcome: refused
 *       └── refused ─────────────────────────────▶ outcome: refused
 *
 * The one idea: two saves are enough. The order is saved before the first step, the outcome after the last;
 * whatever happens in between, whoever asks again walks all the steps again, and the accounts answer those
 * they know. That is why a lost answer (`unknown`) is simply a reason to repeat.
 *
 * @module
 */
import { ActorError, type Context, kind } from "../../mod.ts";
import { Account, type Answer } from "./account.ts";

/** Times one step is asked for before the caller is told that the transfer goes on later. */
const STEP_TRIES_MAX = 5;
/** Milliseconds before the first repeat of a step; doubles. */
const STEP_WAIT_MS = 20;
/** Milliseconds an ended transfer stays in memory, for repeats that come soon. */
const TRANSFER_IDLE_MS = 5_000;

/** What a client wants. */
export interface Order {
  /** Whom to take it from; `undefined`: a deposit. */
  readonly from: string | undefined;
  readonly to: string;
  /** Cents. */
  readonly amount: number;
}

/** How a transfer ended. Recorded once, and never another. */
export type Outcome =
  | { readonly status: "done" }
  | { readonly status: "refused"; readonly reason: Exclude<Answer, "done"> };

interface TransferState {
  order: Order | undefined;
  outcome: Outcome | undefined;
}

/** The kind of all transfers and deposits; the name is the id the client chose. */
export const Transfer = kind("transfer", {
  state: (): TransferState => ({ order: undefined, outcome: undefined }),
  store: true,
  idleMs: TRANSFER_IDLE_MS,
  supervision: { on: { "store-failed": "restart" } },
  handlers: {
    /**
     * Carries the order out, or answers how that ended. Safe to repeat with the same content; `id-reused`
     * with another. `transfer-unfinished`: it goes on by itself, and a repeat tells how it ended.
     */
    async submit(ctx, order: Order): Promise<Outcome> {
      await accept(ctx, order);
      return ctx.state.outcome ?? await finish(ctx, order);
    },
    /** An account has waited for long: goes on, or says again that it has ended. */
    async resume(ctx): Promise<void> {
      const { order, outcome } = ctx.state;
      if (order === undefined) return ctx.log.error("an account knows a transfer that has no order");
      if (outcome === undefined) await finish(ctx, order);
      else tellEnded(ctx, order);
    },
  },
});

/** Saves the order before anything is done for it: from now on it can be resumed, and not be changed. */
async function accept(ctx: Context<TransferState>, order: Order): Promise<void> {
  const known = ctx.state.order;
  if (known === undefined) {
    ctx.state.order = order;
    return await ctx.save();
  }
  if (known.from === order.from && known.to === order.to && known.amount === order.amount) return;
  throw new ActorError("id-reused", `Cannot accept ${ctx.name}: this id was used for something else`);
}

async function finish(ctx: Context<TransferState>, order: Order): Promise<Outcome> {
  const outcome = order.from === undefined ? await deposit(ctx, order) : await transfer(ctx, order, order.from);
  ctx.state.outcome = outcome;
  await ctx.save();
  tellEnded(ctx, order);
  return outcome;
}

async function deposit(ctx: Context<TransferState>, { to, amount }: Order): Promise<Outcome> {
  return outcomeOf(await step(ctx, () => ctx.grain(Account, to).ask.deposit(ctx.name, amount)));
}

async function transfer(ctx: Context<TransferState>, { to, amount }: Order, from: string): Promise<Outcome> {
  const [giver, taker] = [ctx.grain(Account, from), ctx.grain(Account, to)];
  const debited = await step(ctx, () => giver.ask.debit(ctx.name, amount));
  if (debited !== "done") return outcomeOf(debited);
  const credited = await step(ctx, () => taker.ask.credit(ctx.name, amount));
  if (credited !== "done") await step(ctx, () => giver.ask.refund(ctx.name));
  return outcomeOf(credited);
}

/** Asks until there is an answer. Every step may be repeated, so no failure is worth telling apart. */
async function step(ctx: Context<TransferState>, ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1;; tries++) {
    try {
      if (tries > 1) await ctx.sleep(STEP_WAIT_MS * 2 ** (tries - 2));
      return await ask();
    } catch (cause) {
      if (tries === STEP_TRIES_MAX || ctx.signal.aborted) {
        throw new ActorError("transfer-unfinished", `Cannot finish ${ctx.name} now: it goes on later`, { cause });
      }
    }
  }
}

function tellEnded(ctx: Context<TransferState>, { from, to }: Order): void {
  // May be lost: then the account's sweep asks, and is told again.
  for (const account of from === undefined ? [to] : [from, to]) ctx.grain(Account, account).tell.ended(ctx.name);
}

function outcomeOf(answer: Answer): Outcome {
  return answer === "done" ? { status: "done" } : { status: "refused", reason: answer };
}
