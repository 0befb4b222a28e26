import { kind } from "../../mod.ts";
import { simulate } from "../../testkit/simulate.ts";
const Box = kind("box", { state: () => ({ seen: 0 }), idleMs: 3000, handlers: {
  put(ctx, _from: string, _n: number) { ctx.state.seen++; },
  count(ctx) { return ctx.state.seen; } } });
const Post = kind("post", { state: () => ({ n: 0 }), onStart(ctx) { ctx.timers.every("t", 70, "tick"); }, idleMs: 20000, handlers: {
  async tick(ctx) { for (let i = 0; i < 3; i++) { const box = ctx.grain(Box, `b${Math.floor(ctx.random() * 4)}`); box.tell.put(ctx.name, ++ctx.state.n); } 
     if (ctx.random() < 0.2) await ctx.grain(Box, `b${Math.floor(ctx.random() * 4)}`).ask.count().catch(() => 0);  },
  wake() {} } });
const from = Number(Deno.args[0]), count = Number(Deno.args[1]);
for (let seed = from; seed < from + count; seed++) {
  const t = performance.now();
  const world = simulate({ nodes: 3 + seed % 4, seed, kinds: [Box, Post], faults: { crashes: true, splits: true, pauses: true, network: true, clocks: true, store: true, everyMs: 1500 } });
  let phase = "chaos";
  try {
    for (let i = 0; i < 40; i++) { for (let p = 0; p < 5; p++) world.node((i + p) % (3 + seed % 4)).grain(Post, `p${p}`).tell.wake(); await world.run(1000); }
    phase = "heal"; world.heal(); await world.ready(); await world.run("20s");
    phase = "asks"; for (let n = 0; n < 3; n++) for (let b = 0; b < 4; b++) await world.node(n).grain(Box, `b${b}`).ask.count();
    console.log(seed, "ok", Math.round(performance.now() - t), JSON.stringify(world.counts), world.hash, [...world.outside]);
  } catch (e) { console.log(seed, phase, "FAILED", String(e).slice(0, 300), Math.round(performance.now() - t), (e as Error).stack?.split("\n").slice(1, 5).join("|").slice(0, 400)); }
}
