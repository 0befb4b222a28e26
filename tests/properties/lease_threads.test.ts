/**
 * The lease word between real threads: a reader sees whole gates, in order, or one that nothing passes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers";
import { Worker } from "node:worker_threads";
import { LeaseWord, makeLeaseWord } from "../../workers/lease_word.ts";
import { gateNumber, type LeaseTask } from "../workers/lease_worker.ts";

const WRITES_MAX = 100_000_000;
/** Different gates to be seen, and reads between two looks at the event loop. */
const SEEN = 2_000;
const READS_PER_YIELD = 2_000;
const WAIT_MS_MAX = 50_000;

describe("the lease word between threads", () => {
  it(`${SEEN} gates are read whole and in order, or as shut`, { timeout: WAIT_MS_MAX }, async () => {
    const task: LeaseTask = { word: makeLeaseWord(), enough: new SharedArrayBuffer(4), writesMax: WRITES_MAX };
    const worker = new Worker(new URL("../workers/lease_worker.ts", import.meta.url), { workerData: task });
    const said = new Promise<unknown>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    let isOver = false;
    said.then(() => isOver = true, () => isOver = true);
    try {
      const latest = await readUntil(new LeaseWord(task.word), () => isOver);
      Atomics.store(new Int32Array(task.enough), 0, 1);
      const last = await said;
      assert.ok(typeof last === "number" && last >= latest);
      assert.deepEqual(new LeaseWord(task.word).read(), gateNumber(last), "the last one stays");
    } finally {
      await worker.terminate();
    }
  });
});

/** Reads until enough different gates were seen; the number of the last. */
async function readUntil(reader: LeaseWord, isOver: () => boolean): Promise<number> {
  let latest = 0;
  for (let seen = 0; seen < SEEN;) {
    assert.ok(!isOver(), `the writer ended when ${seen} were seen`);
    for (let reads = 0; reads < READS_PER_YIELD; reads++) {
      const gate = reader.read();
      const { generation } = gate;
      assert.ok(generation >= latest, `${generation} comes behind ${latest}`);
      if (generation > latest) seen++;
      latest = generation;
      // Shut: as it was published, or because no quiet moment was found.
      if (gate.untilMono !== -Infinity) assert.deepEqual(gate, gateNumber(generation));
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return latest;
}
