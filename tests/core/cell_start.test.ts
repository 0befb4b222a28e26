/**
 * How a life begins: its reason, its hook, and what becomes of those who wait when it does not.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ActorError } from "../../core/failure.ts";
import { kind, type KindSpec } from "../../core/kind.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

function world(spec: Partial<KindSpec<{ count: number }, Record<never, never>, void>> = {}) {
  const journal: string[] = [];
  const gates = new Gates();
  const Desk = kind("desk", {
    state: () => ({ count: 0 }),
    supervision: { backoff: { minMs: 10, maxMs: 10, jitter: 0 }, maxRestarts: 2 },
    onStart(ctx, reason): void {
      journal.push(`onStart ${ctx.name} ${reason} ${JSON.stringify(ctx.state)}`);
    },
    onStop(_ctx, reason): void {
      journal.push(`onStop ${reason}`);
    },
    ...spec,
    handlers: {
      note(_ctx, text: string): void {
        journal.push(text);
      },
      echo: (_ctx, text: string): string => text,
      fail(): void {
        throw new Error("broken");
      },
    },
  });
  const rig = new Rig({ kinds: [Desk] });
  return { journal, gates, rig, Desk };
}

describe("a first life", () => {
  it("begins with onStart, the reason and the first state, before the first message", async () => {
    const { journal, rig, Desk } = world();
    rig.spawn(Desk, "actor").tell.note("1");
    rig.grain(Desk, "grain").tell.note("2");
    await rig.run();
    assert.deepEqual(journal, ['onStart actor spawn {"count":0}', "1", 'onStart grain activation {"count":0}', "2"]);
    assert.deepEqual(rig.history(), ["actorStarted actor spawn", "actorStarted desk:grain activation"]);
  });

  it("keeps messages while an async onStart runs, and takes them in order after it", async () => {
    const gates = new Gates();
    const { journal, rig, Desk } = world({
      async onStart() {
        journal.push("+start");
        await gates.wait("g");
        journal.push("-start");
      },
    });
    const actor = rig.spawn(Desk, "a");
    actor.tell.note("1");
    await rig.run();
    actor.tell.note("2");
    await rig.run();
    assert.deepEqual([journal, rig.statusOf("a")], [["+start"], "starting"]);
    gates.open("g");
    await rig.run();
    assert.deepEqual(journal, ["+start", "-start", "1", "2"]);
  });

  it("begins once, however many messages come before its first turn", async () => {
    const { journal, rig, Desk } = world();
    for (const text of ["1", "2", "3"]) rig.grain(Desk, "g").tell.note(text);
    await rig.run();
    assert.deepEqual(journal, ['onStart g activation {"count":0}', "1", "2", "3"]);
  });
});

/** Ways in which a start can fail, and what the failure says. */
const failures: readonly [name: string, spec: Parameters<typeof world>[0], message: RegExp][] = [
  ["its state throws", {
    state: () => {
      throw new RangeError("no state");
    },
  }, /Cannot start .*: RangeError: no state/],
  ["its state is a promise", {
    state: () => Promise.resolve({ count: 0 }) as never,
  }, /Cannot start .*: the state of kind desk is a promise, and a state is plain data/],
  ["its onStart throws", {
    onStart: () => {
      throw new ActorError("no-luck", "not today");
    },
  }, /Cannot start .*: not today/],
  ["its async onStart rejects", {
    onStart: () => Promise.reject(new TypeError("later")),
  }, /Cannot start .*: TypeError: later/],
];

