/**
 * Restarting in place: what stays, what goes, in which order, and how long it takes.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ActorError } from "../../core/failure.ts";
import { kind } from "../../core/kind.ts";
import { HOOK_GRACE_MS } from "../../core/limits.ts";
import type { SupervisionOptions } from "../../core/supervision.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

const QUICK: SupervisionOptions = {
  backoff: { minMs: 100, maxMs: 1_000, jitter: 0 },
  maxRestarts: 4,
  windowMs: 60_000,
};

function world(supervision: SupervisionOptions = QUICK) {
  const journal: string[] = [];
  const gates = new Gates();
  const Desk = kind("desk", {
    state: (init: string) => ({ init, count: 0 }),
    supervision,
    reentrant: ["look"],
    onStart(ctx, reason): void {
      journal.push(`onStart ${reason} ${ctx.state.count} ${ctx.restarts}`);
    },
    onStop: (_ctx, reason): void => {
      journal.push(`onStop ${reason}`);
    },
    async onRestart(ctx, error) {
      journal.push(`onRestart ${ctx.state.count} ${error.code}`);
      if (ctx.state.init === "slow") await gates.wait("restart");
      if (ctx.state.init === "failing") throw new Error("in the hook");
      if (ctx.state.init === "grabby") ctx.timers.once("t", 1_000, "note", "from the old life");
    },
    handlers: {
      note(ctx, text: string): void {
        ctx.state.count++;
        journal.push(text);
      },
      echo: (_ctx, text: string): string => text,
      fail(_ctx, code?: string): void {
        throw code === undefined ? new TypeError("broken") : new ActorError(code, "refused");
      },
      async hold(ctx, gate: string): Promise<string> {
        await gates.wait(gate);
        ctx.state.count = 1_000;
        return gate;
      },
      async look(_ctx, gate: string): Promise<void> {
        await gates.wait(gate);
      },
    },
  });
  const rig = new Rig({ kinds: [Desk] });
  return { journal, gates, rig, Desk };
}

describe("a restart", () => {
  it("runs onRestart on the old state, waits, and begins with new state and the same mailbox", async () => {
    const { journal, rig, Desk } = world();
    const actor = rig.spawn(Desk, "a", "x");
    actor.tell.note("1");
    const failed = asked(actor.ask.fail());
    actor.tell.note("2");
    await rig.advance(99);
    assert.deepEqual(journal, ["onStart spawn 0 0", "1", "onRestart 1 handler-failed"]);
    assert.equal(failed.outcome, "handler-failed/delivered");
    actor.tell.note("3");
    await rig.advance(1);
    assert.deepEqual(journal.slice(3), ["onStart restart 0 1", "2", "3"]);
    assert.equal(rig.statusOf("a"), "running");
  });

  it("makes its state from the same init", async () => {
    const { rig, Desk, journal } = world();
    const actor = rig.spawn(Desk, "a", "failing");
    actor.tell.fail();
    actor.tell.fail();
    await rig.advance(1_000);
    // The hook looks at `init`, so the second life had it too.
    assert.deepEqual(rig.logged.filter((line) => line.startsWith("error")), [
      "error: onRestart failed",
      "error: onRestart failed",
    ]);
    assert.equal(journal.filter((line) => line.startsWith("onStart")).length, 3);
  });

  it("waits longer each time, by the clock, until its budget is spent", async () => {
    const { rig, Desk } = world();
    const actor = rig.spawn(Desk, "a", "x");
    for (let count = 0; count < 5; count++) actor.tell.fail();
    const buried = asked(actor.ask.echo("x"));
    await rig.advance(10_000);
    assert.deepEqual(rig.history("actorRestarting", "actorStopped"), [
      "actorRestarting a 100",
      "actorRestarting a 200",
      "actorRestarting a 400",
      "actorRestarting a 800",
      "actorStopped a restart-budget-spent",
    ]);
    assert.equal(buried.outcome, "actor-stopped/not-delivered");
    assert.equal(buried.error?.details.reason, "restart-budget-spent");
  });

  it("is allowed again when the window has passed", async () => {
    const { rig, Desk } = world({ ...QUICK, maxRestarts: 1, windowMs: 5_000 });
    const actor = rig.spawn(Desk, "a", "x");
    actor.tell.fail();
    await rig.advance(5_000);
    actor.tell.fail();
    await rig.advance(4_999);
    assert.equal(rig.statusOf("a"), "running");
    actor.tell.fail();
    await rig.advance(1_000);
    assert.equal(rig.statusOf("a"), "absent");
  });

  it("answers every run that was waiting with actor-restarted, and ignores what becomes of them", async () => {
    const { gates, journal, rig, Desk } = world();
    const actor = rig.spawn(Desk, "a", "x");
    const [look, other] = [asked(actor.ask.look("l")), asked(actor.ask.look("m"))];
    actor.tell.fail();
    await rig.run();
    assert.deepEqual([look.outcome, other.outcome], ["actor-restarted/delivered", "actor-restarted/delivered"]);
    await rig.advance(1_000);
    gates.open("l");
    gates.fail("m", new Error("late"));
    await rig.advance(1_000);
    assert.deepEqual(rig.history("actorFailed"), ["actorFailed a fail handler-failed"]);
    assert.deepEqual(journal, ["onStart spawn 0 0", "onRestart 0 handler-failed", "onStart restart 0 1"]);
    assert.equal(rig.main.host.answeredTwice, 0);
  });

  it("lets no abandoned handler touch the new life's state", async () => {
    const { gates, rig, Desk } = world();
    const actor = rig.spawn(Desk, "a", "x");
    const held = asked(actor.ask.hold("g"));
    await rig.run();
    const cell = rig.main.host.cells.get(actor.key);
    asked(rig.grain(Desk, "z").ask.fail()); // another actor's failure is none of its business
    await rig.run();
    assert.equal(cell?.status, "awaiting");
    const reentrant = asked(actor.ask.look("never"));
    await rig.run();
    assert.equal(reentrant.state, "pending");
    assert.equal(held.state, "pending");
    gates.open("g");
    await rig.run();
    assert.equal(held.value, "g");
    assert.deepEqual(cell?.state, { init: "x", count: 1_000 });
  });

  it("waits for its onRestart, and no longer than the grace", async () => {
    const { gates, journal, rig, Desk } = world();
    rig.spawn(Desk, "a", "slow").tell.fail();
    rig.spawn(Desk, "b", "slow").tell.fail();
    await rig.advance(100);
    assert.deepEqual([rig.statusOf("a"), rig.statusOf("b")], ["restarting", "restarting"]);
    gates.open("restart");
    await rig.run();
    assert.deepEqual([rig.statusOf("a"), rig.statusOf("b")], ["running", "running"]);
    rig.actor(Desk, "a").tell.fail();
    await rig.advance(200 + HOOK_GRACE_MS - 1);
    assert.equal(rig.statusOf("a"), "restarting");
    await rig.advance(1);
    assert.equal(rig.statusOf("a"), "running");
    assert.equal(journal.filter((line) => line.startsWith("onStart restart")).length, 3);
  });

  it("does not pass on what its onRestart has set up", async () => {
    const { journal, rig, Desk } = world();
    rig.spawn(Desk, "a", "grabby").tell.fail();
    await rig.advance(10_000);
    assert.deepEqual(journal, ["onStart spawn 0 0", "onRestart 0 handler-failed", "onStart restart 0 1"]);
  });

  it("with no backoff begins in the next turn, after its children and its hook", async () => {
    const order: string[] = [];
    const Leaf = kind("leaf", { handlers: {}, onStop: () => void order.push("child onStop") });
    const Parent = kind("parent", {
      supervision: { backoff: { minMs: 0, maxMs: 0 } },
      handlers: {
        raise(ctx): void {
          ctx.spawn(Leaf, "leaf");
        },
        fail(): void {
          throw new Error("x");
        },
      },
      onStart: (_ctx, reason) => void order.push(`onStart ${reason}`),
      onRestart: () => void order.push("onRestart"),
    });
    const rig = new Rig({ kinds: [Leaf, Parent] });
    const parent = rig.spawn(Parent, "p");
    parent.tell.raise();
    await rig.run();
    parent.tell.fail();
    await rig.run();
    assert.deepEqual(order, ["onStart spawn", "child onStop", "onRestart", "onStart restart"]);
  });
});

describe("a directive", () => {
  it("resume keeps state and goes on with the next message", async () => {
    const { journal, rig, Desk } = world({ ...QUICK, on: { "handler-failed": "resume" } });
    const actor = rig.spawn(Desk, "a", "x");
    actor.tell.note("1");
    actor.tell.fail();
    actor.tell.note("2");
    await rig.run();
    assert.deepEqual(journal, ["onStart spawn 0 0", "1", "2"]);
    assert.deepEqual(rig.main.host.cells.get(actor.key)?.state, { init: "x", count: 2 });
  });

  it("resume is what a refusal gets by default, restart what a bug gets", async () => {
    const { rig, Desk } = world();
    const actor = rig.spawn(Desk, "a", "x");
    const refused = asked(actor.ask.fail("no-funds"));
    await rig.run();
    assert.deepEqual([refused.outcome, rig.statusOf("a")], ["no-funds/delivered", "running"]);
    actor.tell.fail();
    await rig.run();
    assert.equal(rig.statusOf("a"), "restarting");
  });

  it("stop ends the actor, with onStop, and its queue goes nowhere", async () => {
    const { journal, rig, Desk } = world({ on: { "no-funds": "stop" } });
    const actor = rig.spawn(Desk, "a", "x");
    const [failed, queued] = [asked(actor.ask.fail("no-funds")), asked(actor.ask.echo("x"))];
    await rig.run();
    assert.deepEqual([failed.outcome, queued.outcome], ["no-funds/delivered", "actor-stopped/not-delivered"]);
    assert.deepEqual(journal, ["onStart spawn 0 0", "onStop failed"]);
  });

  it("escalate at the top is stop", async () => {
    const { rig, Desk } = world({ on: { "*": "escalate" } });
    rig.spawn(Desk, "a", "x").tell.fail();
    await rig.run();
    assert.deepEqual(rig.history("actorStopped"), ["actorStopped a failed"]);
  });
});
