/**
 * A host and its loop: a turn is asked for whenever there is something to do, time stands still within one, and a host
 * is quiet when nothing is queued or awaited.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { kind } from "../../core/kind.ts";
import { MESSAGES_PER_CELL_TURN } from "../../core/limits.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig, settle } from "../rig/rig.ts";

function world() {
  const gates = new Gates();
  const journal: string[] = [];
  const Desk = kind("desk", {
    handlers: {
      note(_ctx, text: string): void {
        journal.push(text);
      },
      async hold(_ctx, gate: string): Promise<void> {
        await gates.wait(gate);
      },
      timer: (ctx, delayMs: number): void => ctx.timers.once("t", delayMs, "note", "tick"),
      timeLeft: (ctx): number => ctx.timeLeftMs,
      pass: (ctx, left: number): void => {
        if (left > 0) ctx.grain(DeskSelf, `g${left}`).tell.pass(left - 1);
        else journal.push("passed on");
      },
    },
  });
  const DeskSelf: typeof Desk = Desk;
  const rig = new Rig({ kinds: [Desk] });
  return { gates, journal, rig, host: rig.main.host, thread: rig.main, desk: rig.grain(Desk, "d") };
}

describe("a host", () => {
  it("asks for a turn when a message comes, a promise settles or a timer is set outside of one", async () => {
    const { gates, rig, thread, desk } = world();
    assert.equal(thread.isRequested, false);
    desk.tell.hold("g");
    assert.equal(thread.isRequested, true);
    await rig.turn();
    assert.equal(thread.isRequested, false);
    gates.open("g");
    await settle();
    assert.equal(thread.isRequested, true);
  });

  it("needs no further turn for what actors of one thread send each other within one", async () => {
    const { journal, thread, desk } = world();
    desk.tell.pass(50);
    thread.turn();
    assert.deepEqual(journal, ["passed on"]);
    await settle();
    assert.equal(thread.isRequested, false);
  });

  it("runs up to the limit of a turn and says whether there is more", () => {
    const { host, desk } = world();
    for (let index = 0; index < 300; index++) desk.tell.note("x");
    host.enter();
    assert.equal(host.runCells(100), true);
    assert.ok(host.activity().ran >= 100);
    while (host.runCells(100));
    host.leave();
    assert.equal(host.activity().isQuiet, true);
  });

  it("gives each cell its share, so that two busy cells take turns", () => {
    const order: string[] = [];
    const Busy = kind("busy", {
      mailbox: 2 * MESSAGES_PER_CELL_TURN,
      handlers: {
        run(ctx): void {
          order.push(ctx.name);
        },
      },
    });
    const rig = new Rig({ kinds: [Busy] });
    for (const name of ["a", "b"]) {
      for (let index = 0; index < 2 * MESSAGES_PER_CELL_TURN; index++) rig.grain(Busy, name).tell.run();
    }
    while (rig.main.turn());
    const changes = order.flatMap((name, index) => name === order[index - 1] ? [] : [`${name} at ${index}`]);
    const share = MESSAGES_PER_CELL_TURN;
    assert.deepEqual(changes, ["a at 0", `b at ${share}`, `a at ${2 * share}`, `b at ${3 * share}`]);
    assert.equal(order.length, 4 * share);
  });

  it("has one instant for a whole turn, and the clock again after it", () => {
    const { host, rig } = world();
    host.enter();
    rig.nowMs += 50;
    assert.deepEqual([host.now(), host.clockNow()], [1_000, 1_050]);
    host.leave();
    assert.equal(host.now(), 1_050);
  });

  it("is due when its nearest timer is, and has nothing due when all have ended", async () => {
    const { host, rig, desk } = world();
    assert.equal(host.nextDueMs(), undefined);
    desk.tell.timer(7);
    await rig.run();
    assert.equal(host.nextDueMs(), rig.nowMs + 7);
    await rig.advance(7);
    assert.equal(host.nextDueMs(), undefined);
  });

  it("cancels the deadline of an ask that is answered", async () => {
    const { host, rig, desk } = world();
    asked(desk.ask.timeLeft());
    assert.notEqual(host.nextDueMs(), undefined);
    await rig.run();
    assert.equal(host.nextDueMs(), undefined);
  });

  it("is quiet when nothing is queued and no handler waits, and counts what ran", async () => {
    const { gates, host, rig, desk } = world();
    assert.equal(host.activity().isQuiet, true);
    desk.tell.hold("g");
    assert.equal(host.activity().isQuiet, false);
    await rig.run();
    assert.equal(host.activity().isQuiet, false);
    const before = host.activity().ran;
    gates.open("g");
    await rig.run();
    desk.tell.note("x");
    await rig.run();
    assert.equal(host.activity().isQuiet, true);
    assert.ok(host.activity().ran > before);
  });

  it("is quiet again when it has given up on a handler that never settles", async () => {
    const { host, rig, desk } = world();
    desk.tell.hold("never");
    await rig.run();
    rig.operate("desk:d", { op: "stop", key: desk.key, isDraining: false });
    await rig.advance(60_000);
    assert.equal(rig.statusOf("desk:d"), "absent");
    assert.equal(host.activity().isQuiet, true);
  });

  it("begins nothing any more when it ends, ends everything it has, and says when all is gone", async () => {
    const { gates, journal, rig, host, desk } = world();
    asked(desk.ask.hold("g"));
    await rig.run();
    const ended = rig.operate("x", { op: "endAll" });
    await rig.run();
    const late = asked(
      rig.main.host.refByKey(host.kinds.all[0] ?? assert.fail(), "desk:new" as never).ask.note?.("x") ??
        Promise.reject(),
    );
    await rig.run();
    assert.deepEqual([late.outcome, ended.state], ["system-stopping/not-delivered", "pending"]);
    gates.open("g");
    await rig.run();
    assert.deepEqual([ended.state, host.cells.size, journal], ["ok", 0, []]);
  });
});
