/**
 * Reentrant handlers: which may begin while another waits, which may not, and how many.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { kind } from "../../core/kind.ts";
import { asked } from "../rig/outcome.ts";
import { Gates } from "../rig/gates.ts";
import { Rig } from "../rig/rig.ts";

function world(reentrantMax?: number) {
  const journal: string[] = [];
  const gates = new Gates();
  const hold = async (gate: string) => {
    journal.push(`+${gate}`);
    await gates.wait(gate);
    journal.push(`-${gate}`);
  };
  const Desk = kind("desk", {
    reentrant: ["peek", "look", "stopNow"],
    reentrantMax,
    handlers: {
      hold: (_ctx, gate: string): Promise<void> => hold(gate),
      note(_ctx, text: string): void {
        journal.push(text);
      },
      peek(_ctx, text: string): void {
        journal.push(`peek ${text}`);
      },
      look: (_ctx, gate: string): Promise<void> => hold(gate),
      stopNow(ctx): void {
        ctx.stop();
        for (const child of ctx.children) ctx.stop(child);
        journal.push("stopNow ends");
      },
      raise(ctx): void {
        ctx.spawn(Leaf, "leaf");
      },
    },
    onStop(): void {
      journal.push("onStop");
    },
  });
  const Leaf = kind("leaf", { handlers: { idle: (): void => {} } });
  const Client = kind("client", {
    handlers: {
      send(ctx, calls: readonly (readonly ["hold" | "note" | "peek" | "look", string])[]): void {
        const desk = ctx.grain(Desk, "d");
        for (const [handler, text] of calls) desk.tell[handler](text);
      },
    },
  });
  const rig = new Rig({ kinds: [Desk, Leaf, Client] });
  return { journal, gates, rig, desk: rig.grain(Desk, "d"), client: (name: string) => rig.grain(Client, name) };
}

describe("a reentrant handler", () => {
  it("begins while another handler waits, ahead of what other senders have queued", async () => {
    const { journal, gates, rig, client } = world();
    client("a").tell.send([["hold", "h"], ["note", "later"]]);
    await rig.run();
    client("b").tell.send([["peek", "b"]]);
    await rig.run();
    assert.deepEqual(journal, ["+h", "peek b"]);
    gates.open("h");
    await rig.run();
    assert.deepEqual(journal, ["+h", "peek b", "-h", "later"]);
  });

  it("never overtakes an earlier message of its own sender", async () => {
    const { journal, gates, rig, client } = world();
    client("a").tell.send([["hold", "h"], ["note", "1"], ["peek", "2"]]);
    client("b").tell.send([["peek", "b"]]);
    await rig.run();
    assert.deepEqual(journal, ["+h", "peek b"]);
    gates.open("h");
    await rig.run();
    assert.deepEqual(journal, ["+h", "peek b", "-h", "1", "peek 2"]);
  });

  it("counts all senders outside of actors as one", async () => {
    const { journal, rig, desk } = world();
    desk.tell.hold("h");
    desk.tell.note("1");
    desk.tell.peek("2");
    await rig.run();
    assert.deepEqual(journal, ["+h"]);
  });

  it("lets others begin while it waits, reentrant or not", async () => {
    const { journal, gates, rig, desk } = world();
    desk.tell.look("l");
    desk.tell.note("1");
    desk.tell.look("m");
    desk.tell.hold("h");
    desk.tell.peek("2");
    await rig.run();
    assert.deepEqual(journal, ["+l", "1", "+m", "+h", "peek 2"]);
    assert.equal(rig.statusOf("desk:d"), "awaiting");
    for (const gate of ["m", "h", "l"]) gates.open(gate);
    await rig.run();
    assert.deepEqual(journal.slice(5).sort(), ["-h", "-l", "-m"]);
    assert.equal(rig.statusOf("desk:d"), "running");
  });

  it("waits when the limit of them is under way, behind a waiting handler", async () => {
    const { journal, gates, rig, desk } = world(2);
    desk.tell.hold("h");
    for (const gate of ["1", "2", "3"]) desk.tell.look(gate);
    await rig.run();
    assert.deepEqual(journal, ["+h", "+1", "+2"]);
    gates.open("1");
    await rig.run();
    assert.deepEqual(journal, ["+h", "+1", "+2", "-1", "+3"]);
  });

  it("waits when the limit of them is under way, also when no other handler holds it back", async () => {
    const { journal, gates, rig, desk } = world(2);
    for (const gate of ["1", "2", "3"]) desk.tell.look(gate);
    await rig.run();
    assert.deepEqual(journal, ["+1", "+2"]);
    gates.open("2");
    await rig.run();
    assert.deepEqual(journal, ["+1", "+2", "-2", "+3"]);
  });

  it("at its limit holds back its own sender's messages and nobody else's", async () => {
    const { journal, gates, rig, client } = world(1);
    client("a").tell.send([["look", "1"], ["look", "2"], ["note", "a"]]);
    client("b").tell.send([["note", "b"]]);
    await rig.run();
    assert.deepEqual(journal, ["+1", "b"]);
    gates.open("1");
    await rig.run();
    assert.deepEqual(journal, ["+1", "b", "-1", "+2", "a"]);
  });

  it("is not interrupted by the end it asks for: onStop runs after it", async () => {
    const { journal, rig, desk } = world();
    desk.tell.raise();
    desk.tell.stopNow();
    await rig.run();
    assert.deepEqual(journal, ["stopNow ends", "onStop"]);
    assert.equal(rig.statusOf("desk:d"), "absent");
  });

  it("that ends does not end the actor while the handler that asked for the end still runs", async () => {
    const journal: string[] = [];
    const gates = new Gates();
    const Desk = kind("desk", {
      reentrant: ["peek"],
      handlers: {
        async leave(ctx): Promise<string> {
          ctx.stop();
          await gates.wait("g");
          return ctx.signal.aborted ? "aborted" : "in peace";
        },
        peek(): void {
          journal.push("peek");
        },
      },
    });
    const rig = new Rig({ kinds: [Desk] });
    const left = asked(rig.grain(Desk, "d").with({ timeoutMs: 60_000 }).ask.leave());
    rig.grain(Desk, "d").tell.peek();
    await rig.advance(30_000);
    assert.deepEqual([journal, left.state, rig.statusOf("desk:d")], [["peek"], "pending", "awaiting"]);
    gates.open("g");
    await rig.run();
    assert.equal(left.value, "in peace");
    assert.equal(rig.statusOf("desk:d"), "absent");
  });
});
