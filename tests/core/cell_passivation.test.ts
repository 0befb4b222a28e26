/**
 * Passivation: an idle actor goes, nothing that is under way or queued is lost, and a grain comes back.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { kind } from "../../core/kind.ts";
import { GRAIN_IDLE_MS_DEFAULT } from "../../core/limits.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

function world(idleMs?: number) {
  const journal: string[] = [];
  const gates = new Gates();
  const Leaf = kind("leaf", { handlers: { idle: (): void => {} } });
  const Desk = kind("desk", {
    state: () => ({ count: 0 }),
    idleMs,
    reentrant: ["look"],
    onStart: (_ctx, reason) => void journal.push(`onStart ${reason}`),
    async onStop(_ctx, reason) {
      journal.push(`onStop ${reason}`);
      if (gates.waiting.includes("slow onStop")) await gates.wait("stop");
    },
    handlers: {
      count: (ctx): number => ++ctx.state.count,
      async hold(_ctx, gate: string): Promise<void> {
        await gates.wait(gate);
      },
      async look(_ctx, gate: string): Promise<void> {
        await gates.wait(gate);
      },
      raise: (ctx): void => void ctx.spawn(Leaf, "leaf"),
      drop: (ctx): void => ctx.stop(ctx.children[0]),
      pipe: (ctx): void => ctx.pipe(gates.wait("pipe"), "count"),
      stash(ctx): void {
        ctx.stash();
      },
      leave: (ctx): void => ctx.stop(),
    },
  });
  const rig = new Rig({ kinds: [Leaf, Desk] });
  return { journal, gates, rig, Desk, grain: rig.grain(Desk, "g") };
}

const CYCLE = ["onStart activation", "onStop passivated"];

describe("an idle grain", () => {
  it("is passivated after its idle time, not before, and comes back with the next message and new state", async () => {
    const { journal, rig, grain } = world(1_000);
    const first = asked(grain.ask.count());
    await rig.advance(999);
    await rig.sweep();
    assert.equal(rig.statusOf("desk:g"), "running");
    await rig.advance(1);
    await rig.sweep();
    assert.deepEqual([journal, rig.statusOf("desk:g")], [CYCLE, "absent"]);
    const second = asked(grain.ask.count());
    await rig.run();
    assert.deepEqual([first.value, second.value, journal.at(-1)], [1, 1, "onStart activation"]);
  });

  it("stays as long as the default says when its kind says nothing", async () => {
    const { rig, grain } = world();
    asked(grain.ask.count());
    await rig.advance(GRAIN_IDLE_MS_DEFAULT - 1);
    await rig.sweep();
    assert.equal(rig.statusOf("desk:g"), "running");
    await rig.advance(1);
    await rig.sweep();
    assert.equal(rig.statusOf("desk:g"), "absent");
  });

  it("begins to be idle with its last message", async () => {
    const { rig, grain } = world(1_000);
    asked(grain.ask.count());
    await rig.advance(900);
    asked(grain.ask.count());
    await rig.advance(900);
    await rig.sweep();
    assert.equal(rig.statusOf("desk:g"), "running");
  });

  it("stays when a message comes between the decision and its turn", async () => {
    const { rig, grain } = world(1_000);
    asked(grain.ask.count());
    await rig.advance(1_000);
    rig.main.host.enter();
    while (!rig.main.host.sweepIdle(16));
    rig.main.host.leave();
    const second = asked(grain.ask.count());
    await rig.run();
    assert.deepEqual([second.value, rig.statusOf("desk:g")], [2, "running"]);
  });

  it("hands what comes while its onStop runs to its next activation, in order", async () => {
    const { gates, journal, rig, grain } = world(1_000);
    asked(grain.ask.count());
    await rig.advance(1_000);
    gates.wait("slow onStop");
    await rig.sweep();
    assert.equal(rig.statusOf("desk:g"), "stopping");
    const during = [asked(grain.ask.count()), asked(grain.ask.count())];
    assert.equal(grain.tell.count(), true);
    await rig.advance(100);
    assert.deepEqual(during.map(({ state }) => state), ["pending", "pending"]);
    gates.open("stop");
    await rig.run();
    const after = asked(grain.ask.count());
    await rig.run();
    assert.deepEqual([...during, after].map(({ value }) => value), [1, 2, 4]);
    assert.deepEqual(journal, [...CYCLE, "onStart activation"]);
    assert.deepEqual(rig.history("deadLetter"), []);
  });

  it("hands over to no next activation when its system ends meanwhile: everybody is answered", async () => {
    const { gates, rig, grain } = world(1_000);
    asked(grain.ask.count());
    await rig.advance(1_000);
    gates.wait("slow onStop");
    await rig.sweep();
    const during = asked(grain.ask.count());
    grain.tell.count();
    const ended = rig.operate("x", { op: "endAll" });
    await rig.run();
    gates.open("stop");
    await rig.run();
    assert.deepEqual([during.error?.fate, ended.state, rig.statusOf("desk:g")], ["not-delivered", "ok", "absent"]);
    assert.equal(rig.history("deadLetter").length, 2);
  });

  it("that stops itself takes what is queued to its next activation", async () => {
    const { rig, grain } = world();
    asked(grain.ask.count());
    grain.tell.leave();
    const next = asked(grain.ask.count());
    await rig.run();
    assert.equal(next.value, 1);
  });

  it("is looked at by a sweep in pieces that comes around, whoever comes and goes", async () => {
    const { rig, Desk } = world(1_000);
    for (let index = 0; index < 10; index++) asked(rig.grain(Desk, `g${index}`).ask.count());
    await rig.advance(1_000);
    const { host } = rig.main;
    host.enter();
    let pieces = 0;
    while (!host.sweepIdle(3)) pieces++;
    host.leave();
    await rig.turn();
    assert.deepEqual([pieces, host.cells.size], [3, 0]);
  });
});

describe("a grain with something under way", () => {
  const underWay: readonly [name: string, begin: "hold" | "look" | "raise" | "pipe", end: (gates: Gates) => void][] = [
    ["a waiting handler", "hold", (gates) => gates.open("g")],
    ["a waiting reentrant handler", "look", (gates) => gates.open("g")],
    ["a piped promise", "pipe", (gates) => gates.open("pipe")],
    ["a child", "raise", () => {}],
  ];
  for (const [name, begin, end] of underWay) {
    it(`stays while it has ${name}`, async () => {
      const { gates, rig, grain } = world(1_000);
      if (begin === "hold" || begin === "look") asked(grain.with({ timeoutMs: 60_000 }).ask[begin]("g"));
      else grain.tell[begin]();
      await rig.advance(10_000);
      await rig.sweep();
      assert.equal(rig.statusOf("desk:g"), begin === "hold" ? "awaiting" : "running");
      end(gates);
      if (begin === "raise") grain.tell.drop();
      await rig.advance(1_000);
      await rig.sweep();
      assert.equal(rig.statusOf("desk:g"), "absent");
    });
  }

  it("stays while it has put a message aside", async () => {
    const { journal, rig, grain } = world(1_000);
    grain.tell.stash();
    await rig.advance(10_000);
    await rig.sweep();
    assert.deepEqual([rig.statusOf("desk:g"), journal], ["running", ["onStart activation"]]);
  });
});

describe("an actor that is no grain", () => {
  it("is never passivated, unless its kind gives an idle time; then its name is free", async () => {
    const { rig, Desk } = world();
    rig.spawn(Desk, "a");
    await rig.advance(86_400_000);
    await rig.sweep();
    assert.equal(rig.statusOf("a"), "running");
    const short = world(1_000);
    short.rig.spawn(short.Desk, "a");
    await short.rig.advance(1_000);
    await short.rig.sweep();
    assert.deepEqual([short.rig.statusOf("a"), short.journal], ["absent", ["onStart spawn", "onStop passivated"]]);
  });
});
