/**
 * The reading end of the bare-ring floor: copies records out and counts them, for ever. Runs in a worker, which it
 * blocks.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../core/assert.ts";
import { RingReader } from "../../workers/ring.ts";
import { COUNTED_WORD, LOOKS_BEFORE_WAIT, PUBLISHED_WORD, type RingRole, WAIT_MS } from "./ring_role.ts";

function readAll({ ring: memory, state, keeps }: RingRole): never {
  const ring = new RingReader(memory);
  const reused = new Uint8Array(ring.ringBytes / 4);
  for (let looks = 0;; looks++) {
    const published = Atomics.load(state, PUBLISHED_WORD);
    ring.refresh();
    const count = readBatch(ring, keeps ? undefined : reused);
    if (count > 0) {
      Atomics.add(state, COUNTED_WORD, count);
      Atomics.notify(state, COUNTED_WORD);
      looks = 0;
    } else if (looks >= LOOKS_BEFORE_WAIT) {
      Atomics.wait(state, PUBLISHED_WORD, published, WAIT_MS);
    }
  }
}

function readBatch(ring: RingReader, reused: Uint8Array | undefined): number {
  let count = 0;
  while (ring.next()) {
    const payloadBytes = ring.end - ring.start;
    const copied = reused ?? new Uint8Array(payloadBytes);
    copied.set(ring.bytes.subarray(ring.start, ring.end));
    assert(payloadBytes === 0 || copied[payloadBytes - 1] === 7, "a record arrives whole");
    ring.release();
    count++;
  }
  return count;
}

parentPort?.postMessage("ready");
readAll(workerData);
