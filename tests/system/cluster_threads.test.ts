/**
 * The actors of a clustered node seen from its main thread: what the machine wants reaches the thread that has the actor,
 * and the machine hears of everything it gave. Real lanes, real workers, one thread.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeInput } from "../../cluster/cluster_node.ts";
import { TIMINGS } from "../../cluster/settings.ts";
import { encodeToBytes } from "../../core/codec.ts";
import type { ActorKey } from "../../core/ids.ts";
import { kind } from "../../core/kind.ts";
import { Gates } from "../rig/gates.ts";
import { asked } from "../rig/outcome.ts";
import { nameOf, ThreadsRig, tokenOf } from "./threads_rig.ts";

class Stage {
  readonly gates = new Gates();
  readonly log: string[] = [];
  /** Time passes while a handler runs. */
  passMs: (ms: number) => void = () => {};

  readonly Echo = kind("echo", { handlers: { echo: (_ctx, value: unknown): unknown => value } });

  readonly Note = kind("note", {
    state: () => ({ lines: 0 }),
    mailbox: 1_024,
    handlers: {
      write: (ctx, line: string): number => {
        this.log.push(line);
        return ++ctx.state.lines;
      },
      hold: async (_ctx, gate: string): Promise<string> => {
        await this.gates.wait(gate);
        return gate;
      },
      compute: (_ctx, ms: number): void => {
        this.passMs(ms);
        this.log.push("computed");
      },
      insist: async (ctx, to: string): Promise<void> => {
        try {
          await ctx.grain(this.Echo, to).ask.echo("hello");
        } catch (thrown) {
          this.log.push(`resumed: ${thrown}`);
        }
      },
      fail: (_ctx, chars: number): void => {
        throw new Error("x".repeat(chars));
      },
      tell: (ctx, to: string): boolean => ctx.grain(this.Echo, to).tell.echo("hello"),
      askLater: async (ctx, gate: string, to: string): Promise<unknown> => {
        await this.gates.wait(gate);
        return await ctx.grain(this.Echo, to).ask.echo("hello");
      },
      ask: async (ctx, to: string): Promise<unknown> => await ctx.grain(this.Echo, to).ask.echo("hello"),
      askLength: async (ctx, to: string): Promise<number> => {
        return String(await ctx.grain(this.Echo, to).ask.echo("hello")).length;
      },
      leave: (ctx): void => ctx.stop(),
      watch: (ctx, to: string): void => ctx.watch(ctx.grain(this.Echo, to)),
      burst: (ctx, to: string, count: number): void => {
        for (let sent = 0; sent < count; sent++) ctx.actor(this.Note, to).tell.write(`burst ${sent}`);
      },
      fence: (ctx): string => String(ctx.fence),
    },
  });

  rig(workers: number, options: ConstructorParameters<typeof ThreadsRig>[2] = {}): Promise<ThreadsRig> {
    return new ThreadsRig([this.Note, this.Echo], workers, options).open();
  }
}

