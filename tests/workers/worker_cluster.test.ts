/**
 * A worker's end of the cluster: whose records it takes, what may leave it, and what becomes of everything when the lease
 * or the identity changes. Real host, real lanes, one thread.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeToBytes } from "../../core/codec.ts";
import type { ActorKey } from "../../core/ids.ts";
import { kind } from "../../core/kind.ts";
import { Gates } from "../rig/gates.ts";
import { type Asked, asked } from "../rig/outcome.ts";
import { LEASE, PairRig } from "./cluster_rig.ts";

/** What the actors of a test wait for, and what they did. */
class Stage {
  readonly gates = new Gates();
  readonly log: string[] = [];
  readonly asks: Asked[] = [];

  readonly Echo = kind("echo", { handlers: { echo: (_ctx, value: unknown): unknown => value } });

  readonly Note = kind("note", {
    state: () => ({ lines: 0 }),
    handlers: {
      write: (ctx, line: string): number => {
        this.log.push(line);
        return ++ctx.state.lines;
      },
      hold: async (_ctx, gate: string): Promise<string> => {
        this.log.push(`holds ${gate}`);
        await this.gates.wait(gate);
        this.log.push(`held ${gate}`);
        return gate;
      },
      tellLater: async (ctx, gate: string, to: string): Promise<void> => {
        await this.gates.wait(gate);
        this.log.push(`tell ${ctx.grain(this.Echo, to).tell.echo(gate)}`);
      },
      askLater: async (ctx, gate: string, to: string): Promise<unknown> => {
        const ref = ctx.grain(this.Echo, to);
        await this.gates.wait(gate);
        const ask = asked(ref.ask.echo(gate));
        this.asks.push(ask);
        return undefined;
      },
      ask: async (ctx, to: string): Promise<unknown> => {
        return await ctx.grain(this.Echo, to).ask.echo("hello");
      },
      tick: (ctx): void => {
        ctx.timers.once("tick", 100, "write", "ticked");
      },
      watch: (ctx, to: string): void => {
        ctx.watch(ctx.grain(this.Echo, to));
      },
    },
  });

  rig(options: ConstructorParameters<typeof PairRig>[1] = {}): PairRig {
    return new PairRig([this.Note, this.Echo], options);
  }
}

