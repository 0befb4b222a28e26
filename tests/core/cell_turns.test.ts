/**
 * One message at a time: what runs when, in which order, and what a refused message costs.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { MESSAGES_PER_CELL_TURN } from "../../core/limits.ts";
import { kind } from "../../core/kind.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

function world() {
  const journal: string[] = [];
  const gates = new Gates();
  const Desk = kind("desk", {
    state: () => ({ count: 0 }),
    mailbox: 3,
    handlers: {
      note(_ctx, text: string): void {
        journal.push(text);
      },
      async hold(_ctx, gate: string): Promise<string> {
        journal.push(`begin ${gate}`);
        await gates.wait(gate);
        journal.push(`end ${gate}`);
        return gate;
      },
      echo(_ctx, value: string): string {
        journal.push(`echo ${value}`);
        return value;
      },
      fail(): void {
        throw new TypeError("broken");
      },
    },
  });
  const rig = new Rig({ kinds: [Desk] });
  return { journal, gates, rig, Desk, desk: rig.grain(Desk, "d") };
}

describe("a cell takes turns", () => {
  it("an awaiting handler holds the next message back until it settles", async () => {
    const { journal, gates, rig, desk } = world();
    const first = asked(desk.ask.hold("g"));
    desk.tell.note("second");
    await rig.run();
    assert.deepEqual(journal, ["begin g"]);
    assert.equal(rig.statusOf("desk:d"), "awaiting");
    gates.open("g");
    await rig.run();
    assert.deepEqual(journal, ["begin g", "end g", "second"]);
    assert.equal(first.value, "g");
  });

  it("tells and asks of one sender run in the order they were sent", async () => {
    const { journal, rig, desk } = world();
    desk.tell.note("1");
    const reply = asked(desk.ask.echo("2"));
    desk.tell.note("3");
    await rig.run();
    assert.deepEqual(journal, ["1", "echo 2", "3"]);
    assert.equal(reply.value, "2");
  });

  it("a mailbox takes its limit and refuses the next: a tell by `false`, an ask by mailbox-full, both counted", async () => {
    const { rig, desk, journal } = world();
    asked(desk.ask.hold("g"));
    await rig.run();
    assert.deepEqual([desk.tell.note("1"), desk.tell.note("2"), desk.tell.note("3")], [true, true, true]);
    assert.equal(desk.tell.note("4"), false);
    const refused = asked(desk.ask.echo("5"));
    await rig.run();
    assert.equal(refused.outcome, "mailbox-full/not-delivered");
    assert.equal(refused.error?.message, "Cannot deliver desk:d.echo: the mailbox holds its limit of 3 messages");
    assert.equal(rig.main.host.counters.tellsRefused, 1);
    assert.deepEqual(journal, ["begin g"]);
  });

  it("a message is not counted against the mailbox while it runs", async () => {
    const { rig, desk } = world();
    asked(desk.ask.hold("g"));
    await rig.run();
    assert.equal(rig.main.host.cells.values().next().value?.mailbox.size, 0);
    assert.equal(desk.tell.note("1"), true);
  });

  it("a handler that throws fails its ask as delivered, and the next message runs", async () => {
    const { rig, desk, journal } = world();
    const failed = asked(desk.ask.fail());
    desk.tell.note("after");
    await rig.advance(1_000);
    assert.equal(failed.outcome, "handler-failed/delivered");
    assert.equal(failed.error?.message, "TypeError: broken");
    assert.deepEqual(journal, ["after"]);
  });

  it("a cell with more messages than its share lets others run in between", async () => {
    const order: string[] = [];
    const Greedy = kind("greedy", {
      handlers: {
        run(ctx): void {
          order.push(ctx.name);
        },
      },
    });
    const rig = new Rig({ kinds: [Greedy] });
    const [a, b] = [rig.grain(Greedy, "a"), rig.grain(Greedy, "b")];
    for (let index = 0; index < 600; index++) a.tell.run();
    b.tell.run();
    await rig.run();
    assert.equal(order.indexOf("b"), MESSAGES_PER_CELL_TURN);
    assert.equal(order.length, 601);
  });

  it("a handler index that the kind does not have is answered, counted and costs nothing else", async () => {
    const { rig, desk, Desk, journal } = world();
    const { courier } = rig.main.host;
    const target = { courier, kind: Desk, key: desk.key, thread: rig.main.index, cell: undefined };
    const unknown = asked(courier.ask(target, 99, [], undefined));
    desk.tell.note("after");
    await rig.run();
    assert.equal(unknown.outcome, "handler-unknown/not-delivered");
    assert.equal(rig.deadLetters("handler-unknown"), 1);
    assert.deepEqual(journal, ["after"]);
  });

  it("an actor nobody has spawned is not found; a grain is there when it is needed", async () => {
    const { rig, Desk } = world();
    const missing = asked(rig.actor(Desk, "nobody").ask.echo("x"));
    const grain = asked(rig.grain(Desk, "new").ask.echo("y"));
    await rig.run();
    assert.equal(missing.outcome, "actor-not-found/not-delivered");
    assert.equal(rig.actor(Desk, "nobody").tell.note("z"), false);
    assert.equal(rig.deadLetters("actor-not-found"), 1);
    assert.equal(grain.value, "y");
  });

  it("a name another kind has taken is not found, and the one who has it is not disturbed", async () => {
    const { rig, desk, Desk } = world();
    const Other = kind("other", { handlers: { hello: (): string => "hello" } });
    const both = new Rig({ kinds: [Desk, Other] });
    both.spawn(Other, "x");
    const wrong = asked(both.actor(Desk, "x").ask.echo("1"));
    const right = asked(both.actor(Other, "x").ask.hello());
    await both.run();
    assert.deepEqual([wrong.outcome, right.value], ["actor-not-found/not-delivered", "hello"]);
    assert.ok(rig.main.host.refByKey(Desk, desk.key));
  });
});
