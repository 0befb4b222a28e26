/**
 * A thread dies and another takes its place: everything that waited for it ends, and nothing of the old life is taken
 * for something of the new one.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { kind } from "../../core/kind.ts";
import { type Asked, asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

function world() {
  const journal: string[] = [];
  const gates = new Gates();
  const kept: Asked[] = [];
  const Desk = kind("desk", {
    handlers: {
      echo: (_ctx, text: string): string => text,
      async hold(_ctx, gate: string): Promise<string> {
        await gates.wait(gate);
        return `held ${gate}`;
      },
      note(_ctx, text: string): void {
        journal.push(text);
      },
      /** Asks another actor, and keeps what becomes of it. */
      relay(ctx, to: string, how: "echo" | "hold", text: string): void {
        kept.push(asked(ctx.grain(DeskSelf, to).ask[how](text)));
      },
    },
  });
  const DeskSelf: typeof Desk = Desk;
  const rig = new Rig({ kinds: [Desk], workers: 2 });
  const [a, b] = [rig.nameOn(1, "a", Desk), rig.nameOn(2, "b", Desk)];
  return { journal, gates, kept, rig, Desk, a: rig.grain(Desk, a), b: rig.grain(Desk, b) };
}

describe("a lost thread", () => {
  it("ends every ask it owed an answer with worker-lost, fate unknown, wherever the asker is", async () => {
    const { kept, rig, a, b } = world();
    const outside = asked(a.ask.hold("never"));
    b.tell.relay(a.name, "hold", "never");
    await rig.run();
    rig.loseThread(1, "out of memory");
    await rig.run();
    assert.deepEqual([outside.outcome, kept[0]?.outcome], ["worker-lost/unknown", "worker-lost/unknown"]);
    assert.match(outside.error?.message ?? "", /out of memory/);
    assert.equal(rig.main.host.asks.count + rig.thread(2).host.asks.count, 0);
  });

  it("leaves asks to other threads alone", async () => {
    const { gates, rig, b } = world();
    const other = asked(b.ask.hold("g"));
    await rig.run();
    rig.loseThread(1);
    await rig.run();
    gates.open("g");
    await rig.run();
    assert.equal(other.value, "held g");
  });

  it("is followed by one that answers under the same names", async () => {
    const { rig, a } = world();
    asked(a.ask.hold("never"));
    await rig.run();
    rig.loseThread(1);
    const again = asked(a.ask.echo("new"));
    await rig.run();
    assert.equal(again.value, "new");
  });

  it("had published what still counts: replies that were on their way arrive", async () => {
    const { rig, a } = world();
    const echo = asked(a.ask.echo("x"));
    await rig.turn(0);
    rig.thread(1).turn();
    rig.loseThread(1);
    await rig.run();
    assert.equal(echo.value, "x");
  });

  it("takes with it what it had not published", async () => {
    const { rig, a } = world();
    const echo = asked(a.ask.echo("x"));
    await rig.turn(0);
    rig.thread(1).turn({ flush: false });
    rig.loseThread(1);
    await rig.run();
    assert.equal(echo.outcome, "worker-lost/unknown");
  });

  it("gets no answer of its old life into its new one: a late reply finds no ask", async () => {
    const { gates, kept, rig, a, b } = world();
    a.tell.relay(b.name, "hold", "old");
    await rig.run();
    rig.loseThread(1);
    await rig.run();
    a.tell.relay(b.name, "hold", "new");
    await rig.run();
    gates.open("old"); // answers the ask of the old life: same thread, and once the same number
    await rig.run();
    assert.equal(kept[1]?.state, "pending");
    gates.open("new");
    await rig.run();
    assert.equal(kept[1]?.value, "held new");
    assert.equal(rig.thread(1).host.counters.values().deadLetters["reply-late"], 1);
  });

  it("passes no run of its old life for one of its new one: invocations of lives differ", async () => {
    const { rig } = world();
    const before = rig.thread(1).host.nextInvocation();
    rig.loseThread(1);
    assert.notEqual(rig.thread(1).host.nextInvocation(), before);
    await rig.run();
  });
});
