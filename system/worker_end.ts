/**
 * One worker of a clustered node, as its main thread has it: orders and messages become records in its lane, and its
 * records become words of its actors. Touches the lane; mutable; outlives the worker, whose successor has its place.
 *
 * One idea: what somebody waits for stays here under a number while the worker has it; so that what comes back is a number,
 * and what is lost with the worker is known.
 *
 * Invariant: whatever a worker was given and somebody waits for is answered, handed back, or answered for it when it dies;
 * and nothing it says of another identity of this process is heard.
 *
 * @module
 */
import { type ByteReader, malformed } from "../core/byte_reader.ts";
import { toActorError } from "../core/failure.ts";
import type { ActorKey, Instant, ThreadIndex } from "../core/ids.ts";
import type { Version } from "../cluster/engine.ts";
import type { Arrived, FlushFrame, UserFrame } from "../cluster/router_protocol.ts";
import type { StopWord } from "../workers/abroad.ts";
import type { Activation, ClusterLetter, LetterOutcome } from "../workers/cluster_port.ts";
import {
  type ClusterWord,
  type Delivery,
  readLetter,
  readOutcome,
  readWord,
  writeDelivery,
  writeOutcome,
} from "../workers/cluster_records.ts";
import { RecordType } from "../workers/record.ts";
import { activationName } from "./activation_table.ts";
import { Awaited } from "./awaited.ts";
import type { ThreadEnd, ThreadOwner, Untaken } from "./thread_end.ts";
import { arrivedOf, deliveryOf, failedWith, tooLarge } from "./thread_words.ts";
import { OUTCOME_BYTES_QUEUED_MAX, type WorkerLanes } from "./worker_lanes.ts";

const OUTCOME_DROPPED: LetterOutcome = failedWith(
  "lane-full",
  "delivered",
  `Cannot send the reply: the lane to its asker holds over ${OUTCOME_BYTES_QUEUED_MAX} bytes`,
);

/** What an activation hands back. */
export interface Returned {
  readonly items: Arrived[];
  readonly letters: ClusterLetter[];
}

/** What {@link WorkerEnd} is given. */
export interface WorkerEndOptions {
  readonly thread: ThreadIndex;
  readonly lanes: WorkerLanes;
  readonly owner: ThreadOwner;
  readonly clock: () => Instant;
  /** Bytes of one message to or from an actor of this node. */
  readonly messageBytesMax: number;
}

/** See the module. */
export class WorkerEnd implements ThreadEnd {
  strayCount = 0;
  readonly #options: WorkerEndOptions;
  readonly #awaited = new Awaited();
  /** By activation: what it has handed back of which there is more to come. */
  readonly #returned = new Map<string, Returned>();

  constructor(options: WorkerEndOptions) {
    this.#options = options;
  }

  // --- what it is told ------------------------------------------------------------------------------

  begin(activation: Activation, generation: number): void {
    const { thread, lanes, owner, messageBytesMax } = this.#options;
    const { key, token, init } = activation;
    if ((init?.length ?? 0) <= messageBytesMax) return lanes.order(thread, { order: "begin", activation, generation });
    const error = `what it is to begin with has more than ${messageBytesMax} bytes`;
    owner.tell({ kind: "started", key, token, error });
    owner.ended(thread, { key, token, reason: "start-failed", items: [], letters: [], through: 0 });
  }

  stop(key: ActorKey, token: Version, word: StopWord): void {
    this.#options.lanes.order(this.#options.thread, { order: "stop", key, token, word });
  }

  flush(number: number, arrived: Arrived, frame: FlushFrame): undefined {
    const target = frame.target as ActorKey;
    const id = this.#awaited.add(arrived, Infinity);
    this.#options.lanes.order(this.#options.thread, { order: "flush", target, token: frame.token, number, id });
  }

  deliver(number: number, arrived: Arrived, frame: UserFrame): Untaken | undefined {
    const { thread, lanes, messageBytesMax } = this.#options;
    const { payload, remainingMs } = frame;
    if (!(payload instanceof Uint8Array)) return "buffer-full";
    // Its sender's node may take larger ones than this.
    if (payload.length > messageBytesMax) return "message-too-large";
    if (!lanes.hasRoom(thread)) return "buffer-full";
    const id = remainingMs === undefined ? 0 : this.#awaited.add(arrived, arrived.at + remainingMs);
    const delivery = deliveryOf(id, number, arrived, frame, payload);
    lanes.write(thread, (writer, identity) => writeDelivery(writer, identity, delivery));
    return undefined;
  }

