/**
 * One worker of a clustered node, with a real host, real lanes and the real lease word, all in the thread of the test; and
 * the main thread's end of its lanes, worked by hand. Clocks stand still, and turns happen when the test says so.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { ByteReader } from "../../core/byte_reader.ts";
import type { ByteWriter } from "../../core/byte_writer.ts";
import { type ActorKey, epoch, instant, type ThreadIndex } from "../../core/ids.ts";
import type { AnyKind, Kind } from "../../core/kind.ts";
import { gateOf, UNMEASURED } from "../../core/lease_gate.ts";
import { seededRandom } from "../../core/random.ts";
import type { ActorRef } from "../../core/ref.ts";
import type { RefCodec } from "../../core/ref_data.ts";
import type { ActivationToken, ClusterLetter, LetterOutcome } from "../../workers/cluster_port.ts";
import {
  type ClusterOrder,
  type ClusterWord,
  type Delivery,
  readLetter,
  readOutcome,
  readWord,
  writeDelivery,
  writeOutcome,
  writeWord,
} from "../../workers/cluster_records.ts";
import { Inbox } from "../../workers/inbox.ts";
import { KindTable } from "../../workers/kind_table.ts";
import { LaneSet, type LaneSetOptions } from "../../workers/lane_set.ts";
import { LeaseWord, makeLeaseWord, writeGate } from "../../workers/lease_word.ts";
import { encodeLetter } from "../../workers/letter.ts";
import { Outbox } from "../../workers/outbox.ts";
import { PartitionHost } from "../../workers/partition_host.ts";
import { RecordType } from "../../workers/record.ts";
import { lanesOf, makeThreadMemory, type ThreadLanes } from "../../workers/ring_layout.ts";
import { ThreadLease } from "../../workers/thread_lease.ts";
import { WorkerCluster } from "../../workers/worker_cluster.ts";

const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
/** The lease of a rig, and how long before its end nothing begins. */
export const LEASE = { leaseMs: 6_000, softAfterMs: 3_600 };

/** The clocks of a process. */
export class Clocks {
  monoMs = 10_000;
  wallMs = 1_700_000_000_000;

  /** Time passes, by both clocks. */
  advance(ms: number): void {
    this.monoMs += ms;
    this.wallMs += ms;
  }
}

/** What a worker of a rig is made of. */
export interface WorkerRigOptions extends LaneSetOptions {
  readonly index: number;
  readonly workers: number;
  readonly lanes: ThreadLanes;
  readonly word: SharedArrayBuffer;
  readonly clocks: Clocks;
  readonly kinds: readonly AnyKind[];
  /** The process clock shows so much more than this worker's own, which begins with the worker. */
  readonly bornMs?: number;
}

/** One worker. */
export class WorkerRig {
  readonly index: ThreadIndex;
  readonly host: PartitionHost;
  readonly lanes: LaneSet;
  readonly lease: ThreadLease;
  readonly cluster: WorkerCluster;
  readonly #inbox: Inbox;

  constructor(options: WorkerRigOptions) {
    const { index, workers, lanes, word, clocks, bornMs = 9_500 } = options;
    this.index = index as ThreadIndex;
    this.lanes = new LaneSet(lanes, { spinUs: 0, ...options });
    const mono = () => instant(clocks.monoMs - bornMs);
    this.lease = new ThreadLease(new LeaseWord(word), { mono, wall: () => clocks.wallMs }, UNMEASURED);
    this.cluster = new WorkerCluster(this.lanes, this.lease);
    const kinds = new KindTable(options.kinds);
    this.host = new PartitionHost({
      system: "rig",
      thread: this.index,
      workers,
      partitionCount: 271,
      kinds,
      askTimeoutMs: 5_000,
      asksMax: 1_000,
      clock: () => instant(clocks.monoMs),
      wallClock: () => clocks.wallMs,
      random: seededRandom(index),
      firstInvocation: index * 2 ** 32,
      log: QUIET,
      resources: new Map(),
      outbound: (refs) => new Outbox(this.lanes, kinds, refs),
      persistence: undefined,
      request: () => {},
      report: () => {},
      wantedEvents: () => 0,
      released: () => {},
      cluster: this.cluster.forHost,
      lease: this.lease,
    });
    this.cluster.attach(this.host);
    this.#inbox = new Inbox(this.host, { event: () => {}, released: () => {}, cluster: this.cluster });
  }

