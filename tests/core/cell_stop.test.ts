/**
 * How a life ends: what waits for what, for how long, and who is answered.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ActorError } from "../../core/failure.ts";
import { kind } from "../../core/kind.ts";
import { HOOK_GRACE_MS } from "../../core/limits.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

function world() {
  const journal: string[] = [];
  const gates = new Gates();
  const Desk = kind("desk", {
    state: () => ({ count: 0 }),
    supervision: { backoff: { minMs: 10, maxMs: 10, jitter: 0 } },
    async onStart(ctx) {
      if (ctx.name.includes("slowStart")) await gates.wait("start");
      if (ctx.name.includes("stopper")) ctx.stop();
      journal.push("onStart");
    },
    async onStop(ctx, reason) {
      journal.push(`onStop ${reason}`);
      if (ctx.name.includes("slowStop")) await gates.wait("stop");
      if (ctx.name.includes("failStop")) throw new Error("no");
      journal.push("gone");
    },
    async onRestart(ctx) {
      journal.push("onRestart");
      if (ctx.name.includes("slowRestart")) await gates.wait("restart");
      if (ctx.name.includes("leaver")) ctx.stop();
    },
    handlers: {
      note(_ctx, text: string): void {
        journal.push(text);
      },
      echo: (_ctx, text: string): string => text,
      async hold(ctx, gate: string): Promise<string> {
        ctx.signal.addEventListener("abort", () => journal.push(`aborted ${(ctx.signal.reason as ActorError).code}`));
        await gates.wait(gate);
        journal.push(`held ${gate}`);
        return gate;
      },
      leave(ctx): string {
        ctx.stop();
        return "left";
      },
      leaveFailing(ctx): void {
        ctx.stop();
        throw new TypeError("on the way out");
      },
      fail(): void {
        throw new Error("broken");
      },
    },
  });
  const rig = new Rig({ kinds: [Desk] });
  const stop = (name: string, isDraining = false) =>
    rig.operate(name, { op: "stop", key: rig.actor(Desk, name).key, isDraining });
  return { journal, gates, rig, Desk, stop };
}

describe("an actor that stops itself", () => {
  it("answers its message, runs onStop, and buries what is queued", async () => {
    const { journal, rig, Desk } = world();
    const actor = rig.spawn(Desk, "a");
    const [left, late] = [asked(actor.ask.leave()), asked(actor.ask.echo("late"))];
    actor.tell.note("late too");
    await rig.run();
    assert.deepEqual([left.value, late.outcome], ["left", "actor-stopped/not-delivered"]);
    assert.deepEqual(journal, ["onStart", "onStop stop", "gone"]);
    assert.equal(rig.deadLetters("actor-stopped"), 2);
    assert.equal(actor.tell.note("gone"), false);
  });

  it("and fails in the same message is not restarted: the failure is published and it ends", async () => {
    const { journal, rig, Desk } = world();
    const failed = asked(rig.spawn(Desk, "a").ask.leaveFailing());
    await rig.advance(1_000);
    assert.equal(failed.outcome, "handler-failed/delivered");
    assert.deepEqual(journal, ["onStart", "onStop stop", "gone"]);
    assert.deepEqual(rig.history(), [
      "actorStarted a spawn",
      "actorFailed a leaveFailing handler-failed",
      "actorStopped a stop",
    ]);
  });

  it("and fails in the same message ends by its own wish, whatever its supervision would do", async () => {
    for (const directive of ["stop", "escalate", "resume", "restart"] as const) {
      const Leaver = kind("leaver", {
        supervision: { on: { "*": directive } },
        handlers: {
          leave(ctx): void {
            ctx.stop();
            throw new Error("on the way out");
          },
        },
      });
      const rig = new Rig({ kinds: [Leaver] });
      rig.spawn(Leaver, "a").tell.leave();
      await rig.run();
      assert.deepEqual(rig.history("actorStopped", "actorRestarting"), ["actorStopped a stop"], directive);
    }
  });

  it("in its onStart, starts and ends", async () => {
    const { journal, rig, Desk } = world();
    rig.spawn(Desk, "stopper");
    await rig.run();
    assert.deepEqual(journal, ["onStart", "onStop stop", "gone"]);
    assert.deepEqual(rig.history(), ["actorStarted stopper spawn", "actorStopped stopper stop"]);
  });

  it("in its onRestart, ends instead of beginning again", async () => {
    const { journal, rig, Desk } = world();
    rig.spawn(Desk, "leaver").tell.fail();
    await rig.advance(1_000);
    assert.deepEqual(journal, ["onStart", "onRestart", "onStop stop", "gone"]);
    assert.equal(rig.statusOf("leaver"), "absent");
  });
});

describe("an actor that is stopped", () => {
  it("before its first turn runs no hook", async () => {
    const { journal, rig, Desk, stop } = world();
    const actor = rig.spawn(Desk, "a");
    const queued = asked(actor.ask.echo("x"));
    const stopped = stop("a");
    await rig.run();
    assert.deepEqual([journal, stopped.value, queued.outcome], [[], true, "actor-stopped/not-delivered"]);
  });

  it("while it starts, lets onStart finish, then runs onStop and takes no message", async () => {
    const { journal, gates, rig, Desk, stop } = world();
    const actor = rig.spawn(Desk, "slowStart");
    actor.tell.note("never");
    await rig.run();
    const stopped = stop("slowStart");
    await rig.run();
    assert.equal(rig.statusOf("slowStart"), "stopping");
    gates.open("start");
    await rig.run();
    assert.deepEqual([journal, stopped.value], [["onStart", "onStop stop", "gone"], true]);
  });

  it("while a handler waits, aborts its signal and gives it time; its reply still counts", async () => {
    const { journal, gates, rig, Desk, stop } = world();
    const actor = rig.spawn(Desk, "a");
    const held = asked(actor.ask.hold("g"));
    actor.tell.note("queued");
    await rig.run();
    stop("a");
    await rig.advance(HOOK_GRACE_MS - 1);
    assert.equal(actor.tell.note("refused"), false);
    gates.open("g");
    await rig.run();
    assert.equal(held.value, "g");
    assert.deepEqual(journal, ["onStart", "aborted actor-stopped", "held g", "onStop stop", "gone"]);
  });

  it("while a handler waits too long, answers its ask and goes on without it; what comes of it later is ignored", async () => {
    const { journal, gates, rig, Desk, stop } = world();
    const actor = rig.spawn(Desk, "a");
    const held = asked(actor.with({ timeoutMs: 60_000 }).ask.hold("g"));
    await rig.run();
    const stopped = stop("a");
    await rig.advance(HOOK_GRACE_MS - 1);
    assert.deepEqual([held.state, stopped.state], ["pending", "pending"]);
    await rig.advance(1);
    assert.deepEqual([held.outcome, stopped.value], ["actor-stopped/unknown", true]);
    assert.deepEqual(journal.slice(2), ["onStop stop", "gone"]);
    gates.open("g");
    await rig.run();
    assert.equal(rig.main.host.answeredTwice, 0);
    assert.equal(rig.statusOf("a"), "absent");
  });

  it("while it waits to begin again, does not begin again", async () => {
    const { journal, rig, Desk, stop } = world();
    const actor = rig.spawn(Desk, "a");
    actor.tell.fail();
    await rig.run();
    assert.equal(rig.statusOf("a"), "restarting");
    const queued = asked(actor.ask.echo("x"));
    const stopped = stop("a");
    await rig.advance(1_000);
    assert.deepEqual([stopped.value, queued.outcome], [true, "actor-stopped/not-delivered"]);
    assert.deepEqual(journal, ["onStart", "onRestart", "onStop stop", "gone"]);
  });

  it("while its onRestart runs, lets that finish, and does not begin again", async () => {
    const { journal, gates, rig, Desk, stop } = world();
    rig.spawn(Desk, "slowRestart").tell.fail();
    await rig.advance(100);
    stop("slowRestart");
    await rig.run();
    assert.equal(rig.statusOf("slowRestart"), "stopping");
    gates.open("restart");
    await rig.run();
    assert.deepEqual(journal, ["onStart", "onRestart", "onStop stop", "gone"]);
  });

  it("twice, ends once, and both are answered", async () => {
    const { journal, gates, rig, Desk, stop } = world();
    rig.spawn(Desk, "slowStop");
    await rig.run();
    const [one, two] = [stop("slowStop"), stop("slowStop")];
    await rig.run();
    gates.open("stop");
    await rig.run();
    assert.deepEqual([one.value, two.value], [true, true]);
    assert.deepEqual(journal, ["onStart", "onStop stop", "gone"]);
  });

  it("and is not there, is answered with false", async () => {
    const { rig, stop } = world();
    const stopped = stop("nobody");
    await rig.run();
    assert.equal(stopped.value, false);
  });

  it("ends though its onStop never does, after the grace", async () => {
    const { rig, Desk, stop } = world();
    rig.spawn(Desk, "slowStop");
    await rig.run();
    const stopped = stop("slowStop");
    await rig.advance(HOOK_GRACE_MS - 1);
    assert.equal(stopped.state, "pending");
    await rig.advance(1);
    assert.deepEqual([stopped.value, rig.statusOf("slowStop")], [true, "absent"]);
  });

  it("ends within two graces when neither its handler nor its onStop ever does", async () => {
    const { rig, Desk, stop, journal } = world();
    const actor = rig.spawn(Desk, "slowStop");
    asked(actor.ask.hold("never"));
    await rig.run();
    const stopped = stop("slowStop");
    await rig.advance(2 * HOOK_GRACE_MS);
    assert.equal(stopped.value, true);
    assert.ok(journal.includes("onStop stop"));
  });

  it("ends though its onStop fails, and says so in the log", async () => {
    const { rig, Desk, stop } = world();
    rig.spawn(Desk, "failStop");
    await rig.run();
    const stopped = stop("failStop");
    await rig.run();
    assert.equal(stopped.value, true);
    assert.deepEqual(rig.logged, ["error: onStop failed"]);
    assert.deepEqual(rig.history("actorFailed"), []);
  });

  it("hears of it by its signal also when it asks for it late", async () => {
    const reasons: unknown[] = [];
    const gates = new Gates();
    const Late = kind("late", {
      handlers: {
        async hold(ctx): Promise<void> {
          await gates.wait("g");
          reasons.push(ctx.signal.aborted, (ctx.signal.reason as ActorError | undefined)?.code);
        },
      },
      onStop(ctx) {
        reasons.push(ctx.signal.aborted);
      },
    });
    const rig = new Rig({ kinds: [Late] });
    rig.spawn(Late, "a").tell.hold();
    await rig.run();
    rig.operate("a", { op: "stop", key: rig.actor(Late, "a").key, isDraining: false });
    await rig.run();
    gates.open("g");
    await rig.run();
    assert.deepEqual(reasons, [true, "actor-stopped", false]);
  });
});
