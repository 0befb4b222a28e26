/**
 * The program of docs/deadlocks.md in which a chain of asks comes back to where it began.
 *
 * @module
 */
import { ActorError, ActorSystem, kind } from "../../../mod.ts";

const Desk = kind("desk", {
  handlers: {
    async approve(ctx, by: string): Promise<string> {
      return await ctx.grain(DeskRef, by).ask.countersign(ctx.name);
    },
    async countersign(ctx, of: string): Promise<string> {
      return `${await ctx.grain(DeskRef, of).ask.stamp()}, countersigned by ${ctx.name}`;
    },
    stamp(ctx): string {
      return `stamped by ${ctx.name}`;
    },
  },
});
const DeskRef: typeof Desk = Desk; // a kind cannot name itself while it is being declared

await using system = await ActorSystem.start({ name: "office", kinds: [Desk], workers: 0 });
try {
  await system.grain(Desk, "anna").ask.approve("ben");
} catch (thrown) {
  if (!(thrown instanceof ActorError)) throw thrown;
  const { code, fate, details, message } = thrown;
  console.log(code, fate, JSON.stringify(details.path));
  console.log(message);
}
