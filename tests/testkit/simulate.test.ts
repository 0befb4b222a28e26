import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers";
import { ActorError, kind } from "../../mod.ts";
import { always, eventually, simulate } from "../../testkit/simulate.ts";

const Counter = kind("counter", {
  state: () => ({ count: 0 }),
  store: true,
  handlers: {
    async add(ctx, amount: number): Promise<number> {
      ctx.state.count += amount;
      await ctx.save();
      return ctx.state.count;
    },
    get: (ctx): number => ctx.state.count,
    fence: (ctx): string | undefined => ctx.fence,
  },
});

const Greeter = kind("greeter", {
  state: (init: { word: string }) => ({ word: init.word }),
  handlers: {
    greet: (ctx, name: string): string => `${ctx.state.word} ${name}`,
    fail(): void {
      throw new ActorError("out-of-words", "nothing to say");
    },
  },
});

/** Takes time and chance from where they are. */
const Reacher = kind("reacher", {
  state: () => ({ ticks: 0 }),
  handlers: {
    arithmetic: (): number => new Date(5).getTime(),
    proper(ctx): readonly number[] {
      ctx.timers.once("later", 50, "tick");
      return [ctx.now(), ctx.random()];
    },
    tick(ctx): void {
      ctx.state.ticks++;
    },
    ticks: (ctx): number => ctx.state.ticks,
  },
});

const kinds = [Counter, Greeter, Reacher];

describe("simulate", () => {
  it("gives the refs of the real system, answered across nodes", async () => {
    const world = simulate({ nodes: 3, seed: 1, kinds });
    assert.equal(await world.node(0).grain(Counter, "a").ask.add(2), 2);
    assert.equal(await world.node(1).grain(Counter, "a").ask.add(3), 5);
    assert.equal(world.node(2).grain(Counter, "a").tell.add(1), true);
    await world.run("1s");
    assert.equal(await world.node(0).grain(Counter, "a").ask.get(), 6);
  });

  it("spawns by name once in the cluster, with an init that travels", async () => {
    const world = simulate({ nodes: 3, seed: 1, kinds });
    const greeter = await world.node(2).spawn("host", Greeter, { word: "hello" });
    assert.equal(await greeter.ask.greet("you"), "hello you");
    assert.equal(await world.node(0).actor(Greeter, "host").ask.greet("me"), "hello me");
    await assert.rejects(world.node(1).spawn("host", Greeter, { word: "bye" }), { code: "name-taken" });
    await assert.rejects(greeter.ask.fail(), { code: "out-of-words", fate: "delivered" });
    await world.node(1).stop("host");
    await assert.rejects(world.node(0).actor(Greeter, "host").ask.greet("me"), { code: "actor-not-found" });
  });

  it("brings a spawned actor back elsewhere when its node is gone", async () => {
    const world = simulate({ nodes: 5, seed: 3, kinds });
    const far = await world.node(4).spawn("host", Greeter, { word: "hello" });
    world.crash(4);
    await world.run("20s");
    assert.equal(await world.node(0).actor(Greeter, "host").ask.greet("you"), "hello you");
    await assert.rejects(far.ask.greet("you"), { code: "node-lost", fate: "not-delivered" });
    world.restart(4);
    await world.ready();
    assert.equal(await far.ask.greet("you"), "hello you");
  });

  it("keeps a stored grain through a crash of its node, under a higher token", async () => {
    const world = simulate({ nodes: 3, seed: 5, kinds });
    const counter = (node: number) => world.node(node).grain(Counter, "a");
    await counter(0).ask.add(7);
    const before = await counter(0).ask.fence();
    for (const node of [0, 1]) {
      world.crash(node);
      await world.run("15s");
      world.restart(node);
      await world.run("10s");
    }
    assert.equal(await counter(2).ask.get(), 7);
    assert.ok(String(await counter(2).ask.fence()) >= String(before));
    assert.equal((world.saved<{ count: number }>(Counter).get("a"))?.count, 7);
  });

  it("freezes the smaller side of a split: one side goes on, and nobody runs twice", async () => {
    const world = simulate({ nodes: 5, seed: 42, kinds });
    const counter = (node: number) => world.node(node).grain(Counter, "a");
    await counter(0).ask.add(1);
    world.split([0, 1], [2, 3, 4]);
    await world.run("20s");
    assert.equal(await counter(3).ask.add(1), 2);
    await assert.rejects(counter(0).ask.add(100), ActorError);
    world.heal();
    await world.ready();
    assert.equal(await counter(0).ask.get(), 2);
  });

  it("delays what a clog holds, and breaks no connection", async () => {
    for (let seed = 0; seed < 12; seed++) {
      const clog = { kind: "clog", atMs: 1_000, from: 0, to: 1, forMs: 4_000 } as const;
      const world = simulate({ nodes: 3, seed, kinds, faults: [clog] });
      await world.node(1).spawn("host", Greeter, { word: "hello" });
      await world.run("1100ms");
      assert.equal(await world.node(0).actor(Greeter, "host").ask.greet("you"), "hello you", `seed ${seed}`);
    }
  });

  it("answers an ask that a crash cut off, with what may have happened", async () => {
    const world = simulate({ nodes: 3, seed: 1, kinds });
    await world.ready();
    const asked = assert.rejects(world.node(1).grain(Counter, "a").ask.add(1), { code: "node-lost", fate: "unknown" });
    world.crash(1);
    await asked;
  });

  it("is the same world for the same seed, and another for another", async () => {
    const run = async (seed: number) => {
      const world = simulate({ nodes: 4, seed, kinds, faults: "aggressive" });
      for (let second = 0; second < 20; second++) {
        world.node(second % 4).grain(Counter, `c${second % 3}`).tell.add(1);
        await world.run("1s");
      }
      return `${world.hash} ${JSON.stringify([...world.saved(Counter)])}`;
    };
    const first = await run(7);
    assert.equal(await run(7), first);
    assert.notEqual(await run(8), first);
  });

  it("takes durations as numbers and with units", async () => {
    const world = simulate({ nodes: 1, seed: 1, kinds });
    await world.ready();
    const before = world.nowMs;
    await world.run(250);
    await world.run("1.5s");
    await world.run("1m");
    assert.equal(Math.round(world.nowMs - before), 61_750);
    await assert.rejects(world.run("soon" as "1s"), { code: "invalid-options" });
  });

  it("names actor and handler in the failures of asks, as a live system does", async () => {
    const world = simulate({ nodes: 5, seed: 42, kinds });
    const counter = world.node(0).grain(Counter, "a");
    await counter.ask.add(1);
    world.split([0, 1], [2, 3, 4]);
    await world.run("20s");
    await assert.rejects(counter.ask.add(100), (error: ActorError) => {
      assert.match(error.message, /^Cannot deliver counter:a\.add: \w/);
      assert.doesNotMatch(error.message, new RegExp(`${error.code}$`), "words, not the code");
      assert.deepEqual(error.details, { to: "counter:a", handler: "add" });
      return true;
    });
  });
});

