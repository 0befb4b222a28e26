/**
 * The actors of a clustered node, seen from its main thread: which thread has which activation, what was given to it, and
 * who waits for an answer. Lives on the main thread; mutable; outlives the identities of its process.
 *
 * One idea: to the cluster's machine a node has one host. This is that host, made of all threads: what the machine wants
 * is said to the end of one of them, and what threads say becomes the machine's input.
 *
 * Invariant: of each activation the router hears at last that everything it gave was seen, also when a worker died with
 * it; and nothing of another identity of this process reaches the machine.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { ByteReader } from "../core/byte_reader.ts";
import { partitionOfKey, threadOf } from "../core/hash.ts";
import type { ActorKey, Instant, ThreadIndex } from "../core/ids.ts";
import { type BothClocks, gateOf, shutGate } from "../core/lease_gate.ts";
import { isGrainKey } from "../core/names.ts";
import type { NodeEffect, NodeInput } from "../cluster/cluster_node.ts";
import type { Version } from "../cluster/engine.ts";
import type { Timings } from "../cluster/settings.ts";
import type { ClusterLetter, HostCluster, LetterOutcome } from "../workers/cluster_port.ts";
import type { LaneSet } from "../workers/lane_set.ts";
import { LeaseWord, makeLeaseWord, writeGate } from "../workers/lease_word.ts";
import type { PartitionHost } from "../workers/partition_host.ts";
import type { ThreadCluster } from "../workers/thread_boot.ts";
import { ThreadLease } from "../workers/thread_lease.ts";
import { type Beginning, GivenActivations } from "./given_activations.ts";
import { HeldBack } from "./held_back.ts";
import { OwnEnd } from "./own_end.ts";
import { MAIN, type Remaining, type ThreadEnd, type ThreadOwner } from "./thread_end.ts";
import { failedWith, letterOf, outcomeOf, stopWordOf } from "./thread_words.ts";
import { WorkerEnd } from "./worker_end.ts";
import { WorkerLanes } from "./worker_lanes.ts";

/** Orders that may wait for the store's generation before peers are asked to wait too. */
const HELD_ORDERS_CALM = 1_024;

/** What {@link ClusterThreads} is given. */
export interface ClusterThreadsOptions {
  readonly workers: number;
  readonly partitionCount: number;
  /** Bytes of one message to or from an actor of this node. */
  readonly messageBytesMax: number;
  readonly timings: Timings;
  readonly clock: () => Instant;
  readonly wallClock: () => number;
  /** Hands an input to the machine, soon: never from inside of this call. */
  readonly tell: (input: NodeInput) => void;
  /** Calls back when every input told so far was taken. */
  readonly afterInputs: (go: () => void) => void;
  /** Whether the router's one place for a key is this activation, with nothing on its way anywhere else. */
  readonly isSettledHere: (key: ActorKey, token: Version) => boolean;
  /** Whether a spawned actor of this kind begins again when its worker has died. */
  readonly beginsAgain: (kind: string) => boolean;
  /** A worker has read nothing for so long that its lane can keep no more: it is as good as lost. */
  readonly stuck: (thread: ThreadIndex) => void;
  /** Something was put into a lane. */
  readonly sent: () => void;
  /** An actor of a thread watches one that isn't on it, or no longer. */
  readonly watch: (thread: ThreadIndex, watcher: ActorKey, key: ActorKey, kind: string, isOn: boolean) => void;
}

/** All threads of one clustered node. */
export class ClusterThreads implements ThreadCluster {
  readonly forHost: HostCluster;
  readonly lease: ThreadLease;
  /** Shared with the workers. */
  readonly leaseWord: SharedArrayBuffer = makeLeaseWord();
  readonly #options: ClusterThreadsOptions;
  readonly #own: OwnEnd;
  readonly #workers: readonly WorkerEnd[];
  readonly #lanes: WorkerLanes;
  readonly #given = new GivenActivations();
  readonly #heldBack = new HeldBack();
  /** By ask of an actor, or of who asks from outside: its thread. */
  readonly #askers = new Map<number, ThreadIndex>();
  #identity = 0;
  #storeGeneration = 0;
  /** Orders that wait for the store's generation. */
  #held: (() => void)[] | undefined = undefined;

