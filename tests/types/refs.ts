/**
 * What a ref lets its callers do: only what the kind's handlers take, and answers of their types.
 *
 * @module
 */
import { type ActorRef, type ActorSystem, type AnyRef, kind, type ProtocolOfKind } from "../../mod.ts";
import { claim, type Same } from "./same.ts";

declare const system: ActorSystem;

const Account = kind("account", {
  state: () => ({ balance: 0 }),
  handlers: {
    deposit(ctx, amount: number, note?: string): number {
      ctx.state.balance += amount;
      return note === undefined ? ctx.state.balance : 0;
    },
    async statement(ctx, year: number): Promise<readonly string[]> {
      return await Promise.resolve([`${year}: ${ctx.state.balance}`]);
    },
    close() {},
  },
});
const account = system.grain(Account, "alice");

// tell: the handler's arguments, and whether the first queue took it.
claim<Same<ReturnType<typeof account.tell.deposit>, boolean>>();
claim<Same<Parameters<typeof account.tell.deposit>, [amount: number, note?: string]>>();
account.tell.deposit(1);
account.tell.deposit(1, "salary");
// @ts-expect-error there is no handler `withdraw`
account.tell.withdraw(1);
// @ts-expect-error an amount is a number
account.tell.deposit("1");
// @ts-expect-error an amount is needed
account.tell.deposit();
// @ts-expect-error two arguments at most
account.tell.deposit(1, "salary", true);
// @ts-expect-error a tell has no reply
account.tell.deposit(1).then(() => {});

// ask: a promise of what the handler returns, awaited once.
claim<Same<ReturnType<typeof account.ask.deposit>, Promise<number>>>();
claim<Same<ReturnType<typeof account.ask.statement>, Promise<readonly string[]>>>();
claim<Same<ReturnType<typeof account.ask.close>, Promise<void>>>();
// @ts-expect-error there is no handler `withdraw`
account.ask.withdraw(1);
// @ts-expect-error a year is a number
account.ask.statement("2026");
// @ts-expect-error a year is needed
account.ask.statement();
// @ts-expect-error the reply is a number
const text: string = await account.ask.deposit(1);
// @ts-expect-error the reply is a promise
const early: number = account.ask.deposit(1);

// tellAll, askAll: lists of argument lists.
claim<Same<ReturnType<typeof account.tellAll.deposit>, number>>();
claim<Same<ReturnType<typeof account.askAll.deposit>, Promise<PromiseSettledResult<number>[]>>>();
account.tellAll.deposit([[1], [2, "salary"]]);
account.tellAll.close([[], []]);
// @ts-expect-error each call is a list of arguments
account.tellAll.deposit([1, 2]);
// @ts-expect-error an amount is a number
account.askAll.deposit([["1"]]);
// @ts-expect-error there is no handler `withdraw`
account.askAll.withdraw([[1]]);

// with(): the same ref with another patience.
claim<Same<ReturnType<typeof account.with>, typeof account>>();
account.with({ timeoutMs: 100, signal: AbortSignal.timeout(100) });
// @ts-expect-error there is no option `timeout`
account.with({ timeout: 100 });

// A ref to more handlers is a ref to fewer, not the other way round.
type AccountRef = ActorRef<ProtocolOfKind<typeof Account>>;
type DepositsOnly = ActorRef<{ deposit(amount: number): number }>;
const depositsOnly: DepositsOnly = account;
claim<Same<typeof account, AccountRef>>();
depositsOnly.tell.deposit(1);
// @ts-expect-error this ref does not show `close`
depositsOnly.tell.close();
// @ts-expect-error a ref to fewer handlers is not a ref to more
const whole: AccountRef = depositsOnly;
// @ts-expect-error the reply is a number
const otherReply: ActorRef<{ deposit(amount: number): string }> = account;
// @ts-expect-error the handler takes a number
const otherArgument: ActorRef<{ deposit(amount: string): number }> = account;

// Any ref can be compared, watched and stopped by what all refs have.
const anyRef: AnyRef = account;
claim<Same<typeof anyRef.address, string>>();
account.equals(system.grain(Account, "bob"));
account.equals(depositsOnly);
// @ts-expect-error not without knowing the kind
anyRef.tell.deposit(1);

export { early, otherArgument, otherReply, text, whole };
