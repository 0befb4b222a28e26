/**
 * Timers of an actor: a tick is a message in its own mailbox, one at a time, and belongs to the life that set it.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { kind } from "../../core/kind.ts";
import { TIMERS_PER_ACTOR_MAX } from "../../core/limits.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

function world(idleMs?: number) {
  const journal: string[] = [];
  const gates = new Gates();
  const Desk = kind("desk", {
    idleMs,
    supervision: { backoff: { minMs: 0, maxMs: 0 } },
    async onStop() {
      if (gates.waiting.includes("hold onStop")) await gates.wait("stop");
    },
    onStart: (_ctx, reason) => void journal.push(reason),
    handlers: {
      once: (ctx, name: string, delayMs: number, ...args: string[]): void =>
        ctx.timers.once(name, delayMs, "tick", ...args),
      every: (ctx, name: string, periodMs: number, ...args: string[]): void =>
        ctx.timers.every(name, periodMs, "tick", ...args),
      cancel: (ctx, name: string): boolean => ctx.timers.cancel(name),
      tick(_ctx, ...args: string[]): void {
        journal.push(`tick ${args.join(" ")}`);
      },
      stashingOnce: (ctx): void => ctx.timers.once("s", 10, "putAside"),
      putAside(ctx): void {
        journal.push("put aside");
        ctx.stash();
      },
      async hold(_ctx, gate: string): Promise<void> {
        await gates.wait(gate);
      },
      async holdResetting(ctx, times: number): Promise<void> {
        for (let time = 0; time < times; time++) {
          ctx.timers.once("debounced", 0, "tick", `${time}`);
          await gates.wait("again");
        }
      },
      many(ctx, count: number): void {
        for (let index = 0; index < count; index++) ctx.timers.once(`t${index}`, 1_000, "tick");
      },
      fail(): void {
        throw new Error("x");
      },
      leave: (ctx): void => ctx.stop(),
      echo: (_ctx, text: string): string => text,
    },
  });
  const rig = new Rig({ kinds: [Desk] });
  return { journal, gates, rig, Desk, desk: rig.spawn(Desk, "d") };
}

const ticks = (journal: readonly string[]) => journal.filter((line) => line.startsWith("tick"));

describe("a timer", () => {
  it("fires once, when it is due, with its arguments", async () => {
    const { journal, rig, desk } = world();
    desk.tell.once("t", 100, "a", "b");
    await rig.advance(99);
    assert.deepEqual(ticks(journal), []);
    await rig.advance(1);
    assert.deepEqual(ticks(journal), ["tick a b"]);
    await rig.advance(10_000);
    assert.equal(ticks(journal).length, 1);
  });

  it("fires again and again, the first time after one period", async () => {
    const { journal, rig, desk } = world();
    desk.tell.every("t", 100);
    await rig.advance(350);
    assert.equal(ticks(journal).length, 3);
  });

  it("with no delay fires in the next turn, and with no period once a turn, not for ever in one", async () => {
    const { journal, rig, desk } = world();
    desk.tell.once("t", 0, "now");
    await rig.run();
    assert.deepEqual(ticks(journal), ["tick now"]);
    desk.tell.every("e", 0, "busy");
    for (let turn = 0; turn < 10; turn++) await rig.turn();
    const count = ticks(journal).length;
    assert.ok(count > 3 && count <= 11, `${count}`);
    desk.tell.cancel("e");
    await rig.run();
  });

  it("is replaced by another of its name", async () => {
    const { journal, rig, desk } = world();
    desk.tell.every("t", 100, "old");
    desk.tell.once("t", 150, "new");
    await rig.advance(1_000);
    assert.deepEqual(ticks(journal), ["tick new"]);
  });

  it("is cancelled, and says whether there was one", async () => {
    const { journal, rig, desk } = world();
    desk.tell.once("t", 100);
    const [first, second] = [asked(desk.ask.cancel("t")), asked(desk.ask.cancel("t"))];
    await rig.advance(1_000);
    assert.deepEqual([first.value, second.value, ticks(journal)], [true, false, []]);
  });

  it("never collects ticks: a slow actor skips them", async () => {
    const { journal, gates, rig, desk } = world();
    desk.tell.every("t", 10);
    desk.tell.hold("h");
    await rig.advance(1_000);
    gates.open("h");
    await rig.run();
    assert.equal(ticks(journal).length, 1);
    await rig.advance(10);
    assert.equal(ticks(journal).length, 2);
  });

  it("that is cancelled or replaced while its tick waits in the mailbox does not run that tick", async () => {
    for (const isOnce of [true, false]) {
      const { journal, gates, rig, desk } = world();
      const set = (name: string, text: string) =>
        isOnce ? desk.tell.once(name, 10, text) : desk.tell.every(name, 10, text);
      set("a", "cancelled");
      set("b", "replaced");
      // Each of these is queued behind the other, so both ticks wait when they run.
      desk.tell.hold("h");
      const cancelled = asked(desk.ask.cancel("a"));
      desk.tell.once("b", 50, "new");
      await rig.advance(20);
      gates.open("h");
      await rig.advance(1_000);
      assert.deepEqual([cancelled.value, ticks(journal)], [true, ["tick new"]], isOnce ? "once" : "every");
    }
  });

  it("leaves no trace in the mailbox however often it is set again while the actor is busy", async () => {
    const { journal, gates, rig, desk } = world();
    asked(desk.ask.holdResetting(5_000));
    for (let time = 0; time < 5_000; time++) {
      await rig.turn();
      await rig.turn();
      gates.open("again");
    }
    await rig.run();
    assert.deepEqual(ticks(journal), ["tick 4999"]);
    assert.equal(rig.deadLetters("mailbox-full"), 0);
  });

  it("that was put aside when it fired does not run after it was cancelled", async () => {
    const ticked: string[] = [];
    const Patient = kind("patient", {
      handlers: {
        begin: (ctx): void => ctx.timers.every("t", 10, "tick"),
        tick(ctx): void {
          ticked.push("tick");
          ctx.stash();
        },
        cancel(ctx): void {
          ctx.timers.cancel("t");
          ctx.unstashAll();
        },
      },
    });
    const rig = new Rig({ kinds: [Patient] });
    const patient = rig.spawn(Patient, "p");
    patient.tell.begin();
    await rig.advance(10);
    patient.tell.cancel();
    await rig.advance(1_000);
    assert.deepEqual(ticked, ["tick"]);
  });

  it("of a life that ended never fires in the next one, whether it was set, due or put aside", async () => {
    const { journal, gates, rig, desk } = world();
    desk.tell.once("later", 100, "set");
    desk.tell.every("always", 30, "periodic");
    desk.tell.once("due", 10, "due");
    desk.tell.stashingOnce();
    await rig.advance(10);
    assert.deepEqual(ticks(journal), ["tick due"]);
    desk.tell.once("due", 10, "queued");
    desk.tell.hold("h");
    desk.tell.fail();
    await rig.advance(50);
    gates.open("h");
    await rig.advance(10_000);
    assert.deepEqual(journal, ["spawn", "tick due", "put aside", "restart"]);
  });

  it("of an activation never fires in the next one, also when it became due while the actor ended", async () => {
    const { journal, gates, rig, Desk } = world(1_000);
    const grain = rig.grain(Desk, "g");
    grain.tell.once("t", 1_500, "old life");
    grain.tell.every("e", 1_600, "old life");
    await rig.advance(1_000);
    gates.wait("hold onStop");
    await rig.sweep();
    assert.equal(rig.statusOf("desk:g"), "stopping");
    await rig.advance(1_000);
    const next = asked(grain.ask.echo("next"));
    gates.open("stop");
    await rig.advance(10_000);
    assert.deepEqual([next.value, journal], ["next", ["spawn", "activation", "activation"]]);
  });

  it("ends with its actor", async () => {
    const { rig, desk } = world();
    desk.tell.every("t", 10);
    desk.tell.leave();
    await rig.run();
    assert.equal(rig.main.host.nextDueMs(), undefined);
    await rig.advance(1_000);
    assert.equal(rig.deadLetters("actor-stopped"), 0);
  });

  it("is one of a limited number; a name that is set already needs no new place", async () => {
    const { rig, desk } = world();
    const most = asked(desk.ask.many(TIMERS_PER_ACTOR_MAX));
    const again = asked(desk.ask.many(TIMERS_PER_ACTOR_MAX));
    const over = asked(desk.ask.once("one more", 10));
    await rig.run();
    assert.deepEqual([most.state, again.state, over.outcome], ["ok", "ok", "limit-reached/delivered"]);
  });

  it("may be as many as the limit and all be due at once in an actor with a small mailbox that is full", async () => {
    const ticked: number[] = [];
    const gates = new Gates();
    const Small = kind("small", {
      mailbox: 1,
      stash: 0,
      handlers: {
        async many(ctx): Promise<void> {
          for (let index = 0; index < TIMERS_PER_ACTOR_MAX; index++) ctx.timers.once(`t${index}`, 1, "tick", index);
          await gates.wait("g");
        },
        tick(_ctx, index: number): void {
          ticked.push(index);
        },
      },
    });
    const rig = new Rig({ kinds: [Small] });
    const small = rig.spawn(Small, "s");
    small.tell.many();
    await rig.run();
    assert.deepEqual([small.tell.tick(-1), small.tell.tick(-2)], [true, false]);
    await rig.advance(1);
    gates.open("g");
    await rig.run();
    assert.deepEqual(ticked, [-1, ...Array.from({ length: TIMERS_PER_ACTOR_MAX }, (_, index) => index)]);
  });
});
