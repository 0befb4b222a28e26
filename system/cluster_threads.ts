/**
 * The actors of a clustered node, seen from its main thread: which thread has which activation, what was given to it, and
 * who waits for an answer. Lives on the main thread; mutable; outlives the identities of its process.
 *
 * One idea: to the cluster's machine a node has one host. This is that host, made of all threads: what the machine wants
 * becomes an order in a lane, or a call on this thread's own host; what threads say becomes the machine's input.
 *
 * Invariant: of each activation the router hears at last that everything it gave was seen, also when a worker died with
 * it; and nothing of another identity of this process reaches the machine.
 *
 * @module
 */
import { type ByteReader, malformed } from "../core/byte_reader.ts";
import type { ByteWriter } from "../core/byte_writer.ts";
import { ActorError, type Fate, toActorError, toFailureData } from "../core/failure.ts";
import { partitionOfKey, threadOf } from "../core/hash.ts";
import { type ActorKey, after, type Instant, nodeId, type ThreadIndex } from "../core/ids.ts";
import { type BothClocks, gateOf, shutGate } from "../core/lease_gate.ts";
import type { StopReason } from "../core/lifecycle.ts";
import { isGrainKey } from "../core/names.ts";
import type { NodeEffect, NodeInput } from "../cluster/cluster_node.ts";
import type { StopReason as MachineStop } from "../cluster/directory_protocol.ts";
import type { Version } from "../cluster/engine.ts";
import type { Arrived, AskOutcome, BounceReason, Letter, UserFrame } from "../cluster/router_protocol.ts";
import type { Timings } from "../cluster/settings.ts";
import type { ClusterLetter, ClusterPort, HostCluster, LetterOutcome, Remains } from "../workers/cluster_port.ts";
import type { StopWord } from "../workers/abroad.ts";
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
} from "../workers/cluster_records.ts";
import { type LaneWriter, OVERFLOW_BYTES_DEFAULT } from "../workers/lane.ts";
import type { LaneSet } from "../workers/lane_set.ts";
import { LeaseWord, makeLeaseWord, writeGate } from "../workers/lease_word.ts";
import type { PartitionHost } from "../workers/partition_host.ts";
import { RecordType } from "../workers/record.ts";
import type { ThreadCluster } from "../workers/thread_boot.ts";
import { ThreadLease } from "../workers/thread_lease.ts";
import { ActivationTable } from "./activation_table.ts";

/** Bytes that may wait for one worker outside of its ring, and records. Above, messages are refused, never words. */
const LANE_BYTES_MAX = 1 << 24;
const LANE_RECORDS_MAX = 1 << 15;

/** Bytes a worker's lane may keep before further answers are dropped for a short failure: half of what it keeps at all. */
const OUTCOME_BYTES_QUEUED_MAX = OVERFLOW_BYTES_DEFAULT / 2;
const OUTCOME_DROPPED: LetterOutcome = failedWith(
  "lane-full",
  "delivered",
  `Cannot send the reply: the lane to its asker holds over ${OUTCOME_BYTES_QUEUED_MAX} bytes`,
);
const FENCED: LetterOutcome = failedWith("fenced", "not-delivered", "Cannot deliver: this node is out of its cluster");
/** Orders that may wait for the store's generation before peers are asked to wait too. */
const HELD_ORDERS_CALM = 1_024;

const MAIN = 0 as ThreadIndex;
/** Bytes of keys in one order: what fits into the smallest record there may be. */
const ORDER_KEYS_BYTES = 4_096;
/** Actors whose senders are held back. Above, their messages are taken and fail one by one. */
const HELD_BACK_MAX = 10_000;
/** An activation that ends for these was not obeying, though it was told to end at the same time. */
const ENDS_OF_ITS_OWN: ReadonlySet<StopReason> = new Set([
  "passivated",
  "failed",
  "restart-budget-spent",
  "start-failed",
]);

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