describe("a worker of a clustered node", () => {
  it("sends what is not here to the main thread, stamped with the identity of its process", async () => {
    const stage = new Stage();
    const rig = await stage.rig().open(4);
    rig.begin(4, "note:a", stage.Note, 7);
    rig.deliver(4, "note:a", stage.Note, ["ask", "far"], { id: 9, seq: 7 });
    await rig.run();
    assert.equal(rig.heard[0]?.identity, 4);
    const letter = rig.heard.find(({ type }) => type === "letter");
    assert.ok(letter?.type === "letter");
    const { target, actorKind, sender, ask } = letter.letter;
    assert.deepEqual([target, actorKind, sender], ["echo:far", "echo", { key: "note:a", token: { cfg: 2, seq: 7 } }]);
    assert.ok(ask !== undefined);
    rig.heard.length = 0;
    rig.outcome(4, ask.id, { kind: "ok", value: encodeToBytes("world") });
    await rig.run();
    assert.deepEqual(rig.lines(), ["4 answer 9 ok"]);
  });

  it("runs what it is ordered and says what became of it", async () => {
    const stage = new Stage();
    const rig = await stage.rig().open();
    const token = rig.begin(1, "note:a", stage.Note);
    rig.deliver(1, "note:a", stage.Note, ["write", "one"], { number: 1 });
    rig.deliver(1, "note:a", stage.Note, ["write", "two"], { number: 2, id: 5 });
    await rig.run();
    rig.order(1, { order: "flush", target: "note:a" as ActorKey, token, number: 3, id: 6 });
    rig.deliver(1, "note:a", stage.Note, ["dance"], { number: 4 });
    rig.order(1, { order: "stop", key: "note:a" as ActorKey, token, word: "moved" });
    await rig.run();
    assert.deepEqual(stage.log, ["one", "two"]);
    assert.deepEqual(rig.lines(), [
      "1 started note:a 1 ok",
      "1 answer 5 ok",
      "1 refused 4 handler-unknown/not-delivered",
      "1 ended note:a 1 [f6] 0 letters, moved, through 4",
    ]);
  });

  it("says of an activation that is not here that it is not here", async () => {
    const stage = new Stage();
    const rig = await stage.rig().open();
    rig.order(1, { order: "stop", key: "note:a" as ActorKey, token: { cfg: 2, seq: 1 } as never, word: "released" });
    await rig.run();
    assert.deepEqual(rig.lines(), ["1 ended note:a 1 [] 0 letters, not-found, through 0"]);
  });

  it("announces a watch of an actor that is not here", async () => {
    const stage = new Stage();
    const rig = await stage.rig().open();
    rig.begin(1, "note:a", stage.Note);
    rig.deliver(1, "note:a", stage.Note, ["watch", "far"]);
    await rig.run();
    assert.deepEqual(rig.lines(), ["1 started note:a 1 ok", "1 watch note:a echo:far"]);
  });

  it("makes no wait longer than it was, though the main thread's clock may be a little ahead", async () => {
    const stage = new Stage();
    const rig = await stage.rig().open();
    rig.begin(1, "note:a", stage.Note);
    rig.deliver(1, "note:a", stage.Note, ["ask", "far"], { id: 9, at: rig.clocks.monoMs + 500 });
    await rig.run();
    const [letter] = rig.letters();
    assert.equal(letter?.ask?.deadline, rig.clocks.monoMs + 2_000, "what an ask leads to inherits its deadline");
  });

  describe("under another identity", () => {
    it("does nothing it is told, whatever it is", async () => {
      const stage = new Stage();
      const rig = await stage.rig().open(2);
      const token = rig.begin(2, "note:a", stage.Note);
      await rig.run();
      rig.heard.length = 0;
      for (const other of [1, 3, 0, NaN, -2]) {
        rig.begin(other, "note:b", stage.Note);
        rig.deliver(other, "note:a", stage.Note, ["write", `from ${other}`], { id: 3 });
        rig.order(other, { order: "stop", key: "note:a" as ActorKey, token, word: "released" });
        rig.order(other, { order: "busy", key: "echo:far" as ActorKey });
      }
      await rig.run();
      assert.deepEqual([stage.log, rig.lines(), rig.worker.live], [[], [], ["note:a"]]);
      assert.equal(rig.worker.ref(stage.Echo, "echo:far").tell.echo(1), true, "it is not busy");
    });

    it("ends everything of the old one as soon as it looks, and works for the new one", async () => {
      const stage = new Stage();
      const rig = await stage.rig().open(1);
      rig.begin(1, "note:a", stage.Note);
      rig.deliver(1, "note:a", stage.Note, ["hold", "gate"], { id: 5, number: 1 });
      rig.deliver(1, "note:a", stage.Note, ["write", "never"], { number: 2 });
      await rig.run();
      rig.heard.length = 0;
      rig.publish(2, LEASE.leaseMs);
      await rig.run();
      assert.deepEqual(rig.worker.live, []);
      assert.ok(rig.lines().every((line) => line.startsWith("1 ")), "nothing of it says that it is of the new one");
      rig.begin(2, "note:a", stage.Note, 8);
      rig.deliver(2, "note:a", stage.Note, ["write", "anew"], { id: 6, seq: 8 });
      await rig.run();
      assert.deepEqual(stage.log, ["holds gate", "anew"]);
      assert.deepEqual(rig.lines(), ["2 started note:a 8 ok", "2 answer 6 ok"]);
    });

    it("sees the new one by the first record of it, before it acts on that", async () => {
      const stage = new Stage();
      const rig = await stage.rig().open(1);
      rig.begin(1, "note:a", stage.Note, 1);
      await rig.run();
      rig.heard.length = 0;
      // In one turn: what is left of the old identity, then the same key for the new one.
      rig.worker.turn(() => {
        rig.deliver(1, "note:a", stage.Note, ["write", "old"], { id: 4, seq: 1 });
        rig.publish(2, LEASE.leaseMs);
        rig.begin(2, "note:a", stage.Note, 1);
        rig.deliver(2, "note:a", stage.Note, ["write", "new"], { id: 5, seq: 1 });
      });
      await rig.run();
      assert.deepEqual(stage.log, ["new"]);
      assert.deepEqual(rig.lines().filter((line) => line.startsWith("2 ")), [
        "2 started note:a 1 ok",
        "2 answer 5 ok",
      ]);
    });

    it("lets nothing leave that an actor of the old one still tries to send", async () => {
      const stage = new Stage();
      const rig = await stage.rig().open(1);
      rig.begin(1, "note:a", stage.Note);
      rig.begin(1, "note:b", stage.Note);
      rig.deliver(1, "note:a", stage.Note, ["tellLater", "go", "far"]);
      rig.deliver(1, "note:b", stage.Note, ["askLater", "go", "far"], { id: 3 });
      await rig.run();
      rig.heard.length = 0;
      rig.publish(2, LEASE.leaseMs);
      stage.gates.open("go");
      // Nobody has looked at the gate yet: the handlers go on in their own time.
      await new Promise((resolve) => setTimeout(resolve, 0));
      await rig.run();
      assert.deepEqual(rig.letters(), []);
      assert.deepEqual(stage.log.filter((line) => line === "tell true"), []);
    });

    it("forgets for whom the main thread took no more messages", async () => {
      const stage = new Stage();
      const rig = await stage.rig().open(1);
      rig.order(1, { order: "busy", key: "echo:far" as ActorKey });
      await rig.run();
      assert.equal(rig.worker.ref(stage.Echo, "echo:far").tell.echo(1), false);
      rig.publish(2, LEASE.leaseMs);
      await rig.run();
      assert.equal(rig.worker.ref(stage.Echo, "echo:far").tell.echo(1), true);
    });
  });

  describe("before its clock has been measured", () => {
    it("begins nothing, and lets nothing of an actor leave, with whatever lease", async () => {
      const stage = new Stage();
      const rig = stage.rig();
      rig.publish(1, LEASE.leaseMs);
      rig.begin(1, "note:a", stage.Note);
      rig.deliver(1, "note:a", stage.Note, ["write", "one"]);
      await rig.run();
      assert.deepEqual([stage.log, rig.lines(), rig.worker.live, rig.worker.host.isFrozen], [[], [], ["note:a"], true]);
      rig.measure(1);
      await rig.run();
      assert.deepEqual(stage.log, ["one"]);
    });

    it("asks for a measurement, and believes only its own clock's answer", async () => {
      const stage = new Stage();
      const rig = stage.rig();
      rig.publish(1, LEASE.leaseMs);
      rig.worker.cluster.measure();
      await rig.run();
      assert.deepEqual(rig.lines(), ["0 clock"], "it has no identity yet");
      // Whoever was here before it had asked too, and was 100 seconds old.
      rig.order(1, { order: "clock", workerMs: 100_500, mainMs: rig.clocks.monoMs });
      await rig.run();
      assert.equal(rig.worker.lease.verdict(), "shut");
      // The main thread took three seconds to answer: by so much the worker now believes the lease to be shorter.
      const workerMs = rig.worker.lease.clockMs();
      rig.clocks.advance(3_000);
      rig.publish(1, LEASE.leaseMs);
      rig.order(1, { order: "clock", workerMs, mainMs: rig.clocks.monoMs });
      await rig.run();
      assert.equal(rig.worker.lease.verdict(), "open");
      rig.clocks.advance(LEASE.leaseMs - 3_000 - 1);
      assert.equal(rig.worker.lease.verdict(), "shut");
    });
  });

  describe("when the lease is out", () => {
    it("freezes by its own clock, though nobody tells it", async () => {
      const stage = new Stage();
      const rig = await stage.rig().open();
      rig.begin(1, "note:a", stage.Note);
      await rig.run();
      rig.heard.length = 0;
      rig.clocks.advance(LEASE.leaseMs);
      rig.deliver(1, "note:a", stage.Note, ["write", "late"], { id: 4 });
      await rig.run();
      assert.deepEqual([stage.log, rig.lines(), rig.worker.host.isFrozen], [[], [], true]);
    });

    it("by either clock: a wall clock that jumps ahead ends it too", async () => {
      const stage = new Stage();
      const rig = await stage.rig().open();
      rig.clocks.wallMs += LEASE.leaseMs;
      await rig.run();
      assert.equal(rig.worker.host.isFrozen, true);
    });

    it("tells are refused and asks fail, and the actor hears why", async () => {
      const stage = new Stage();
      const rig = await stage.rig().open();
      rig.begin(1, "note:a", stage.Note);
      rig.begin(1, "note:b", stage.Note);
      rig.deliver(1, "note:a", stage.Note, ["tellLater", "go", "far"]);
      rig.deliver(1, "note:b", stage.Note, ["askLater", "go", "far"]);
      await rig.run();
      rig.heard.length = 0;
      rig.clocks.advance(LEASE.leaseMs);
      stage.gates.open("go");
      await rig.run();
      assert.deepEqual(stage.log, ["tell false"]);
      assert.deepEqual(stage.asks.map(({ outcome }) => outcome), ["lease-lost/not-delivered"]);
      assert.deepEqual(rig.letters(), []);
    });

    it("keeps what came, and goes on from there with the next lease: messages, replies, timers, answers", async () => {
      const stage = new Stage();
      const rig = await stage.rig().open();
      for (const key of ["note:a", "note:b", "note:c", "note:d"]) rig.begin(1, key, stage.Note);
      rig.deliver(1, "note:a", stage.Note, ["hold", "gate"], { id: 1 });
      rig.deliver(1, "note:b", stage.Note, ["ask", "far"], { id: 2 });
      rig.deliver(1, "note:c", stage.Note, ["tick"]);
      await rig.run();
      const asking = rig.letters()[0]?.ask;
      assert.ok(asking !== undefined);
      rig.publish(1);
      await rig.run();
      rig.clocks.advance(200);
      stage.gates.open("gate");
      rig.outcome(1, asking.id, { kind: "ok", value: encodeToBytes("world") });
      rig.deliver(1, "note:d", stage.Note, ["write", "came meanwhile"], { id: 3 });
      await rig.run();
      assert.deepEqual(rig.lines(), [], "nothing leaves");
      assert.deepEqual(stage.log, ["holds gate", "held gate"], "what waits for a promise that isn't ours goes on");
      rig.publish(1, LEASE.leaseMs);
      await rig.run();
      assert.deepEqual(rig.lines().toSorted(), ["1 answer 1 ok", "1 answer 2 ok", "1 answer 3 ok"]);
      assert.deepEqual(stage.log.toSorted(), ["came meanwhile", "held gate", "holds gate", "ticked"]);
    });

    it("lets nobody send, also no handler's rest that runs outside of it: all code of a worker is some actor's", async () => {
      const stage = new Stage();
      const rig = await stage.rig().open();
      rig.publish(1);
      await rig.run();
      assert.equal(rig.worker.ref(stage.Echo, "echo:far").tell.echo("hello"), false);
    });
  });

  describe("when the lease is about to end", () => {
    it("begins nothing, and lets what runs finish and answer", async () => {
      const stage = new Stage();
      const rig = await stage.rig().open();
      for (const key of ["note:a", "note:b", "note:c"]) rig.begin(1, key, stage.Note);
      rig.deliver(1, "note:a", stage.Note, ["hold", "gate"], { id: 1 });
      rig.deliver(1, "note:b", stage.Note, ["tellLater", "gate", "far"]);
      rig.deliver(1, "note:c", stage.Note, ["tick"]);
      await rig.run();
      rig.heard.length = 0;
      rig.clocks.advance(LEASE.softAfterMs + 10);
      rig.deliver(1, "note:c", stage.Note, ["write", "later"], { number: 2, id: 2 });
      await rig.run();
      assert.equal(rig.worker.lease.verdict(), "closing");
      stage.gates.open("gate");
      await rig.run();
      assert.deepEqual(rig.lines(), ["1 letter echo:far", "1 answer 1 ok"]);
      assert.deepEqual(stage.log, ["holds gate", "held gate", "tell true"]);
      rig.publish(1, LEASE.leaseMs);
      await rig.run();
      assert.deepEqual(rig.lines(), ["1 answer 2 ok"]);
      assert.deepEqual(stage.log.slice(3).toSorted(), ["later", "ticked"]);
    });

    it("keeps an answer to an actor until something may begin again: the rest of its handler is new work", async () => {
      const stage = new Stage();
      const rig = await stage.rig().open();
      rig.begin(1, "note:a", stage.Note);
      rig.deliver(1, "note:a", stage.Note, ["ask", "far"], { id: 1 });
      await rig.run();
      const asking = rig.letters()[0]?.ask;
      assert.ok(asking !== undefined);
      rig.clocks.advance(LEASE.softAfterMs + 10);
      await rig.run();
      rig.outcome(1, asking.id, { kind: "ok", value: encodeToBytes("world") });
      await rig.run();
      assert.deepEqual(rig.lines(), []);
      rig.publish(1, LEASE.leaseMs);
      await rig.run();
      assert.deepEqual(rig.lines(), ["1 answer 1 ok"]);
    });
  });

  describe("hears that the main thread takes no more for a key", () => {
    it("and refuses messages to it until it is free again", async () => {
      const stage = new Stage();
      const rig = await stage.rig().open();
      rig.order(1, { order: "busy", key: "echo:far" as ActorKey });
      await rig.run();
      const far = rig.worker.ref(stage.Echo, "echo:far");
      const ask = asked(far.ask.echo(1));
      assert.equal(far.tell.echo(1), false);
      assert.equal(rig.worker.ref(stage.Echo, "echo:near").tell.echo(1), true);
      await rig.run();
      assert.equal(ask.outcome, "buffer-full/not-delivered");
      assert.deepEqual(rig.letters().map(({ target }) => target), ["echo:near"]);
      rig.order(1, { order: "free", keys: ["echo:far" as ActorKey] });
      await rig.run();
      assert.equal(far.tell.echo(1), true);
    });
  });

  describe("at the limits of its lane", () => {
    it("refuses messages to a main thread that does not read, and says so", async () => {
      const stage = new Stage();
      const rig = await stage.rig({ ringBytes: 4_096 }).open();
      const far = rig.worker.ref(stage.Echo, "echo:far");
      let sent = 0;
      while (sent < 1_000 && far.tell.echo("x".repeat(200))) sent++;
      assert.ok(sent > 0 && sent < 20, `${sent} were taken`);
      const ask = asked(far.ask.echo(1));
      await rig.run();
      assert.equal(ask.outcome, "lane-full/not-delivered");
      assert.equal(rig.letters().length, sent, "what was taken arrives");
      assert.equal(far.tell.echo("again"), true);
    });

    it("hands back a mailbox of more bytes than one record may have", async () => {
      const stage = new Stage();
      const rig = await stage.rig({ messageBytesMax: 20_000 }).open();
      const token = rig.begin(1, "note:a", stage.Note);
      rig.deliver(1, "note:a", stage.Note, ["hold", "gate"], { number: 1, id: 1 });
      for (let number = 2; number <= 6; number++) {
        rig.deliver(1, "note:a", stage.Note, ["write", "x".repeat(9_000)], { number });
      }
      rig.order(1, { order: "flush", target: "note:a" as ActorKey, token, number: 7, id: 7 });
      await rig.run();
      rig.heard.length = 0;
      rig.order(1, { order: "stop", key: "note:a" as ActorKey, token, word: "moved" });
      await rig.run();
      stage.gates.open("gate");
      await rig.run();
      const heard = rig.lines();
      assert.equal(heard[0], "1 answer 1 ok");
      assert.match(heard.at(-1) ?? "", /^1 ended note:a 1 .*, moved, through 7$/);
      assert.deepEqual(heard.join(" ").match(/[mf][0-9](?=[ \]])/g), ["m2", "m3", "m4", "m5", "m6", "f7"]);
    });

    it("answers with a failure what is too much for a main thread that does not read", async () => {
      const stage = new Stage();
      const rig = await stage.rig().open();
      rig.begin(1, "echo:a", stage.Echo);
      const value = "x".repeat(4 << 20);
      for (let number = 1; number <= 12; number++) {
        rig.deliver(1, "echo:a", stage.Echo, ["echo", value], { number, id: number });
        rig.main.flush();
        rig.worker.turn();
      }
      // The lane to the worker takes large messages in pieces.
      for (let turns = 0; turns < 4_000; turns++) {
        rig.main.flush();
        rig.worker.turn();
      }
      await rig.run();
      for (let turns = 0; turns < 4_000; turns++) {
        rig.drain();
        rig.worker.lanes.flush();
      }
      const codes = rig.lines().filter((line) => line.startsWith("1 answer"));
      assert.equal(codes.length, 12, "every ask is answered");
      assert.ok(codes.includes("1 answer 1 ok") && codes.includes("1 answer 12 lane-full"), codes.join("; "));
    });
  });
});