  answer(askId: number, outcome: LetterOutcome): void {
    const { thread, lanes } = this.#options;
    const said = lanes.hasRoomForOutcomes(thread) ? outcome : OUTCOME_DROPPED;
    const write = (one: LetterOutcome) =>
      lanes.write(thread, (writer, identity) => writeOutcome(writer, RecordType.outcome, identity, askId, one));
    try {
      write(said);
    } catch (thrown) {
      // Who answered may live where larger messages are taken. The lane is as it was.
      if (toActorError(thrown).code !== "message-too-large") throw thrown;
      write(tooLarge(said));
    }
  }

  open(key: ActorKey, token: Version, isOpen: boolean): void {
    this.#options.lanes.order(this.#options.thread, { order: "open", key, token, isOpen });
  }

  // --- what it says ---------------------------------------------------------------------------------

  /** Takes a record of the worker, behind its type. Throws `malformed-bytes`. */
  take(type: number, reader: ByteReader): void {
    const { thread, lanes, owner } = this.#options;
    const isOurs = reader.f64() === lanes.identity;
    if (!isOurs && type !== RecordType.word) return void this.strayCount++;
    switch (type) {
      case RecordType.letter:
        return owner.send(thread, readLetter(reader));
      case RecordType.answer:
        return this.#answered(readOutcome(reader));
      case RecordType.word: {
        const word = readWord(reader);
        // Clocks belong to threads, not to identities.
        if (word.word === "clock") return this.#tellClock(word.workerMs);
        return isOurs ? this.#heard(word) : void this.strayCount++;
      }
      default:
        throw malformed(`no worker sends records of type ${type}`);
    }
  }

  #heard(word: Exclude<ClusterWord, { word: "clock" }>): void {
    const { thread, owner } = this.#options;
    switch (word.word) {
      case "abortAsk":
        return owner.abortAsk(word.askId);
      case "refused":
        return owner.tell({ kind: "refused", arrived: this.#back(word.delivery), code: word.code, fate: word.fate });
      case "flushReached": {
        const arrived = this.#awaited.take(word.id);
        return arrived === undefined ? undefined : owner.tell({ kind: "flushReached", arrived });
      }
      case "started":
        return owner.tell({ kind: "started", key: word.key, token: word.token, error: word.error });
      case "returned":
        return void this.#returned.set(activationName(word.key, word.token), this.#allReturned(word));
      case "ended": {
        const { key, token, reason, through } = word;
        const { items, letters } = this.#allReturned(word);
        this.#returned.delete(activationName(key, token));
        return owner.ended(thread, { key, token, reason, items, letters, through });
      }
      case "wantsOpen":
        return owner.wantsOpen(thread, word.key, word.token);
      case "watch":
      case "unwatch":
        return owner.watch(thread, word.watcher, word.key, word.kind, word.word === "watch");
      default:
        return word satisfies never;
    }
  }

  #answered({ id, outcome }: ReturnType<typeof readOutcome>): void {
    const arrived = this.#awaited.take(id);
    if (arrived !== undefined) this.#options.owner.tell({ kind: "answered", arrived, outcome });
  }

  #tellClock(workerMs: number): void {
    const { thread, lanes, clock } = this.#options;
    lanes.order(thread, { order: "clock", workerMs, mainMs: clock() });
  }

  /** With the parts that came before it. */
  #allReturned({ key, token, origins, letters }: Omit<Extract<ClusterWord, { word: "returned" }>, "word">): Returned {
    const all = this.#returned.get(activationName(key, token)) ?? { items: [], letters: [] };
    for (const origin of origins) {
      const arrived = typeof origin === "number" ? this.#awaited.take(origin) : this.#back(origin);
      if (arrived !== undefined) all.items.push(arrived);
    }
    all.letters.push(...letters);
    return all;
  }

  #back(delivery: Delivery): Arrived {
    this.#awaited.take(delivery.id);
    return arrivedOf(delivery);
  }

  // --- its end --------------------------------------------------------------------------------------

  /** It is gone, and its lane is new: who waits for something it had is told. */
  lost(): void {
    const { owner } = this.#options;
    for (const arrived of this.#awaited.takeAll()) {
      if (arrived.frame.kind === "flush") owner.tell({ kind: "flushReached", arrived });
      else owner.tell({ kind: "refused", arrived, code: "worker-lost", fate: "unknown" });
    }
  }

  /** What an activation had handed back of which there was more to come, if it had. */
  takeReturned(key: ActorKey, token: Version): Returned | undefined {
    const name = activationName(key, token);
    const returned = this.#returned.get(name);
    this.#returned.delete(name);
    return returned;
  }

  /** A new identity: nobody waits any longer. */
  clear(): void {
    this.#awaited.takeAll();
    this.#returned.clear();
  }

  /** Forgets what nobody waits for any longer. */
  sweep(nowMs: number): void {
    this.#awaited.sweep(nowMs);
  }
}
