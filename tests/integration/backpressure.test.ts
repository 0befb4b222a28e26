/**
 * Floods: a sender is refused when a queue on the way is full, memory stays bounded, and everything that was accepted
 * is handled or counted.
 *
 * @module
 */
import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { describe, it } from "node:test";
import type { ActorSystem, AnyRef } from "../../mod.ts";
import { eventually, nameOn, settles } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import { Bulk, Echo, Gate, News, Publisher, Recorder, Relay, startTheatre } from "../fixtures/theatre.ts";

const RING_BYTES = 1 << 16;

describe("floods", () => {
  const start = (workers: number) =>
    startTheatre({
      name: freshName("flood"),
      workers,
      options: { ringBytes: RING_BYTES, askTimeoutMs: 60_000, asksMax: 8192 },
    });
  const nameIn = (
    system: ActorSystem,
    workers: number,
    thread: number,
    refOf: (name: string) => AnyRef,
    word: string,
  ) => nameOn(system, workers, thread, refOf, word);

  it("main to a worker that does not read: tell is false once the ring is full, and only what was accepted arrives", async () => {
    await using system = await start(1);
    const gate = system.grain(Gate, "gate");
    const bulk = system.grain(Bulk, "bulk");
    assert.equal(await bulk.ask.count(), 0);
    const payload = "x".repeat(1000);
    let accepted = 0;
    for (let round = 0; round < 3; round++) {
      gate.tell.block(300);
      await turn();
      await turn(); // Now the worker has the message and sleeps; a slow machine only lets it read some of the flood.
      let refusedInARow = 0;
      let burst = 0;
      while (refusedInARow < 1000) {
        if (bulk.tell.take(payload)) {
          burst++;
          refusedInARow = 0;
        } else refusedInARow++;
      }
      assert.ok(
        burst > 0 && burst < 4 * RING_BYTES / 1000,
        `${burst} of 1000 bytes were accepted by a ring of ${RING_BYTES}`,
      );
      accepted += burst;
      const sum = accepted;
      await eventually(
        "all are handled or counted",
        async () => await retried(() => bulk.ask.count()) + await lettersOf(system) === sum,
      );
    }
  });

  it("main to a slow actor behind a fast ring: what its mailbox refuses is a dead letter, each of them", async () => {
    await using system = await start(1);
    const gate = await system.spawn("gate", Gate);
    const passing = gate.ask.pass();
    await eventually("the gate holds", () => gate.ask.waiting());
    const before = await lettersOf(system);
    let accepted = 0;
    for (let round = 0; round < 200; round++) {
      for (let index = 0; index < 100; index++) if (gate.tell.note(index)) accepted++;
      await turn();
    }
    assert.ok(accepted > 1000);
    await eventually("all are counted", async () => (await lettersOf(system)) - before === accepted - 64);
    assert.equal(await system.stop(gate), true);
    await passing;
    assert.equal((await system.stats()).deadLetters["actor-stopped"], 64);
  });

  it("worker to worker: what the sender was told was taken is handled or counted", async () => {
    await using system = await start(2);
    const bulk = system.grain(Bulk, nameIn(system, 2, 2, (name) => system.grain(Bulk, name), "bulk"));
    const gate = system.grain(Gate, nameIn(system, 2, 2, (name) => system.grain(Gate, name), "gate"));
    const relay = system.grain(Relay, nameIn(system, 2, 1, (name) => system.grain(Relay, name), "relay"));
    gate.tell.block(200);
    let taken = 0;
    for (let round = 0; round < 20; round++) taken += await relay.ask.flood(bulk, 1000, 500);
    assert.ok(taken > 0 && taken < 20_000, `${taken} of 20000 were taken`);
    await eventually(
      "all are handled or counted",
      async () => await bulk.ask.count() + await lettersOf(system) === taken,
    );
  });

  it("8 MiB go through a ring of 64 KiB, there and back, in order with small ones", async () => {
    await using system = await start(2);
    const echo = system.grain(Echo, nameIn(system, 2, 1, (name) => system.grain(Echo, name), "echo"));
    const relay = system.grain(Relay, nameIn(system, 2, 2, (name) => system.grain(Relay, name), "relay"));
    const large = new Uint8Array(8 << 20);
    for (let index = 0; index < large.length; index += 4096) large[index] = index / 4096;
    const sizes = [8 << 20, 1, 100_000, 0, (8 << 20) - 1, 5];
    const back = await settles(
      "sizes",
      Promise.all(sizes.map(async (size) => {
        // One after the other: a full lane refuses instead of waiting.
        return await retried(() => echo.ask.echo(large.subarray(0, size))) as Uint8Array;
      })),
    );
    for (const [index, bytes] of back.entries()) {
      assert.equal(bytes.length, sizes[index]);
      assert.ok(bytes.every((byte, at) => byte === (at % 4096 === 0 ? (at / 4096) & 255 : 0)));
    }
    const relayed = await settles("relayed", relay.ask.relay(echo.name, large)) as Uint8Array;
    assert.equal(relayed.length, large.length);
    const recorder = system.grain(Recorder, nameIn(system, 2, 1, (name) => system.grain(Recorder, name), "recorder"));
    assert.equal(recorder.tell.note(large), true);
    assert.equal(recorder.tell.note("small"), false, "nothing overtakes what waits for the ring");
    await eventually("the large one arrives", () => recorder.ask.count().then((count) => count === 1, () => false));
  });

  it("more replies than the asker reads: every ask ends once, and the worker lives", async () => {
    await using system = await start(1);
    const echo = system.grain(Echo, "echo");
    const asks = Array.from({ length: 800 }, () => echo.ask.bytes(128 << 10));
    await turn();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000); // The main thread is busy elsewhere.
    const outcomes = await settles("all asks", Promise.allSettled(asks));
    const codes = new Set(outcomes.flatMap((outcome) => outcome.status === "rejected" ? [outcome.reason.code] : []));
    for (const code of codes) assert.equal(code, "lane-full");
    const fulfilled = outcomes.filter((outcome) => outcome.status === "fulfilled");
    assert.ok(fulfilled.length > 0 && fulfilled.every(({ value }) => value.length === 128 << 10));
    assert.equal(await echo.ask.echo("alive"), "alive");
  });

  it("a worker that floods main with news: read, lost by the reader and unsent add up", async () => {
    await using system = await start(1);
    await using news = system.subscribe(News, { buffer: 100 });
    const publisher = system.grain(Publisher, "publisher");
    await eventually("the worker knows of the reader", async () => {
      await publisher.ask.publish(1);
      return await Promise.race([news.next().then(() => true), turn().then(() => false)]);
    });
    const other = system.subscribe(News, { buffer: 1 << 17 });
    const unsentBefore = await unsentOf(system);
    const publishing = publisher.ask.publish(100_000);
    await turn();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    await settles("publishing", publishing);
    const unsent = await unsentOf(system) - unsentBefore;
    let read = 0;
    other.close();
    for await (const _ of other) read++;
    assert.equal(other.lostCount, 0);
    assert.equal(read + unsent, 100_000);
    assert.ok(unsent > 0, "a ring of 64 KiB cannot hold all of it");
    news.close();
    let readByThe100 = 0;
    for await (const _ of news) readByThe100++;
    assert.equal(readByThe100, 100);
    assert.equal(await system.grain(Echo, "echo").ask.echo("alive"), "alive");
  });
});

async function retried<T>(ask: () => Promise<T>): Promise<T> {
  return await eventually("the lane has room", () =>
    ask().then((value) => ({ value }), (error) => {
      assert.equal(error.code, "lane-full");
      return undefined;
    })).then(({ value }) => value);
}

async function lettersOf(system: ActorSystem): Promise<number> {
  return (await system.stats()).deadLetters["mailbox-full"] ?? 0;
}

async function unsentOf(system: ActorSystem): Promise<number> {
  return (await system.stats()).threads.reduce((sum, { counters }) => sum + counters.eventsUnsent, 0);
}
