/**
 * A context belongs to one run of one handler: what it can do while that runs, and that it can do nothing after.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { Context } from "../../core/context.ts";
import type { ActorError } from "../../core/failure.ts";
import { kind } from "../../core/kind.ts";
import type { ActorRef } from "../../core/ref.ts";
import { resource } from "../../core/resource.ts";
import { topic } from "../../core/topic.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

const news = topic<string>("news");
const clockOf = resource<{ readonly now: () => number }>("clock");

function world() {
  const journal: string[] = [];
  const gates = new Gates();
  const kept: { ctx?: Context<{ count: number }>; timers?: Context<unknown>["timers"] } = {};
  const Desk = kind("desk", {
    state: () => ({ count: 0 }),
    supervision: { backoff: { minMs: 0, maxMs: 0 } },
    reentrant: ["fail"],
    handlers: {
      note(_ctx, text: string): void {
        journal.push(text);
      },
      keep(ctx): void {
        kept.ctx = ctx;
        kept.timers = ctx.timers;
      },
      async keepAndHold(ctx): Promise<string> {
        kept.ctx = ctx;
        kept.timers = ctx.timers;
        await gates.wait("g");
        journal.push(codeOf(() => ctx.state));
        journal.push(codeOf(() => ctx.grain(DeskSelf, "other")));
        journal.push(codeOf(() => other().tell.note("from an abandoned run")));
        journal.push(await codeOfAsync(() => other().ask.echo("from an abandoned run")));
        return "done";
      },
      echo: (_ctx, text: string): string => text,
      fail(): void {
        throw new Error("x");
      },
      who: (ctx): string | undefined => ctx.sender?.key,
      async whoAsks(ctx, name: string): Promise<string | undefined> {
        await gates.wait("later");
        return await ctx.grain(DeskSelf, name).ask.who();
      },
      async leaveBehind(): Promise<void> {
        const behind = gates.wait("behind").then(() => other().tell.note("from outside"));
        journal.push(typeof behind);
        await Promise.resolve();
      },
      self: (
        ctx,
      ): readonly unknown[] => [
        ctx.self.key,
        ctx.key,
        ctx.name,
        ctx.self.kind,
        ctx.self.address,
        ctx.restarts,
        ctx.fence,
      ],
      time: (ctx): readonly number[] => [ctx.now(), ctx.random()],
      tool: (ctx): number => ctx.use(clockOf).now(),
      replace(ctx): void {
        ctx.state = { count: 42 };
      },
      count: (ctx): number => ctx.state.count,
    },
  });
  const DeskSelf: typeof Desk = Desk;
  const rig = new Rig({ kinds: [Desk], resources: { clock: { now: () => 7 } } });
  const other = () => rig.grain(Desk, "other");
  return { journal, gates, rig, Desk, kept };
}

function codeOf(act: () => unknown): string {
  try {
    act();
    return "ok";
  } catch (thrown) {
    return (thrown as ActorError).code ?? String(thrown);
  }
}

async function codeOfAsync(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
    return "ok";
  } catch (thrown) {
    return (thrown as ActorError).code ?? String(thrown);
  }
}

describe("a context", () => {
  it("knows its actor", async () => {
    const { rig, Desk } = world();
    const self = asked(rig.grain(Desk, "a").ask.self());
    await rig.run();
    assert.deepEqual(self.value, ["desk:a", "desk:a", "a", "desk", "troupe://rig/desk:a", 0, undefined]);
  });

  it("has the runtime's clock, chance and resources, and no others", async () => {
    const { rig, Desk } = world();
    const [time, tool] = [asked(rig.grain(Desk, "a").ask.time()), asked(rig.grain(Desk, "a").ask.tool())];
    await rig.run();
    const [now, chance] = time.value as readonly number[];
    assert.equal(now, 1_700_000_001_000);
    assert.ok(chance !== undefined && chance >= 0 && chance < 1);
    assert.equal(tool.value, 7);
  });

  it("knows the sender, also behind an await; outside of actors there is none", async () => {
    const { gates, rig, Desk } = world();
    const outside = asked(rig.grain(Desk, "a").ask.who());
    const inside = asked(rig.grain(Desk, "a").ask.whoAsks("b"));
    await rig.run();
    gates.open("later");
    await rig.run();
    assert.deepEqual([outside.value, inside.value], [undefined, "desk:a"]);
  });

  it("replaces the state whole", async () => {
    const { rig, Desk } = world();
    rig.grain(Desk, "a").tell.replace();
    const count = asked(rig.grain(Desk, "a").ask.count());
    await rig.run();
    assert.equal(count.value, 42);
  });

  it("refuses everything but its identity and its log when its run has ended", async () => {
    const { rig, Desk, kept } = world();
    rig.grain(Desk, "a").tell.keep();
    await rig.run();
    const { ctx, timers } = kept;
    assert.ok(ctx !== undefined && timers !== undefined);
    const never = Promise.resolve();
    const acts: readonly (() => unknown)[] = [
      () => ctx.state,
      () => ctx.state = { count: 9 },
      () => ctx.sender,
      () => ctx.restarts,
      () => ctx.timeLeftMs,
      () => ctx.signal,
      () => ctx.fence,
      () => ctx.timers,
      () => timers.once("t", 1, "note", "x"),
      () => timers.every("t", 1, "note", "x"),
      () => timers.cancel("t"),
      () => ctx.now(),
      () => ctx.random(),
      () => ctx.grain(Desk, "x"),
      () => ctx.actor(Desk, "x"),
      () => ctx.spawn(Desk, "x"),
      () => ctx.children,
      () => ctx.stop(),
      () => ctx.stop(ctx.self),
      () => ctx.watch(ctx.self),
      () => ctx.unwatch(ctx.self),
      () => ctx.stash(),
      () => ctx.unstashAll(),
      () => ctx.become("x"),
      () => ctx.unbecome(),
      () => ctx.pipe(never, "note"),
      () => ctx.save(),
      () => ctx.use(clockOf),
      () => ctx.publish(news, "x"),
      () => ctx.subscribe(news, "note"),
      () => ctx.unsubscribe(news),
    ];
    assert.deepEqual(acts.filter((act) => codeOf(act) !== "context-ended").map(String), []);
    assert.deepEqual([ctx.key, ctx.name, ctx.self.key], ["desk:a", "a", "desk:a"]);
    ctx.log.info("still here");
    assert.ok(rig.logged.includes("info: still here"));
    await rig.advance(10);
    assert.equal(rig.main.host.cells.get(ctx.key)?.mailbox.size, 0);
  });

  it("of an abandoned run is dead, and what the run still sends is refused", async () => {
    const { journal, gates, rig, Desk } = world();
    const kept = asked(rig.grain(Desk, "a").ask.keepAndHold());
    await rig.run();
    asked(rig.grain(Desk, "sender").ask.who());
    const actor = rig.grain(Desk, "a");
    // A reentrant handler fails, the actor restarts, and the waiting one is abandoned.
    actor.tell.fail();
    await rig.run();
    assert.equal(kept.outcome, "actor-restarted/delivered");
    gates.open("g");
    await rig.run();
    assert.deepEqual(journal, ["context-ended", "context-ended", "context-ended", "context-ended"]);
    assert.equal(rig.statusOf("desk:other"), "absent");
  });

  it("left behind by a handler that ended sends from outside of actors", async () => {
    const { journal, gates, rig, Desk } = world();
    rig.grain(Desk, "a").tell.leaveBehind();
    await rig.run();
    gates.open("behind");
    await rig.run();
    assert.deepEqual(journal, ["object", "from outside"]);
  });

  it("refuses names that its kind or the system does not have", async () => {
    const codes: string[] = [];
    const Other = kind("other", { handlers: {} });
    const Probe = kind("probe", {
      handlers: {
        try(ctx): void {
          const act = (one: () => unknown) => codes.push(codeOf(one));
          act(() => ctx.timers.once("t", 1, "missing"));
          act(() => ctx.timers.once("t", -1, "try"));
          act(() => ctx.timers.every("t", NaN, "try"));
          act(() => ctx.pipe(Promise.resolve(), "missing"));
          act(() => ctx.pipe(Promise.resolve(), "try", "missing"));
          act(() => ctx.subscribe(news, "missing"));
          act(() => ctx.become("missing"));
          act(() => ctx.grain(Other, "x"));
          act(() => ctx.spawn(Other, "x"));
          act(() => ctx.grain(ProbeSelf, "not a name"));
          act(() => ctx.use(clockOf));
          act(() => ctx.watch({} as ActorRef<never>));
          act(() => ctx.unwatch({} as ActorRef<never>));
        },
      },
    });
    const ProbeSelf: typeof Probe = Probe;
    const rig = new Rig({ kinds: [Probe] });
    rig.grain(Probe, "p").tell.try();
    await rig.run();
    assert.deepEqual(codes, [
      "handler-unknown",
      "not-supported",
      "not-supported",
      "handler-unknown",
      "handler-unknown",
      "handler-unknown",
      "not-supported",
      "kind-unknown",
      "kind-unknown",
      "invalid-name",
      "resource-unknown",
      "not-supported",
      "not-supported",
    ]);
    assert.equal(rig.main.host.cells.values().next().value?.extras?.pipes ?? 0, 0, "a refused pipe is not counted");
  });

  it("of an old life does not speak of the next one", async () => {
    const { kept, rig, Desk } = world();
    rig.grain(Desk, "a").tell.keep();
    rig.grain(Desk, "a").tell.fail();
    await rig.run();
    assert.equal(codeOf(() => kept.ctx?.fence), "context-ended");
    assert.equal(codeOf(() => kept.ctx?.restarts), "context-ended");
  });
});
