/**
 * Routers: one ref for many actors, the same on every thread.
 *
 * @module
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { ActorSystem, RouterOptions } from "../../mod.ts";
import { eventually, failureOf, nameOn, threadOf } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import { Counter, Echo, Recorder, Relay, startTheatre } from "../fixtures/theatre.ts";

for (const workers of [0, 1, 3]) {
  describe(`routers with ${workers} workers`, () => {
    let system: ActorSystem;
    before(async () => {
      system = await startTheatre({ name: freshName("routers"), workers });
    });
    after(async () => await system.stop());
    const totalsOf = async (system: ActorSystem, name: string, size: number) =>
      await Promise.all(
        Array.from({ length: size }, (_, index) => system.actor(Counter, `${name}-${index}`).ask.total()),
      );
    const sumOf = (totals: readonly number[]) => totals.reduce((sum, total) => sum + total, 0);

    it("round-robin gives every routee its turn, also when the ref travels", async () => {
      const pool = await system.router("pool1", Counter, { strategy: "round-robin", size: 6 });
      for (let index = 0; index < 60; index++) assert.equal(pool.tell.add(1), true);
      await eventually("all are counted", async () => sumOf(await totalsOf(system, "pool1", 6)) === 60);
      assert.deepEqual(await totalsOf(system, "pool1", 6), [10, 10, 10, 10, 10, 10]);
      assert.equal(await relayOn(system, workers).ask.addThrough(pool, 60), 60);
      await eventually("all are counted", async () => sumOf(await totalsOf(system, "pool1", 6)) === 120);
      assert.deepEqual(await totalsOf(system, "pool1", 6), [20, 20, 20, 20, 20, 20]);
      const asked = await Promise.all(Array.from({ length: 6 }, () => pool.ask.total()));
      assert.deepEqual(asked, [20, 20, 20, 20, 20, 20]);
    });

    it("routees are ordinary actors, spread over the threads, each made from init", async () => {
      await system.router("pool2", Counter, { strategy: "random", size: 60 }, { init: { from: 5 } });
      assert.ok((await totalsOf(system, "pool2", 60)).every((total) => total === 5));
      const threads = new Set(
        Array.from({ length: 60 }, (_, index) => threadOf(system, workers, system.actor(Counter, `pool2-${index}`))),
      );
      assert.equal(threads.size, Math.max(1, workers));
    });

    it("random reaches everyone in the long run", async () => {
      const pool = await system.router("pool3", Counter, { strategy: "random", size: 4 });
      const taken = Array.from({ length: 400 }, () => pool.tell.add(1)).filter(Boolean).length;
      await eventually("all are counted", async () => sumOf(await totalsOf(system, "pool3", 4)) === taken);
      assert.ok((await totalsOf(system, "pool3", 4)).every((total) => total > 0));
    });

    it("broadcast tells all, and refuses to ask", async () => {
      const pool = await system.router("pool4", Counter, { strategy: "broadcast", size: 5 });
      assert.equal(pool.tell.add(2), true);
      await eventually("all have it", async () => sumOf(await totalsOf(system, "pool4", 5)) === 10);
      assert.deepEqual(await totalsOf(system, "pool4", 5), [2, 2, 2, 2, 2]);
      assert.equal((await failureOf(pool.ask.total())).code, "not-supported");
      assert.equal(await relayOn(system, workers).ask.addThrough(pool, 1), 1);
      await eventually("all have it", async () => sumOf(await totalsOf(system, "pool4", 5)) === 15);
    });

    it("consistent-hash sends the same first argument to the same routee, from every thread", async () => {
      const pool = await system.router("pool5", Recorder, { strategy: "consistent-hash", size: 8 });
      const words = Array.from({ length: 50 }, (_, index) => `word-${index}`);
      for (const word of [...words, ...words, ...words]) pool.tell.note(word);
      const relay = relayOn(system, workers);
      for (const word of words) assert.equal(await relay.ask.noteWord(pool, word), true);
      const all = await eventually("all are noted", async () => {
        const seen = await Promise.all(
          Array.from({ length: 8 }, (_, index) => system.actor(Recorder, `pool5-${index}`).ask.seen()),
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
      const pool = await system.router("pool6", Counter, { strategy: "round-robin", size: 3 });
      const back = await system.grain(Echo, "echo").ask.echo(pool) as typeof pool;
      assert.equal(back.key, pool.key);
      for (let index = 0; index < 30; index++) back.tell.add(1);
      await eventually("all are counted", async () => sumOf(await totalsOf(system, "pool6", 3)) === 30);
      assert.deepEqual(await totalsOf(system, "pool6", 3), [10, 10, 10]);
    });

    it("stopping a router stops its routees; wrong options are refused before anything starts", async () => {
      const pool = await system.router("pool7", Counter, { strategy: "round-robin", size: 3 });
      const existing = () =>
        Promise.all([0, 1, 2].map((index) => system.actorExists(`${pool.key.split("~")[0]}-${index}`)));
      assert.deepEqual(await existing(), [true, true, true]);
      assert.equal(await system.stop(pool), true);
      assert.equal(await system.stop(pool), false);
      assert.deepEqual(await existing(), [false, false, false]);
      const wrong: RouterOptions = JSON.parse('{ "strategy": "least-busy", "size": 0 }');
      const refused = await failureOf(system.router("pool7", Counter, wrong));
      assert.equal(refused.code, "invalid-options");
      assert.match(refused.message, /strategy is "least-busy"/);
      assert.match(refused.message, /size is 0/);
      assert.equal(
        (await failureOf(system.router("pool7", Counter, { strategy: "random", size: 1025 }))).code,
        "invalid-options",
      );
      assert.equal(
        (await failureOf(system.router("a/b", Counter, { strategy: "random", size: 2 }))).code,
        "invalid-name",
      );
      assert.deepEqual(await existing(), [false, false, false]);
    });
  });
}

function relayOn(system: ActorSystem, workers: number) {
  const name = nameOn(system, workers, Math.min(1, workers), (one) => system.grain(Relay, one), "relay");
  return system.grain(Relay, name);
}
