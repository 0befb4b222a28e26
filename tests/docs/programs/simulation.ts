/**
 * Shown by docs/SIMULATION.md: a stored counter on five nodes, of which two are cut off.
 *
 * @module
 */
import { kind } from "../../../mod.ts";
import { always, eventually, simulate } from "../../../testkit/simulate.ts";

const Counter = kind("counter", {
  state: () => ({ count: 0 }),
  store: true,
  handlers: {
    async add(ctx, amount: number): Promise<number> {
      ctx.state.count += amount;
      await ctx.save();
      return ctx.state.count;
    },
  },
});

const world = simulate({ nodes: 5, seed: 42, kinds: [Counter] });
const saved = () => world.saved<{ count: number }>(Counter).get("visits")?.count ?? 0;
world.expect(always("no count is negative", () => saved() >= 0));
world.expect(eventually("somebody is counted", () => saved() > 0, 30_000));

const visits = (node: number) => world.node(node).grain(Counter, "visits");
console.log("node 0:", await visits(0).ask.add(1));

world.split([0, 1], [2, 3, 4]);
await world.run("20s"); // the larger side takes over
console.log("node 3:", await visits(3).ask.add(1));
console.log("node 0:", await visits(0).ask.add(100).catch(({ code, fate }) => `${code}, ${fate}`));

world.heal();
await world.ready();
console.log("node 0:", await visits(0).ask.add(1));
