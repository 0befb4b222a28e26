/**
 * What a ref does at run time: its facades, its patience and its identity. Its types are in `tests/types`.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { kind } from "../../core/kind.ts";
import { ActorRef, targetOf } from "../../core/ref.ts";
import { asked } from "../rig/outcome.ts";
import { Rig } from "../rig/rig.ts";

function world() {
  const journal: string[] = [];
  const Desk = kind("desk", {
    mailbox: 3,
    handlers: {
      note(_ctx, text: string, count = 1): void {
        journal.push(`${text} ${count}`);
      },
      double(_ctx, value: number): number {
        if (value < 0) throw new RangeError("negative");
        return value * 2;
      },
      // Names that a facade might have for itself.
      target: (): string => "target",
      wait: (): string => "wait",
      name: (): string => "name",
      key: (): string => "key",
      tell: (): string => "tell",
    },
  });
  const rig = new Rig({ kinds: [Desk] });
  return { journal, rig, Desk, desk: rig.grain(Desk, "d") };
}

describe("a ref", () => {
  it("says whom it names", () => {
    const { desk, Desk, rig } = world();
    assert.deepEqual([desk.kind, desk.key, desk.name, desk.address, `${desk}`], [
      "desk",
      "desk:d",
      "d",
      "troupe://rig/desk:d",
      "troupe://rig/desk:d",
    ]);
    assert.equal(rig.actor(Desk, "p/c").name, "c");
    assert.ok(isSame(desk, rig.grain(Desk, "d")));
    assert.ok(!isSame(desk, rig.actor(Desk, "d")));
  });

  it("passes all arguments on, also none", async () => {
    const { desk, journal, rig } = world();
    desk.tell.note("a");
    desk.tell.note("b", 5);
    await rig.run();
    assert.deepEqual(journal, ["a 1", "b 5"]);
  });

  it("reaches handlers of any name a handler may have", async () => {
    const { desk, rig } = world();
    const replies: unknown[] = [];
    for (const name of ["target", "wait", "name", "key", "tell"] as const) {
      const reply = asked(desk.ask[name]());
      await rig.run();
      replies.push(reply.value);
    }
    assert.deepEqual(replies, ["target", "wait", "name", "key", "tell"]);
  });

  it("is not changed by another patience: that is another ref", async () => {
    const { desk, rig, Desk } = world();
    const hasty = desk.with({ timeoutMs: 10 });
    assert.ok(isSame(hasty, desk));
    const patient = hasty.with({ signal: new AbortController().signal });
    const Slow = rig.grain(Desk, "slow");
    assert.ok(Slow instanceof ActorRef);
    const asks = [asked(desk.ask.double(1)), asked(hasty.ask.double(1)), asked(patient.ask.double(1))];
    rig.nowMs += 10; // before the first turn: both that would wait 10 ms have expired
    await rig.run();
    assert.deepEqual(asks.map(({ state }) => state), ["ok", "ask-timeout", "ask-timeout"]);
  });

  it("is none when it was made by nobody", () => {
    assert.throws(() => targetOf({ key: "a", kind: "desk" }), { code: "not-supported" });
  });
});

describe("tellAll", () => {
  it("sends in order and stops at the first refusal: what was taken is the front of the list", async () => {
    const { desk, journal, rig } = world();
    assert.equal(desk.tellAll.note([["1"], ["2", 2], ["3"], ["4"], ["5"]]), 3);
    await rig.run();
    assert.deepEqual(journal, ["1 1", "2 2", "3 1"]);
    assert.equal(desk.tellAll.note([]), 0);
  });

  it("refuses what is no list of argument lists, and sends nothing of it", async () => {
    const { desk, journal, rig } = world();
    for (const bad of [undefined, null, "abc", [["1"], "2"], [1], {}]) {
      assert.throws(() => desk.tellAll.note(bad as never), { code: "not-supported" });
    }
    await rig.run();
    assert.deepEqual(journal, []);
  });
});

describe("askAll", () => {
  it("gives all outcomes in the order of the calls, and never rejects", async () => {
    const { desk, rig } = world();
    const outcomes = asked(desk.askAll.double([[1], [-1], [3], [4]]));
    await rig.advance(1_000);
    const results = outcomes.value as readonly PromiseSettledResult<number>[];
    const shown = results.map((result) => result.status === "fulfilled" ? result.value : result.reason.code);
    assert.deepEqual(shown, [2, "handler-failed", 6, "mailbox-full"]);
  });
});

function isSame<P, Q>(one: ActorRef<P>, other: ActorRef<Q>): boolean {
  return one.equals(other as never);
}
