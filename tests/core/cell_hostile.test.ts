/**
 * User code that does what it should not: the ask is answered, the actor's supervision decides, the thread lives.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ActorError } from "../../core/failure.ts";
import { kind } from "../../core/kind.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

const boom = () => {
  throw new Error("boom");
};

/** What a handler may return or throw, by name. */
const thenables: Readonly<Record<string, () => unknown>> = {
  "a getter `then` that throws": () => Object.defineProperty({}, "then", { get: boom }),
  "a `then` that throws": () => ({ then: boom }),
  "a `then` that throws after it has resolved": () => ({
    then(ok: (value: unknown) => void) {
      ok("resolved");
      boom();
    },
  }),
  "a `then` that resolves at once": () => ({ then: (ok: (value: unknown) => void) => ok("resolved") }),
  "a `then` that resolves twice": () => ({
    then(ok: (value: unknown) => void, fail: (reason: unknown) => void) {
      ok("resolved");
      ok("again");
      fail(new Error("and again"));
    },
  }),
  "a `then` that rejects at once": () => ({
    then: (_ok: unknown, fail: (reason: unknown) => void) => fail(new Error("boom")),
  }),
  "a function with a `then`": () => Object.assign(() => {}, { then: (ok: (value: unknown) => void) => ok("resolved") }),
  "a proxy that refuses everything": () => new Proxy({}, { has: boom, get: boom }),
};

function world() {
  const gates = new Gates();
  const journal: string[] = [];
  const Desk = kind("desk", {
    supervision: { backoff: { minMs: 0, maxMs: 0 }, maxRestarts: 1_000 },
    reentrant: ["giveReentrant"],
    handlers: {
      give: (_ctx, name: string): unknown => thenables[name]?.(),
      giveReentrant: (_ctx, name: string): unknown => thenables[name]?.(),
      throw(_ctx, thrown: unknown): void {
        throw thrown;
      },
      async throwLater(_ctx, thrown: unknown): Promise<void> {
        await gates.wait("g");
        throw thrown;
      },
      pipe: (ctx, name: string): void => ctx.pipe(thenables[name]?.() as Promise<unknown>, "echo", "echo"),
      echo(_ctx, value: unknown): unknown {
        journal.push("echo");
        return value;
      },
    },
  });
  const rig = new Rig({ kinds: [Desk] });
  return { gates, journal, rig, desk: rig.spawn(Desk, "d") };
}

const EXPECTED: Readonly<Record<string, string>> = {
  "a getter `then` that throws": "handler-failed",
  "a `then` that throws": "handler-failed",
  "a `then` that throws after it has resolved": "ok",
  "a `then` that resolves at once": "ok",
  "a `then` that resolves twice": "ok",
  "a `then` that rejects at once": "handler-failed",
  "a function with a `then`": "ok",
  "a proxy that refuses everything": "handler-failed",
};

describe("a handler that returns", () => {
  for (const [name, state] of Object.entries(EXPECTED)) {
    for (const handler of ["give", "giveReentrant"] as const) {
      it(`${name} ends once, as ${state}, and the next message runs (${handler})`, async () => {
        const { rig, desk } = world();
        const given = asked(desk.ask[handler](name));
        const next = asked(desk.ask.echo("next"));
        await rig.run();
        assert.deepEqual([given.state, next.value, rig.main.host.answeredTwice], [state, "next", 0]);
      });
    }
  }
});

describe("a handler that throws", () => {
  const things: readonly unknown[] = [
    undefined,
    null,
    0,
    "text",
    Symbol("s"),
    7n,
    {},
    () => {},
    Object.create(null),
    { toString: boom },
    Object.freeze(new Error("frozen")),
    Object.freeze(new ActorError("frozen", "x")),
    Object.defineProperty(new Error("x"), "message", { get: boom }),
    Object.defineProperty(new Error("x"), "name", { get: boom }),
    Object.defineProperty(new Error("x"), "cause", { get: boom }),
    Object.assign(new Error("x"), { name: Symbol("s") }),
    new Proxy(new Error("x"), { get: boom }),
    new Proxy({}, { getPrototypeOf: boom }),
    new AggregateError([new Error("a")], "many"),
    new ActorError("own", "x", { details: { self: Symbol("s"), call: () => {} } }),
  ];

  it("anything at all fails its ask as delivered and lets the next message run", async () => {
    const { rig, desk } = world();
    for (const thing of things) {
      const thrown = asked(desk.ask.throw(thing));
      const next = asked(desk.ask.echo("next"));
      await rig.run();
      assert.deepEqual([thrown.error?.fate, next.value], ["delivered", "next"]);
    }
  });

  it("anything at all after an await fails its ask as delivered", async () => {
    const { gates, rig, desk } = world();
    for (const thing of things) {
      const thrown = asked(desk.ask.throwLater(thing));
      await rig.run();
      gates.open("g");
      const next = asked(desk.ask.echo("next"));
      await rig.run();
      assert.deepEqual([thrown.error?.fate, next.value], ["delivered", "next"]);
    }
  });

  it("a failure of another call does not pass its fate on: this message was delivered", async () => {
    const { rig, desk } = world();
    const thrown = asked(desk.ask.throw(new ActorError("mailbox-full", "downstream")));
    await rig.run();
    assert.deepEqual([thrown.outcome, (thrown.error?.cause as ActorError).fate], [
      "mailbox-full/delivered",
      "not-delivered",
    ]);
  });
});

describe("a handler that pipes", () => {
  for (const name of ["a getter `then` that throws", "a `then` that throws", "a proxy that refuses everything"]) {
    it(`${name} keeps no place for what will never come`, async () => {
      const { rig, desk } = world();
      const piped = asked(desk.ask.pipe(name));
      await rig.run();
      assert.notEqual(piped.state, "pending");
      assert.equal(rig.main.host.cells.get(desk.key)?.extras?.pipes ?? 0, 0);
    });
  }
});