describe("expectations", () => {
  it("what must always hold fails at the first moment it does not, with its seed", async () => {
    const world = simulate({ nodes: 3, seed: 11, kinds });
    const counts = () => [...world.saved<{ count: number }>(Counter).values()];
    world.expect(always("no counter is above 2", () => counts().every(({ count }) => count <= 2)));
    const counter = world.node(0).grain(Counter, "a");
    await counter.ask.add(2);
    await assert.rejects(counter.ask.add(1), /It does not always hold that no counter is above 2 .*seed 11/);
    await assert.rejects(world.run("1s"), /no counter is above 2/);
  });

  it("what must come true in the end fails when its time is over", async () => {
    const world = simulate({ nodes: 3, seed: 1, kinds });
    await world.ready();
    let isDone = false;
    world.expect(eventually("it is done", () => isDone, 3_000));
    await world.run("2s");
    isDone = true;
    await world.run("5s");
    world.expect(eventually("the moon is full", () => false, 3_000));
    await assert.rejects(world.run("5s"), /did not come true within 3000 ms that the moon is full/);
  });
});

describe("handlers in a simulation", () => {
  it("take time, chance and timers from their context, and dates as arithmetic", async () => {
    const world = simulate({ nodes: 1, seed: 1, kinds });
    const reacher = world.node(0).grain(Reacher, "r");
    assert.equal(await reacher.ask.arithmetic(), 5);
    const [now = 0, chance = -1] = await reacher.ask.proper();
    assert.ok(now > 1_700_000_000_000);
    assert.ok(chance >= 0 && chance < 1);
    await world.run("1s");
    assert.equal(await reacher.ask.ticks(), 1);
  });

  it("leave what is no handler alone, while a world runs and after", async () => {
    await stopped(); // that of the test before this one
    const before = [Date, Math.random, globalThis.setTimeout, globalThis.fetch];
    const world = simulate({ nodes: 1, seed: 1, kinds });
    let seen = 0;
    world.expect(always("a test may look at the clock", () => (seen = Date.now()) > 0 && new Date() instanceof Date));
    await world.node(0).grain(Counter, "a").ask.add(1);
    assert.ok(seen > 0);
    await stopped();
    assert.deepEqual([Date, Math.random, globalThis.setTimeout, globalThis.fetch], before);
  });
});

/** A world stops when nobody waits in it any more. */
function stopped(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
