/**
 * Watches and topics between the nodes of a simulated world: what live nodes say to each other beside their machines, by
 * the same code.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kind, topic } from "../../mod.ts";
import { simulate, type SimulatedWorld } from "../../testkit/simulate.ts";

const News = topic<number>("news");

const Host = kind("host", { handlers: { ping: (): string => "pong" } });

/** Remembers what it hears. */
const Guard = kind("guard", {
  state: () => ({ heard: [] as string[] }),
  onTerminated(ctx, ref, reason) {
    ctx.state.heard.push(`${ref.key} ${reason}`);
  },
  handlers: {
    watch: (ctx, name: string): void => ctx.watch(ctx.actor(Host, name)),
    unwatch: (ctx, name: string): void => ctx.unwatch(ctx.actor(Host, name)),
    subscribe: (ctx): void => ctx.subscribe(News, "news"),
    unsubscribe: (ctx): void => ctx.unsubscribe(News),
    publish: (ctx, value: number): void => ctx.publish(News, value),
    news(ctx, value: number): void {
      ctx.state.heard.push(`news ${value}`);
    },
    heard(ctx): readonly string[] {
      return ctx.state.heard.splice(0);
    },
  },
});

const kinds = [Host, Guard];
const NAMES = ["h0", "h1", "h2", "h3", "h4", "h5"];

async function guarded(nodes: number, hostAt: number): Promise<SimulatedWorld> {
  const world = simulate({ nodes, seed: 7, kinds });
  await world.node(0).spawn("guard", Guard);
  await world.node(hostAt).spawn("h", Host);
  await world.node(0).actor(Guard, "guard").ask.watch("h");
  await world.run("1s");
  return world;
}

async function heard(world: SimulatedWorld, at = 0, name = "guard"): Promise<readonly string[]> {
  return await world.node(at).actor(Guard, name).ask.heard();
}

describe("watches in a simulated world", () => {
  it("tell of an end at another node, once", async () => {
    const world = await guarded(3, 2);
    await world.node(1).stop("h");
    await world.run("2s");
    assert.deepEqual(await heard(world), ["h stop"]);
    await world.run("20s");
    assert.deepEqual(await heard(world), []);
  });

  it("tell of an end on the watcher's own node", async () => {
    const world = await guarded(3, 0);
    await world.node(1).stop("h");
    await world.run("2s");
    assert.deepEqual(await heard(world), ["h stop"]);
  });

  it("tell that there is nobody, and nothing of what is watched no longer", async () => {
    const world = await guarded(3, 2);
    await world.node(0).actor(Guard, "guard").ask.watch("nobody");
    await world.node(0).actor(Guard, "guard").ask.unwatch("h");
    await world.run("1s");
    await world.node(1).stop("h");
    await world.run("2s");
    assert.deepEqual(await heard(world), ["nobody not-found"]);
  });

  it("tell of a node that was lost, when it is out and not before", async () => {
    const world = await guarded(5, 4);
    world.crash(4);
    await world.run("3s");
    assert.deepEqual(await heard(world), []);
    await world.run("20s");
    assert.deepEqual(await heard(world), ["h node-lost"]);
  });

  it("hold through a link that is lost, and tell what was missed", async () => {
    const world = await guarded(5, 4);
    world.split([0], [4]); // They are both in, and hear each other through nobody.
    await world.run("2s");
    world.heal();
    await world.run("5s");
    await world.node(1).stop("h");
    await world.run("5s");
    assert.deepEqual(await heard(world), ["h stop"]);
  });

  // 41: a guard came to the node of what it had watched from another one, and the watch from there stood for the new one.
  for (const seed of [1, 2, 3, 41]) {
    it(`and topics are as they should be, whatever has happened before: seed ${seed}`, async () => {
      const nodes = 4;
      const faults = { crashes: true, splits: true, pauses: true, network: true, everyMs: 2_000 };
      const world = simulate({ nodes, seed, kinds, faults });
      await beginAll(world, nodes);
      for (let second = 0; second < 20; second++) {
        await something(world, nodes, seed, second);
        await world.run("1s");
      }
      world.heal();
      await world.ready();
      await world.run("60s");
      await beginAll(world, nodes); // All copies of a partition may have been lost at once, and with them who was spawned.
      const guards = Array.from({ length: nodes }, (_, node) => world.node(0).actor(Guard, `guard-${node}`));
      for (const guard of guards) {
        await guard.ask.heard();
        await guard.ask.subscribe();
        for (const name of NAMES) await guard.ask.watch(name);
      }
      for (const name of NAMES) await world.node(1).actor(Host, name).ask.ping();
      await world.run("2s");
      for (const name of NAMES) await world.node(2).stop(name);
      for (const [node, guard] of guards.entries()) await guard.ask.publish(node);
      await world.run("10s");
      for (const [node, guard] of guards.entries()) {
        const lines = (await guard.ask.heard()).toSorted();
        const expected = [...NAMES.map((name) => `${name} stop`), ...guards.map((_, from) => `news ${from}`)];
        assert.deepEqual(lines, expected, `guard ${node}, seed ${seed}`);
      }
    });
  }
});

