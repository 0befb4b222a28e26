/**
 * A thread of the tests in `tests/properties/ring_threads.test.ts`: streams records to other threads and checks
 * theirs, or passes a token on. The test's own thread runs the same code. Touches threads.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { assert } from "../../core/assert.ts";
import type { ByteReader } from "../../core/byte_reader.ts";
import type { ByteWriter } from "../../core/byte_writer.ts";
import { below, type Random, seededRandom } from "../../core/random.ts";
import type { RecordSink } from "../../workers/lane.ts";
import { LaneSet } from "../../workers/lane_set.ts";
import type { ThreadLanes } from "../../workers/ring_layout.ts";

/** Turns without a rest before the event loop has its turn. */
const TURNS_PER_YIELD = 64;
/** Records of one turn: small, so that turns are many. */
const RECORDS_PER_TURN = 48;

/** What a thread is to do. */
export type Task =
  | {
    readonly kind: "stream";
    readonly records: number;
    readonly bytesMax: number;
    readonly seed: number;
    /** Only thread 0 sends: then nothing but the doorbell tells it that there is room. */
    readonly isOneWay: boolean;
  }
  | { readonly kind: "token"; readonly rounds: number; readonly threads: number };

/** What a worker is started with. */
export interface TaskData {
  readonly lanes: ThreadLanes;
  readonly spinUs: number;
  readonly task: Task;
}

/** What a thread has done, for the test to compare. */
export interface Outcome {
  /** Records that arrived from each other thread, or laps of the token. */
  readonly received: readonly number[];
  /** Times the thread slept. */
  readonly sleeps: number;
}

/** Runs the task to its end. A record that is not the one due is thrown at. */
export function perform({ lanes, spinUs, task }: TaskData): Promise<Outcome> {
  const set = new LaneSet(lanes, { spinUs });
  return task.kind === "stream" ? stream(set, task) : passToken(set, task);
}

