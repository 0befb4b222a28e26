import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kind } from "../../mod.ts";
import { without } from "../../cluster/rules.ts";
import { simulate, type SimulatedWorld } from "../../testkit/simulate.ts";
import { WorldOfActors } from "../../testkit/simulated_world.ts";
import { PartitionHost } from "../../workers/partition_host.ts";

const Box = kind("box", {
  state: () => ({ seen: 0 }),
  idleMs: 3_000, // so that boxes come and go
  handlers: {
    put(ctx, _from: string, _number: number): void {
      ctx.state.seen++;
    },
    count: (ctx): number => ctx.state.seen,
  },
});

/** Sends numbered letters to boxes all the time, and asks now and then. */
const Post = kind("post", {
  state: () => ({ sent: 0 }),
  onStart(ctx) {
    ctx.timers.every("tick", 70, "tick");
  },
  handlers: {
    async tick(ctx): Promise<void> {
      const box = () => ctx.grain(Box, `b${Math.floor(ctx.random() * 4)}`);
      for (let letter = 0; letter < 3; letter++) box().tell.put(ctx.name, ++ctx.state.sent);
      if (ctx.random() < 0.2) await box().ask.count().catch(() => 0);
    },
    wake(): void {},
    sent: (ctx): number => ctx.state.sent,
  },
});

const kinds = [Box, Post];

/** Posts are woken from everywhere while everything fails; then all must be well again. */
async function traffic(world: SimulatedWorld, nodes: number, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    for (let post = 0; post < 5; post++) world.node((second + post) % nodes).grain(Post, `p${post}`).tell.wake();
    await world.run("1s");
  }
  world.heal();
  await world.ready();
  await world.run("20s");
  for (let box = 0; box < 4; box++) await world.node(box % nodes).grain(Box, `b${box}`).ask.count();
}

const faults = { crashes: true, splits: true, pauses: true, network: true, clocks: true, store: true, everyMs: 1_500 };

describe("a simulated cluster of actors", () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`keeps one activation of a name, order and at-most-once while everything fails: seed ${seed}`, async () => {
      const nodes = 3 + seed % 4;
      const world = simulate({ nodes, seed, kinds, faults });
      await traffic(world, nodes, 20);
      assert.ok(world.counts.runs > 500, `only ${world.counts.runs} handlers ran`);
      assert.equal(world.outside.size, 0);
    });
  }

  it("is caught when a node without a lease goes on", async () => {
    const { freeze } = PartitionHost.prototype;
    PartitionHost.prototype.freeze = () => {};
    try {
      const world = simulate({ nodes: 5, seed: 1, kinds });
      for (let post = 0; post < 10; post++) await world.node(0).grain(Post, `p${post}`).ask.sent();
      world.split([0], [1, 2, 3, 4]);
      await world.run("15s");
      for (let post = 0; post < 10; post++) world.node(1).grain(Post, `p${post}`).tell.wake();
      await assert.rejects(world.run("15s"), /post:p\d runs tick at .* under .*, after .* has run at/);
    } finally {
      PartitionHost.prototype.freeze = freeze;
    }
  });

  it("is caught when a bounce isn't sticky", async () => {
    const found: unknown[] = [];
    for (let seed = 1; seed <= 20 && found.length === 0; seed++) {
      const world = new WorldOfActors({ nodes: 4, seed, kinds, faults }, without("stickyBounce"));
      await traffic(world, 4, 40).catch((thrown: unknown) => found.push(thrown));
    }
    assert.match(String(found[0]), /Message \d+ of post:p\d .* runs after message \d+/);
  });
});
