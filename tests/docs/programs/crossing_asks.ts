/**
 * The program of docs/deadlocks.md in which two handlers wait for each other, for different callers.
 *
 * @module
 */
import { ActorError, ActorSystem, kind } from "../../../mod.ts";

const Account = kind("account", {
  state: () => ({ balance: 100 }),
  handlers: {
    async send(ctx, to: string, amount: number, waitMs: number): Promise<string> {
      await audited(amount); // by now the other account has begun its own `send`
      ctx.state.balance -= amount;
      await ctx.grain(AccountRef, to).with({ timeoutMs: waitMs }).ask.receive(amount);
      return "sent";
    },
    receive(ctx, amount: number): void {
      ctx.state.balance += amount;
    },
  },
});
const AccountRef: typeof Account = Account;

await using system = await ActorSystem.start({ name: "bank", kinds: [Account], workers: 0 });
const alice = system.grain(Account, "alice").ask.send("bob", 10, 200);
const bob = system.grain(Account, "bob").ask.send("alice", 30, 4_000);
try {
  await alice;
} catch (thrown) {
  if (!(thrown instanceof ActorError)) throw thrown;
  const { code, fate, details, message } = thrown;
  console.log(code, fate, "waiting in", details.waitingIn);
  console.log(message);
}
console.log(await bob);

async function audited(_amount: number): Promise<void> {}
