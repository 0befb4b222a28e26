/**
 * Routers: one ref for many actors, the same on every thread.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ActorSystem, RouterOptions } from "../../mod.ts";
import { eventually, failureOf, nameOn, threadOf } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import { Counter, Echo, Recorder, Relay, startTheatre } from "../fixtures/theatre.ts";

for (const workers of [0, 1, 3]) {
  describe(`routers with ${workers} workers`, () => {
    const start = () => startTheatre({ name: freshName("routers"), workers });
    const totalsOf = async (system: ActorSystem, name: string, size: number) =>
      await Promise.all(
        Array.from({ length: size }, (_, index) => system.actor(Counter, `${name}-${index}`).ask.total()),
      );
    const sumOf = (totals: readonly number[]) => totals.reduce((sum, total) => sum + total, 0);

    it("round-robin gives every routee its turn, also when the ref travels", async () => {
      await using system = await start();
      const pool = await system.router("pool", Counter, { strategy: "round-robin", size: 6 });
      for (let index = 0; index < 60; index++) assert.equal(pool.tell.add(1), true);
      await eventually("all are counted", async () => sumOf(await totalsOf(system, "pool", 6)) === 60);
      assert.deepEqual(await totalsOf(system, "pool", 6), [10, 10, 10, 10, 10, 10]);
      assert.equal(await relayOn(system, workers).ask.addThrough(pool, 60), 60);
      await eventually("all are counted", async () => sumOf(await totalsOf(system, "pool", 6)) === 120);
      assert.deepEqual(await totalsOf(system, "pool", 6), [20, 20, 20, 20, 20, 20]);
      const asked = await Promise.all(Array.from({ length: 6 }, () => pool.ask.total()));
      assert.deepEqual(asked, [20, 20, 20, 20, 20, 20]);
    });

    it("routees are ordinary actors, spread over the threads, each made from init", async () => {
      await using system = await start();
      await system.router("pool", Counter, { strategy: "random", size: 60 }, { init: { from: 5 } });
      assert.ok((await totalsOf(system, "pool", 60)).every((total) => total === 5));
      const threads = new Set(
        Array.from({ length: 60 }, (_, index) => threadOf(system, workers, system.actor(Counter, `pool-${index}`))),
      );
      assert.equal(threads.size, Math.max(1, workers));
    });

    it("random reaches everyone in the long run", async () => {
      await using system = await start();
      const pool = await system.router("pool", Counter, { strategy: "random", size: 4 });
      const taken = Array.from({ length: 400 }, () => pool.tell.add(1)).filter(Boolean).length;
      await eventually("all are counted", async () => sumOf(await totalsOf(system, "pool", 4)) === taken);
      assert.ok((await totalsOf(system, "pool", 4)).every((total) => total > 0));
    });

    it("broadcast tells all, and refuses to ask", async () => {
      await using system = await start();
      const pool = await system.router("pool", Counter, { strategy: "broadcast", size: 5 });
      assert.equal(pool.tell.add(2), true);
      await eventually("all have it", async () => sumOf(await totalsOf(system, "pool", 5)) === 10);
      assert.deepEqual(await totalsOf(system, "pool", 5), [2, 2, 2, 2, 2]);
      assert.equal((await failureOf(pool.ask.total())).code, "not-supported");
      assert.equal(await relayOn(system, workers).ask.addThrough(pool, 1), 1);
      await eventually("all have it", async () => sumOf(await totalsOf(system, "pool", 5)) === 15);
    });

    it("consistent-hash sends the same first argument to the same routee, from every thread", async () => {
      await using system = await start();
      const pool = await system.router("pool", Recorder, { strategy: "consistent-hash", size: 8 });
      const words = Array.from({ length: 50 }, (_, index) => `word-${index}`);
      for (const word of [...words, ...words, ...words]) pool.tell.note(word);
      const relay = relayOn(system, workers);
      for (const word of words) assert.equal(await relay.ask.noteWord(pool, word), true);
      const all = await eventually("all are noted", async () => {
        const seen = await Promise.all(
          Array.from({ length: 8 }, (_, index) => system.actor(Recorder, `pool-${index}`).ask.seen()),
        );
        return seen.flat().length === 200 && seen;
      });
      for (const word of words) {
        assert.deepEqual(
          all.map((seen) => seen.filter((one) => one === word).length).filter((count) => count > 0),
          [4],
          word,
        );
      }
      assert.ok(all.filter((seen) => seen.length > 0).length >= 4, "they are spread");
    });

    it("a router ref comes back from an actor as the same router", async () => {
      await using system = await start();
      const pool = await system.router("pool", Counter, { strategy: "round-robin", size: 3 });
      const back = await system.grain(Echo, "echo").ask.echo(pool) as typeof pool;
      assert.equal(back.key, pool.key);
      for (let index = 0; index < 30; index++) back.tell.add(1);
      await eventually("all are counted", async () => sumOf(await totalsOf(system, "pool", 3)) === 30);
      assert.deepEqual(await totalsOf(system, "pool", 3), [10, 10, 10]);
    });

    it("stopping a router stops its routees; wrong options are refused before anything starts", async () => {
      await using system = await start();
      const pool = await system.router("pool", Counter, { strategy: "round-robin", size: 3 });
      assert.equal(await system.stop(pool), true);
      assert.equal(await system.stop(pool), false);
      assert.equal((await system.stats()).actors.counter, undefined);
      const wrong: RouterOptions = JSON.parse('{ "strategy": "least-busy", "size": 0 }');
      const refused = await failureOf(system.router("pool", Counter, wrong));
      assert.equal(refused.code, "invalid-options");
      assert.match(refused.message, /strategy is "least-busy"/);
      assert.match(refused.message, /size is 0/);
      assert.equal(
        (await failureOf(system.router("pool", Counter, { strategy: "random", size: 1025 }))).code,
        "invalid-options",
      );
      assert.equal(
        (await failureOf(system.router("a/b", Counter, { strategy: "random", size: 2 }))).code,
        "invalid-name",
      );
      assert.equal((await system.stats()).actors.counter, undefined);
    });
  });
}

function relayOn(system: ActorSystem, workers: number) {
  const name = nameOn(system, workers, Math.min(1, workers), (one) => system.grain(Relay, one), "relay");
  return system.grain(Relay, name);
}
