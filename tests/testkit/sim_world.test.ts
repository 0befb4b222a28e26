/**
 * Lives, clocks and stalls of simulated hosts, seen by the processes that live there.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { gossipPlan, observe, readsOf } from "./observed.ts";

describe("a simulated host", () => {
  it("comes back from a crash with a new id, a new clock and no memory of the process before", () => {
    const crash = { kind: "crash", atMs: 3_000, host: 1, downMs: 2_000, stays: false } as const;
    const { births, told } = observe(gossipPlan({ nodeCount: 3 }, crash));
    const [first, second, ...more] = births.filter((birth) => birth.host === 1);
    assert.ok(first !== undefined && second !== undefined && more.length === 0);
    assert.notEqual(first.id, second.id);
    assert.equal(first.address, second.address);
    assert.deepEqual([first.life, second.life], [0, 1]);
    assert.deepEqual(second.processStartedAt, second.bornAt);
    assert.notEqual(first.processStartedAt.mono, second.processStartedAt.mono);
    assert.equal(second.previous, undefined);
    assert.ok(!told.some((one) => one.host === 1 && one.atMs > 3_000 && one.atMs < 5_000));
    assert.ok(told.some((one) => one.self === second.id));
  });

  it("tells the peers of a crashed process that their links are lost, and lets greetings find the next one", () => {
    const crash = { kind: "crash", atMs: 3_000, host: 1, downMs: 1_000, stays: false } as const;
    const { births, told } = observe(gossipPlan({ nodeCount: 2, discoverMs: 500 }, crash));
    const [first, second] = births.filter((birth) => birth.host === 1);
    assert.ok(told.some(({ input }) => input.kind === "linkLost" && input.peer === first?.id));
    assert.ok(readsOf(told).some((read) => read.host === 0 && read.from === second?.id));
    assert.ok(!told.some((one) => one.self === first?.id && one.atMs > 3_000));
  });

  it("gives a retired process a successor that knows it, in the same process of the operating system", () => {
    const retire = { kind: "op", atMs: 4_000, host: 1, op: { kind: "retire" } } as const;
    const { births, told } = observe(gossipPlan({ nodeCount: 2 }, retire));
    const [first, second] = births.filter((birth) => birth.host === 1);
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual(second.processStartedAt, first.processStartedAt);
    assert.ok(second.bornAt.mono > first.bornAt.mono + 3_800);
    assert.equal(second.previous?.id, first.id);
    assert.equal(second.previous?.reason, "asked to");
    const lost = told.filter(({ input }) => input.kind === "linkLost" && input.peer === first.id);
    assert.deepEqual(lost.slice(0, 2).map(({ input }) => input.kind === "linkLost" && input.generation), [1, 1]);
    assert.ok(lost.slice(0, 2).every(({ atMs }) => atMs > 4_000 && atMs < 4_010));
  });

  it("stays down when the plan says so, and else is up after the healing", () => {
    const crash = (host: number, stays: boolean) =>
      ({ kind: "crash", atMs: 3_000, host, downMs: 60_000, stays }) as const;
    const { told } = observe(gossipPlan({ nodeCount: 3 }, crash(0, true), crash(0, false)));
    const atEnd = new Set(told.filter((one) => one.atMs > 10_000).map((one) => one.host));
    assert.deepEqual([...atEnd].sort(), [1, 2]);
  });

  it("takes nothing in a pause, then everything at once, and is told that it lagged", () => {
    const pause = { kind: "pause", atMs: 3_000, host: 1, forMs: 2_000 } as const;
    const { told } = observe(gossipPlan({ nodeCount: 2 }, pause));
    const mine = told.filter((one) => one.host === 1);
    assert.ok(!mine.some((one) => one.atMs > 3_000 && one.atMs < 5_000));
    assert.ok(mine.filter((one) => one.atMs === 5_000).length > 40);
    const lag = mine.find((one) => one.input.kind === "lag")?.input;
    assert.ok(lag?.kind === "lag" && lag.ms > 1_900 && lag.ms < 2_100);
    const next = mine[mine.findIndex((one) => one.input.kind === "lag") + 1];
    assert.equal(next?.input.kind, "tick");
  });

  it("does not see a suspend on its monotonic clock, and does on its wall clock", () => {
    const suspend = { kind: "suspend", atMs: 3_000, host: 1, forMs: 5_000 } as const;
    const mine = observe(gossipPlan({ nodeCount: 2 }, suspend)).told.filter((one) => one.host === 1);
    const before = mine.findLast((one) => one.atMs <= 3_000);
    const after = mine.find((one) => one.atMs >= 8_000);
    assert.ok(before !== undefined && after !== undefined);
    assert.ok(after.now.mono - before.now.mono < 60);
    assert.ok(after.now.wall - before.now.wall >= 4_999);
    assert.ok(!mine.some((one) => one.input.kind === "lag"));
  });

  it("ticks by its own clock", () => {
    const { told } = observe(gossipPlan({ nodeCount: 8, clockPpm: 20_000, tickJitterMs: 0, startSpreadMs: 0 }));
    const rates = Array.from({ length: 8 }, (_, host) => {
      const ticks = told.filter((one) => one.host === host && one.input.kind === "tick");
      const [first, last] = [ticks[0], ticks.at(-1)];
      assert.ok(first !== undefined && last !== undefined);
      assert.ok(Math.abs((last.now.mono - first.now.mono) / (ticks.length - 1) - 50) < 0.01);
      return (last.now.mono - first.now.mono) / (last.atMs - first.atMs);
    });
    assert.ok(Math.min(...rates) > 0.9799 && Math.max(...rates) < 1.0201);
    assert.ok(Math.max(...rates) - Math.min(...rates) > 0.005);
  });

  it("steps its wall clock when the plan says so, and its monotonic clock never", () => {
    const step = { kind: "wallStep", atMs: 3_000, host: 0, byMs: -3_600_000 } as const;
    const mine = observe(gossipPlan({ nodeCount: 2 }, step)).told.filter((one) => one.host === 0);
    const jumps = mine.map((one, index) => one.now.wall - (mine[index - 1] ?? one).now.wall);
    assert.equal(jumps.filter((jump) => jump < -3_000_000).length, 1);
    assert.ok(mine.every((one, index) => index === 0 || one.now.mono >= (mine[index - 1] ?? one).now.mono));
  });
});
