/**
 * Promises of user code: a host follows whatever has a `then`, counts each once, and bounds what comes of them.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { kind } from "../../core/kind.ts";
import { PIPES_PER_ACTOR_MAX } from "../../core/limits.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

type Settle = (value?: unknown) => void;

/** Objects with a `then` of their own, by what they do wrong. */
const thenables: Readonly<Record<string, () => unknown>> = {
  "throws": () => ({
    then() {
      throw new Error("boom");
    },
  }),
  "resolves twice": () => ({
    then(ok: Settle) {
      ok(1);
      ok(2);
    },
  }),
  "resolves and rejects": () => ({
    then(ok: Settle, fail: Settle) {
      ok(1);
      fail(new Error("boom"));
    },
  }),
  "rejects and throws": () => ({
    then(_ok: Settle, fail: Settle) {
      fail(new Error("one"));
      throw new Error("two");
    },
  }),
};

function world() {
  const journal: unknown[] = [];
  const gates = new Gates();
  const Desk = kind("desk", {
    mailbox: 8,
    stash: 0,
    supervision: { on: { "*": "resume" } },
    handlers: {
      give: (_ctx, name: string): unknown => thenables[name]?.(),
      pipe: (ctx, name: string): void => ctx.pipe(thenables[name]?.() as Promise<unknown>, "take", "take"),
      take(_ctx, value: unknown): void {
        journal.push(value);
      },
      async pipeInRounds(ctx, rounds: number): Promise<void> {
        for (let round = 0; round < rounds; round++) {
          for (let index = 0; index < PIPES_PER_ACTOR_MAX; index++) ctx.pipe(Promise.resolve(round), "take");
          await gates.wait("round");
        }
      },
    },
  });
  const rig = new Rig({ kinds: [Desk] });
  return { journal, gates, rig, host: rig.main.host, desk: rig.grain(Desk, "d") };
}

describe("a host", () => {
  for (const name of Object.keys(thenables)) {
    it(`is quiet again after a handler returned something whose \`then\` ${name}`, async () => {
      const { host, rig, desk } = world();
      const given = asked(desk.ask.give(name));
      await rig.run();
      assert.notEqual(given.state, "pending");
      assert.equal(host.activity().isQuiet, true);
      asked(desk.ask.give(name));
      await rig.run();
      assert.equal(host.activity().isQuiet, true, "and it does not count below nothing either");
    });

    it(`makes one message of something piped whose \`then\` ${name}`, async () => {
      const { host, journal, rig, desk } = world();
      asked(desk.ask.pipe(name));
      await rig.run();
      assert.equal(journal.length, 1);
      assert.equal(host.cells.values().next().value?.extras?.pipes, 0);
    });
  }

  it("loses no piped outcome without a dead letter, also when more come than a busy actor has places for", async () => {
    const { gates, journal, rig, desk } = world();
    const ROUNDS = 4;
    asked(desk.with({ timeoutMs: 60_000 }).ask.pipeInRounds(ROUNDS));
    for (let round = 0; round < ROUNDS; round++) {
      await rig.run();
      gates.open("round");
    }
    await rig.run();
    assert.equal(journal.length + rig.deadLetters("mailbox-full"), ROUNDS * PIPES_PER_ACTOR_MAX);
  });

  it("counts no dead letter for a wish to end that a failed start leaves in the mailbox", async () => {
    const gates = new Gates();
    const Sick = kind("sick", { handlers: {}, onStart: () => gates.wait("start").then(() => {}) });
    const rig = new Rig({ kinds: [Sick] });
    const grain = rig.grain(Sick, "g");
    rig.main.host.courier.tell(
      { courier: rig.main.host.courier, kind: Sick, key: grain.key, thread: rig.main.index, cell: undefined },
      0,
      [],
    );
    await rig.run();
    const stopped = rig.operate(grain.key, { op: "stop", key: grain.key, isDraining: true });
    gates.fail("start", new Error("no"));
    await rig.run();
    assert.deepEqual([stopped.value, rig.history("deadLetter").length], [true, 1]);
  });
});
