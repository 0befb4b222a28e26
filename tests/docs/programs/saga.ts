/**
 * The program of docs/deadlocks.md in which a third actor asks both sides, so that neither asks the other.
 *
 * @module
 */
import { ActorError, ActorSystem, kind } from "../../../mod.ts";

const Account = kind("account", {
  state: () => ({ balance: 100, done: new Set<string>() }),
  handlers: {
    move(ctx, step: string, amount: number): number {
      if (ctx.state.done.has(step)) return ctx.state.balance; // asked again after an `unknown`
      if (ctx.state.balance + amount < 0) throw new ActorError("insufficient-funds", `${ctx.name} has too little`);
      ctx.state.balance += amount;
      ctx.state.done.add(step);
      return ctx.state.balance;
    },
  },
});

const Transfer = kind("transfer", {
  handlers: {
    async run(ctx, from: string, to: string, amount: number): Promise<string> {
      await ctx.grain(Account, from).ask.move(`${ctx.name}/debit`, -amount);
      await ctx.grain(Account, to).ask.move(`${ctx.name}/credit`, amount);
      return `${from} → ${to}: ${amount}`;
    },
  },
});

await using system = await ActorSystem.start({ name: "bank", kinds: [Account, Transfer], workers: 0 });
const crossing = [
  system.grain(Transfer, "t-1").ask.run("alice", "bob", 10),
  system.grain(Transfer, "t-2").ask.run("bob", "alice", 30),
];
for (const outcome of await Promise.all(crossing)) console.log(outcome);
