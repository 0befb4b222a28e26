/**
 * The pool of workers by itself: what it believes of a worker, when it replaces one, and how it ends.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { seededRandom } from "../../core/random.ts";
import { WorkerPool } from "../../workers/worker_pool.ts";
import { eventually, failureOf, settles } from "../fixtures/conditions.ts";
import type { PoolScript } from "../fixtures/entry_pool.ts";

function poolOf(script: PoolScript, { workers = 2, startTimeoutMs = 20_000 } = {}) {
  const lost: { readonly thread: number; readonly reason: string }[] = [];
  const replaced: number[] = [];
  const pool = new WorkerPool({
    system: "pool",
    entry: new URL("../fixtures/entry_pool.ts", import.meta.url),
    workers,
    ringBytes: 1 << 16,
    startTimeoutMs,
    heapMb: 512,
    generation: 1,
    settings: { workers, partitionCount: 1, askTimeoutMs: 1, asksMax: 1, maxMessageBytes: 1024 },
    kinds: [script],
    wanted: new SharedArrayBuffer(4),
    lease: undefined,
    random: seededRandom(1),
    lost: (thread, _lanes, reason) => lost.push({ thread, reason }),
    replaced: (thread) => replaced.push(thread),
    respawn: () => [],
  });
  return { pool, lost, replaced };
}

describe("WorkerPool", () => {
  it("replaces a worker that is killed, every time, and only that one", async () => {
    const { pool, lost, replaced } = poolOf("good");
    await settles("start", pool.start());
    assert.deepEqual([pool.isReady(1), pool.isReady(2), pool.isReady(3)], [true, true, false]);
    for (let death = 1; death <= 3; death++) {
      await pool.kill(1);
      await eventually("it is replaced", () => replaced.length === death);
      assert.deepEqual([pool.isReady(1), pool.isReady(2)], [true, true]);
    }
    assert.deepEqual(lost.map(({ thread }) => thread), [1, 1, 1]);
    assert.deepEqual(await settles("end", pool.end(10_000)), []);
    assert.deepEqual([pool.isReady(1), pool.isReady(2)], [false, false]);
  });

  it("does not mind what else a worker posts", async () => {
    const { pool, lost } = poolOf("junk");
    await settles("start", pool.start());
    await settles("end", pool.end(10_000));
    assert.deepEqual(lost, []);
  });

  it("start rejects when a worker says that it failed, or nothing in time, and ends the others", async () => {
    const failed = poolOf("fails");
    const failure = await failureOf(failed.pool.start());
    assert.deepEqual([failure.code, failure.details.thread], ["start-failed", 1]);
    assert.match(failure.message, /not today/);
    const mute = await failureOf(poolOf("mute", { startTimeoutMs: 200 }).pool.start());
    assert.match(mute.message, /no answer in 200 ms/);
    assert.deepEqual(failed.lost, []);
  });

  it("a successor that fails to boot is replaced in its turn, and its reason told", async () => {
    const { pool, lost, replaced } = poolOf("fails-later", { workers: 1 });
    await settles("start", pool.start());
    await pool.kill(1);
    await eventually("the fourth life runs", () => replaced.length === 1);
    assert.equal(lost.length, 3);
    assert.match(lost.map(({ reason }) => reason).join(), /not today.*not today/);
    assert.equal(pool.isReady(1), true);
    await settles("end", pool.end(10_000));
  });

  it("end forces a worker that does not obey, and tells what failed in one that does", async () => {
    const deaf = poolOf("deaf");
    await settles("start", deaf.pool.start());
    assert.deepEqual(await settles("end", deaf.pool.end(100)), []);
    assert.deepEqual(deaf.lost, []);
    const late = poolOf("late-failure");
    await settles("start", late.pool.start());
    assert.deepEqual((await settles("end", late.pool.end(10_000))).map(({ code }) => code), [
      "start-failed",
      "start-failed",
    ]);
  });

  it("end in the middle of a replacement begins no new life", async () => {
    const { pool, replaced, lost } = poolOf("good", { workers: 1 });
    await settles("start", pool.start());
    for (let death = 0; death < 4; death++) {
      await pool.kill(1);
      await eventually("it is replaced", () => replaced.length === death + 1);
    }
    await pool.kill(1);
    await eventually("it is lost", () => lost.length === 5);
    await settles("end", pool.end(10_000));
    assert.equal(pool.isReady(1), false);
    assert.equal(replaced.length, 4);
  });
});
