/**
 * Draining: the wish to end is a message in the mailbox. What stands before it runs, what stands behind it does not.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { ActorError } from "../../core/failure.ts";
import { kind } from "../../core/kind.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

describe("an actor that is drained", () => {
  it("runs everything queued before, then ends; what came after is a dead letter", async () => {
    const journal: string[] = [];
    const gates = new Gates();
    const Desk = kind("desk", {
      handlers: {
        async hold(_ctx, gate: string): Promise<string> {
          await gates.wait(gate);
          return gate;
        },
        note: (_ctx, text: string): void => void journal.push(text),
        echo: (_ctx, text: string): string => text,
      },
      onStop: () => void journal.push("onStop"),
    });
    const rig = new Rig({ kinds: [Desk] });
    const actor = rig.spawn(Desk, "a");
    const held = asked(actor.ask.hold("g"));
    actor.tell.note("1");
    await rig.run();
    const stopped = rig.operate("a", { op: "stop", key: actor.key, isDraining: true });
    await rig.run();
    const after = asked(actor.ask.echo("after"));
    gates.open("g");
    await rig.run();
    assert.deepEqual([held.value, stopped.value, after.outcome], ["g", true, "actor-stopped/not-delivered"]);
    assert.deepEqual(journal, ["1", "onStop"]);
  });

  it("waits for reentrant handlers that began before", async () => {
    const journal: string[] = [];
    const gates = new Gates();
    const Open = kind("open", {
      reentrant: ["look"],
      handlers: {
        async look(_ctx, gate: string): Promise<string> {
          await gates.wait(gate);
          journal.push(gate);
          return gate;
        },
      },
      onStop: () => {
        journal.push("onStop");
      },
    });
    const rig = new Rig({ kinds: [Open] });
    const actor = rig.spawn(Open, "a");
    const looks = [asked(actor.ask.look("1")), asked(actor.ask.look("2"))];
    await rig.run();
    const stopped = rig.operate("a", { op: "stop", key: actor.key, isDraining: true });
    await rig.run();
    const behind = asked(actor.ask.look("3"));
    await rig.run();
    gates.open("2");
    gates.open("1");
    await rig.run();
    assert.deepEqual([...looks, behind, stopped].map(({ outcome }) => outcome), [
      "1",
      "2",
      "actor-stopped/not-delivered",
      true,
    ]);
    assert.deepEqual(journal, ["2", "1", "onStop"]);
  });

  it("is not overtaken by what came after the wish, and refuses at once an ask that would wait for it", async () => {
    const journal: string[] = [];
    const gates = new Gates();
    const Open = kind("open", {
      reentrant: ["peek", "callBack"],
      handlers: {
        async hold(_ctx, gate: string): Promise<void> {
          await gates.wait(gate);
        },
        peek: (_ctx, text: string): void => void journal.push(text),
        async callBack(ctx): Promise<string> {
          await gates.wait("call");
          return await ctx.actor(OtherSelf, "other").ask.bounce().catch((error: ActorError) => error.code);
        },
      },
    });
    const Other = kind("other", {
      handlers: {
        bounce: async (ctx): Promise<string> => {
          await ctx.actor(Open, "a").ask.peek("from the other");
          return "no cycle";
        },
        peekAt: (ctx): void => void ctx.actor(Open, "a").tell.peek("behind the wish"),
      },
    });
    const OtherSelf: typeof Other = Other;
    const rig = new Rig({ kinds: [Open, Other] });
    const actor = rig.spawn(Open, "a");
    const other = rig.spawn(Other, "other");
    const called = asked(actor.ask.callBack());
    await rig.run();
    const stopped = rig.operate("a", { op: "stop", key: actor.key, isDraining: true });
    other.tell.peekAt();
    await rig.run();
    gates.open("call");
    await rig.run();
    assert.deepEqual([called.value, stopped.value, journal], ["call-cycle", true, []]);
  });
});