describe("the threads of a clustered node", () => {
  for (const [where, workers] of [["on the main thread", 0], ["on a worker", 1]] as const) {
    describe(`with its actors ${where}`, () => {
      it("begins and runs what the machine wants, and says what came of it", async () => {
        const stage = new Stage();
        const rig = await stage.rig(workers);
        rig.start("note:a", stage.Note);
        rig.enqueue("note:a", stage.Note, 1, ["write", "one"]);
        rig.enqueue("note:a", stage.Note, 2, ["write", "two"], 7);
        rig.flush("note:a", 3);
        rig.enqueue("note:a", stage.Note, 4, ["dance"]);
        await rig.run();
        assert.deepEqual(stage.log, ["one", "two"]);
        assert.deepEqual(rig.lines().toSorted(), [
          "answered m2 ok",
          "flushReached f3",
          "refused m4 handler-unknown/not-delivered",
          "started note:a 1 ok",
        ]);
        assert.deepEqual(rig.threads.activations.map(({ key, thread }) => [key, thread]), [["note:a", workers]]);
      });

      it("hands back what did not run, as it came, and says that it ended because it was told to", async () => {
        const stage = new Stage();
        const rig = await stage.rig(workers);
        rig.start("note:a", stage.Note);
        rig.enqueue("note:a", stage.Note, 1, ["hold", "gate"]);
        await rig.run();
        const given = [
          rig.enqueue("note:a", stage.Note, 2, ["write", "x"]),
          rig.enqueue("note:a", stage.Note, 3, ["write", "y"], 8),
          rig.flush("note:a", 4),
        ];
        rig.told.length = 0;
        rig.stop("note:a", "handoff");
        stage.gates.open("gate");
        await rig.run();
        const [handedBack] = rig.told;
        assert.ok(handedBack?.kind === "handedBack");
        assert.deepEqual(handedBack.items, given);
        assert.deepEqual(rig.lines(), ["handedBack note:a 1 [m2 m3 f4] moved, through 4", "stoppedFor note:a 1"]);
        assert.deepEqual([rig.threads.activations, stage.log], [[], []]);
      });

      it("says that it ended by itself, also while it is told to", async () => {
        const stage = new Stage();
        const rig = await stage.rig(workers);
        rig.start("bob", stage.Note);
        rig.start("note:b", stage.Note);
        await rig.run();
        rig.told.length = 0;
        rig.enqueue("bob", stage.Note, 1, ["leave"]);
        rig.enqueue("bob", stage.Note, 2, ["write", "late"]);
        await rig.run();
        assert.deepEqual(rig.lines(), ["handedBack bob 1 [m2] stopped, through 2", "ended bob 1"]);
      });

      it("stops nothing twice, and says so of what is not there", async () => {
        const stage = new Stage();
        const rig = await stage.rig(workers);
        rig.stop("note:a", "fenced", 3);
        await rig.run();
        assert.deepEqual(rig.lines(), ["handedBack note:a 3 [] not-here, through 0", "stoppedFor note:a 3"]);
      });

      it("says of a kind that is not here that it did not start", async () => {
        const stage = new Stage();
        const rig = await stage.rig(workers);
        rig.start("note:a", kind("elsewhere", { handlers: {} }));
        rig.enqueue("note:a", stage.Note, 1, ["write", "one"], 5);
        await rig.run();
        assert.deepEqual(stage.log, []);
        assert.deepEqual(rig.lines().filter((line) => !line.startsWith("handedBack")), [
          "started note:a 1 Cannot begin note:a: there is no kind elsewhere",
          "ended note:a 1",
        ]);
      });

      it("gives an answer to the actor that asked, and to nobody twice", async () => {
        const stage = new Stage();
        const rig = await stage.rig(workers);
        rig.start("note:a", stage.Note);
        rig.enqueue("note:a", stage.Note, 1, ["ask", "far"], 5);
        await rig.run();
        const ask = rig.told.flatMap((input) => input.kind === "send" ? [input.letter.ask] : [])[0];
        assert.ok(ask !== undefined);
        rig.told.length = 0;
        const reply = { kind: "reply", askId: ask.id, outcome: { kind: "ok", value: encodeToBytes("hi") } } as const;
        rig.perform(reply);
        rig.perform(reply);
        rig.perform({ ...reply, askId: 12_345 });
        await rig.run();
        assert.deepEqual(rig.lines(), ["answered m1 ok"]);
      });

      it("fails an ask as the machine says", async () => {
        const stage = new Stage();
        const rig = await stage.rig(workers);
        rig.start("note:a", stage.Note);
        rig.enqueue("note:a", stage.Note, 1, ["ask", "far"], 5);
        await rig.run();
        const ask = rig.told.flatMap((input) => input.kind === "send" ? [input.letter.ask] : [])[0];
        rig.told.length = 0;
        rig.perform({ kind: "failed", askId: ask?.id ?? 0, code: "node-lost", fate: "unknown" });
        await rig.run();
        assert.deepEqual(rig.lines(), ["answered m1 node-lost/delivered"], "the handler ran, and failed with it");
      });

      it("holds all orders, in their order, until the store says its generation", async () => {
        const stage = new Stage();
        const rig = await stage.rig(workers);
        rig.threads.begin();
        rig.lease(TIMINGS.leaseMs);
        rig.start("note:a", stage.Note);
        rig.enqueue("note:a", stage.Note, 1, ["write", "one"]);
        rig.enqueue("note:a", stage.Note, 2, ["write", "two"]);
        await rig.run();
        rig.stop("note:a", "released");
        rig.start("note:a", stage.Note, 2);
        rig.enqueue("note:a", stage.Note, 1, ["write", "three"], undefined, 2);
        await rig.run();
        assert.deepEqual([stage.log, rig.lines()], [[], []]);
        rig.threads.storeGeneration(9);
        await rig.run();
        assert.deepEqual(stage.log, ["three"]);
        assert.deepEqual(rig.lines(), [
          "started note:a 1 Cannot start note:a: it was stopped (stop)",
          "handedBack note:a 1 [m1 m2] not-here, through 2",
          "stoppedFor note:a 1",
          "started note:a 2 ok",
        ]);
      });

      it("passes watches of actors that are not here on", async () => {
        const stage = new Stage();
        const rig = await stage.rig(workers);
        rig.start("note:a", stage.Note);
        rig.enqueue("note:a", stage.Note, 1, ["watch", "far"]);
        await rig.run();
        assert.deepEqual(rig.watched, [`watch note:a on ${workers}: echo:far`]);
      });

      it("freezes without a lease, and goes on with the next", async () => {
        const stage = new Stage();
        const rig = await stage.rig(workers);
        rig.start("note:a", stage.Note);
        await rig.run();
        rig.lease();
        rig.enqueue("note:a", stage.Note, 1, ["write", "one"]);
        await rig.run();
        assert.deepEqual(stage.log, []);
        rig.lease(TIMINGS.leaseMs);
        await rig.run();
        assert.deepEqual(stage.log, ["one"]);
      });

      it("begins nothing more once its lease is about to end, though a turn has only begun", async () => {
        const stage = new Stage();
        const rig = await stage.rig(workers);
        stage.passMs = (ms) => rig.clocks.advance(ms);
        for (const key of ["note:a", "note:b"]) rig.start(key, stage.Note);
        await rig.run();
        rig.lease(TIMINGS.leaseMs);
        const computeMs = TIMINGS.softAfterMs / 4;
        for (const key of ["note:a", "note:b"]) {
          for (let number = 1; number <= 31; number++) rig.enqueue(key, stage.Note, number, ["compute", computeMs]);
        }
        await rig.run();
        assert.equal(stage.log.length, 4, "what began later would run beside the actor's next activation");
      });

      it("resumes no handler of an older identity, whatever becomes of what it waits for", async () => {
        const stage = new Stage();
        const rig = await stage.rig(workers);
        for (const key of ["note:a", "note:b"]) {
          rig.start(key, stage.Note);
          rig.enqueue(key, stage.Note, 1, ["insist", "far"], 3);
        }
        await rig.run();
        rig.lease();
        await rig.run();
        rig.threads.begin();
        rig.threads.storeGeneration(4);
        await rig.run();
        rig.lease(TIMINGS.leaseMs);
        await rig.run();
        rig.clocks.advance(60_000);
        rig.lease(TIMINGS.leaseMs);
        await rig.run();
        assert.deepEqual(stage.log, []);
      });

      it("opens an actor to its neighbours only when the router has settled on it, behind all inputs", async () => {
        const stage = new Stage();
        const rig = await stage.rig(workers);
        rig.start("ann", stage.Note);
        rig.start("bob", stage.Note);
        rig.enqueue("ann", stage.Note, 1, ["burst", "bob", 5]);
        await rig.run();
        const sent = rig.lines().filter((line) => line === "send bob").length;
        assert.equal(sent, 5, "the router has them, or something of them may still be elsewhere");
        assert.deepEqual(stage.log, []);
        rig.isSettled = true;
        rig.enqueue("ann", stage.Note, 2, ["burst", "bob", 200]);
        await rig.run();
        const around = rig.lines().filter((line) => line === "send bob").length;
        assert.equal(around + stage.log.length, 200);
        assert.ok(stage.log.length > 100, `${stage.log.length} went straight`);
      });
    });
  }

  describe("under a new identity", () => {
    it("hears nothing more of the old one, from any thread", async () => {
      const stage = new Stage();
      const rig = await stage.rig(2);
      for (const key of KEYS_OF_TWO) {
        rig.start(key, stage.Note);
        rig.enqueue(key, stage.Note, 1, ["hold", key], 3);
      }
      await rig.run();
      for (const key of KEYS_OF_TWO) rig.enqueue(key, stage.Note, 2, ["write", "never"], 4);
      rig.told.length = 0;
      rig.threads.begin();
      rig.threads.storeGeneration(4);
      for (const key of KEYS_OF_TWO) stage.gates.open(key);
      await rig.run();
      assert.deepEqual([rig.lines(), stage.log, rig.threads.activations], [[], [], []]);
      assert.deepEqual(rig.workers.map(({ live }) => live), [[], []]);
      assert.ok(rig.threads.strayCount > 0, "it was counted");
      rig.lease(TIMINGS.leaseMs);
      for (const key of KEYS_OF_TWO) {
        rig.start(key, stage.Note);
        rig.enqueue(key, stage.Note, 1, ["write", key]);
      }
      await rig.run();
      assert.deepEqual(stage.log.toSorted(), KEYS_OF_TWO.toSorted());
    });

    it("drops what a worker had said under the old one and nobody had read yet", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1);
      rig.start("note:a", stage.Note);
      await rig.run();
      rig.told.length = 0;
      rig.enqueue("note:a", stage.Note, 1, ["tell", "far"], 3);
      rig.main?.flush();
      rig.worker().turn();
      rig.worker().turn();
      rig.threads.begin();
      rig.turnMain();
      assert.deepEqual(rig.lines(), []);
      assert.equal(rig.threads.strayCount, 2, "a letter and an answer");
    });

    it("drops what this thread's own actors still had, and does not let those outside wait for it", async () => {
      const stage = new Stage();
      const rig = await stage.rig(0);
      const token = rig.start("note:a", stage.Note);
      rig.start("note:b", stage.Note);
      rig.enqueue("note:a", stage.Note, 1, ["hold", "gate"], 3);
      rig.enqueue("note:b", stage.Note, 1, ["askLater", "gate", "far"], 4);
      await rig.run();
      rig.host.abroad?.open("note:a" as ActorKey, token);
      const straight = asked(rig.ref(stage.Note, "note:a").ask.write("by reference"));
      rig.enqueue("note:a", stage.Note, 2, ["write", "queued"], 5);
      await rig.run();
      rig.told.length = 0;
      rig.threads.begin();
      stage.gates.open("gate");
      await rig.run();
      assert.deepEqual([rig.lines(), stage.log], [[], []]);
      assert.equal(straight.outcome, "fenced/not-delivered");
      assert.ok(rig.threads.strayCount > 0, "it was counted");
    });

    it("waits for the store again", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1);
      rig.threads.begin();
      rig.lease(TIMINGS.leaseMs);
      rig.start("note:a", stage.Note);
      await rig.run();
      assert.deepEqual(rig.lines(), []);
    });

    it("measures clocks for whoever asks, of whatever identity", async () => {
      const stage = new Stage();
      const rig = new ThreadsRig([stage.Note, stage.Echo], 1);
      rig.worker().cluster.measure();
      await rig.run();
      rig.threads.begin();
      rig.threads.storeGeneration(3);
      rig.lease(TIMINGS.leaseMs);
      await rig.run();
      assert.equal(rig.worker().host.isFrozen, false);
    });
  });

  it("asks peers to wait while many orders wait for the store", async () => {
    const stage = new Stage();
    const rig = await stage.rig(1);
    assert.equal(rig.threads.isCongested, false);
    rig.threads.begin();
    rig.start("note:a", stage.Note);
    for (let number = 1; number <= 2_000; number++) rig.enqueue("note:a", stage.Note, number, ["write", "x"]);
    assert.equal(rig.threads.isCongested, true);
    rig.threads.storeGeneration(3);
    await rig.run();
    assert.equal(rig.threads.isCongested, false);
  });

  describe("with a worker that does not read", () => {
    it("refuses messages above what waits for it, orders and flushes never", async () => {
      const { rig, taken } = await overloaded(new Stage());
      rig.flush("note:a", taken + 2);
      assert.deepEqual(rig.lines(), [`refused m${taken + 1} buffer-full/not-delivered`]);
      assert.equal(rig.threads.isCongested, true);
    });

    it("does not wait for what it refused when the activation ends", async () => {
      const stage = new Stage();
      const { rig, taken } = await overloaded(stage);
      rig.lines();
      rig.stop("note:a", "released");
      await settled(rig);
      const ends = endsIn(rig.told);
      assert.equal(ends.at(-1)?.through, taken + 1, "the refused one was the last it was given");
      assert.equal(ends.flatMap(({ items }) => items).length + stage.log.length, taken);
      assert.equal(rig.lines().filter((line) => line === "stoppedFor note:a 1").length, 1);
    });

    it("waits for all that is on its way when the activation ends in the middle of it", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1);
      rig.start("bob", stage.Note);
      await rig.run();
      rig.told.length = 0;
      rig.enqueue("bob", stage.Note, 1, ["leave"]);
      rig.main?.flush();
      rig.worker().turn();
      const { taken } = fill(rig, stage, "bob", 2);
      await settled(rig);
      const ends = endsIn(rig.told);
      assert.equal(ends[0]?.through, 1, "at its end the worker had seen no more");
      assert.equal(ends.at(-1)?.through, taken + 1);
      assert.deepEqual(
        ends.flatMap(({ items }) => items.map(nameOf)),
        Array.from({ length: taken - 1 }, (_, index) => `m${index + 2}`),
        "each came back once, in order",
      );
      assert.equal(rig.lines().filter((line) => line.startsWith("ended")).length, 1);
      assert.deepEqual(rig.threads.activations, []);
    });

    it("says that nothing is left also of what it refuses after the end", async () => {
      const stage = new Stage();
      const { rig, taken } = await overloaded(stage, "note:b");
      rig.lines();
      // Of an activation that has ended; the router does not know yet, and gives it more.
      rig.enqueue("note:a", stage.Note, 5, ["write", "x"]);
      assert.deepEqual(rig.lines(), [
        "refused m5 buffer-full/not-delivered",
        "handedBack note:a 1 [] not-here, through 5",
      ]);
      await settled(rig);
      assert.equal(stage.log.length, taken);
      rig.lines();
      rig.enqueue("note:a", stage.Note, 6, ["write", "x"]);
      await rig.run();
      assert.deepEqual(rig.lines(), ["handedBack note:a 1 [m6] stopped, through 6".replace("stopped", "not-here")]);
    });

    it("gives a short failure instead of answers that are too much", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1);
      const keys = ["note:a", "note:b", "note:c", "note:d"];
      for (const [index, key] of keys.entries()) {
        rig.start(key, stage.Note);
        rig.enqueue(key, stage.Note, index + 1, ["askLength", "far"], 5);
      }
      await rig.run();
      const asks = rig.told.flatMap((input) => input.kind === "send" ? [input.letter.ask?.id ?? 0] : []);
      rig.told.length = 0;
      const outcome = { kind: "ok", value: encodeToBytes("x".repeat(12 << 20)) } as const;
      for (const askId of asks) rig.perform({ kind: "reply", askId, outcome });
      await settled(rig);
      assert.deepEqual(rig.lines().toSorted(), [
        "answered m1 ok",
        "answered m2 ok",
        "answered m3 ok",
        "answered m4 lane-full/delivered",
      ]);
    });
  });

  describe("that loses a worker", () => {
    it("refuses what somebody waits for, reaches its flushes, and ends its grains", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1);
      rig.start("note:a", stage.Note);
      rig.enqueue("note:a", stage.Note, 1, ["hold", "gate"], 5);
      rig.enqueue("note:a", stage.Note, 2, ["ask", "far"], 6);
      rig.enqueue("note:a", stage.Note, 3, ["write", "tell"]);
      rig.flush("note:a", 4);
      await rig.run();
      rig.told.length = 0;
      assert.equal(rig.lose(1), 0);
      assert.deepEqual(rig.lines(), [
        "refused m1 worker-lost/unknown",
        "refused m2 worker-lost/unknown",
        "flushReached f4",
        "handedBack note:a 1 [] not-here, through 4",
        "ended note:a 1",
      ]);
      await rig.run();
      assert.deepEqual([rig.lines(), rig.worker().live, rig.threads.activations], [[], [], []]);
    });

    it("takes back the asks of its actors", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1);
      rig.start("note:a", stage.Note);
      rig.enqueue("note:a", stage.Note, 1, ["ask", "far"], 5);
      await rig.run();
      const ask = rig.told.flatMap((input) => input.kind === "send" ? [input.letter.ask] : [])[0];
      rig.told.length = 0;
      rig.lose(1);
      assert.ok(rig.lines().includes("abortAsk"));
      rig.perform({ kind: "reply", askId: ask?.id ?? 0, outcome: { kind: "ok", value: encodeToBytes(1) } });
      await rig.run();
      assert.deepEqual(rig.lines(), [], "the successor knows nothing of it");
    });

    it("begins its spawned actors again before anything else reaches the successor", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1);
      rig.start("bob", stage.Note, 4);
      rig.enqueue("bob", stage.Note, 1, ["write", "before"], undefined, 4);
      await rig.run();
      rig.told.length = 0;
      assert.equal(rig.lose(1), 1);
      rig.enqueue("bob", stage.Note, 2, ["write", "after"], 7, 4);
      await rig.run();
      assert.deepEqual(stage.log, ["before", "after"]);
      assert.deepEqual(rig.lines(), ["started bob 4 ok", "answered m2 ok"]);
    });

    it("lets its spawned actors end whose supervision says so", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1);
      rig.isRespawning = false;
      rig.start("bob", stage.Note, 4);
      await rig.run();
      rig.told.length = 0;
      assert.equal(rig.lose(1), 0);
      await rig.run();
      assert.deepEqual(rig.lines(), ["handedBack bob 4 [] stopped, through 0", "ended bob 4"]);
    });

    it("does not wait for what was lost with it when the successor's actor ends", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1);
      rig.start("bob", stage.Note);
      rig.enqueue("bob", stage.Note, 1, ["hold", "gate"]);
      rig.enqueue("bob", stage.Note, 2, ["write", "lost"]);
      await rig.run();
      rig.lose(1);
      await rig.run();
      rig.told.length = 0;
      rig.stop("bob", "released");
      await rig.run();
      assert.deepEqual(rig.lines(), ["handedBack bob 1 [] stopped, through 2", "stoppedFor bob 1"]);
    });

    it("begins nothing again that was told to end", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1);
      rig.start("bob", stage.Note);
      rig.enqueue("bob", stage.Note, 1, ["hold", "gate"]);
      await rig.run();
      rig.told.length = 0;
      rig.stop("bob", "handoff");
      assert.equal(rig.lose(1), 0);
      await rig.run();
      assert.deepEqual(rig.lines(), ["handedBack bob 1 [] not-here, through 1", "stoppedFor bob 1"]);
      assert.deepEqual(rig.worker().live, []);
    });

    it("leaves the others alone", async () => {
      const stage = new Stage();
      const rig = await stage.rig(2);
      for (const key of KEYS_OF_TWO) rig.start(key, stage.Note);
      await rig.run();
      const before = rig.workers.map(({ live }) => live);
      assert.ok(before.every((keys) => keys.length > 0), "both have something");
      rig.told.length = 0;
      rig.lose(2);
      await rig.run();
      assert.deepEqual(rig.worker(1).live, before[0]);
      assert.equal(rig.lines().filter((line) => line.startsWith("ended")).length, before[1]?.length);
    });
  });

  it("takes a mailbox back that comes in parts, as one", async () => {
    const stage = new Stage();
    const rig = await stage.rig(1, { messageBytesMax: 20_000 });
    rig.start("note:a", stage.Note);
    rig.enqueue("note:a", stage.Note, 1, ["hold", "gate"], 5);
    for (let number = 2; number <= 6; number++) rig.enqueue("note:a", stage.Note, number, ["write", "x".repeat(9_000)]);
    await rig.run();
    rig.told.length = 0;
    rig.stop("note:a", "handoff");
    stage.gates.open("gate");
    await rig.run();
    assert.deepEqual(rig.lines(), [
      "answered m1 ok",
      "handedBack note:a 1 [m2 m3 m4 m5 m6] moved, through 6",
      "stoppedFor note:a 1",
    ]);
  });

  it("keeps what had come back of a mailbox when its worker dies in the middle of that", async () => {
    const stage = new Stage();
    const rig = await stage.rig(1);
    rig.start("bob", stage.Note);
    const arrived = rig.enqueue("bob", stage.Note, 1, ["hold", "gate"], 5);
    await rig.run();
    rig.told.length = 0;
    const { frame } = arrived;
    assert.ok(frame.kind === "user" && frame.payload instanceof Uint8Array);
    const token = tokenOf(1);
    rig.worker().cluster.ended({
      key: "bob" as ActorKey,
      token,
      reason: "stop",
      origins: [2, 3].map((number) => ({ ...deliveryAs(frame.payload), number, waitedMs: number, token })),
      letters: [],
      through: 3,
    });
    // Of the two records that makes only the first is read.
    rig.worker().lanes.flush();
    rig.main?.drain(1, { record: (reader) => rig.threads.take(reader.u8(), reader, rig.worker().index) });
    rig.main?.flush();
    const { main } = rig;
    assert.ok(main !== undefined);
    main.readerFrom(1).drain(1_024, { record: () => {} });
    assert.equal(rig.lose(1), 0, "it has ended: nothing begins again");
    const lines = rig.lines();
    assert.deepEqual(lines.filter((line) => !line.startsWith("refused")), [
      "handedBack bob 1 [m2] stopped, through 1",
      "ended bob 1",
    ]);
  });

  it("forgets messages nobody waits for any longer, and takes late answers for nothing", async () => {
    const stage = new Stage();
    const rig = await stage.rig(1);
    rig.start("note:a", stage.Note);
    rig.enqueue("note:a", stage.Note, 1, ["hold", "gate"], 5);
    await rig.run();
    rig.told.length = 0;
    rig.clocks.advance(1_999);
    rig.threads.sweep();
    rig.clocks.advance(2);
    rig.threads.sweep();
    rig.lease(TIMINGS.leaseMs);
    stage.gates.open("gate");
    await rig.run();
    assert.deepEqual(rig.lines(), []);
  });

  describe("that takes smaller messages than other nodes", () => {
    const messageBytesMax = 4_096;

    it("refuses a larger one, and goes on", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1, { messageBytesMax });
      rig.start("note:a", stage.Note);
      rig.enqueue("note:a", stage.Note, 1, ["write", "x".repeat(40_000)], 3);
      rig.enqueue("note:a", stage.Note, 2, ["write", "short"], 4);
      await rig.run();
      assert.deepEqual(stage.log, ["short"]);
      assert.ok(rig.lines().includes("refused m1 message-too-large/not-delivered"));
    });

    it("gives who asked a short failure for a larger reply, or a larger failure", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1, { messageBytesMax });
      rig.start("note:a", stage.Note);
      const replies = [
        { kind: "ok", value: encodeToBytes("x".repeat(40_000)) },
        { kind: "failed", failure: { code: "odd", message: "x".repeat(40_000), fate: "delivered", details: {} } },
      ] as const;
      for (const [index, outcome] of replies.entries()) {
        rig.enqueue("note:a", stage.Note, index + 1, ["ask", "far"], 3);
        await rig.run();
        const askId = rig.told.flatMap((input) => input.kind === "send" ? [input.letter.ask?.id ?? 0] : [])[0] ?? 0;
        rig.told.length = 0;
        rig.perform({ kind: "reply", askId, outcome });
        await rig.run();
      }
      assert.equal(rig.lines().at(-1), "answered m2 odd/delivered");
    });

    it("says what a failure of more than a record is, and keeps the worker", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1, { messageBytesMax });
      rig.start("note:a", stage.Note);
      rig.enqueue("note:a", stage.Note, 1, ["fail", 40_000], 3);
      await rig.run();
      assert.ok(rig.lines().some((line) => line.startsWith("answered m1 ") && !line.endsWith(" ok")));
    });

    it("says that an actor whose beginning is larger did not start", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1, { messageBytesMax });
      rig.start("a", stage.Note, 1, encodeToBytes("x".repeat(40_000)));
      const lines = rig.lines();
      assert.match(lines[0] ?? "", /^started a 1 what it is to begin with has more than 4096 bytes/);
      assert.equal(lines.at(-1), "ended a 1");
    });

    it("frees any number of those it held back", async () => {
      const stage = new Stage();
      const rig = await stage.rig(1, { messageBytesMax: 9_216 });
      for (let index = 0; index < 2_000; index++) rig.threads.holdBack(`echo:a-rather-long-name-of-an-actor-${index}`);
      await rig.run();
      rig.threads.goOn();
      await rig.run();
      assert.equal(rig.worker().ref(stage.Echo, "echo:a-rather-long-name-of-an-actor-1999").tell.echo(1), true);
    });
  });

  it("tells all threads for whom there is no room, until there may be some", async () => {
    const stage = new Stage();
    const rig = await stage.rig(1);
    rig.threads.holdBack("echo:far");
    await rig.run();
    assert.equal(rig.worker().ref(stage.Echo, "echo:far").tell.echo(1), false);
    assert.equal(rig.ref(stage.Echo, "echo:far").tell.echo(1), false);
    rig.threads.goOn();
    await rig.run();
    assert.equal(rig.worker().ref(stage.Echo, "echo:far").tell.echo(1), true);
    assert.equal(rig.ref(stage.Echo, "echo:far").tell.echo(1), true);
    rig.threads.holdBack("echo:far");
    rig.threads.begin();
    assert.equal(rig.ref(stage.Echo, "echo:far").tell.echo(1), true, "a new identity begins with room");
  });
});