describe("a first life that cannot begin", () => {
  for (const [name, spec, message] of failures) {
    it(`because ${name}, answers the first asks of its grain with start-failed and why`, async () => {
      const { rig, Desk } = world(spec);
      const grain = rig.grain(Desk, "g");
      grain.tell.note("lost");
      const [first, second] = [asked(grain.ask.echo("1")), asked(grain.ask.echo("2"))];
      await rig.run();
      for (const ask of [first, second]) {
        assert.equal(ask.outcome, "start-failed/not-delivered");
        assert.match(ask.error?.message ?? "", message);
      }
      assert.equal(rig.statusOf("desk:g"), "absent");
      assert.equal(rig.deadLetters("actor-stopped"), 3);
      assert.ok(rig.history().includes("actorStopped desk:g start-failed"));
    });

    it(`because ${name}, refuses a spawn with start-failed, and its name is free again`, async () => {
      const { rig, Desk } = world(spec);
      const spawned = rig.starting(Desk, "a");
      const queued = asked(rig.actor(Desk, "a").ask.echo("1"));
      await rig.run();
      assert.equal(spawned.outcome, "start-failed/not-delivered");
      assert.equal(queued.error?.fate, "not-delivered");
      assert.equal(rig.statusOf("a"), "absent");
    });
  }

  it("tries again with the next message when it is a grain's", async () => {
    let tries = 0;
    const { rig, Desk } = world({
      onStart: () => {
        if (++tries < 3) throw new Error("not yet");
      },
    });
    const outcomes: unknown[] = [];
    for (let round = 0; round < 3; round++) {
      const ask = asked(rig.grain(Desk, "g").ask.echo("hello"));
      await rig.run();
      outcomes.push(ask.outcome);
    }
    assert.deepEqual(outcomes, ["start-failed/not-delivered", "start-failed/not-delivered", "hello"]);
  });

  it("runs onStop when its onStart has begun, and not when there was no state for it", async () => {
    const begun = world({
      onStart: () => {
        throw new Error("x");
      },
    });
    const unborn = world({
      state: () => {
        throw new Error("x");
      },
    });
    for (const { rig, Desk } of [begun, unborn]) {
      rig.spawn(Desk, "a");
      await rig.run();
    }
    assert.deepEqual([begun.journal, unborn.journal], [["onStop start-failed"], []]);
  });

  it("runs onStop after a failed onStart also when the kind has no state", async () => {
    const journal: string[] = [];
    const Plain = kind("plain", {
      handlers: {},
      onStart: () => {
        throw new Error("x");
      },
      onStop: (_ctx, reason) => {
        journal.push(reason);
      },
    });
    const rig = new Rig({ kinds: [Plain] });
    rig.spawn(Plain, "a");
    await rig.run();
    assert.deepEqual(journal, ["start-failed"]);
  });
});

describe("a later life that cannot begin", () => {
  it("is tried again by the actor's supervision, until its budget is spent", async () => {
    let lives = 0;
    const { rig, Desk } = world({
      onStart: () => {
        if (++lives > 1) throw new Error("again");
      },
    });
    const actor = rig.spawn(Desk, "a");
    actor.tell.fail();
    const queued = asked(actor.ask.echo("1"));
    await rig.advance(1_000);
    assert.deepEqual(rig.history(), [
      "actorStarted a spawn",
      "actorFailed a fail handler-failed",
      "actorRestarting a 10",
      "actorFailed a onStart start-failed",
      "actorRestarting a 10",
      "actorFailed a onStart start-failed",
      "deadLetter a.echo actor-stopped",
      "actorStopped a restart-budget-spent",
    ]);
    assert.equal(queued.outcome, "actor-stopped/not-delivered");
  });

  it("is a later one too after the loss of its worker: its supervision tries again", async () => {
    let lives = 0;
    const { rig, Desk } = world({
      onStart: () => {
        if (++lives < 3) throw new Error("not yet");
      },
    });
    rig.main.host.spawnHere(Desk, rig.actor(Desk, "a").key, undefined, "worker-lost");
    await rig.advance(1_000);
    assert.deepEqual([lives, rig.history("actorStarted")], [3, ["actorStarted a restart"]]);
  });

  it("never recurses: a start that fails at once, without a backoff and with a large budget, is spread over turns", async () => {
    let lives = 0;
    const { rig, Desk } = world({
      supervision: { backoff: { minMs: 0, maxMs: 0, jitter: 0 }, maxRestarts: 5_000 },
      onStart: () => {
        if (++lives > 1) throw new Error("again");
      },
    });
    rig.spawn(Desk, "a").tell.fail();
    await rig.run();
    assert.deepEqual([lives, rig.statusOf("a")], [5_001, "absent"]);
  });

  it("ends when its supervision would resume it: there is no life to go on with", async () => {
    let lives = 0;
    const { rig, Desk, journal } = world({
      supervision: { on: { "start-failed": "resume" }, backoff: { minMs: 0, maxMs: 0 } },
      onStart: () => {
        if (++lives > 1) throw new Error("again");
      },
    });
    rig.spawn(Desk, "a").tell.fail();
    await rig.run();
    assert.deepEqual([journal, rig.statusOf("a")], [["onStop start-failed"], "absent"]);
  });
});