  get abroad(): NonNullable<PartitionHost["abroad"]> {
    const { abroad } = this.host;
    if (abroad === undefined) throw new Error("the host is not clustered");
    return abroad;
  }

  /** The keys of what lives here. */
  get live(): readonly string[] {
    return this.abroad.activations.map(({ key }) => key).sort();
  }

  ref<P, Init>(kind: Kind<P, Init>, key: string): ActorRef<P> {
    return this.host.refByKey(kind, key as ActorKey) as ActorRef<P>;
  }

  /** One turn, as the loop does it. `meanwhile`: what the main thread does after this one has looked at its lease. */
  turn(meanwhile: () => void = () => {}): void {
    this.host.enter();
    meanwhile();
    this.host.fireDue();
    this.lanes.drain(1_024, this.#inbox);
    this.host.runCells(1_024);
    this.host.leave();
    this.lanes.flush();
  }
}

/** A record that came to the main thread. */
export type Heard =
  | { readonly type: "letter"; readonly identity: number; readonly letter: ClusterLetter }
  | { readonly type: "answer"; readonly identity: number; readonly id: number; readonly outcome: LetterOutcome }
  | { readonly type: "word"; readonly identity: number; readonly word: ClusterWord };

/** A worker, and the main thread's end of its lanes. */
export class PairRig {
  readonly clocks = new Clocks();
  readonly word = makeLeaseWord();
  readonly worker: WorkerRig;
  readonly main: LaneSet;
  /** Everything of a cluster that came to the main thread and nobody took yet. */
  readonly heard: Heard[] = [];

  constructor(kinds: readonly AnyKind[], options: LaneSetOptions & { readonly ringBytes?: number } = {}) {
    const memory = makeThreadMemory({ threads: 2, ringBytes: options.ringBytes ?? 1 << 16 });
    this.main = new LaneSet(lanesOf(memory, 0), { spinUs: 0, ...options });
    const { word, clocks } = this;
    this.worker = new WorkerRig({ ...options, index: 1, workers: 1, lanes: lanesOf(memory, 1), word, clocks, kinds });
  }

  /** Publishes a gate: a lease of this identity that lasts so long from now; none without. */
  publish(identity: number, leftMs?: number): void {
    const { monoMs, wallMs } = this.clocks;
    const until = leftMs === undefined ? undefined : { mono: instant(monoMs + leftMs), wall: wallMs + leftMs };
    writeGate(this.word, gateOf(identity, until, LEASE));
  }

  /** An identity with a whole lease, and a worker that knows it and has measured its clock. */
  async open(identity = 1): Promise<this> {
    this.publish(identity, LEASE.leaseMs);
    this.measure(identity);
    await this.run();
    this.heard.length = 0;
    return this;
  }

  /** A measurement of the worker's clock that took no time at all. */
  measure(identity: number): void {
    this.worker.cluster.measure();
    this.order(identity, { order: "clock", workerMs: this.worker.lease.clockMs(), mainMs: this.clocks.monoMs });
  }

  order(identity: number, order: ClusterOrder): void {
    this.#write((writer) => writeWord(writer, identity, order));
  }

  begin(identity: number, key: string, kind: AnyKind, seq = 1): ActivationToken {
    const token = tokenOf(seq);
    const activation = { key: key as ActorKey, kind: kind.name, token, init: undefined, isAgain: false };
    this.order(identity, { order: "begin", activation, generation: 3 });
    return token;
  }

  /** A message comes; somebody waits for it two seconds if it has an id. */
  deliver(identity: number, key: string, kind: AnyKind, call: readonly [string, ...unknown[]], more: More = {}): void {
    const { id = 0, seq = 1, number = 1, at = this.clocks.monoMs } = more;
    const delivery = deliveryOf(key, kind.name, call, this.worker.host.refs);
    const ask = id === 0 ? undefined : { id: id + 1_000, remainingMs: 2_000 };
    this.#write((writer) =>
      writeDelivery(writer, identity, { ...delivery, id, number, token: tokenOf(seq), ask, at: instant(at) })
    );
  }

