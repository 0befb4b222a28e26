/**
 * Putting messages aside, taking them back in order, and changing what answers them.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { kind } from "../../core/kind.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

function world() {
  const journal: string[] = [];
  const gates = new Gates();
  const Desk = kind("desk", {
    state: () => ({ isOpen: false }),
    stash: 2,
    mailbox: 4,
    reentrant: ["openNow"],
    supervision: { backoff: { minMs: 0, maxMs: 0 } },
    behaviors: {
      loud: {
        name: (): string => "LOUD",
        echo: (_ctx, text: string): string => text.toUpperCase(),
      },
      strict: {
        name(): string {
          throw new Error("strict");
        },
      },
    },
    handlers: {
      work(ctx, text: string): string {
        if (!ctx.state.isOpen) {
          ctx.stash();
          return "ignored";
        }
        journal.push(text);
        return `did ${text}`;
      },
      async workSlowly(ctx, text: string): Promise<string> {
        await gates.wait("slow");
        if (!ctx.state.isOpen) ctx.stash();
        return `did ${text}`;
      },
      open(ctx): void {
        ctx.state.isOpen = true;
        ctx.unstashAll();
      },
      openNow(ctx): void {
        ctx.state.isOpen = true;
        ctx.unstashAll();
        journal.push("openNow");
      },
      async hold(_ctx, gate: string): Promise<void> {
        await gates.wait(gate);
      },
      note(_ctx, text: string): void {
        journal.push(text);
      },
      stashTwice(ctx): void {
        ctx.stash();
        ctx.stash();
      },
      stashAndFail(ctx): string {
        if (ctx.restarts > 0) return "in the next life";
        ctx.stash();
        throw new Error("after stashing");
      },
      fail(): void {
        throw new Error("x");
      },
      leave: (ctx): void => ctx.stop(),
      become: (ctx, name: string): void => ctx.become(name),
      unbecome: (ctx): void => ctx.unbecome(),
      name: (): string => "plain",
      echo: (_ctx, text: string): string => text,
    },
  });
  const rig = new Rig({ kinds: [Desk] });
  return { journal, gates, rig, Desk, desk: rig.spawn(Desk, "d") };
}

describe("a stashed message", () => {
  it("waits until it is unstashed, then runs before what is queued, in its order", async () => {
    const { journal, rig, desk } = world();
    const first = asked(desk.ask.work("1"));
    desk.tell.work("2");
    desk.tell.open();
    desk.tell.note("behind");
    await rig.run();
    assert.deepEqual(journal, ["1", "2", "behind"]);
    assert.equal(first.value, "did 1");
  });

  it("is answered once, by the run that handles it, and not by the run that put it aside", async () => {
    const { rig, desk } = world();
    const ask = asked(desk.ask.work("1"));
    await rig.run();
    assert.equal(ask.state, "pending");
    desk.tell.open();
    await rig.run();
    assert.deepEqual([ask.value, rig.main.host.answeredTwice], ["did 1", 0]);
  });

  it("may be put aside after an await, and again when it comes back", async () => {
    const { gates, rig, desk } = world();
    const ask = asked(desk.ask.workSlowly("1"));
    await rig.run();
    gates.open("slow");
    await rig.run();
    assert.equal(ask.state, "pending");
    desk.tell.open();
    await rig.run();
    gates.open("slow");
    await rig.run();
    assert.deepEqual([ask.value, rig.main.host.answeredTwice], ["did 1", 0]);
  });

  it("over the limit fails its own handler with stash-full", async () => {
    const { rig, desk } = world();
    const asks = ["1", "2", "3"].map((text) => asked(desk.ask.work(text)));
    await rig.run();
    assert.deepEqual(asks.map(({ outcome }) => outcome), ["pending", "pending", "stash-full/delivered"]);
    assert.equal(asks[2]?.error?.message, "Cannot stash: the stash holds its limit of 2 messages");
  });

  it("cannot be put aside twice, nor where there is no message", async () => {
    const { rig, desk } = world();
    const twice = asked(desk.ask.stashTwice());
    await rig.run();
    assert.equal(twice.state, "pending");
    assert.deepEqual(rig.history("actorFailed"), ["actorFailed d stashTwice not-supported"]);
  });

  it("survives a restart in front of the queue, and is still answered exactly once", async () => {
    const { journal, rig, desk } = world();
    const put = asked(desk.ask.work("put aside"));
    const failed = asked(desk.ask.stashAndFail());
    desk.tell.open();
    desk.tell.note("behind");
    await rig.run();
    assert.deepEqual(journal, ["put aside", "behind"]);
    assert.deepEqual([put.value, failed.value], ["did put aside", "in the next life"]);
    assert.equal(rig.main.host.answeredTwice, 0);
    assert.deepEqual(rig.history("actorFailed"), ["actorFailed d stashAndFail handler-failed"]);
  });

  it("goes where the queue goes when the actor ends", async () => {
    const { rig, desk, Desk } = world();
    const ask = asked(desk.ask.work("1"));
    await rig.run();
    desk.tell.leave();
    await rig.run();
    assert.equal(ask.outcome, "actor-stopped/not-delivered");
    const grain = rig.grain(Desk, "g");
    const again = asked(grain.ask.work("2"));
    await rig.run();
    grain.tell.leave();
    await rig.run();
    assert.equal(again.state, "pending", "a grain that ends by itself takes it up in its next activation");
    grain.tell.open();
    await rig.run();
    assert.equal(again.value, "did 2");
  });

  it("comes back while another handler waits, and waits for that one's end", async () => {
    const { journal, gates, rig, desk } = world();
    desk.tell.work("stashed");
    await rig.run();
    desk.tell.hold("h");
    await rig.run();
    desk.tell.openNow();
    await rig.run();
    assert.deepEqual(journal, ["openNow"]);
    gates.open("h");
    await rig.run();
    assert.deepEqual(journal, ["openNow", "stashed"]);
  });

  it("leaves the mailbox its full size: what is put back may go over it, what comes new may not", async () => {
    const { gates, rig, desk } = world();
    desk.tell.work("s1");
    desk.tell.work("s2");
    await rig.run();
    desk.tell.hold("h");
    await rig.run();
    const taken = ["1", "2", "3", "4"].map((text) => desk.tell.note(text));
    assert.deepEqual(taken, [true, true, true, true]);
    assert.equal(desk.tell.note("5"), false);
    const cell = rig.main.host.cells.get(desk.key);
    gates.open("h");
    await rig.run();
    assert.equal(cell?.mailbox.size, 0);
  });
});

describe("a behavior", () => {
  it("replaces the handlers it names from the next message on, until it is taken back", async () => {
    const { rig, desk } = world();
    const names = [asked(desk.ask.name())];
    desk.tell.become("loud");
    names.push(asked(desk.ask.name()), asked(desk.ask.echo("hey")));
    await rig.run();
    desk.tell.unbecome();
    names.push(asked(desk.ask.name()));
    await rig.run();
    assert.deepEqual(names.map(({ value }) => value), ["plain", "LOUD", "HEY", "plain"]);
  });

  it("applies to what was queued or put aside before it", async () => {
    const { rig, desk } = world();
    desk.tell.become("loud");
    const queued = asked(desk.ask.echo("x"));
    await rig.run();
    assert.equal(queued.value, "X");
  });

  it("ends with a restart", async () => {
    const { rig, desk } = world();
    desk.tell.become("strict");
    asked(desk.ask.name());
    const after = asked(desk.ask.name());
    await rig.run();
    assert.equal(after.value, "plain");
  });

  it("does not reach the next activation of a grain", async () => {
    const { rig, Desk } = world();
    const grain = rig.grain(Desk, "g");
    grain.tell.become("loud");
    grain.tell.leave();
    const name = asked(grain.ask.name());
    await rig.run();
    assert.equal(name.value, "plain");
  });
});
