/**
 * Sleeps of a handler: as long as they were asked for, and never longer than their run matters.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { ActorError } from "../../core/failure.ts";
import { kind } from "../../core/kind.ts";
import { SLEEPS_PER_ACTOR_MAX, WAIT_MS_MAX } from "../../core/limits.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

const LONG = { timeoutMs: WAIT_MS_MAX };

function world() {
  const journal: string[] = [];
  const gates = new Gates();
  const Desk = kind("desk", {
    supervision: { backoff: { minMs: 0, maxMs: 0 } },
    reentrant: ["nap"],
    handlers: {
      nap: (ctx, ms: number): Promise<void> => ctx.sleep(ms),
      async rest(ctx, ms: number): Promise<string> {
        try {
          await ctx.sleep(ms);
          return "rested";
        } catch (thrown) {
          const isReason = thrown === ctx.signal.reason;
          journal.push(`${(thrown as ActorError).code}${isReason ? ", the signal's reason" : ""}`);
          throw thrown;
        }
      },
      async restMany(ctx, times: number, ms: number): Promise<void> {
        for (let time = 0; time < times; time++) await ctx.sleep(ms);
      },
      async restAtOnce(ctx, count: number, ms: number): Promise<void> {
        await Promise.all(Array.from({ length: count }, () => ctx.sleep(ms)));
      },
      async leaveBehind(ctx): Promise<void> {
        ctx.sleep(1_000).catch((thrown: ActorError) => journal.push(`left behind: ${thrown.code}`));
        ctx.sleep(1_000); // and nobody looks at this one
        await gates.wait("leave");
      },
      leaveBehindAtOnce(ctx): void {
        ctx.sleep(1_000).catch((thrown: ActorError) => journal.push(`left behind: ${thrown.code}`));
      },
      fail(): void {
        throw new Error("x");
      },
      echo: (_ctx, text: string): string => text,
    },
  });
  const rig = new Rig({ kinds: [Desk] });
  return { journal, gates, rig, desk: rig.spawn(Desk, "d").with(LONG) };
}

/** How many sleeps of the desk are under way. */
function sleepsOf(rig: Rig): number | undefined {
  return [...rig.main.host.cells.values()][0]?.extras?.sleeps;
}

describe("ctx.sleep", () => {
  it("lasts as long as was asked for, and not a millisecond less", async () => {
    const { rig, desk } = world();
    const rest = asked(desk.ask.rest(100));
    await rig.advance(99);
    assert.equal(rest.state, "pending");
    await rig.advance(1);
    assert.equal(rest.value, "rested");
    assert.equal(sleepsOf(rig), 0);
  });

  it("lasts for that long from when it begins, however long the turn before it was", async () => {
    const { rig, desk } = world();
    await rig.run();
    rig.main.host.enter();
    const rest = asked(desk.ask.rest(100));
    rig.nowMs += 60; // the turn has lasted for 60 ms when the handler begins
    rig.main.host.runCells(10);
    rig.main.host.leave();
    await rig.advance(99);
    assert.equal(rest.state, "pending");
    await rig.advance(1);
    assert.equal(rest.value, "rested");
  });

  it("of nothing lets the turn end and no more", async () => {
    const { rig, desk } = world();
    const rest = asked(desk.ask.rest(0));
    await rig.run();
    assert.equal(rest.value, "rested");
  });

  it("holds back the next message", async () => {
    const { rig, desk } = world();
    asked(desk.ask.rest(100));
    const next = asked(desk.ask.echo("x"));
    await rig.advance(99);
    assert.equal(next.state, "pending");
    await rig.advance(1);
    assert.equal(next.value, "x");
  });

  it("of a reentrant handler lets the next one in, and each wakes at its own time", async () => {
    const { rig, desk } = world();
    const [long, short] = [asked(desk.ask.nap(100)), asked(desk.ask.nap(50))];
    await rig.advance(50);
    assert.deepEqual([long.state, short.state], ["pending", "ok"]);
    await rig.advance(50);
    assert.equal(long.state, "ok");
  });

  it("again and again takes the sum", async () => {
    const { rig, desk } = world();
    const rest = asked(desk.ask.restMany(20, 10));
    await rig.advance(199);
    assert.equal(rest.state, "pending");
    await rig.advance(1);
    assert.equal(rest.state, "ok");
  });

  it("refuses a time that is none", async () => {
    const { rig, desk } = world();
    for (const ms of [-1, NaN, Infinity, WAIT_MS_MAX + 1]) {
      const rest = asked(desk.ask.nap(ms));
      await rig.run();
      assert.equal(rest.state, "not-supported", `${ms}`);
    }
    assert.equal(sleepsOf(rig) ?? 0, 0);
  });

  it("is refused beyond the actor's limit, which counts what is under way", async () => {
    const { rig, desk } = world();
    const most = asked(desk.ask.restAtOnce(SLEEPS_PER_ACTOR_MAX, 10));
    await rig.advance(10);
    assert.equal(most.state, "ok");
    const tooMany = asked(desk.ask.restAtOnce(SLEEPS_PER_ACTOR_MAX + 1, 10));
    await rig.run();
    assert.equal(tooMany.state, "limit-reached");
    assert.equal(sleepsOf(rig), 0);
  });
});

describe("a sleep ends early", () => {
  it("at the deadline of its caller, with the signal's reason", async () => {
    const { journal, rig, desk } = world();
    asked(desk.with({ timeoutMs: 300 }).ask.rest(10_000));
    await rig.advance(299);
    assert.deepEqual(journal, []);
    await rig.advance(1);
    assert.deepEqual(journal, ["ask-timeout, the signal's reason"]);
    const next = asked(desk.ask.echo("x"));
    await rig.run();
    assert.equal(next.value, "x");
  });

  it("when its actor is stopped", async () => {
    const { journal, rig, desk } = world();
    desk.tell.rest(10_000);
    await rig.run();
    const stopped = rig.operate("d", { op: "stop", key: desk.key, isDraining: false });
    await rig.run();
    assert.deepEqual([stopped.state, journal], ["ok", ["actor-stopped, the signal's reason"]]);
    assert.equal(rig.main.host.nextDueMs() ?? Infinity, Infinity);
  });

  it("when its actor restarts, because another of its handlers failed", async () => {
    const { rig, desk } = world();
    const nap = asked(desk.ask.nap(10_000));
    await rig.run();
    asked(desk.ask.fail());
    await rig.run();
    assert.equal(nap.state, "actor-restarted");
    assert.equal(sleepsOf(rig), 0);
  });

  it("when its handler has ended without it, and nobody need look", async () => {
    const { gates, journal, rig, desk } = world();
    desk.tell.leaveBehind();
    await rig.run();
    assert.equal(sleepsOf(rig), 2);
    gates.open("leave");
    await rig.run();
    assert.deepEqual([journal, sleepsOf(rig)], [["left behind: context-ended"], 0]);
    desk.tell.leaveBehindAtOnce();
    await rig.run();
    assert.deepEqual([journal.length, sleepsOf(rig)], [2, 0]);
  });
});

describe("a node without a lease", () => {
  it("lets no sleeper go on until it has one again", async () => {
    const { rig, desk } = world();
    const rest = asked(desk.ask.rest(100));
    await rig.run();
    rig.main.host.freeze();
    await rig.advance(10_000);
    assert.equal(rest.state, "pending");
    rig.main.host.thaw();
    await rig.run();
    assert.equal(rest.value, "rested");
  });
});
