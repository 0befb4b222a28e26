/**
 * The floor under the payload sweep: bytes through one ring of shared memory, copied in by the main thread and
 * copied out by a worker. No event loop on either side: who has nothing to do looks a few times and then
 * blocks. The ring itself is the bound on what is on its way. The other end is `ring_thread.ts`.
 *
 * @module
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { RingWriter } from "../../workers/ring.ts";
import { makeRing, RECORD_HEADER_BYTES, RECORD_WHOLE, recordBytesOf } from "../../workers/ring_layout.ts";
import { type Contests, type Outcome, secondsNow, type Task } from "../contestant.ts";
import { payloadBytesIn, SWEEP_IDS } from "../scenarios.ts";
import { COUNTED_WORD, LOOKS_BEFORE_WAIT, PUBLISHED_WORD, type RingRole, STATE_BYTES, WAIT_MS } from "./ring_role.ts";

/** Eight of the sweep's largest records; a record is a quarter of a ring at most. */
const RING_BYTES = 1 << 23;
/** Records between two looks at the clock and two publications; fewer when they are large. */
const BATCH_RECORDS = 32;
const BATCH_BYTES = 1 << 18;
/** Waits of a millisecond for one batch; at least as many seconds as thousands of these. */
const WAITS_MAX = 10_000;

/** Every record copied out into new bytes, as a receiver that may keep its message needs them. */
export const bareRing: Contests = Object.fromEntries(
  SWEEP_IDS.map((id) => [id, (task: Task) => sendBytes(task, true)]),
);

/** Every record copied out into the same bytes: the transport alone. */
export const bareRingReused: Contests = Object.fromEntries(
  SWEEP_IDS.map((id) => [id, (task: Task) => sendBytes(task, false)]),
);

const ring = makeRing(RING_BYTES);
const state = new Int32Array(new SharedArrayBuffer(STATE_BYTES));
let writer: RingWriter | undefined;

async function sendBytes(task: Task, keeps: boolean): Promise<Outcome> {
  writer ??= await startReader(keeps);
  const payload = new Uint8Array(payloadBytesIn(task.scenario)).fill(7);
  const batchRecords = Math.max(1, Math.min(BATCH_RECORDS, Math.floor(BATCH_BYTES / Math.max(1, payload.length))));
  const countedBefore = Atomics.load(state, COUNTED_WORD);
  const startedAt = secondsNow();
  let sent = 0;
  while (sent < task.countMax && secondsNow() - startedAt < task.seconds) {
    for (let index = 0; index < batchRecords; index++) write(writer, payload);
    publish(writer);
    sent += batchRecords;
  }
  waitUntil(() => Atomics.load(state, COUNTED_WORD) - countedBefore === sent);
  const seconds = secondsNow() - startedAt;
  const delivered = Atomics.load(state, COUNTED_WORD) - countedBefore;
  return { sent, delivered, seconds, extra: { megabytesPerSecond: delivered * payload.length / seconds / 1e6 } };
}

async function startReader(keeps: boolean): Promise<RingWriter> {
  const role: RingRole = { ring, state, keeps };
  const thread = new Worker(new URL("./ring_thread.ts", import.meta.url), { workerData: role });
  // Rejects when the thread fails. It says that it is ready before this thread blocks.
  await once(thread, "message");
  return new RingWriter(ring);
}

function write(into: RingWriter, payload: Uint8Array): void {
  const recordBytes = recordBytesOf(payload.length);
  if (!into.reserve(recordBytes)) {
    publish(into);
    waitUntil(() => into.reserve(recordBytes));
  }
  into.bytes.set(payload, into.position + RECORD_HEADER_BYTES);
  into.commit(RECORD_WHOLE, payload.length);
}

function publish(into: RingWriter): void {
  if (!into.publish()) return;
  Atomics.add(state, PUBLISHED_WORD, 1);
  Atomics.notify(state, PUBLISHED_WORD);
}

/**
 * Until the reader has got so far. It notifies after every batch, and a wait that misses that ends by itself. A
 * reader that dies cannot be heard while this thread blocks, hence the limit.
 */
function waitUntil(isSo: () => boolean): void {
  for (let looks = 0; !isSo(); looks++) {
    if (looks < LOOKS_BEFORE_WAIT) continue;
    if (looks > LOOKS_BEFORE_WAIT + WAITS_MAX) throw new Error("Cannot measure: the reading thread stands still");
    const counted = Atomics.load(state, COUNTED_WORD);
    if (!isSo()) Atomics.wait(state, COUNTED_WORD, counted, WAIT_MS);
  }
}
