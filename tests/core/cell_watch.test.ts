/**
 * Watching: told once, whatever the reason, wherever the other lives, and not after taking it back.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { kind } from "../../core/kind.ts";
import type { AnyRef } from "../../core/ref.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

function world(workers: number) {
  const journal: string[] = [];
  const gates = new Gates();
  const Target = kind("target", {
    idleMs: 1_000,
    supervision: { on: { "*": "restart", deadly: "stop" }, backoff: { minMs: 0, maxMs: 0 }, maxRestarts: 1 },
    handlers: {
      leave: (ctx): void => ctx.stop(),
      fail(): void {
        throw new Error("x");
      },
      echo: (_ctx, text: string): string => text,
    },
  });
  const Guard = kind("guard", {
    reentrant: ["failNow"],
    supervision: { backoff: { minMs: 0, maxMs: 0 }, on: { "*": "restart" } },
    onTerminated(ctx, ref, reason) {
      journal.push(`${ctx.name}: ${ref.key} ${reason}`);
      if (reason === "not-found" && ref.name.startsWith("fatal")) throw new Error("cannot go on");
    },
    handlers: {
      watch: (ctx, ref: AnyRef): void => ctx.watch(ref),
      unwatch: (ctx, ref: AnyRef): void => ctx.unwatch(ref),
      watchSelf: (ctx): void => ctx.watch(ctx.self),
      watchAndHold: async (ctx, ref: AnyRef): Promise<void> => {
        ctx.watch(ref);
        await gates.wait("g");
      },
      note(_ctx, text: string): void {
        journal.push(text);
      },
      fail(): void {
        throw new Error("x");
      },
      failNow(): void {
        throw new Error("x");
      },
      leave: (ctx): void => ctx.stop(),
    },
  });
  const rig = new Rig({ kinds: [Target, Guard], workers });
  const name = (thread: number, prefix: string) => workers === 0 ? prefix : rig.nameOn(thread, prefix);
  const guard = rig.spawn(Guard, name(1, "guard"));
  const target = rig.spawn(Target, name(2, "target"));
  return { journal, gates, rig, guard, target, Target, Guard, name };
}

for (const workers of [0, 2]) {
  describe(`a watcher, ${workers === 0 ? "on one thread" : "on another thread"}`, () => {
    it("is told once when the other ends, with the reason", async () => {
      const { journal, rig, guard, target } = world(workers);
      guard.tell.watch(target);
      guard.tell.watch(target);
      await rig.run();
      target.tell.leave();
      await rig.run();
      assert.deepEqual(journal, [`${guard.name}: ${target.key} stop`]);
    });

    it("is told of every way to end", async () => {
      const reasons: string[] = [];
      for (const way of ["failed", "restart-budget-spent", "passivated", "system-stopping"] as const) {
        const { journal, rig, guard, target } = world(workers);
        guard.tell.watch(target);
        await rig.run();
        if (way === "failed" || way === "restart-budget-spent") {
          target.tell.fail();
          await rig.run();
          target.tell.fail();
        }
        if (way === "passivated") await rig.advance(1_000).then(() => rig.sweep());
        if (way === "system-stopping") rig.operate(target.key, { op: "endAll" });
        await rig.run();
        reasons.push(journal[0]?.split(" ")[2] ?? "");
      }
      // On one thread the watcher ends with the system, and hears nothing any more.
      assert.deepEqual(reasons, [
        "restart-budget-spent",
        "restart-budget-spent",
        "passivated",
        workers === 0 ? "" : "system-stopping",
      ]);
    });

    it("is told at once of an actor that is not there", async () => {
      const { journal, rig, guard, Target, name } = world(workers);
      guard.tell.watch(rig.actor(Target, name(2, "nobody")));
      await rig.run();
      assert.deepEqual(journal, [`${guard.name}: ${name(2, "nobody")} not-found`]);
    });

    it("is not told of a restart, and still of the end after it", async () => {
      const { journal, rig, guard, target } = world(workers);
      guard.tell.watch(target);
      await rig.run();
      target.tell.fail();
      await rig.run();
      assert.deepEqual(journal, []);
      target.tell.leave();
      await rig.run();
      assert.deepEqual(journal, [`${guard.name}: ${target.key} stop`]);
    });

    it("is not told after it took it back", async () => {
      const { journal, rig, guard, target } = world(workers);
      guard.tell.watch(target);
      await rig.run();
      guard.tell.unwatch(target);
      target.tell.leave();
      await rig.run();
      assert.deepEqual(journal, []);
    });

    it("may watch again whoever has come back under the name", async () => {
      const { journal, rig, guard, target, Target } = world(workers);
      for (let round = 0; round < 2; round++) {
        guard.tell.watch(target);
        await rig.run();
        target.tell.leave();
        await rig.run();
        rig.spawn(Target, target.name);
        await rig.run();
      }
      assert.equal(journal.length, 2);
    });

    it("that restarts no longer watches, and hears nothing of before", async () => {
      const { journal, gates, rig, guard, target, Target } = world(workers);
      guard.tell.watchAndHold(target);
      await rig.run();
      target.tell.leave();
      guard.tell.fail();
      await rig.run();
      gates.open("g");
      await rig.run();
      // The end was already waiting in front of the failing message.
      assert.deepEqual(journal, [`${guard.name}: ${target.key} stop`]);
      journal.length = 0;
      const again = rig.spawn(Target, target.name);
      guard.tell.watch(again);
      await rig.run();
      guard.tell.fail();
      await rig.run();
      again.tell.leave();
      await rig.run();
      assert.deepEqual(journal, []);
    });

    it("that restarts may watch the same one again, and hears nothing of what its old life was told and had not seen", async () => {
      const { journal, rig, guard, target, Target } = world(workers);
      guard.tell.watchAndHold(target);
      await rig.run();
      target.tell.leave();
      await rig.run();
      guard.tell.failNow();
      await rig.run();
      assert.deepEqual([journal, rig.statusOf(guard.key)], [[], "running"]);
      const again = rig.spawn(Target, target.name);
      guard.tell.watch(again);
      guard.tell.fail();
      guard.tell.watch(again);
      await rig.run();
      assert.deepEqual(journal, []);
      again.tell.leave();
      await rig.run();
      assert.deepEqual(journal, [`${guard.name}: ${target.key} stop`]);
    });

    it("hears of an end before the messages that wait, but not in the middle of one", async () => {
      const { journal, gates, rig, guard, target } = world(workers);
      guard.tell.watchAndHold(target);
      guard.tell.note("1");
      await rig.run();
      target.tell.leave();
      await rig.run();
      assert.deepEqual(journal, []);
      gates.open("g");
      await rig.run();
      assert.deepEqual(journal, [`${guard.name}: ${target.key} stop`, "1"]);
    });

    it("that has ended is told nothing, and does no harm", async () => {
      const { journal, rig, guard, target } = world(workers);
      guard.tell.watch(target);
      await rig.run();
      guard.tell.leave();
      await rig.run();
      target.tell.leave();
      await rig.run();
      assert.deepEqual([journal, rig.statusOf(target.key)], [[], "absent"]);
    });

    it("fails like a handler when its onTerminated does", async () => {
      const { rig, guard, Target, name } = world(workers);
      guard.tell.watch(rig.actor(Target, name(2, "fatal")));
      await rig.run();
      assert.deepEqual(rig.history("actorFailed"), [`actorFailed ${guard.key} onTerminated handler-failed`]);
      assert.equal(rig.statusOf(guard.key), "running");
    });
  });
}

describe("an actor", () => {
  it("that watches itself is not told of its own end", async () => {
    const { journal, rig, guard } = world(0);
    guard.tell.watchSelf();
    await rig.run();
    guard.tell.leave();
    await rig.run();
    assert.deepEqual([journal, rig.statusOf(guard.key)], [[], "absent"]);
  });

  it("that watches a grain nobody has used is told that there is none", async () => {
    const { journal, rig, guard, Target } = world(0);
    guard.tell.watch(rig.grain(Target, "g"));
    await rig.run();
    assert.deepEqual(journal, ["guard: target:g not-found"]);
  });

  it("is told of a grain's passivation, and the grain still comes back", async () => {
    const { journal, rig, guard, Target } = world(0);
    const grain = rig.grain(Target, "g");
    asked(grain.ask.echo("x"));
    await rig.run();
    guard.tell.watch(grain);
    await rig.advance(1_000);
    await rig.sweep();
    const echo = asked(grain.ask.echo("y"));
    await rig.run();
    assert.deepEqual([journal, echo.value], [["guard: target:g passivated"], "y"]);
  });
});

describe("a lost worker", () => {
  it("ends what was watched there, once, and its own watchers are forgotten", async () => {
    const { journal, rig, guard, target, Target } = world(2);
    guard.tell.watch(target);
    await rig.run();
    rig.loseThread(2);
    await rig.run();
    assert.deepEqual(journal, [`${guard.name}: ${target.key} worker-lost`]);
    rig.spawn(Target, target.name);
    await rig.run();
    target.tell.leave();
    await rig.run();
    assert.equal(journal.length, 1);
  });

  it("that held the watcher leaves the watched one alone", async () => {
    const { journal, rig, guard, target, Guard } = world(2);
    guard.tell.watch(target);
    await rig.run();
    rig.loseThread(1);
    await rig.run();
    rig.spawn(Guard, guard.name);
    await rig.run();
    target.tell.leave();
    await rig.run();
    assert.deepEqual([journal, rig.statusOf(target.key)], [[], "absent"]);
  });
});
