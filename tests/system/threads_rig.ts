/**
 * The main thread's part of a clustered node over real lanes to real workers, all in the thread of the test. What the
 * machine would want is called by hand; what it would be told is written down.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { NodeEffect, NodeInput } from "../../cluster/cluster_node.ts";
import type { StopReason } from "../../cluster/directory_protocol.ts";
import type { Arrived, UserFrame } from "../../cluster/router_protocol.ts";
import { TIMINGS } from "../../cluster/settings.ts";
import { type ActorKey, epoch, instant, nodeId, type ThreadIndex } from "../../core/ids.ts";
import type { AnyKind, Kind } from "../../core/kind.ts";
import { isGrainKey } from "../../core/names.ts";
import { seededRandom } from "../../core/random.ts";
import type { ActorRef } from "../../core/ref.ts";
import { ClusterThreads } from "../../system/cluster_threads.ts";
import type { ActivationToken } from "../../workers/cluster_port.ts";
import { Inbox } from "../../workers/inbox.ts";
import { KindTable } from "../../workers/kind_table.ts";
import { LaneSet, type LaneSetOptions } from "../../workers/lane_set.ts";
import { encodeLetter } from "../../workers/letter.ts";
import { Outbox } from "../../workers/outbox.ts";
import { PartitionHost } from "../../workers/partition_host.ts";
import { lanesOf, makeThreadMemory, peerLanesOf, replaceThread, type ThreadMemory } from "../../workers/ring_layout.ts";
import { Clocks, WorkerRig } from "../workers/cluster_rig.ts";

const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const LOCAL_ASK_MS = 5_000;

/** The threads of one node. */
export class ThreadsRig {
  readonly clocks = new Clocks();
  readonly threads: ClusterThreads;
  readonly host: PartitionHost;
  readonly workers: WorkerRig[] = [];
  /** What the machine was told and nobody took yet. */
  readonly told: NodeInput[] = [];
  /** Workers that were given up. */
  readonly stuck: number[] = [];
  /** Whether spawned actors begin again on the successor of their worker. */
  isRespawning = true;
  readonly watched: string[] = [];
  /** What waits until all inputs are taken: `run` takes them all. */
  readonly after: (() => void)[] = [];
  isSettled = false;
  readonly main: LaneSet | undefined;
  readonly #inbox: Inbox;
  readonly #kinds: readonly AnyKind[];
  readonly #options: LaneSetOptions;
  #memory: ThreadMemory | undefined;

  constructor(
    kinds: readonly AnyKind[],
    workers: number,
    options: LaneSetOptions & { readonly ringBytes?: number } = {},
  ) {
    this.#kinds = kinds;
    this.#options = options;
    const { clocks } = this;
    const memory = makeThreadMemory({ threads: workers + 1, ringBytes: options.ringBytes ?? 1 << 16 });
    this.#memory = workers === 0 ? undefined : memory;
    this.main = workers === 0 ? undefined : new LaneSet(lanesOf(memory, 0), { spinUs: 0, ...options });
    const { main } = this;
    this.threads = new ClusterThreads({
      messageBytesMax: options.messageBytesMax ?? 1 << 24,
      workers,
      partitionCount: 271,
      timings: TIMINGS,
      clock: () => instant(clocks.monoMs),
      wallClock: () => clocks.wallMs,
      tell: (input) => this.told.push(input),
      afterInputs: (go) => this.after.push(go),
      isSettledHere: () => this.isSettled,
      beginsAgain: (kind) => this.isRespawning && kind !== "",
      stuck: (thread) => this.stuck.push(thread),
      sent: () => {},
      watch: (thread, watcher, key, _kind, isOn) =>
        this.watched.push(`${isOn ? "watch" : "unwatch"} ${watcher} on ${thread}: ${key}`),
    }).withLanes(main);
    const table = new KindTable(kinds);
    this.host = new PartitionHost({
      system: "rig",
      thread: 0 as ThreadIndex,
      workers,
      partitionCount: 271,
      kinds: table,
      askTimeoutMs: LOCAL_ASK_MS,
      asksMax: 1_000,
      clock: () => instant(clocks.monoMs),
      wallClock: () => clocks.wallMs,
      random: seededRandom(1),
      firstInvocation: 1,
      log: QUIET,
      resources: new Map(),
      outbound: main && ((refs) => new Outbox(main, table, refs)),
      persistence: undefined,
      request: () => {},
      report: () => {},
      wantedEvents: () => 0,
      released: () => {},
      cluster: this.threads.forHost,
      lease: workers === 0 ? this.threads.lease : undefined,
    });
    this.threads.attach(this.host);
    this.#inbox = new Inbox(this.host, { event: () => {}, released: () => {}, cluster: this.threads });
    for (let index = 1; index <= workers; index++) this.workers.push(this.#worker(index, memory));
  }

  worker(index = 1): WorkerRig {
    const worker = this.workers[index - 1];
    if (worker === undefined) throw new Error(`there is no worker ${index}`);
    return worker;
  }

  /** A new identity with a store's generation and a lease, which all threads know. */
  async open(): Promise<this> {
    this.threads.begin();
    this.threads.storeGeneration(3);
    this.lease(TIMINGS.leaseMs);
    for (const worker of this.workers) worker.cluster.measure();
    await this.run();
    this.told.length = 0;
    return this;
  }

  /** A lease that lasts so long from now; none without. */
  lease(leftMs?: number): void {
    const { monoMs, wallMs } = this.clocks;
    this.threads.publish(leftMs === undefined ? undefined : { mono: instant(monoMs + leftMs), wall: wallMs + leftMs });
    this.threads.leaseChanged();
  }

  ref<P, Init>(kind: Kind<P, Init>, key: string): ActorRef<P> {
    return this.host.refByKey(kind, key as ActorKey) as ActorRef<P>;
  }

  // --- what the machine wants -----------------------------------------------------------------------

  start(key: string, kind: AnyKind, seq = 1, spec = new Uint8Array()): ActivationToken {
    const token = tokenOf(seq);
    const type = isGrainKey(key as ActorKey) ? "grain" : "actor";
    const record = {
      type,
      kind: kind.name,
      holder: nodeId("self"),
      holderJoin: epoch(1),
      spec,
      isRelocatable: true,
      isEager: true,
      role: "",
      idempotencyKey: "",
    } as const;
    this.threads.perform({ kind: "start", key, token, record, snapshot: undefined });
    return token;
  }

  stop(key: string, reason: StopReason, seq = 1): void {
    this.threads.perform({ kind: "stop", key, token: tokenOf(seq), reason });
  }

  /** Gives a message to an activation. Its number is also its name in {@link lines}. */
  enqueue(
    key: string,
    kind: AnyKind,
    number: number,
    call: readonly [string, ...unknown[]],
    askId: number | undefined = undefined,
    seq = 1,
  ): Arrived {
    const [handler, ...args] = call;
    const payload = encodeLetter(
      { handler, sender: undefined, chain: undefined, args, trace: undefined },
      this.host.refs,
    );
    const frame: UserFrame = {
      kind: "user",
      target: key,
      token: tokenOf(seq),
      actorKind: kind.name,
      sender: { key: "far:sender", token: tokenOf(9) },
      askId,
      remainingMs: askId === undefined ? undefined : 2_000,
      waitedMs: number,
      bytes: payload.length,
      payload,
    };
    return this.#give(key, number, seq, frame);
  }

  flush(key: string, number: number, seq = 1): Arrived {
    return this.#give(key, number, seq, { kind: "flush", flushId: number, target: key, token: tokenOf(seq) });
  }

  #give(key: string, number: number, seq: number, frame: Arrived["frame"]): Arrived {
    const arrived: Arrived = { from: nodeId("far"), generation: 2, at: instant(this.clocks.monoMs), frame };
    this.threads.perform({ kind: "enqueue", key, token: tokenOf(seq), number, arrived });
    return arrived;
  }