/** Keys that lie on both of two workers. */
const KEYS_OF_TWO = Array.from({ length: 12 }, (_, index) => `note:n${index}`);

/** As a worker hands one back. */
function deliveryAs(payload: unknown) {
  assert.ok(payload instanceof Uint8Array);
  return {
    id: 0,
    number: 0,
    target: "bob" as ActorKey,
    actorKind: "note",
    token: tokenOf(1),
    from: "far",
    link: 2,
    at: 0 as never,
    sender: undefined,
    ask: undefined,
    waitedMs: 0,
    payload: new Uint8Array(8_000),
  };
}

function endsIn(told: readonly NodeInput[]): readonly Extract<NodeInput, { kind: "handedBack" }>[] {
  return told.filter((input) => input.kind === "handedBack");
}

/** Gives messages of a mebibyte to an activation until one is refused; `taken` is the number of the last that was not. */
function fill(rig: ThreadsRig, stage: Stage, key: string, from: number): { readonly taken: number } {
  for (let number = from; number < from + 100; number++) {
    rig.enqueue(key, stage.Note, number, ["write", "x".repeat(1 << 20)]);
    if (rig.told.some((input) => input.kind === "refused")) return { taken: number - 1 };
  }
  assert.fail("nothing was refused");
}

async function overloaded(stage: Stage, key = "note:a"): Promise<{ readonly rig: ThreadsRig; readonly taken: number }> {
  const rig = await stage.rig(1);
  rig.start(key, stage.Note);
  await rig.run();
  rig.told.length = 0;
  return { rig, ...fill(rig, stage, key, 1) };
}

/** Turns until large messages have crossed. */
async function settled(rig: ThreadsRig): Promise<void> {
  for (let turns = 0; turns < 4_000; turns++) {
    rig.main?.flush();
    for (const worker of rig.workers) worker.turn();
    rig.turnMain();
  }
  await rig.run();
}