  constructor(options: ClusterThreadsOptions) {
    this.#options = options;
    const { clock, wallClock, messageBytesMax, workers } = options;
    this.lease = new ThreadLease(new LeaseWord(this.leaseWord), { mono: clock, wall: wallClock }, 0);
    const owner = this.#ownerOf();
    const lanes = this.#lanes = new WorkerLanes(options);
    this.#own = new OwnEnd({ lease: this.lease, owner, isHeldBack: (key) => this.#heldBack.has(key) });
    this.#workers = Array.from({ length: workers }, (_, index) => {
      return new WorkerEnd({ thread: index + 1 as ThreadIndex, lanes, owner, clock, messageBytesMax });
    });
    this.forHost = { port: this.#own.port, generation: () => this.#storeGeneration };
  }

  /** Where the lanes come from: `bootThread` makes them. */
  withLanes(lanes: LaneSet | undefined): this {
    this.#lanes.attach(lanes);
    return this;
  }

  attach(host: PartitionHost): void {
    this.#own.attach(host);
  }

  /** The activations of this identity, and their threads. */
  get activations(): readonly { readonly key: ActorKey; readonly kind: string; readonly thread: ThreadIndex }[] {
    return this.#given.live;
  }

  /** Whether messages wait for a worker outside of its ring, or many for the store's generation. */
  get isCongested(): boolean {
    return (this.#held?.length ?? 0) > HELD_ORDERS_CALM || this.#lanes.isCongested;
  }

  /** What threads said that belonged to another identity, or to nothing. */
  get strayCount(): number {
    return [this.#own, ...this.#workers].reduce((sum, { strayCount }) => sum + strayCount, 0);
  }

  /** The thread of this node that runs an actor, if it is here. */
  threadOf(key: ActorKey): ThreadIndex {
    const { workers, partitionCount } = this.#options;
    return workers === 0 ? MAIN : threadOf(partitionOfKey(key, partitionCount), workers);
  }

  // --- identity and lease ---------------------------------------------------------------------------

  /** A new identity of the process: nothing of an older one counts. */
  begin(): void {
    const identity = ++this.#identity;
    this.#lanes.identity = identity;
    writeGate(this.leaseWord, shutGate(identity));
    this.#given.clear();
    this.#askers.clear();
    this.#heldBack.release();
    for (const worker of this.#workers) worker.clear();
    this.#held = [];
    this.#own.fence(identity);
    this.#lanes.orderAll({ order: "look" });
  }

  /** The store's number for the cluster this node is in now: what was held back may begin. */
  storeGeneration(generation: number): void {
    this.#storeGeneration = generation;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const go of held) go();
  }

  /** The lease lasts until then. */
  publish(until: BothClocks | undefined): void {
    writeGate(this.leaseWord, gateOf(this.#identity, until, this.#options.timings));
  }

  /** The lease is another one: whoever waits for it should look. */
  leaseChanged(): void {
    this.#own.look();
    this.#lanes.orderAll({ order: "look" });
  }

  // --- what the machine wants -----------------------------------------------------------------------

  /** Does what the machine wants of the host of its actors. */
  perform(effect: Extract<NodeEffect, { kind: "start" | "stop" | "enqueue" | "reply" | "failed" }>): void {
    switch (effect.kind) {
      case "start":
        return this.#inOrder(() => this.#start(effect));
      case "stop":
        return this.#inOrder(() => this.#stop(effect));
      case "enqueue":
        return this.#inOrder(() => this.#enqueue(effect));
      case "reply":
        return this.#answer(effect.askId, outcomeOf(effect.outcome));
      case "failed": {
        const { askId, code, fate } = effect;
        return this.#answer(askId, failedWith(code, fate, "")); // Who asked knows what for, and makes the words.
      }
      default:
        return effect satisfies never;
    }
  }

  #inOrder(go: () => void): void {
    if (this.#held === undefined) go();
    else this.#held.push(go);
  }

  #start({ key: text, token, record }: Extract<NodeEffect, { kind: "start" }>): void {
    const key = text as ActorKey;
    const init = record.type === "grain" || record.spec.length === 0 ? undefined : record.spec;
    const beginning = { key, token, thread: this.threadOf(key), kind: record.kind, init };
    this.#given.begin(beginning);
    this.#begin(beginning, false);
  }

  #begin({ key, token, thread, kind, init }: Beginning, isAgain: boolean): void {
    this.#end(thread).begin({ key, kind, token, init, isAgain }, this.#storeGeneration);
  }

  #stop({ key: text, token, reason }: Extract<NodeEffect, { kind: "stop" }>): void {
    const key = text as ActorKey;
    this.#given.stop(key, token);
    this.#end(this.threadOf(key)).stop(key, token, stopWordOf(reason));
  }

  #enqueue({ key: text, token, number, arrived }: Extract<NodeEffect, { kind: "enqueue" }>): void {
    const key = text as ActorKey;
    const thread = this.threadOf(key);
    const end = this.#end(thread);
    const given = this.#given.next(key, token, thread, number);
    const { frame } = arrived;
    const code = frame.kind === "flush" ? end.flush(number, arrived, frame) : end.deliver(number, arrived, frame);
    if (code === undefined) return void (given.offered = number);
    this.#options.tell({ kind: "refused", arrived, code, fate: "not-delivered" });
    if (!given.isOver || given.offered > 0) return;
    this.#ended(thread, { key, token, reason: "not-found", items: [], letters: [], through: number });
  }

  #answer(askId: number, outcome: LetterOutcome): void {
    const thread = this.#askers.get(askId);
    this.#askers.delete(askId);
    if (thread !== undefined) this.#end(thread).answer(askId, outcome);
  }

  #end(thread: ThreadIndex): ThreadEnd {
    return thread === MAIN ? this.#own : this.#worker(thread);
  }

  #worker(thread: ThreadIndex): WorkerEnd {
    const worker = this.#workers[thread - 1];
    assert(worker !== undefined, "a thread is the main thread or a worker");
    return worker;
  }

  // --- what threads say -----------------------------------------------------------------------------

  take(type: number, reader: ByteReader, from: ThreadIndex): void {
    this.#worker(from).take(type, reader);
  }

  #ownerOf(): ThreadOwner {
    const { tell, afterInputs, watch } = this.#options;
    return {
      tell,
      send: (thread, letter) => this.#send(thread, letter),
      abortAsk: (askId) => this.#abortAsk(askId),
      ended: (thread, remaining) => this.#ended(thread, remaining),
      wantsOpen: (thread, key, token) => afterInputs(() => this.#answerOpen(thread, key, token)),
      watch,
    };
  }

  #send(thread: ThreadIndex, letter: ClusterLetter): void {
    if (letter.ask !== undefined) this.#askers.set(letter.ask.id, thread);
    this.#options.tell({ kind: "send", letter: letterOf(letter) });
  }

  #abortAsk(askId: number): void {
    this.#askers.delete(askId);
    this.#options.tell({ kind: "abortAsk", askId });
  }

  /**
   * All that the thread sent to this key before it asked has been through the router. If that has one place for it, which
   * is this one, it is all in front of the answer.
   */
  #answerOpen(thread: ThreadIndex, key: ActorKey, token: Version): void {
    this.#end(thread).open(key, token, this.#options.isSettledHere(key, token));
  }

  /** The machine hears first what comes back, then that there is nothing more. */
  #ended(thread: ThreadIndex, remaining: Remaining): void {
    const { tell, afterInputs } = this.#options;
    const { key, token, letters } = remaining;
    const { handedBack, end, isAll } = this.#given.ended(remaining);
    tell(handedBack);
    // From then on the router gives it nothing more.
    if (isAll) afterInputs(() => this.#given.forget(key, token));
    for (const letter of letters) this.#send(thread, letter);
    if (end !== undefined) tell(end);
  }

  // --- workers that die -----------------------------------------------------------------------------

  /**
   * A worker is gone with everything on it, and its lanes are new: grains end, spawned actors begin again on its successor
   * under the tokens they have. How many do.
   */
  workerLost(thread: ThreadIndex): number {
    const worker = this.#worker(thread);
    worker.lost();
    for (const [askId, asker] of [...this.#askers]) if (asker === thread) this.#abortAsk(askId);
    let begunAgain = 0;
    for (const given of this.#given.on(thread)) {
      const { key, token, kind, isOver, last } = given;
      const wasTold = this.#given.isStopping(key, token);
      const returned = worker.takeReturned(key, token);
      if (isGrainKey(key) || isOver || wasTold || returned !== undefined || !this.#options.beginsAgain(kind)) {
        const { items, letters } = returned ?? { items: [], letters: [] };
        const reason = wasTold ? "not-found" : "worker-lost";
        this.#ended(thread, { key, token, reason, items, letters, through: last });
        continue;
      }
      // Before anything else that goes into the new lane: a message must not find it missing there.
      given.offered = 0;
      this.#begin(given, true);
      begunAgain++;
    }
    return begunAgain;
  }

  // --- room -----------------------------------------------------------------------------------------

  /** Messages to this actor find no room: from now on their senders are told so at once. */
  holdBack(target: string): void {
    const key = target as ActorKey;
    if (this.#heldBack.add(key)) this.#lanes.orderAll({ order: "busy", key });
  }

  /** There may be room again. */
  goOn(): void {
    const pages = this.#heldBack.release();
    if (pages.length === 0) return;
    for (const keys of pages) this.#lanes.orderAll({ order: "free", keys });
    this.#options.sent();
  }

  /** Forgets those nobody waits for any longer. Once a second is enough. */
  sweep(): void {
    const nowMs = this.#options.clock();
    for (const worker of this.#workers) worker.sweep(nowMs);
  }
}
