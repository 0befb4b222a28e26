/**
 * An account: a stored grain that takes one step of a transfer at a time and decides each step exactly once.
 *
 * The one idea: a step may be asked for again whenever its answer was lost, so the account remembers what it
 * decided, the refusals too, in the same save that moves the money. It forgets when the transfer says that it
 * has ended: by then the transfer has saved its outcome and will never ask again, and whatever it asked
 * before has come before, because messages of one sender stay in order. So what is remembered is what is
 * under way, {@link DECISIONS_MAX} at most, and not the history of the account.
 *
 * An account never asks another account: two that ask each other at once would wait for each other.
 *
 * @module
 */
import { ActorError, type Context, kind } from "../../mod.ts";
import { Directory, shardOf } from "./directory.ts";
import { BALANCE_MAX } from "./money.ts";
import { Transfer } from "./transfer.ts";

/** Steps of transfers under way that one account remembers. At the limit `account-busy`: nothing was decided. */
export const DECISIONS_MAX = 1024;
/** Milliseconds between two looks at what is still under way. */
const SWEEP_MS = 2_000;

/** What an account answers to a step. */
export type Answer = "done" | "insufficient-funds" | "account-unknown" | "balance-limit" | "bank-full";

/** One step of one transfer. */
type Step = "deposit" | "debit" | "credit" | "refund";
const STEPS: readonly Step[] = ["deposit", "debit", "credit", "refund"];

interface Decision {
  readonly answer: Answer;
  /** Cents. */
  readonly amount: number;
}

interface AccountState {
  /** Whether money was ever deposited here. Until then the account does not exist for anybody. */
  isOpen: boolean;
  /** Cents. */
  balance: number;
  /** Cents that came in from outside the bank, ever. */
  deposited: number;
  /** Grows with each decision. */
  changes: number;
  /** `transfer/step` → what was decided, for transfers that have not ended. */
  readonly decisions: Map<string, Decision>;
  /** Whether something was forgotten since the last save. */
  hasForgotten: boolean;
}

/** What an account shows of itself. */
export type Books = Readonly<Omit<AccountState, "decisions" | "hasForgotten">> & { readonly underWay: number };

/** The kind of all accounts. The steps are asked for by transfers only. */
export const Account = kind("account", {
  state: (): AccountState => ({
    isOpen: false,
    balance: 0,
    deposited: 0,
    changes: 0,
    decisions: new Map(),
    hasForgotten: false,
  }),
  store: true,
  // After a failed save the memory is ahead of the store. Nobody may see that: begin again from the store.
  supervision: { on: { "store-failed": "restart" } },

  onStart(ctx) {
    ctx.timers.every("sweep", SWEEP_MS, "sweep");
  },
  // Forgetting is not worth a save of its own; the last one of a life takes it along.
  async onStop(ctx) {
    if (ctx.state.hasForgotten) await save(ctx);
  },

  handlers: {
    /** Money from outside the bank: the step that opens an account. */
    async deposit(ctx, transfer: string, amount: number): Promise<Answer> {
      if (!ctx.state.isOpen && !await ctx.grain(Directory, shardOf(ctx.name)).ask.signIn(ctx.name)) return "bank-full";
      return await decideOnce(ctx, transfer, "deposit", amount, () => deposit(ctx.state, amount));
    },
    /** Takes the money of a transfer out of its first account. */
    async debit(ctx, transfer: string, amount: number): Promise<Answer> {
      return await decideOnce(ctx, transfer, "debit", amount, () => debit(ctx.state, amount));
    },
    /** Puts it into the second one. */
    async credit(ctx, transfer: string, amount: number): Promise<Answer> {
      return await decideOnce(ctx, transfer, "credit", amount, () => credit(ctx.state, amount));
    },
    /** Gives back what `debit` took. Cannot be refused, or the money would be nowhere. */
    async refund(ctx, transfer: string): Promise<Answer> {
      const debited = ctx.state.decisions.get(keyOf(transfer, "debit"));
      if (debited?.answer !== "done") {
        throw new ActorError("not-debited", `Cannot refund ${transfer}: it took nothing here`);
      }
      return await decideOnce(ctx, transfer, "refund", debited.amount, () => refund(ctx.state, debited.amount));
    },
    /** The transfer has ended and has saved how: nothing of it needs to be remembered. */
    ended(ctx, transfer: string): void {
      for (const step of STEPS) {
        if (ctx.state.decisions.delete(keyOf(transfer, step))) ctx.state.hasForgotten = true;
      }
    },
    /**
     * Asks every transfer that is under way to go on. Most will end anyway; this is for the one whose thread
     * died, whose client gave up, or whose last word was lost: no money stays between two accounts.
     */
    sweep(ctx): void {
      for (const transfer of underWay(ctx.state)) ctx.grain(Transfer, transfer).tell.resume();
    },
    books(ctx): Books {
      const { isOpen, balance, deposited, changes } = ctx.state;
      return { isOpen, balance, deposited, changes, underWay: underWay(ctx.state).size };
    },
  },
});

/** The first time `step` is asked for: decides, and answers when that is saved. Again: the same answer. */
async function decideOnce(
  ctx: Context<AccountState>,
  transfer: string,
  step: Step,
  amount: number,
  decide: () => Answer,
): Promise<Answer> {
  const { decisions } = ctx.state;
  const key = keyOf(transfer, step);
  const known = decisions.get(key);
  if (known !== undefined) return known.answer;
  // A refund has no limit: it ends what was let in.
  if (decisions.size >= DECISIONS_MAX && step !== "refund") {
    throw new ActorError("account-busy", `Cannot take ${step} ${transfer}: ${DECISIONS_MAX} steps are under way here`);
  }
  const answer = decide();
  decisions.set(key, { answer, amount });
  ctx.state.changes++;
  await save(ctx);
  return answer;
}

function deposit(state: AccountState, amount: number): Answer {
  if (state.balance + amount > BALANCE_MAX) return "balance-limit";
  state.isOpen = true;
  state.balance += amount;
  state.deposited += amount;
  return "done";
}

function debit(state: AccountState, amount: number): Answer {
  if (!state.isOpen) return "account-unknown";
  if (state.balance < amount) return "insufficient-funds";
  state.balance -= amount;
  return "done";
}

function credit(state: AccountState, amount: number): Answer {
  if (!state.isOpen) return "account-unknown";
  if (state.balance + amount > BALANCE_MAX) return "balance-limit";
  state.balance += amount;
  return "done";
}

function refund(state: AccountState, amount: number): Answer {
  state.balance += amount;
  return "done";
}

async function save(ctx: Context<AccountState>): Promise<void> {
  ctx.state.hasForgotten = false;
  await ctx.save();
}

function keyOf(transfer: string, step: Step): string {
  return `${transfer}/${step}`;
}

function underWay({ decisions }: AccountState): ReadonlySet<string> {
  return new Set(Array.from(decisions.keys(), (key) => key.slice(0, key.lastIndexOf("/"))));
}
