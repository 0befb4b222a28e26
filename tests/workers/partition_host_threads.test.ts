/**
 * Hosts that talk through real rings: what crosses, what is refused where, and who counts it.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ActorError } from "../../core/failure.ts";
import { kind } from "../../core/kind.ts";
import type { AnyRef } from "../../core/ref.ts";
import { topic } from "../../core/topic.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

const news = topic<string>("news");

function world(options: { ringBytes?: number; overflowRecordsMax?: number } = {}) {
  const journal: string[] = [];
  const gates = new Gates();
  const Desk = kind("desk", {
    mailbox: 4,
    handlers: {
      note(ctx, text: string): void {
        journal.push(`${text} from ${ctx.sender?.key}`);
      },
      echo: (_ctx, value: unknown): unknown => value,
      senderOf: (ctx): AnyRef | undefined => ctx.sender,
      async hold(_ctx, gate: string): Promise<void> {
        await gates.wait(gate);
      },
      fail(): void {
        throw new ActorError("no-luck", "refused", { details: { at: 1 }, cause: new TypeError("deep") });
      },
      giveFunction: (): unknown => ({ nested: { call: () => {} } }),
      failOddly(): void {
        throw new ActorError("odd", "its details cannot travel", { details: { call: () => {} } });
      },
      pass(ctx, to: AnyRef, text: string): boolean {
        return ctx.grain(DeskSelf, to.name).tell.note(text);
      },
      passMany(ctx, name: string, count: number): number {
        let taken = 0;
        for (let index = 0; index < count; index++) if (ctx.grain(DeskSelf, name).tell.note(`${index}`)) taken++;
        return taken;
      },
      askFor: (ctx, name: string): Promise<AnyRef | undefined> => ctx.grain(DeskSelf, name).ask.senderOf(),
      listen: (ctx): void => ctx.subscribe(news, "note"),
      hush: (ctx): void => ctx.unsubscribe(news),
      say: (ctx, text: string): void => ctx.publish(news, text),
    },
  });
  const DeskSelf: typeof Desk = Desk;
  const rig = new Rig({ kinds: [Desk], workers: 2, ...options });
  const [a, b] = [rig.nameOn(1, "a", Desk), rig.nameOn(2, "b", Desk)];
  return { journal, gates, rig, Desk, a: rig.grain(Desk, a), b: rig.grain(Desk, b) };
}

describe("messages between threads", () => {
  it("arrive with their sender, as a ref that works, and asks are answered", async () => {
    const { journal, rig, a, b } = world();
    asked(a.ask.pass(b, "hello"));
    const echo = asked(b.ask.echo({ list: [1, "two", undefined, new Date(3)] }));
    const sender = asked(a.ask.askFor(b.name));
    await rig.run();
    assert.deepEqual(journal, [`hello from ${a.key}`]);
    assert.deepEqual(echo.value, { list: [1, "two", undefined, new Date(3)] });
    assert.equal((sender.value as AnyRef).key, a.key);
  });

  it("carry failures as data, with their causes", async () => {
    const { rig, a } = world();
    const failed = asked(a.ask.fail());
    await rig.run();
    assert.deepEqual([failed.outcome, failed.error?.details], ["no-luck/delivered", { at: 1 }]);
    assert.equal((failed.error?.cause as ActorError).message, "TypeError: deep");
  });

  it("that cannot travel are refused at the sender, with the path; nothing is sent", async () => {
    const { rig, a } = world();
    const call = () => {};
    assert.throws(() => a.tell.echo({ deep: [call] }), { code: "value-cannot-travel" });
    const refused = asked(a.ask.echo({ deep: [call] }));
    await rig.run();
    assert.equal(refused.outcome, "value-cannot-travel/not-delivered");
    assert.equal(rig.statusOf(a.key), "absent");
  });

  it("are answered also when the reply cannot travel, or the failure's details cannot", async () => {
    const { rig, a } = world();
    const [reply, failure] = [asked(a.ask.giveFunction()), asked(a.ask.failOddly())];
    await rig.run();
    assert.equal(reply.outcome, "reply-cannot-travel/delivered");
    assert.deepEqual([failure.outcome, failure.error?.message], ["odd/delivered", "its details cannot travel"]);
  });

  it("larger than the ring arrive whole, and in order with small ones", async () => {
    const { journal, rig, a } = world({ ringBytes: 1024 });
    const large = "x".repeat(50_000);
    const echo = asked(a.ask.echo(large));
    await rig.run();
    assert.equal(echo.value, large);
    a.tell.note("small");
    await rig.run();
    assert.deepEqual(journal, ["small from undefined"]);
  });
});

describe("a full lane", () => {
  it("refuses tells with `false` and asks with lane-full, and takes more when it has been read", async () => {
    const { rig, a } = world({ ringBytes: 1024 });
    let taken = 0;
    while (a.tell.echo("y".repeat(100))) taken++;
    assert.ok(taken > 1 && taken < 20, `${taken}`);
    const refused = asked(a.ask.echo("z"));
    await rig.turn(0);
    assert.equal(refused.outcome, "lane-full/not-delivered");
    assert.equal(refused.error?.details.thread, 1);
    await rig.run();
    assert.equal(a.tell.echo("again"), true);
    assert.equal(rig.main.host.counters.tellsRefused, 1);
    await rig.run();
  });

  it("never blocks an answer: replies wait outside of the ring and arrive, all of them", async () => {
    const { rig, a } = world({ ringBytes: 1024 });
    const asks = Array.from({ length: 4 }, () => asked(a.ask.echo("w".repeat(2_000))));
    for (let turn = 0; turn < 30; turn++) rig.thread(1).turn({ flush: false });
    await rig.run();
    assert.deepEqual(asks.map(({ state }) => state), ["ok", "lane-full", "lane-full", "lane-full"]);
    const small = Array.from({ length: 4 }, () => asked(a.ask.echo("v")));
    await rig.run();
    assert.deepEqual(small.map(({ value }) => value), ["v", "v", "v", "v"]);
  });
});

describe("a mailbox that is full at its own thread", () => {
  it("refuses an ask with mailbox-full, and makes a dead letter of a tell that was taken by the lane", async () => {
    const { rig, a, b } = world();
    asked(b.ask.hold("g"));
    await rig.run();
    const taken = asked(a.ask.passMany(b.name, 6));
    await rig.run();
    const refused = asked(b.ask.echo("x"));
    await rig.run();
    assert.deepEqual([taken.value, refused.outcome], [6, "mailbox-full/not-delivered"]);
    assert.equal(rig.thread(2).host.counters.values().deadLetters["mailbox-full"], 3);
    const letter = rig.events.find((event) => event.type === "deadLetter");
    assert.deepEqual(letter, {
      type: "deadLetter",
      to: { kind: "desk", key: b.key, thread: 2 },
      handler: "note",
      from: a.key,
      reason: "mailbox-full",
      wasAsk: false,
    });
  });

  it("tells the sending thread how many of its records it refused", async () => {
    const { rig, a, b } = world();
    asked(b.ask.hold("g"));
    await rig.run();
    asked(a.ask.passMany(b.name, 6));
    await rig.run();
    assert.equal(rig.thread(1).lanes?.writerTo(2).refusedByReceiver, 2);
  });
});

describe("a topic", () => {
  it("reaches subscribers on every thread, once each, until they leave", async () => {
    const { journal, rig, a, b } = world();
    a.tell.listen();
    b.tell.listen();
    b.tell.listen();
    await rig.run();
    b.tell.say("1");
    await rig.run();
    assert.deepEqual(journal, ["1 from undefined", "1 from undefined"]);
    a.tell.hush();
    await rig.run();
    a.tell.say("2");
    await rig.run();
    assert.equal(journal.length, 3);
  });
});