async function stream(set: LaneSet, task: Task & { kind: "stream" }): Promise<Outcome> {
  const senders = set.peers.map(({ index }) => new Sender(set, index, task));
  const receivers = set.peers.map(({ index }) =>
    new Receiver(recordsOf(index, set.index, task), recordsFrom(index, task))
  );
  const sink = sinkOf(set, receivers);
  let sleeps = 0;
  for (let turn = 1;; turn++) {
    set.drain(RECORDS_PER_TURN, sink);
    for (const sender of senders) sender.run();
    const isMoved = set.flush();
    if (isMoved && senders.every((each) => each.isDone) && receivers.every((each) => each.isDone)) break;
    const rung = set.doorbell.park(set.hasWork);
    if (rung !== undefined) sleeps++;
    if (rung !== undefined) await rung;
    else if (turn % TURNS_PER_YIELD === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return { received: receivers.map(({ count }) => count), sleeps };
}

function sinkOf(set: LaneSet, receivers: readonly Receiver[]): RecordSink {
  const byThread = new Map(set.peers.map(({ index }, at) => [index, receivers[at]]));
  return {
    record(reader, from) {
      const receiver = byThread.get(from);
      assert(receiver !== undefined, "records come from other threads");
      receiver.take(reader);
    },
  };
}

/** Sends the records due to one thread, some refusable and some owed. */
class Sender {
  readonly #set: LaneSet;
  readonly #to: number;
  readonly #records: RecordSequence;
  #left: number;
  #next: DueRecord;

  constructor(set: LaneSet, to: number, task: Task & { kind: "stream" }) {
    this.#set = set;
    this.#to = to;
    this.#records = recordsOf(set.index, to, task);
    this.#left = recordsFrom(set.index, task);
    this.#next = this.#records.next();
  }

  get isDone(): boolean {
    return this.#left === 0;
  }

  run(): void {
    const lane = this.#set.writerTo(this.#to);
    for (let sent = 0; sent < RECORDS_PER_TURN && this.#left > 0; sent++) {
      // Owed records may wait outside; more than a few would only measure that queue.
      const isOwed = this.#next.isOwed && lane.overflowRecords < 4;
      const writer = isOwed ? lane.beginOwed() : lane.begin();
      if (writer === undefined) break;
      writeRecord(writer, this.#next);
      lane.end();
      this.#left--;
      this.#next = this.#records.next();
    }
    if (this.#left > 0) lane.wantRoom();
  }
}

/** Checks that the records of one thread are those due: each once, whole, in order. */
class Receiver {
  count = 0;

  readonly #records: RecordSequence;
  readonly #due: number;

  constructor(records: RecordSequence, due: number) {
    this.#records = records;
    this.#due = due;
  }

  get isDone(): boolean {
    return this.count === this.#due;
  }

  take(reader: ByteReader): void {
    const due = this.#records.next();
    assert(reader.left === due.length, `record ${this.count} has ${due.length} bytes, not ${reader.left}`);
    if (due.length >= 8) {
      const number = reader.u32();
      assert(number === due.number, `record ${due.number} arrives as number ${due.number}, not ${number}`);
      const sum = reader.u32();
      assert(sum === sumOf(reader, due.number), `record ${number} arrives as it was sent`);
    }
    this.count++;
  }
}

interface DueRecord {
  readonly number: number;
  readonly length: number;
  readonly isOwed: boolean;
}

/** The lengths of the records from one thread to another: both of them know it by the seed. */
class RecordSequence {
  readonly #random: Random;
  readonly #bytesMax: number;
  #number = 0;

  constructor(random: Random, bytesMax: number) {
    this.#random = random;
    this.#bytesMax = bytesMax;
  }

  next(): DueRecord {
    const dice = below(this.#random, 1000);
    // Mostly small, some around the size that is split, a few several times the ring.
    const bytesMax = dice < 900 ? 100 : dice < 995 ? this.#bytesMax >> 3 : this.#bytesMax;
    return { number: this.#number++, length: below(this.#random, bytesMax + 1), isOwed: dice % 3 === 0 };
  }
}

function recordsFrom(thread: number, { records, isOneWay }: Task & { kind: "stream" }): number {
  return isOneWay && thread !== 0 ? 0 : records;
}

function recordsOf(from: number, to: number, { seed, bytesMax }: Task & { kind: "stream" }): RecordSequence {
  return new RecordSequence(seededRandom(seed * 10_000 + from * 100 + to), bytesMax);
}

/** Number, checksum, and bytes that differ from record to record. */
function writeRecord(writer: ByteWriter, { number, length }: DueRecord): void {
  writer.ensure(length);
  const { bytes, view, position } = writer;
  if (length >= 8) {
    let sum = number;
    for (let index = 8; index < length; index++) {
      const byte = (number + index * 7) & 0xff;
      bytes[position + index] = byte;
      sum = (Math.imul(sum, 31) + byte) | 0;
    }
    view.setUint32(position, number, true);
    view.setInt32(position + 4, sum, true);
  }
  writer.position = position + length;
}

function sumOf(reader: ByteReader, number: number): number {
  let sum = number;
  const { bytes, end } = reader;
  for (let index = reader.position; index < end; index++) sum = (Math.imul(sum, 31) + (bytes[index] ?? 0)) | 0;
  return sum >>> 0;
}

/** Every thread sends the token to the next one, and thread 0 lets it go. */
async function passToken(set: LaneSet, { rounds, threads }: Task & { kind: "token" }): Promise<Outcome> {
  const next = set.writerTo((set.index + 1) % threads);
  let laps = 0;
  let sleeps = 0;
  const send = (lap: number) => {
    next.beginOwed().u32(lap);
    next.end();
    next.flush();
  };
  const sink: RecordSink = {
    record(reader) {
      const lap = reader.u32();
      assert(lap === laps, `lap ${laps} comes next, not ${lap}`);
      laps++;
      if (set.index !== 0) send(lap);
      else if (laps < rounds) send(laps);
    },
  };
  if (set.index === 0) send(0);
  while (laps < rounds) {
    if (set.drain(8, sink) > 0) continue;
    const rung = set.doorbell.park(set.hasWork);
    if (rung === undefined) continue;
    sleeps++;
    await rung;
  }
  return { received: [laps], sleeps };
}

if (!isMainThread && parentPort !== null) {
  parentPort.on("message", () => {}); // Keeps the thread alive while it sleeps.
  parentPort.postMessage(await perform(workerData as TaskData));
}