/** An activation that was begun here. */
interface Given {
  readonly key: ActorKey;
  readonly token: Version;
  readonly thread: ThreadIndex;
  readonly kind: string;
  /** Kept to begin it again should its worker die; `undefined` for grains, which come back by themselves. */
  readonly init: Uint8Array | undefined;
  /** The last number the router gave, and the last that went to the thread. */
  last: number;
  offered: number;
  /** It has ended, and something of what its thread was given is still on the way there. */
  isOver: boolean;
  /** Of what, once it has. Its thread has forgotten it by then, and would say the same of everything that comes late. */
  endedOf: StopReason | undefined;
}

/** A part of what an activation hands back. */
interface Returned {
  readonly items: Arrived[];
  readonly letters: ClusterLetter[];
}

const NOTHING_RETURNED: Returned = { items: [], letters: [] };

/** What a thread was given and somebody waits for. */
interface Awaited {
  readonly thread: ThreadIndex;
  readonly arrived: Arrived;
  /** For sweeping: nobody waits any longer. `Infinity` for a flush. */
  readonly untilMs: number;
}

/** All threads of one clustered node. */
export class ClusterThreads implements ThreadCluster {
  readonly forHost: HostCluster = { port: this.#portOf(), generation: () => this.#storeGeneration };
  readonly lease: ThreadLease;
  /** Shared with the workers. */
  readonly leaseWord: SharedArrayBuffer = makeLeaseWord();
  /** Records that belonged to another identity, or to nothing. */
  strayCount = 0;
  readonly #options: ClusterThreadsOptions;
  #identity = 0;
  #storeGeneration = 0;
  #host: PartitionHost | undefined = undefined;
  #lanes: LaneSet | undefined = undefined;
  /** Orders that wait for the store's generation. */
  #held: (() => void)[] | undefined = undefined;
  readonly #given = new ActivationTable<Given>();
  /** What activations have handed back of which there is more to come. */
  readonly #returned = new Map<string, Returned>();
  /** While this thread's own host ends what it has of an older identity: the asks it would send once more. */
  #fencedAsks: number[] | undefined = undefined;
  /** Actors for whose messages there is no room. */
  readonly #heldBack = new Set<ActorKey>();
  /** Activations that were told to end. */
  readonly #stops = new Set<string>();
  /** Of what activations ended, until the router knows that they did. */
  readonly #endings = new Map<string, StopReason>();
  readonly #awaited = new Map<number, Awaited>();
  readonly #askers = new Map<number, ThreadIndex>();
  #awaitedId = 0;

  constructor(options: ClusterThreadsOptions) {
    this.#options = options;
    this.lease = new ThreadLease(new LeaseWord(this.leaseWord), { mono: options.clock, wall: options.wallClock }, 0);
  }

  /** Where the lanes come from: `bootThread` makes them. */
  withLanes(lanes: LaneSet | undefined): this {
    this.#lanes = lanes;
    return this;
  }

  attach(host: PartitionHost): void {
    this.#host = host;
  }

  /** How many activations of this identity there are on each thread. */
  get activations(): readonly { readonly key: ActorKey; readonly kind: string; readonly thread: ThreadIndex }[] {
    return this.#given.values().filter(({ isOver }) => !isOver);
  }

  /** Whether messages wait for a worker outside of its ring, or many for the store's generation. */
  get isCongested(): boolean {
    if ((this.#held?.length ?? 0) > HELD_ORDERS_CALM) return true;
    return this.#lanes?.peers.some(({ writer }) => writer.overflowRecords > 0) === true;
  }

  // --- identity and lease ---------------------------------------------------------------------------

  /** A new identity of the process: nothing of an older one counts. */
  begin(): void {
    this.#identity++;
    writeGate(this.leaseWord, shutGate(this.#identity));
    this.#given.clear();
    this.#returned.clear();
    this.#stops.clear();
    this.#endings.clear();
    this.#awaited.clear();
    this.#askers.clear();
    this.#heldBack.clear();
    this.#held = [];
    this.#fenceHost();
    this.#orderAll({ order: "look" });
  }

  /** Records of workers bear their identity. What this thread's own host says of an older one has to be known otherwise. */
  #fenceHost(): void {
    const asks: number[] = this.#fencedAsks = [];
    this.#host?.lookAtLease();
    this.#fencedAsks = undefined;
    for (const askId of asks) this.#host?.abroad?.answered(askId, FENCED);
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
    this.#look();
  }

  #look(): void {
    this.#host?.lookAtLease();
    this.#orderAll({ order: "look" });
  }

  // --- what the machine wants -----------------------------------------------------------------------

  /** Does what the machine wants of the host of its actors. */
  perform(effect: Extract<NodeEffect, { kind: "start" | "stop" | "enqueue" | "reply" | "failed" }>): void {
    switch (effect.kind) {
      case "start":
        return this.#inOrder(() => this.#start(effect));
      case "stop":
        return this.#inOrder(() => this.#stop(effect.key as ActorKey, effect.token, effect.reason));
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
    const given = {
      key,
      token,
      thread: this.#threadOf(key),
      kind: record.kind,
      init,
      last: 0,
      offered: 0,
      isOver: false,
      endedOf: undefined,
    };
    this.#given.set(given);
    this.#begin(given, false);
  }

  #begin({ key, token, thread, kind, init }: Given, isAgain: boolean): void {
    const activation = { key, kind, token, init, isAgain };
    if (thread === MAIN) return this.#onHost((host) => host.abroad?.begin(activation));
    if ((init?.length ?? 0) <= this.#options.messageBytesMax) {
      return this.#order(thread, { order: "begin", activation, generation: this.#storeGeneration });
    }
    const error = `what it is to begin with has more than ${this.#options.messageBytesMax} bytes`;
    this.#options.tell({ kind: "started", key, token, error });
    this.#ended(thread, key, token, "start-failed", [], [], 0);
  }

  #stop(key: ActorKey, token: Version, reason: MachineStop): void {
    const word = wordOf(reason);
    const thread = this.#threadOf(key);
    this.#stops.add(nameOf(key, token));
    if (thread !== MAIN) return this.#order(thread, { order: "stop", key, token, word });
    this.#onHost((host) => {
      if (host.abroad?.isLive(key, token) === true) host.abroad.stop(key, token, word);
      else this.#ended(MAIN, key, token, "not-found", [], [], 0);
    });
  }