  perform(effect: Extract<NodeEffect, { kind: "reply" | "failed" }>): void {
    this.threads.perform(effect);
  }

  // --- time and threads -----------------------------------------------------------------------------

  /** Turns and promises until nothing more happens at this instant. */
  async run(): Promise<void> {
    for (let turns = 0; turns < 12; turns++) {
      this.main?.flush();
      for (const worker of this.workers) worker.turn();
      this.turnMain();
      for (const go of this.after.splice(0)) go();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  turnMain(): void {
    this.host.enter();
    this.host.fireDue();
    this.main?.drain(1_024, this.#inbox);
    this.host.runCells(1_024);
    this.host.leave();
    this.main?.flush();
  }

  /** A worker dies with everything in it; its lanes are new, and its successor is there. How many begin again. */
  lose(index: number): number {
    const { main } = this;
    if (main === undefined || this.#memory === undefined) throw new Error("there are no workers");
    const memory = this.#memory = replaceThread(this.#memory, index);
    const old = main.replace(index, peerLanesOf(memory, 0, index));
    this.host.enter();
    while (old.reader.drain(1_024, this.#inbox) > 0);
    this.host.leave();
    this.host.threadLost(index as ThreadIndex, "the test says so");
    const count = this.threads.workerLost(index as ThreadIndex);
    const successor = this.workers[index - 1] = this.#worker(index, memory);
    successor.cluster.measure();
    return count;
  }

  #worker(index: number, memory: ThreadMemory): WorkerRig {
    return new WorkerRig({
      ...this.#options,
      index,
      workers: memory.threads - 1,
      lanes: lanesOf(memory, index),
      word: this.threads.leaseWord,
      clocks: this.clocks,
      kinds: this.#kinds,
    });
  }

  // --- what it was told -----------------------------------------------------------------------------

  /** What the machine was told since somebody last asked, one line each. */
  lines(): readonly string[] {
    return this.told.splice(0).map(lineOf);
  }
}

export function tokenOf(seq: number): ActivationToken {
  return { cfg: epoch(2), seq };
}

/** A message is named by its number, a flush by its id. */
export function nameOf({ frame }: Arrived): string {
  return frame.kind === "flush" ? `f${frame.flushId}` : `m${frame.waitedMs}`;
}

function lineOf(input: NodeInput): string {
  switch (input.kind) {
    case "handedBack": {
      const { key, token, items, through, reason } = input;
      return `handedBack ${key} ${token.seq} [${items.map(nameOf).join(" ")}] ${reason}, through ${through}`;
    }
    case "ended":
    case "stoppedFor":
      return `${input.kind} ${input.key} ${input.token.seq}`;
    case "started":
      return `started ${input.key} ${input.token.seq} ${input.error ?? "ok"}`;
    case "answered":
      return `answered ${nameOf(input.arrived)} ${
        input.outcome.kind === "ok" ? "ok" : `${input.outcome.failure.code}/${input.outcome.failure.fate}`
      }`;
    case "refused":
      return `refused ${nameOf(input.arrived)} ${input.code}/${input.fate}`;
    case "flushReached":
      return `flushReached ${nameOf(input.arrived)}`;
    case "send":
      return `send ${input.letter.target}`;
    default:
      return input.kind;
  }
}
