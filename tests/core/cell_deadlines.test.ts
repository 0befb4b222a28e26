/**
 * Deadlines: passed along from ask to ask, shrinking, and what happens to a message nobody waits for any more.
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

function world(workers = 0) {
  const journal: string[] = [];
  const gates = new Gates();
  const Desk = kind("desk", {
    handlers: {
      echo(_ctx, text: string): string {
        journal.push(text);
        return text;
      },
      async hold(_ctx, gate: string): Promise<void> {
        await gates.wait(gate);
      },
      timeLeft: (ctx): number => ctx.timeLeftMs,
      async nested(ctx, to: string, timeoutMs: number): Promise<string> {
        try {
          await ctx.grain(DeskSelf, to).with({ timeoutMs }).ask.hold("never");
          return "no";
        } catch (thrown) {
          const { code, details } = thrown as ActorError;
          journal.push(`${code} after ${details.waitedMs} in ${details.waitingIn}`);
          throw thrown;
        }
      },
      async nestedTimeLeft(ctx, to: string): Promise<number> {
        await gates.wait("before");
        return await ctx.grain(DeskSelf, to).with({ timeoutMs: 86_400_000 }).ask.timeLeft();
      },
      async withSignal(ctx): Promise<string> {
        ctx.signal.addEventListener("abort", () => journal.push(`aborted ${(ctx.signal.reason as ActorError).code}`));
        await gates.wait("g");
        return "done";
      },
    },
  });
  const DeskSelf: typeof Desk = Desk;
  const rig = new Rig({ kinds: [Desk], workers });
  return { journal, gates, rig, Desk };
}

describe("an ask", () => {
  it("ends at its deadline, not a millisecond before, with what it waited for", async () => {
    const { rig, Desk } = world();
    const ask = asked(rig.grain(Desk, "a").with({ timeoutMs: 250 }).ask.hold("never"));
    await rig.advance(249);
    assert.equal(ask.state, "pending");
    await rig.advance(1);
    assert.equal(ask.outcome, "ask-timeout/unknown");
    assert.deepEqual(ask.error?.details, { to: "desk:a", handler: "hold", waitedMs: 250 });
  });

  it("waits for the system's time when its ref says nothing", async () => {
    const { rig, Desk } = world();
    const ask = asked(rig.grain(Desk, "a").ask.hold("never"));
    await rig.advance(4_999);
    assert.equal(ask.state, "pending");
    await rig.advance(1);
    assert.equal(ask.state, "ask-timeout");
  });

  it("refuses a time that is none", async () => {
    const { rig, Desk } = world();
    for (const timeoutMs of [0, -1, NaN, Infinity, 86_400_001]) {
      const ask = asked(rig.grain(Desk, "a").with({ timeoutMs }).ask.echo("x"));
      await rig.run();
      assert.equal(ask.outcome, "not-supported/not-delivered", `${timeoutMs}`);
    }
  });

  it("says how much time is left; a tell has no end", async () => {
    const { rig, Desk } = world();
    const left = asked(rig.grain(Desk, "a").with({ timeoutMs: 700 }).ask.timeLeft());
    await rig.run();
    assert.equal(left.value, 700);
  });

  it("whose deadline has passed when it is dequeued is not run, but counted and answered", async () => {
    const { gates, journal, rig, Desk } = world();
    const actor = rig.grain(Desk, "a");
    asked(actor.with({ timeoutMs: 60_000 }).ask.hold("g"));
    const late = asked(actor.with({ timeoutMs: 100 }).ask.echo("late"));
    const good = asked(actor.with({ timeoutMs: 60_000 }).ask.echo("good"));
    await rig.advance(100);
    assert.equal(late.state, "ask-timeout");
    gates.open("g");
    await rig.run();
    assert.deepEqual([journal, good.value], [["good"], "good"]);
    assert.equal(rig.deadLetters("ask-expired"), 1);
  });

  it("that is dequeued with a millisecond left is run", async () => {
    const { gates, rig, Desk } = world();
    const actor = rig.grain(Desk, "a");
    asked(actor.with({ timeoutMs: 60_000 }).ask.hold("g"));
    const last = asked(actor.with({ timeoutMs: 100 }).ask.timeLeft());
    await rig.advance(99);
    gates.open("g");
    await rig.run();
    assert.equal(last.value, 1);
  });

  it("that expired on the way to another thread is refused there without being run", async () => {
    const { journal, rig, Desk } = world(1);
    const ask = asked(rig.grain(Desk, rig.nameOn(1, "a", Desk)).with({ timeoutMs: 10 }).ask.echo("x"));
    rig.nowMs += 10;
    rig.thread(1).turn();
    await rig.run();
    assert.deepEqual([ask.state, journal], ["ask-timeout", []]);
    assert.equal(rig.deadLetters("ask-expired"), 1);
  });
});

for (const workers of [0, 2]) {
  describe(`an ask inside a handler, ${workers === 0 ? "on one thread" : "across threads"}`, () => {
    const names = (rig: Rig, Desk: ReturnType<typeof world>["Desk"]) =>
      workers === 0 ? ["a", "b"] as const : [rig.nameOn(1, "a", Desk), rig.nameOn(2, "b", Desk)] as const;

    it("never outlives the ask that its handler answers", async () => {
      const { journal, rig, Desk } = world(workers);
      const [a, b] = names(rig, Desk);
      const outer = asked(rig.grain(Desk, a).with({ timeoutMs: 300 }).ask.nested(b, 60_000));
      await rig.advance(299);
      assert.deepEqual([outer.state, journal], ["pending", []]);
      await rig.advance(1);
      assert.deepEqual([outer.state, journal], ["ask-timeout", [`ask-timeout after 300 in desk:${a}.nested`]]);
    });

    it("may be shorter", async () => {
      const { journal, rig, Desk } = world(workers);
      const [a, b] = names(rig, Desk);
      const outer = asked(rig.grain(Desk, a).with({ timeoutMs: 60_000 }).ask.nested(b, 200));
      await rig.advance(200);
      assert.deepEqual([outer.outcome, journal], ["ask-timeout/delivered", [
        `ask-timeout after 200 in desk:${a}.nested`,
      ]]);
    });

    it("has what is left of it", async () => {
      const { gates, rig, Desk } = world(workers);
      const [a, b] = names(rig, Desk);
      const left = asked(rig.grain(Desk, a).with({ timeoutMs: 1_000 }).ask.nestedTimeLeft(b));
      await rig.advance(400);
      gates.open("before");
      await rig.run();
      assert.equal(left.value, 600);
    });
  });
}

describe("ctx.signal", () => {
  it("aborts when the caller's deadline has passed, and not before", async () => {
    const { journal, rig, Desk } = world();
    asked(rig.grain(Desk, "a").with({ timeoutMs: 100 }).ask.withSignal());
    await rig.advance(99);
    assert.deepEqual(journal, []);
    await rig.advance(1);
    assert.deepEqual(journal, ["aborted ask-timeout"]);
  });

  it("never aborts a handler that ended in time", async () => {
    const { gates, journal, rig, Desk } = world();
    asked(rig.grain(Desk, "a").with({ timeoutMs: 100 }).ask.withSignal());
    await rig.run();
    gates.open("g");
    await rig.advance(10_000);
    assert.deepEqual(journal, []);
  });

  it("has no deadline for a tell", async () => {
    const { journal, rig, Desk } = world();
    rig.grain(Desk, "a").tell.withSignal();
    await rig.advance(86_400_000);
    assert.deepEqual(journal, []);
  });
});

describe("a caller's own signal", () => {
  it("ends the wait with ask-aborted, fate unknown; the handler is not disturbed", async () => {
    const { gates, rig, Desk } = world();
    const giveUp = new AbortController();
    const ask = asked(rig.grain(Desk, "a").with({ signal: giveUp.signal }).ask.hold("g"));
    await rig.run();
    giveUp.abort(new Error("enough"));
    await rig.run();
    assert.equal(ask.outcome, "ask-aborted/unknown");
    assert.equal((ask.error?.cause as Error).message, "enough");
    gates.open("g");
    await rig.run();
    assert.equal(rig.deadLetters("reply-late"), 1);
    assert.equal(rig.main.host.asks.count, 0);
  });

  it("that has aborted already sends nothing", async () => {
    const { journal, rig, Desk } = world();
    const ask = asked(rig.grain(Desk, "a").with({ signal: AbortSignal.abort() }).ask.echo("x"));
    await rig.run();
    assert.deepEqual([ask.outcome, journal], ["ask-aborted/not-delivered", []]);
  });
});

describe("a thread", () => {
  it("waits for its limit of replies and refuses the next ask at once", async () => {
    const { Desk } = world();
    const rig = new Rig({ kinds: [Desk], asksMax: 2 });
    const asks = ["a", "b", "c"].map((name) => asked(rig.grain(Desk, name).ask.hold("never")));
    await rig.run();
    assert.deepEqual(asks.map(({ outcome }) => outcome), ["pending", "pending", "asks-full/not-delivered"]);
    await rig.advance(5_000);
    const next = asked(rig.grain(Desk, "d").ask.echo("x"));
    await rig.run();
    assert.equal(next.value, "x");
  });
});
