/**
 * The floor under everything between threads: how many 64-byte records a second cross a lane, and how long
 * a record takes there and back, beside what the lane replaces. Touches threads and the clock.
 *
 * Run: `deno run -A bench/ring_floor.ts` and `./node_modules/.bin/bun bench/ring_floor.ts`.
 *
 * Every contender runs in its turn, round after round (A B C A B C …); printed are the median and the range of
 * the rounds. Records are counted, and their bytes added up, by the receiver.
 *
 * @module
 */
import process from "node:process";
import { setImmediate } from "node:timers";
import { isMainThread, type MessagePort, parentPort, Worker, workerData } from "node:worker_threads";
import { assert } from "../core/assert.ts";
import type { ByteReader } from "../core/byte_reader.ts";
import type { RecordSink } from "../workers/lane.ts";
import { LaneSet } from "../workers/lane_set.ts";
import { RingReader, RingWriter } from "../workers/ring.ts";
import {
  lanesOf,
  makeRing,
  makeThreadMemory,
  RECORD_HEADER_BYTES,
  RECORD_WHOLE,
  recordBytesOf,
  type ThreadLanes,
} from "../workers/ring_layout.ts";

const RING_BYTES = 1 << 20;
const RECORD_BYTES = 64;
const BATCH = 32;
const ROUNDS = 7;
const RECORDS = 2_000_000;
const POSTED = 50_000;
const ROUND_TRIPS = 4_000;
const SPARSE_TRIPS = 150;

type Echo = "lane" | "waitAsync" | "postMessage";
type Job =
  | { readonly kind: "count-lane"; readonly lanes: ThreadLanes }
  | { readonly kind: "count-ring"; readonly ring: SharedArrayBuffer }
  | { readonly kind: "count-posted" }
  | { readonly kind: "echo-lane"; readonly lanes: ThreadLanes; readonly spinUs: number }
  | { readonly kind: "echo-waitAsync"; readonly words: SharedArrayBuffer }
  | { readonly kind: "echo-postMessage" };

async function main(): Promise<void> {
  await throughput();
  await roundTrips();
  process.exit(0);
}

// Throughput: main writes, the worker reads.

interface Contender {
  readonly name: string;
  /** Sends `count` records. */
  readonly send: (count: number) => void | Promise<void>;
  readonly count: number;
  readonly worker: Worker;
}

async function throughput(): Promise<void> {
  const memory = makeThreadMemory({ threads: 2, ringBytes: RING_BYTES });
  const lanes = new LaneSet(lanesOf(memory, 0));
  const ring = makeRing(RING_BYTES);
  const ringWriter = new RingWriter(ring);
  const posting = start({ kind: "count-posted" });
  const contenders: Contender[] = [
    {
      name: "lane",
      send: (count) => sendByLane(lanes, count),
      count: RECORDS,
      worker: start({ kind: "count-lane", lanes: lanesOf(memory, 1) }),
    },
    {
      name: "bare ring",
      send: (count) => sendByRing(ringWriter, count),
      count: RECORDS,
      worker: start({ kind: "count-ring", ring }),
    },
    { name: "postMessage", send: (count) => sendByPost(posting, count), count: POSTED, worker: posting },
  ];
  const rates = contenders.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, contender] of contenders.entries()) {
      const rate = await rateOf(contender);
      if (round > 0) rates[index]?.push(rate); // The first round warms up.
    }
  }
  console.log(`${RECORD_BYTES}-byte records main → worker, batches of ${BATCH}, million a second`);
  contenders.forEach(({ name }, index) => row(name, rates[index] ?? [], 1));
  await Promise.all(contenders.map(({ worker }) => worker.terminate()));
}

async function rateOf({ worker, send, count }: Contender): Promise<number> {
  worker.postMessage({ expect: count }); // The reader wakes, or spins, for this many.
  await answer(worker);
  const done = answer(worker);
  const startedAt = performance.now();
  await send(count);
  const sum = await done;
  const tookMs = performance.now() - startedAt;
  assert(sum === sumOf(count), "the receiver got every record, once and whole");
  return count / tookMs / 1000;
}

function sendByLane(lanes: LaneSet, count: number): void {
  const lane = lanes.writerTo(1);
  for (let sent = 0; sent < count;) {
    const until = Math.min(sent + BATCH, count);
    while (sent < until) {
      const writer = lane.begin();
      if (writer === undefined) break;
      writer.ensure(RECORD_BYTES);
      fill(writer.view, writer.position, sent);
      writer.position += RECORD_BYTES;
      lane.end();
      sent++;
    }
    lane.flush();
  }
}

