/**
 * The program of docs/deadlocks.md in which the handler that is asked may begin beside the one that waits.
 *
 * @module
 */
import { ActorSystem, kind } from "../../../mod.ts";

const Account = kind("account", {
  state: () => ({ balance: 100 }),
  reentrant: ["receive"], // may begin while another handler of the same account waits
  handlers: {
    async send(ctx, to: string, amount: number): Promise<void> {
      if (ctx.state.balance < amount) throw new Error("not enough");
      ctx.state.balance -= amount; // taken before the first await: nobody can take it twice
      await ctx.grain(AccountRef, to).ask.receive(amount);
    },
    receive(ctx, amount: number): void {
      ctx.state.balance += amount; // one step without an await: nothing sees it half done
    },
    balance(ctx): number {
      return ctx.state.balance;
    },
  },
});
const AccountRef: typeof Account = Account;

await using system = await ActorSystem.start({ name: "bank", kinds: [Account], workers: 0 });
const alice = system.grain(Account, "alice");
const bob = system.grain(Account, "bob");
await Promise.all([alice.ask.send("bob", 10), bob.ask.send("alice", 30)]);
console.log(await alice.ask.balance(), await bob.ask.balance());
