/**
 * Piping a promise to oneself: its outcome is a message like any other.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { ActorError } from "../../core/failure.ts";
import { kind } from "../../core/kind.ts";
import { PIPES_PER_ACTOR_MAX } from "../../core/limits.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

function world() {
  const journal: string[] = [];
  const gates = new Gates();
  const thenables: PromiseLike<unknown>[] = [];
  const Desk = kind("desk", {
    mailbox: 2,
    stash: 0,
    supervision: { backoff: { minMs: 0, maxMs: 0 } },
    handlers: {
      pipe: (ctx, gate: string): void => ctx.pipe(gates.wait(gate), "value", "failure"),
      pipeValueOnly: (ctx, gate: string): void => ctx.pipe(gates.wait(gate), "value"),
      pipeThenables(ctx): void {
        for (const thenable of thenables) ctx.pipe(thenable, "value", "failure");
      },
      async pipeMany(ctx, count: number): Promise<void> {
        for (let index = 0; index < count; index++) ctx.pipe(gates.wait("many"), "value");
        await gates.wait("hold");
      },
      async pipeInRounds(ctx, rounds: number): Promise<void> {
        for (let round = 0; round < rounds; round++) {
          for (let index = 0; index < PIPES_PER_ACTOR_MAX; index++) ctx.pipe(Promise.resolve(round), "value");
          await gates.wait("round");
        }
      },
      value(ctx, value: unknown): void {
        journal.push(`value ${value} from ${ctx.sender?.key}`);
      },
      failure(_ctx, error: ActorError): void {
        journal.push(`failure ${error.code}: ${error.message}`);
      },
      note(_ctx, text: string): void {
        journal.push(text);
      },
      fail(): void {
        throw new Error("x");
      },
      leave: (ctx): void => ctx.stop(),
    },
  });
  const rig = new Rig({ kinds: [Desk] });
  return { journal, gates, thenables, rig, Desk, desk: rig.spawn(Desk, "d") };
}

describe("a piped promise", () => {
  it("becomes a message with its value, from the actor itself, and holds nothing back meanwhile", async () => {
    const { journal, gates, rig, desk } = world();
    desk.tell.pipe("g");
    desk.tell.note("meanwhile");
    await rig.run();
    gates.open("g", 7);
    await rig.run();
    assert.deepEqual(journal, ["meanwhile", "value 7 from d"]);
  });

  it("becomes a message with its failure, as an ActorError", async () => {
    const { journal, gates, rig, desk } = world();
    desk.tell.pipe("g");
    await rig.run();
    gates.fail("g", new RangeError("far"));
    await rig.run();
    assert.deepEqual(journal, ["failure handler-failed: RangeError: far"]);
  });

  it("that fails with nobody to tell is a dead letter", async () => {
    const { journal, gates, rig, desk } = world();
    desk.tell.pipeValueOnly("g");
    await rig.run();
    gates.fail("g", new Error("x"));
    await rig.run();
    assert.deepEqual([journal, rig.deadLetters("pipe-unhandled")], [[], 1]);
  });

  it("finds its place in a full mailbox", async () => {
    const { journal, gates, rig, desk } = world();
    desk.tell.pipeMany(1);
    await rig.run();
    desk.tell.note("1");
    desk.tell.note("2");
    gates.open("many", "piped");
    await rig.run();
    assert.equal(desk.tell.note("3"), false);
    gates.open("hold");
    await rig.run();
    assert.deepEqual(journal, ["1", "2", "value piped from d"]);
  });

  it("outlives a restart: it is the actor's, not the life's", async () => {
    const { journal, gates, rig, desk } = world();
    desk.tell.pipe("g");
    desk.tell.fail();
    await rig.run();
    gates.open("g", 1);
    await rig.run();
    assert.deepEqual(journal, ["value 1 from d"]);
  });

  it("that settles after the end is a dead letter", async () => {
    const { journal, gates, rig, desk } = world();
    desk.tell.pipe("g");
    desk.tell.leave();
    await rig.run();
    gates.open("g");
    await rig.run();
    assert.deepEqual([journal, rig.deadLetters("actor-stopped")], [[], 1]);
  });

  it("is one of a limited number that are not settled", async () => {
    const { gates, rig, desk } = world();
    const ok = asked(desk.with({ timeoutMs: 60_000 }).ask.pipeMany(PIPES_PER_ACTOR_MAX));
    await rig.run();
    gates.open("hold");
    await rig.run();
    const over = asked(desk.ask.pipeMany(1));
    await rig.run();
    assert.deepEqual([ok.state, over.outcome], ["ok", "limit-reached/delivered"]);
    gates.open("many");
    await rig.run();
    const again = asked(desk.ask.pipeMany(1));
    await rig.run();
    assert.equal(again.state, "pending");
  });
});