function sendByRing(ring: RingWriter, count: number): void {
  const recordBytes = recordBytesOf(RECORD_BYTES);
  for (let sent = 0; sent < count;) {
    const until = Math.min(sent + BATCH, count);
    while (sent < until && ring.reserve(recordBytes)) {
      fill(ring.view, ring.position + RECORD_HEADER_BYTES, sent);
      ring.commit(RECORD_WHOLE, RECORD_BYTES);
      sent++;
    }
    ring.publish();
  }
}

async function sendByPost(worker: Worker, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent++) {
    const bytes = new Uint8Array(RECORD_BYTES);
    fill(new DataView(bytes.buffer), 0, sent);
    worker.postMessage(bytes);
    if (sent % 1024 === 0) await yieldToEvents();
  }
}

function fill(view: DataView, at: number, value: number): void {
  for (let offset = 0; offset < RECORD_BYTES; offset += 8) view.setFloat64(at + offset, value, true);
}

function sumOf(count: number): number {
  return (RECORD_BYTES / 8) * count * (count - 1) / 2;
}

// Round trips: main sends one small record and waits for it to come back.

async function roundTrips(): Promise<void> {
  const contenders: { readonly name: string; readonly trip: () => Promise<void> | void; readonly worker: Worker }[] = [
    postTrips(),
    waitTrips(),
    ...[0, 20, 50].map(laneTrips),
  ];
  const busy = contenders.map((): number[] => []);
  const sparse = contenders.map((): number[] => []);
  const cpu = contenders.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, { trip }] of contenders.entries()) {
      const tripUs = await busyTripUs(trip);
      const { medianUs, cpuUs } = await sparseTripUs(trip);
      if (round === 0) continue;
      busy[index]?.push(tripUs);
      sparse[index]?.push(medianUs);
      cpu[index]?.push(cpuUs);
    }
  }
  console.log("\nround trip main ⇄ worker, one after the other, microseconds");
  contenders.forEach(({ name }, index) => row(name, busy[index] ?? [], 2));
  console.log("\nround trip after about a millisecond of rest, microseconds (median of the round)");
  contenders.forEach(({ name }, index) => row(name, sparse[index] ?? [], 1));
  console.log("\nprocessor time of both threads for one such trip, microseconds");
  contenders.forEach(({ name }, index) => row(name, cpu[index] ?? [], 0));
}

async function busyTripUs(trip: () => Promise<void> | void): Promise<number> {
  const startedAt = performance.now();
  for (let done = 0; done < ROUND_TRIPS; done++) await trip();
  return (performance.now() - startedAt) * 1000 / ROUND_TRIPS;
}

async function sparseTripUs(trip: () => Promise<void> | void): Promise<{ medianUs: number; cpuUs: number }> {
  const tripsUs: number[] = [];
  const before = process.cpuUsage();
  for (let done = 0; done < SPARSE_TRIPS; done++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const startedAt = performance.now();
    await trip();
    tripsUs.push((performance.now() - startedAt) * 1000);
  }
  const { user, system } = process.cpuUsage(before);
  return { medianUs: medianOf(tripsUs), cpuUs: (user + system) / SPARSE_TRIPS };
}

function postTrips(): { name: string; trip: () => Promise<void>; worker: Worker } {
  const worker = start({ kind: "echo-postMessage" });
  return {
    name: "postMessage",
    worker,
    trip: async () => {
      const back = answer(worker);
      worker.postMessage(1);
      await back;
    },
  };
}

function waitTrips(): { name: string; trip: () => Promise<void>; worker: Worker } {
  const shared = new SharedArrayBuffer(256);
  const words = new Int32Array(shared);
  const worker = start({ kind: "echo-waitAsync", words: shared });
  return {
    name: "bare waitAsync on both sides",
    worker,
    trip: async () => {
      const seen = Atomics.load(words, 32);
      Atomics.add(words, 0, 1);
      Atomics.notify(words, 0, 1);
      // A notify that comes late wakes the next wait too early, hence the loop.
      while (Atomics.load(words, 32) === seen) {
        const wait = Atomics.waitAsync(words, 32, seen);
        if (wait.async) await wait.value;
      }
    },
  };
}

function laneTrips(spinUs: number): { name: string; trip: () => Promise<void>; worker: Worker } {
  const memory = makeThreadMemory({ threads: 2, ringBytes: RING_BYTES });
  const lanes = new LaneSet(lanesOf(memory, 0), { spinUs });
  const worker = start({ kind: "echo-lane", lanes: lanesOf(memory, 1), spinUs });
  const lane = lanes.writerTo(1);
  const sink: RecordSink = { record: (reader) => void reader.u32() };
  return {
    name: `lane and doorbell, spin ${spinUs} µs`,
    worker,
    trip: async () => {
      lane.beginOwed().u32(1);
      lane.end();
      lane.flush();
      while (lanes.drain(1, sink) === 0) {
        const parked = lanes.doorbell.park(lanes.hasWork);
        if (parked !== undefined) await parked;
      }
    },
  };
}

