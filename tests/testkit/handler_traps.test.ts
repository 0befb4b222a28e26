import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers";
import { kind } from "../../mod.ts";
import { simulate } from "../../testkit/simulate.ts";

/** What a handler may not reach for, and what the error says to use. One handler each. */
const REACHING: readonly (readonly [what: string, reach: () => unknown, instead: string])[] = [
  ["Date.now", () => Date.now(), "ctx.now()"],
  ["new Date", () => new Date().getTime(), "new Date(ctx.now())"],
  ["performance.now", () => performance.now(), "ctx.now()"],
  ["Math.random", () => Math.random(), "ctx.random()"],
  ["crypto.randomUUID", () => crypto.randomUUID(), "ctx.random()"],
  ["crypto.getRandomValues", () => crypto.getRandomValues(new Uint8Array(4)), "ctx.random()"],
  ["setTimeout", () => setTimeout(() => {}, 1), "ctx.sleep(…) or ctx.timers.once(…)"],
  ["setInterval", () => setInterval(() => {}, 1), "ctx.timers.every(…)"],
  ["setImmediate", () => globalThis.setImmediate(() => {}), "ctx.sleep(0)"],
  ["AbortSignal.timeout", () => AbortSignal.timeout(1), "ctx.signal or ctx.sleep(…)"],
  ["fetch", () => fetch("http://localhost:1"), "a resource, by ctx.use(…)"],
  ["WebSocket", () => new WebSocket("ws://localhost:1"), "a resource, by ctx.use(…)"],
  ...("Temporal" in globalThis
    ? [["Temporal.Now", () => Temporal.Now.instant(), "ctx.now()"] as const] // not every runtime knows it
    : []),
];

const Reacher = kind("reacher", {
  handlers: {
    reach(_ctx, index: number): void {
      REACHING[index]?.[1]();
    },
    async reachLater(_ctx, index: number): Promise<void> {
      await Promise.resolve();
      REACHING[index]?.[1]();
    },
    async reachQuietly(_ctx, index: number): Promise<string> {
      try {
        REACHING[index]?.[1]();
      } catch {
        // a handler that hides it
      }
      await Promise.resolve();
      return "nothing happened";
    },
    async sleepWell(ctx, ms: number): Promise<number> {
      const before = ctx.now();
      await ctx.sleep(ms);
      return ctx.now() - before;
    },
  },
});

const worldOf = () => simulate({ nodes: 1, seed: 1, kinds: [Reacher] });

describe("a handler in a simulation", () => {
  for (const [index, [what, , instead]] of REACHING.entries()) {
    it(`fails when it uses ${what}, is told ${instead}, and its world ends`, async () => {
      for (const handler of ["reach", "reachLater"] as const) {
        const world = worldOf();
        const expected = `Cannot use ${what} in reacher:r.${handler}: no run could be repeated. Use ${instead} instead`;
        await assert.rejects(world.node(0).grain(Reacher, "r").ask[handler](index), ({ message }: Error) => {
          assert.ok(message.startsWith(expected), message);
          return true;
        });
        await assert.rejects(world.run("1s"), ({ message }: Error) => message.startsWith(expected));
      }
    });
  }

  it("ends its world also when it hides what it did", async () => {
    const world = worldOf();
    await world.node(0).grain(Reacher, "r").ask.reachQuietly(0).catch(() => {});
    await assert.rejects(world.run("1s"), /Cannot use Date\.now in reacher:r\.reachQuietly/);
  });

  it("is caught in each of two worlds that run at once, and no trap stays behind", async () => {
    await stopped();
    const before = [Date, Math.random, globalThis.setTimeout];
    const [one, other] = [worldOf(), worldOf()];
    const reach = (world: typeof one, name: string) => world.node(0).grain(Reacher, name).ask.reachLater(0);
    await one.ready();
    await Promise.all([
      assert.rejects(reach(one, "a"), /Cannot use Date\.now in reacher:a/),
      assert.rejects(reach(other, "b"), /Cannot use Date\.now in reacher:b/), // it has to come together first
    ]);
    await stopped();
    assert.deepEqual([Date, Math.random, globalThis.setTimeout], before);
  });

  it("sleeps in simulated time, and waits for nothing outside of it", async () => {
    const world = worldOf();
    await world.ready();
    const before = world.nowMs;
    const slept = await world.node(0).grain(Reacher, "r").with({ timeoutMs: 7_200_000 }).ask.sleepWell(3_600_000);
    assert.ok(slept >= 3_600_000 && slept < 3_600_010, `${slept} ms`);
    assert.ok(world.nowMs - before >= 3_600_000);
    assert.equal(world.outside.size, 0);
  });
});

/** A world stops when nobody waits in it any more. */
function stopped(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