  #enqueue({ key: text, token, number, arrived }: Extract<NodeEffect, { kind: "enqueue" }>): void {
    const key = text as ActorKey;
    const thread = this.#threadOf(key);
    const given = this.#given.get(key, token) ?? this.#late(key, token, thread);
    given.last = number;
    const { frame } = arrived;
    const refusal = frame.kind === "flush"
      ? this.#flush(thread, key, token, number, arrived)
      : this.#deliver(thread, token, number, arrived, frame);
    if (refusal !== undefined) {
      this.#options.tell({ kind: "refused", arrived, code: refusal, fate: "not-delivered" });
      if (given.isOver && given.offered === 0) this.#ended(thread, key, token, "not-found", [], [], number);
      return;
    }
    given.offered = number;
  }

  /** It has ended, and the router did not know yet: it hears when this too has come back. */
  #late(key: ActorKey, token: Version, thread: ThreadIndex): Given {
    const endedOf = this.#endings.get(nameOf(key, token));
    const given = { key, token, thread, kind: "", init: undefined, last: 0, offered: 0, isOver: true, endedOf };
    this.#given.set(given);
    return given;
  }

  #flush(thread: ThreadIndex, target: ActorKey, token: Version, number: number, arrived: Arrived): undefined {
    if (thread === MAIN) return this.#onHost((host) => host.abroad?.flush(target, token, number, arrived));
    const id = this.#await(thread, arrived, Infinity);
    this.#order(thread, { order: "flush", target, token, number, id });
  }

  /** Why there is no room for it, if so. */
  #deliver(
    thread: ThreadIndex,
    token: Version,
    number: number,
    arrived: Arrived,
    frame: UserFrame,
  ): "buffer-full" | "message-too-large" | undefined {
    const { actorKind, payload, remainingMs } = frame;
    const target = frame.target as ActorKey;
    if (thread === MAIN) {
      const deadline = remainingMs === undefined ? undefined : after(arrived.at, remainingMs);
      this.#onHost((host) =>
        host.abroad?.deliver({ target, token, actorKind, number, deadline, payload, origin: arrived })
      );
      return undefined;
    }
    const lane = this.#lanes?.writerTo(thread);
    if (lane === undefined || !(payload instanceof Uint8Array)) return "buffer-full";
    // Its sender's node may take larger ones than this.
    if (payload.length > this.#options.messageBytesMax) return "message-too-large";
    if (lane.bytesQueued > LANE_BYTES_MAX || lane.overflowRecords > LANE_RECORDS_MAX) return "buffer-full";
    const untilMs = arrived.at + (remainingMs ?? 0);
    const id = remainingMs === undefined ? 0 : this.#await(thread, arrived, untilMs);
    this.#write(thread, (writer) =>
      writeDelivery(writer, this.#identity, {
        id,
        number,
        target,
        actorKind,
        token,
        from: arrived.from,
        link: arrived.generation,
        at: arrived.at,
        sender: frame.sender && { key: frame.sender.key as ActorKey, token: frame.sender.token },
        ask: frame.askId === undefined ? undefined : { id: frame.askId, remainingMs: remainingMs ?? 0 },
        waitedMs: frame.waitedMs,
        payload,
      }));
    return undefined;
  }

  #answer(askId: number, outcome: LetterOutcome): void {
    const thread = this.#askers.get(askId);
    this.#askers.delete(askId);
    if (thread === undefined) return;
    if (thread === MAIN) return this.#onHost((host) => host.abroad?.answered(askId, outcome));
    // An asker that takes much and a worker that reads little must not end this thread.
    const isMuch = (this.#lanes?.writerTo(thread).bytesQueued ?? 0) > OUTCOME_BYTES_QUEUED_MAX;
    const said = isMuch ? OUTCOME_DROPPED : outcome;
    const write = (one: LetterOutcome) =>
      this.#write(thread, (writer) => writeOutcome(writer, RecordType.outcome, this.#identity, askId, one));
    try {
      write(said);
    } catch (thrown) {
      // Who answered may live where larger messages are taken. The lane is as it was.
      if (toActorError(thrown).code !== "message-too-large") throw thrown;
      write(tooLarge(said));
    }
  }

  // --- what threads say -----------------------------------------------------------------------------

  take(type: number, reader: ByteReader, from: ThreadIndex): void {
    const identity = reader.f64();
    if (identity !== this.#identity && type !== RecordType.word) return void this.strayCount++;
    switch (type) {
      case RecordType.letter:
        return this.#send(from, readLetter(reader));
      case RecordType.answer: {
        const { id, outcome } = readOutcome(reader);
        return this.#answered(id, outcome);
      }
      case RecordType.word: {
        const word = readWord(reader);
        if (word.word === "clock") return this.#clock(from, word.workerMs);
        return identity === this.#identity ? this.#word(from, word) : void this.strayCount++;
      }
      default:
        throw malformed(`no worker sends records of type ${type}`);
    }
  }

  /**
   * A worker is gone with everything on it, and its lanes are new: grains end, spawned actors begin again on its successor
   * under the tokens they have. How many do.
   */
  workerLost(thread: ThreadIndex): number {
    const { tell } = this.#options;
    for (const [id, { thread: on, arrived }] of [...this.#awaited]) {
      if (on !== thread) continue;
      this.#awaited.delete(id);
      if (arrived.frame.kind === "flush") tell({ kind: "flushReached", arrived });
      else tell({ kind: "refused", arrived, code: "worker-lost", fate: "unknown" });
    }
    for (const [askId, on] of [...this.#askers]) {
      if (on !== thread) continue;
      this.#askers.delete(askId);
      tell({ kind: "abortAsk", askId });
    }
    let begunAgain = 0;
    for (const given of this.#given.values()) {
      const { key, token, isOver } = given;
      if (given.thread !== thread) continue;
      const name = nameOf(key, token);
      const wasTold = this.#stops.has(name);
      const returned = this.#returned.get(name);
      if (isGrainKey(key) || isOver || wasTold || returned !== undefined || !this.#options.beginsAgain(given.kind)) {
        const { items, letters } = returned ?? NOTHING_RETURNED;
        this.#ended(thread, key, token, wasTold ? "not-found" : "worker-lost", items, letters, given.last);
        continue;
      }
      // Before anything else that goes into the new lane: a message must not find it missing there.
      given.offered = 0;
      this.#begin(given, true);
      begunAgain++;
    }
    return begunAgain;
  }

  /** Messages to this actor find no room: from now on their senders are told so at once. */
  holdBack(target: string): void {
    const key = target as ActorKey;
    if (this.#heldBack.has(key) || this.#heldBack.size >= HELD_BACK_MAX) return;
    this.#heldBack.add(key);
    this.#orderAll({ order: "busy", key });
  }

  /** There may be room again. */
  goOn(): void {
    if (this.#heldBack.size === 0) return;
    let keys: ActorKey[] = [];
    let bytes = 0;
    for (const key of this.#heldBack) {
      bytes += 3 * key.length + 8;
      if (bytes > ORDER_KEYS_BYTES && keys.length > 0) {
        this.#orderAll({ order: "free", keys });
        keys = [];
        bytes = 3 * key.length + 8;
      }
      keys.push(key);
    }
    this.#orderAll({ order: "free", keys });
    this.#heldBack.clear();
    this.#options.sent();
  }

  /** Forgets those nobody waits for any longer. Once a second is enough. */
  sweep(): void {
    const nowMs = this.#options.clock();
    for (const [id, { untilMs }] of this.#awaited) if (untilMs < nowMs) this.#awaited.delete(id);
  }

  #word(thread: ThreadIndex, word: Exclude<ClusterWord, { word: "clock" }>): void {
    const { tell } = this.#options;
    switch (word.word) {
      case "abortAsk":
        this.#askers.delete(word.askId);
        return tell({ kind: "abortAsk", askId: word.askId });
      case "refused":
        return tell({ kind: "refused", arrived: this.#back(word.delivery), code: word.code, fate: word.fate });
      case "flushReached": {
        const arrived = this.#found(word.id);
        return arrived === undefined ? undefined : tell({ kind: "flushReached", arrived });
      }
      case "started":
        return tell({ kind: "started", key: word.key, token: word.token, error: word.error });
      case "returned":
        return void this.#returned.set(nameOf(word.key, word.token), this.#allReturned(word));
      case "ended": {
        const { key, token, reason, through } = word;
        const { items, letters } = this.#allReturned(word);
        return this.#ended(thread, key, token, reason, items, letters, through);
      }
      case "wantsOpen":
        return this.#options.afterInputs(() => this.#answerOpen(thread, word.key, word.token));
      case "watch":
      case "unwatch":
        return this.#options.watch(thread, word.watcher, word.key, word.kind, word.word === "watch");
      default:
        return word satisfies never;
    }
  }

  /**
   * All that the thread sent to this key before it asked has been through the router. If that has one place for it, which
   * is this one, it is all in front of the answer.
   */
  #answerOpen(thread: ThreadIndex, key: ActorKey, token: Version): void {
    const isOpen = this.#options.isSettledHere(key, token);
    if (thread !== MAIN) return this.#order(thread, { order: "open", key, token, isOpen });
    this.#onHost((host) => isOpen ? host.abroad?.open(key, token) : host.abroad?.keepClosed(key, token));
  }

  #clock(thread: ThreadIndex, workerMs: number): void {
    this.#write(
      thread,
      (writer) => writeWord(writer, this.#identity, { order: "clock", workerMs, mainMs: this.#options.clock() }),
    );
  }

  #send(thread: ThreadIndex, letter: ClusterLetter): void {
    if (letter.ask !== undefined) this.#askers.set(letter.ask.id, thread);
    this.#options.tell({ kind: "send", letter: letterOf(letter) });
  }

  #answered(id: number, outcome: LetterOutcome): void {
    const arrived = this.#found(id);
    if (arrived !== undefined) this.#options.tell({ kind: "answered", arrived, outcome });
  }

  /** With the parts that came before it. */
  #allReturned({ key, token, origins, letters }: Omit<Extract<ClusterWord, { word: "returned" }>, "word">): Returned {
    const all = this.#returned.get(nameOf(key, token)) ?? { items: [], letters: [] };
    for (const origin of origins) {
      const arrived = typeof origin === "number" ? this.#found(origin) : this.#back(origin);
      if (arrived !== undefined) all.items.push(arrived);
    }
    all.letters.push(...letters);
    return all;
  }

  /** The machine hears first what comes back, then that there is nothing more. */
  #ended(
    thread: ThreadIndex,
    key: ActorKey,
    token: Version,
    reason: StopReason,
    items: readonly Arrived[],
    letters: readonly ClusterLetter[],
    through: number,
  ): void {
    const { tell } = this.#options;
    const name = nameOf(key, token);
    const given = this.#given.get(key, token);
    const wasOver = given?.isOver === true;
    const wasStopped = this.#stops.delete(name);
    const isAll = given === undefined || through >= given.offered;
    // What was refused for want of room is not on its way, so nothing after it is to be waited for.
    const seen = given !== undefined && isAll ? given.last : through;
    const endedOf = given?.endedOf ?? reason;
    if (!isAll) {
      given.isOver = true;
      given.endedOf = endedOf;
    } else {
      this.#given.delete(key, token);
      this.#endings.set(name, endedOf);
    }
    this.#returned.delete(name);
    tell({ kind: "handedBack", key, token, items, through: seen, reason: bounceOf(key, endedOf), hint: undefined });
    // From then on the router gives it nothing more.
    if (isAll) this.#options.afterInputs(() => this.#endings.delete(name));
    for (const letter of letters) this.#send(thread, letter);
    if (wasOver) return;
    const wasTold = wasStopped && !ENDS_OF_ITS_OWN.has(reason);
    if (wasTold) tell({ kind: "stoppedFor", key, token, snapshot: undefined });
    else tell({ kind: "ended", key, token });
  }

  #await(thread: ThreadIndex, arrived: Arrived, untilMs: number): number {
    const id = ++this.#awaitedId;
    // Only what an answer needs: the payload is with the worker.
    const { frame } = arrived;
    const light = frame.kind === "user" ? { ...arrived, frame: { ...frame, payload: undefined } } : arrived;
    this.#awaited.set(id, { thread, arrived: light, untilMs });
    return id;
  }

  #found(id: number): Arrived | undefined {
    const found = this.#awaited.get(id);
    this.#awaited.delete(id);
    return found?.arrived;
  }

  #back({ id, target, actorKind, token, from, link, at, sender, ask, waitedMs, payload }: Delivery): Arrived {
    this.#awaited.delete(id);
    return {
      from: nodeId(from),
      generation: link,
      at,
      frame: {
        kind: "user",
        target,
        token,
        actorKind,
        sender,
        askId: ask?.id,
        remainingMs: ask?.remainingMs,
        waitedMs,
        bytes: payload.length,
        payload,
      },
    };
  }

  /** The port of this thread's own host. What its actors still say of an identity that is over is nobody's. */
  #portOf(): ClusterPort {
    const ofActors = (go: () => void) => {
      if (this.lease.generation === this.#identity) go();
      else this.strayCount++;
    };
    const tell = (input: NodeInput) => ofActors(() => this.#options.tell(input));
    return {
      send: (letter) => {
        if (this.#fencedAsks !== undefined) return void this.#fenced([letter]);
        if (letter.sender !== undefined && !this.lease.mayLeave()) return "lease-lost";
        if (this.#heldBack.has(letter.target)) return "buffer-full";
        this.#send(MAIN, letter);
        return undefined;
      },
      abortAsk: (askId) => {
        this.#askers.delete(askId);
        this.#options.tell({ kind: "abortAsk", askId });
      },
      answered: (origin, outcome) => tell({ kind: "answered", arrived: origin as Arrived, outcome }),
      refused: (origin, code, fate) => tell({ kind: "refused", arrived: origin as Arrived, code, fate }),
      flushReached: (origin) => tell({ kind: "flushReached", arrived: origin as Arrived }),
      started: (key, token, error) => tell({ kind: "started", key, token, error: error?.message }),
      wantsOpen: (key, token) => ofActors(() => this.#options.afterInputs(() => this.#answerOpen(MAIN, key, token))),
      watch: (watcher, key, kind, isOn) => ofActors(() => this.#options.watch(MAIN, watcher, key, kind, isOn)),
      ended: ({ key, token, reason, origins, letters, through }: Remains) => {
        if (this.#fencedAsks !== undefined) return this.#fenced(letters);
        ofActors(() => this.#ended(MAIN, key, token, reason, origins as readonly Arrived[], letters, through));
      },
    };
  }

  /** What actors of an older identity would send once more goes nowhere; who waits for an answer has one. */
  #fenced(letters: readonly ClusterLetter[]): void {
    this.strayCount += letters.length;
    for (const { ask } of letters) if (ask !== undefined) this.#fencedAsks?.push(ask.id);
  }

  // ------------------------------------------------------------------------------------------------

  /** The thread of this node that runs an actor, if it is here. */
  threadOf(key: ActorKey): ThreadIndex {
    return this.#threadOf(key);
  }

  #threadOf(key: ActorKey): ThreadIndex {
    const { workers, partitionCount } = this.#options;
    return workers === 0 ? MAIN : threadOf(partitionOfKey(key, partitionCount), workers);
  }

  #onHost(go: (host: PartitionHost) => void): undefined {
    if (this.#host !== undefined) go(this.#host);
  }

  #orderAll(order: ClusterOrder): void {
    for (const { index } of this.#lanes?.peers ?? []) this.#order(index as ThreadIndex, order);
  }

  #order(thread: ThreadIndex, order: ClusterOrder): void {
    this.#write(thread, (writer) => writeWord(writer, this.#identity, order));
  }

  #owed(thread: ThreadIndex, lane: LaneWriter): ByteWriter | undefined {
    try {
      return lane.beginOwed();
    } catch (thrown) {
      if (!(thrown instanceof ActorError)) throw thrown;
      this.#options.stuck(thread); // Whatever it was given is lost with it, and everybody who waits is told.
      return undefined;
    }
  }

  #write(thread: ThreadIndex, write: (writer: ByteWriter) => void): void {
    const lane = this.#lanes?.writerTo(thread);
    if (lane === undefined) return;
    const writer = this.#owed(thread, lane);
    if (writer === undefined) return;
    try {
      write(writer);
      lane.end();
    } catch (error) {
      lane.abandon();
      throw error;
    }
    this.#options.sent();
  }
}

function letterOf(letter: ClusterLetter): Letter {
  return { ...letter, bytes: letter.payload.length };
}

function failedWith(code: string, fate: Fate, message: string): LetterOutcome {
  return { kind: "failed", failure: { code, fate, message, details: {} } };
}

function outcomeOf(outcome: AskOutcome): LetterOutcome {
  if (outcome.kind === "failed") return outcome;
  if (outcome.value instanceof Uint8Array) return { kind: "ok", value: outcome.value };
  const failure = toFailureData(new ActorError("malformed-bytes", "Cannot read the reply", { fate: "delivered" }));
  return { kind: "failed", failure };
}

function tooLarge(outcome: LetterOutcome): LetterOutcome {
  if (outcome.kind === "ok") {
    return failedWith("message-too-large", "delivered", "Cannot take the reply: it is larger than this node takes");
  }
  const { code, fate } = outcome.failure;
  return failedWith(code, fate, "Cannot take all of the failure: it is larger than this node takes");
}

function wordOf(reason: MachineStop): StopWord {
  switch (reason) {
    case "released":
    case "gave-up":
      return "released";
    case "handoff":
      return "moved";
    case "fenced":
    case "lost-claim":
      return "fenced";
    default:
      return reason satisfies never;
  }
}

/** A grain that ends is only not here; a spawned actor that ends by itself is nowhere. */
function bounceOf(key: ActorKey, reason: StopReason): BounceReason {
  if (reason === "moved") return "moved";
  return isGrainKey(key) || reason === "fenced" || reason === "not-found" ? "not-here" : "stopped";
}

function nameOf(key: string, { cfg, seq }: Version): string {
  return `${key} ${cfg}.${seq}`;
}