// The worker's side.

async function work(job: Job, port: MessagePort | null): Promise<void> {
  assert(port !== null, "a worker has a port to its parent");
  switch (job.kind) {
    case "count-lane":
      return countFromLane(new LaneSet(job.lanes), port);
    case "count-ring":
      return countFromRing(new RingReader(job.ring), port);
    case "count-posted":
      return countPosted(port);
    case "echo-lane":
      return await echoLane(new LaneSet(job.lanes, { spinUs: job.spinUs }), port);
    case "echo-waitAsync":
      return await echoWait(new Int32Array(job.words), port);
    case "echo-postMessage":
      port.on("message", (message) => port.postMessage(message));
      return;
    default:
      return job satisfies never;
  }
}

/** Adds up what it is given, in an array: a number in a variable of a closure is allocated afresh on every change. */
class Adder implements RecordSink {
  readonly total: Float64Array = new Float64Array(2);

  record(reader: ByteReader): void {
    reader.need(RECORD_BYTES);
    this.add(reader.view, reader.position);
  }

  add(view: DataView, at: number): void {
    let sum = 0;
    for (let offset = 0; offset < RECORD_BYTES; offset += 8) sum += view.getFloat64(at + offset, true);
    this.total[0] = (this.total[0] ?? 0) + sum;
    this.total[1] = (this.total[1] ?? 0) + 1;
  }

  hasCounted(count: number): boolean {
    return this.total[1] === count;
  }

  takeSum(): number {
    const sum = this.total[0] ?? 0;
    this.total.fill(0);
    return sum;
  }
}

function countFromLane(lanes: LaneSet, port: MessagePort): void {
  const adder = new Adder();
  port.on("message", async ({ expect }: { expect: number }) => {
    port.postMessage("ready");
    while (!adder.hasCounted(expect)) {
      if (lanes.drain(1024, adder) > 0) continue;
      const parked = lanes.doorbell.park(lanes.hasWork);
      if (parked !== undefined) await parked;
    }
    port.postMessage(adder.takeSum());
  });
}

function countFromRing(ring: RingReader, port: MessagePort): void {
  const adder = new Adder();
  port.on("message", ({ expect }: { expect: number }) => {
    port.postMessage("ready");
    while (!adder.hasCounted(expect)) {
      ring.refresh();
      while (ring.next()) adder.add(ring.view, ring.start);
      ring.release();
    }
    port.postMessage(adder.takeSum());
  });
}

function countPosted(port: MessagePort): void {
  const adder = new Adder();
  let expected = 0;
  port.on("message", (message: { expect: number } | Uint8Array) => {
    if (!(message instanceof Uint8Array)) {
      expected = message.expect;
      return port.postMessage("ready");
    }
    adder.add(new DataView(message.buffer, message.byteOffset), 0);
    if (adder.hasCounted(expected)) port.postMessage(adder.takeSum());
  });
}

async function echoLane(lanes: LaneSet, port: MessagePort): Promise<void> {
  port.on("message", () => {});
  const lane = lanes.writerTo(0);
  const sink: RecordSink = {
    record: (reader) => {
      const value = reader.u32();
      lane.beginOwed().u32(value);
      lane.end();
    },
  };
  for (;;) {
    lanes.drain(1024, sink);
    lanes.flush();
    const parked = lanes.doorbell.park(lanes.hasWork);
    if (parked !== undefined) await parked;
  }
}

async function echoWait(words: Int32Array<SharedArrayBuffer>, port: MessagePort): Promise<void> {
  port.on("message", () => {});
  for (let seen = 0;; seen++) {
    while (Atomics.load(words, 0) === seen) {
      const wait = Atomics.waitAsync(words, 0, seen);
      if (wait.async) await wait.value;
    }
    Atomics.add(words, 32, 1);
    Atomics.notify(words, 32, 1);
  }
}

// Around the measuring.

function start(job: Job): Worker {
  return new Worker(new URL(import.meta.url), { workerData: job });
}

function answer(worker: Worker): Promise<unknown> {
  return new Promise((resolve) => worker.once("message", resolve));
}

function yieldToEvents(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function row(name: string, values: readonly number[], digits: number): void {
  const [median, min, max] = [medianOf(values), Math.min(...values), Math.max(...values)].map((x) => x.toFixed(digits));
  console.log(`  ${name.padEnd(32)} ${median?.padStart(8)}   (${min} to ${max})`);
}

// Last, so that the worker's class above exists by now.
if (isMainThread) await main();
else await work(workerData as Job, parentPort);