  outcome(identity: number, askId: number, outcome: LetterOutcome): void {
    this.#write((writer) => writeOutcome(writer, RecordType.outcome, identity, askId, outcome));
  }

  /** Turns of the worker and promises, until nothing more happens at this instant. */
  async run(): Promise<void> {
    for (let turns = 0; turns < 12; turns++) {
      this.main.flush();
      this.worker.turn();
      this.drain();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Takes what the worker has shown. */
  drain(): void {
    this.main.drain(1_024, { record: (reader) => this.#hear(reader) });
  }

  /** What came since somebody last took it, one line each. */
  lines(): readonly string[] {
    return this.heard.splice(0).map(lineOf);
  }

  letters(): readonly ClusterLetter[] {
    return this.heard.splice(0).flatMap((one) => one.type === "letter" ? [one.letter] : []);
  }

  #write(write: (writer: ByteWriter) => void): void {
    const lane = this.main.writerTo(1);
    write(lane.beginOwed());
    lane.end();
    lane.flush();
  }

  #hear(reader: ByteReader): void {
    const type = reader.u8();
    const identity = reader.f64();
    if (type === RecordType.letter) this.heard.push({ type: "letter", identity, letter: readLetter(reader) });
    else if (type === RecordType.answer) this.heard.push({ type: "answer", identity, ...readOutcome(reader) });
    else if (type === RecordType.word) this.heard.push({ type: "word", identity, word: readWord(reader) });
  }
}

/** What a delivery may have of its own. */
export interface More {
  /** Of the delivery, if somebody waits for it. */
  readonly id?: number;
  readonly seq?: number;
  readonly number?: number;
  readonly at?: number;
}

export function tokenOf(seq: number): ActivationToken {
  return { cfg: epoch(2), seq };
}

/** A tell from another node. */
export function deliveryOf(
  key: string,
  kind: string,
  [handler, ...args]: readonly [string, ...unknown[]],
  refs: RefCodec,
): Delivery {
  return {
    id: 0,
    number: 1,
    target: key as ActorKey,
    actorKind: kind,
    token: tokenOf(1),
    from: "far",
    link: 1,
    at: instant(0),
    sender: undefined,
    ask: undefined,
    waitedMs: 0,
    payload: encodeLetter({ handler, sender: undefined, chain: undefined, args, trace: undefined }, refs),
  };
}

/** A record in a line: the identity, what it is, and whom it is about. */
export function lineOf(heard: Heard): string {
  const { type, identity } = heard;
  if (type === "letter") return `${identity} letter ${heard.letter.target}`;
  if (type === "answer") {
    const { id, outcome } = heard;
    return `${identity} answer ${id} ${outcome.kind === "ok" ? "ok" : outcome.failure.code}`;
  }
  return `${identity} ${wordLine(heard.word)}`;
}

function wordLine(word: ClusterWord): string {
  switch (word.word) {
    case "abortAsk":
      return "abortAsk";
    case "refused":
      return `refused ${word.delivery.number} ${word.code}/${word.fate}`;
    case "flushReached":
      return `flushReached ${word.id}`;
    case "started":
      return `started ${word.key} ${word.token.seq} ${word.error ?? "ok"}`;
    case "returned":
    case "ended": {
      const { key, token, origins, letters } = word;
      const ids = origins.map((origin) => typeof origin === "number" ? `f${origin}` : `m${origin.number}`);
      const left = `${key} ${token.seq} [${ids.join(" ")}] ${letters.length} letters`;
      return word.word === "returned" ? `returned ${left}` : `ended ${left}, ${word.reason}, through ${word.through}`;
    }
    case "wantsOpen":
      return `wantsOpen ${word.key}`;
    case "watch":
    case "unwatch":
      return `${word.word} ${word.watcher} ${word.key}`;
    case "clock":
      return "clock";
    default:
      return word satisfies never;
  }
}
