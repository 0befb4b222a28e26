/**
 * Lanes between real threads: nothing is lost, doubled, torn or reordered, and whoever sleeps is woken. Times out
 * rather than waits for ever: a lost wake-up is a thread that never answers.
 *
 * @module
 */
import { describe, it } from "node:test";
import { clearTimeout, setTimeout } from "node:timers";
import assert from "node:assert/strict";
import { Worker } from "node:worker_threads";
import { lanesOf, makeThreadMemory } from "../../workers/ring_layout.ts";
import { type Outcome, perform, type Task } from "../workers/ring_worker.ts";

const WAIT_MS_MAX = 50_000;

describe("lanes between threads", () => {
  const streams = [
    { ringBytes: 256, bytesMax: 1_024, records: 60_000 },
    { ringBytes: 1 << 12, bytesMax: 20_000, records: 200_000 },
    { ringBytes: 1 << 16, bytesMax: 200_000, records: 200_000 },
  ];
  for (const { ringBytes, bytesMax, records } of streams) {
    for (const spinUs of [0, 50]) {
      const name =
        `${records} records of 0 to ${bytesMax} bytes cross a ring of ${ringBytes} each way, spin ${spinUs} µs`;
      it(name, { timeout: WAIT_MS_MAX + 5_000 }, async () => {
        const outcomes = await run(2, ringBytes, spinUs, {
          kind: "stream",
          records,
          bytesMax,
          seed: 1,
          isOneWay: false,
        });
        for (const { received } of outcomes) assert.deepEqual(received, [records]);
      });
    }
  }

  it("a sender to whom nobody sends is woken when there is room", { timeout: WAIT_MS_MAX + 5_000 }, async () => {
    const records = 60_000;
    const task: Task = { kind: "stream", records, bytesMax: 3_000, seed: 3, isOneWay: true };
    const [sender, receiver] = await run(2, 512, 0, task);
    assert.deepEqual([sender?.received, receiver?.received], [[0], [records]]);
  });

  it("three threads stream to each other, all at once", { timeout: WAIT_MS_MAX + 5_000 }, async () => {
    const records = 40_000;
    const outcomes = await run(3, 1 << 12, 20, { kind: "stream", records, bytesMax: 10_000, seed: 2, isOneWay: false });
    for (const { received } of outcomes) assert.deepEqual(received, [records, records]);
  });

  for (const spinUs of [0, 20]) {
    it(`a token goes around three sleeping threads, spin ${spinUs} µs`, { timeout: WAIT_MS_MAX + 5_000 }, async () => {
      const rounds = 4_000;
      const outcomes = await run(3, 256, spinUs, { kind: "token", rounds, threads: 3 });
      for (const { received } of outcomes) assert.deepEqual(received, [rounds]);
      if (spinUs === 0) assert.ok(outcomes.every(({ sleeps }) => sleeps > 0), "they did sleep");
    });
  }
});

/** Runs `task` in `threads` threads, this one among them, and answers what all of them did. */
async function run(threads: number, ringBytes: number, spinUs: number, task: Task): Promise<readonly Outcome[]> {
  const memory = makeThreadMemory({ threads, ringBytes });
  const workers: Worker[] = [];
  const waits: Promise<Outcome>[] = [];
  for (let index = 1; index < threads; index++) {
    const data = { lanes: lanesOf(memory, index), spinUs, task };
    const worker = new Worker(new URL("../workers/ring_worker.ts", import.meta.url), { workerData: data });
    workers.push(worker);
    waits.push(outcomeOf(worker));
  }
  const own = perform({ lanes: lanesOf(memory, 0), spinUs, task });
  try {
    return await withLimit(Promise.all([own, ...waits]));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function outcomeOf(worker: Worker): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`a worker ended with ${code} before it answered`)));
  });
}

async function withLimit<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("a thread never answered: a wake-up was lost")), WAIT_MS_MAX);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