describe("topics in a simulated world", () => {
  it("reach every subscriber of every node once, those of one publisher in order", async () => {
    const world = simulate({ nodes: 3, seed: 2, kinds });
    const names = ["g0", "g1", "g2"];
    for (const [node, name] of names.entries()) {
      await world.node(node).spawn(name, Guard);
      await world.node(node).actor(Guard, name).ask.subscribe();
    }
    await world.run("1s");
    for (let value = 0; value < 5; value++) await world.node(1).actor(Guard, "g1").ask.publish(value);
    await world.run("1s");
    const expected = [0, 1, 2, 3, 4].map((value) => `news ${value}`);
    for (const [node, name] of names.entries()) assert.deepEqual(await heard(world, node, name), expected, name);
  });

  it("reach a node again that came back, and nobody on the other side of a split", async () => {
    const world = simulate({ nodes: 5, seed: 3, kinds });
    await world.node(0).spawn("near", Guard);
    await world.node(4).spawn("far", Guard);
    await world.node(4).actor(Guard, "far").ask.subscribe();
    await world.run("1s");
    world.split([0, 1, 2, 3], [4]);
    await world.run("500ms");
    await world.node(0).actor(Guard, "near").ask.publish(1);
    await world.run("30s");
    world.heal();
    await world.ready();
    await world.run("10s");
    await world.node(0).actor(Guard, "far").ask.subscribe();
    await world.run("2s");
    await world.node(0).actor(Guard, "near").ask.publish(2);
    await world.run("2s");
    assert.deepEqual(await heard(world, 0, "far"), ["news 2"]);
  });
});

async function beginAll(world: SimulatedWorld, nodes: number): Promise<void> {
  for (let node = 0; node < nodes; node++) await begin(() => world.node(node).spawn(`guard-${node}`, Guard), world);
  for (const [index, name] of NAMES.entries()) await begin(() => world.node(index % nodes).spawn(name, Host), world);
}

/** One or two of the things that users do, some of which fail. */
async function something(world: SimulatedWorld, nodes: number, seed: number, second: number): Promise<void> {
  const chance = (seed * 7_919 + second * 104_729) % 97;
  const name = NAMES[chance % NAMES.length] ?? "";
  const guard = world.node(second % nodes).actor(Guard, `guard-${(second + chance) % nodes}`);
  const acts = [
    () => guard.ask.watch(name),
    () => guard.ask.unwatch(name),
    () => guard.ask.subscribe(),
    () => guard.ask.unsubscribe(),
    () => guard.ask.publish(-chance),
    () => world.node(second % nodes).stop(name),
  ];
  await guard.ask.watch(NAMES[second % NAMES.length] ?? "").catch(() => {});
  await acts[chance % acts.length]?.().catch(() => {});
}

/** Tries until it works: faults come before anything has begun. */
async function begin(spawn: () => Promise<unknown>, world: SimulatedWorld): Promise<void> {
  for (;;) {
    const code = await spawn().then(() => undefined, (thrown: { code?: string }) => thrown.code);
    if (code === undefined || code === "name-taken") return;
    await world.run("1s");
  }
}
