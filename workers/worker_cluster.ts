/**
 * A worker's end of the cluster: what its host says goes to the main thread, what the main thread orders goes to the host.
 * Touches the lane to the main thread; mutable; one per worker of a clustered node.
 *
 * One idea: every record bears the identity of the process it belongs to. Whoever reads one of another identity drops it,
 * so nothing of a fenced life reaches the next one, in either direction.
 *
 * Invariant: no message of an actor enters the lane that the lease does not let through at that moment.
 *
 * @module
 */
import type { ByteReader } from "../core/byte_reader.ts";
import type { ByteWriter } from "../core/byte_writer.ts";
import { type FailureData, type Fate, toActorError } from "../core/failure.ts";
import { type ActorKey, after, instant } from "../core/ids.ts";
import type {
  ActivationToken,
  ClusterLetter,
  ClusterPort,
  HostCluster,
  LetterOutcome,
  Remains,
  SendRefusal,
} from "./cluster_port.ts";
import {
  type ClusterOrder,
  type ClusterWord,
  type Delivery,
  readDelivery,
  readOrder,
  readOutcome,
  writeLetter,
  writeOutcome,
  writeWord,
} from "./cluster_records.ts";
import { OVERFLOW_BYTES_DEFAULT } from "./lane.ts";
import type { LaneSet } from "./lane_set.ts";
import type { PartitionHost } from "./partition_host.ts";
import { RecordType } from "./record.ts";
import type { ThreadLease } from "./thread_lease.ts";

/** The main thread. */
const MAIN = 0;
/** Bytes the lane may keep before further answers are dropped for a short failure: half of what it keeps at all. */
const ANSWER_BYTES_QUEUED_MAX = OVERFLOW_BYTES_DEFAULT / 2;
const ANSWER_DROPPED: LetterOutcome = {
  kind: "failed",
  failure: {
    code: "lane-full",
    message: `Cannot send the reply: the lane to the main thread holds over ${ANSWER_BYTES_QUEUED_MAX} bytes`,
    fate: "delivered",
    details: {},
  },
};
/** Bytes of one record of what an activation hands back, or one message: what fits into the smallest record there may be. */
const PART_BYTES = 8_192;
/** Bytes around the payload of one message in it, at most, but for its keys. */
const AROUND_BYTES = 1_024;

/** The cluster, as one worker has it. */
export class WorkerCluster implements ClusterPort {
  /** What the host of this thread is given. */
  readonly forHost: HostCluster = { port: this, generation: () => this.#generation };
  readonly lease: ThreadLease;
  readonly #lanes: LaneSet;
  /** Keys to which the main thread takes no more messages now, and the identity under which it said so. */
  readonly #busy = new Set<ActorKey>();
  #busyUnder = 0;
  #host: PartitionHost | undefined = undefined;
  #generation = 0;
  /** What this thread's clock showed at its last measurement. An answer to any other may be meant for who was here before. */
  #askedAtMs = -Infinity;

  constructor(lanes: LaneSet, lease: ThreadLease) {
    this.#lanes = lanes;
    this.lease = lease;
  }

  /** The host it is the port of. To be told before the first turn. */
  attach(host: PartitionHost): void {
    this.#host = host;
  }

  /** Begins a measurement of this thread's clock. */
  measure(): void {
    const workerMs = this.#askedAtMs = this.lease.clockMs();
    this.#say({ word: "clock", workerMs });
  }

  // --- from the host ------------------------------------------------------------------------------

  send(letter: ClusterLetter): SendRefusal | undefined {
    // All code of a worker is some actor's, also what a handler left running behind itself.
    if (!this.lease.mayLeave()) return "lease-lost";
    if (this.#busy.size > 0 && this.#isBusy(letter.target)) return "buffer-full";
    const lane = this.#lanes.writerTo(MAIN);
    const writer = lane.begin();
    if (writer === undefined) {
      lane.wantRoom();
      return "lane-full";
    }
    try {
      writeLetter(writer, this.lease.generation, letter);
      lane.end();
    } catch (error) {
      lane.abandon();
      throw error;
    }
    return undefined;
  }

  abortAsk(askId: number): void {
    this.#say({ word: "abortAsk", askId });
  }

  answered(origin: unknown, outcome: LetterOutcome): void {
    const { id } = origin as Delivery;
    // An asker that takes much and a main thread that reads little must not end the worker that answers.
    const isMuch = this.#lanes.writerTo(MAIN).bytesQueued > ANSWER_BYTES_QUEUED_MAX;
    const said = isMuch ? ANSWER_DROPPED : outcome;
    try {
      this.#answer(id, said);
    } catch (thrown) {
      // What a user's error says may be more than a record holds. The lane is as it was.
      const { code, message } = toActorError(thrown);
      if (code !== "message-too-large") throw thrown;
      this.#answer(id, { kind: "failed", failure: { ...failureOf(said), message, details: {} } });
    }
  }

  #answer(id: number, outcome: LetterOutcome): void {
    this.#owe((writer, identity) => writeOutcome(writer, RecordType.answer, identity, id, outcome));
  }

  refused(origin: unknown, code: string, fate: Fate): void {
    this.#say({ word: "refused", delivery: origin as Delivery, code, fate });
  }

  flushReached(origin: unknown): void {
    this.#say({ word: "flushReached", id: origin as number });
  }

  started(key: ActorKey, token: ActivationToken, error: FailureData | undefined): void {
    this.#say({ word: "started", key, token, error: error?.message });
  }

  ended(remains: Remains): void {
    const { key, token, reason, through } = remains;
    const parts = partsOf(remains);
    const last = parts.pop() ?? { origins: [], letters: [] };
    for (const part of parts) this.#say({ word: "returned", key, token, ...part });
    this.#say({ word: "ended", key, token, reason, ...last, through });
  }

  wantsOpen(key: ActorKey, token: ActivationToken): void {
    this.#say({ word: "wantsOpen", key, token });
  }

  watch(watcher: ActorKey, key: ActorKey, kind: string, isOn: boolean): void {
    this.#say({ word: isOn ? "watch" : "unwatch", watcher, key, kind });
  }

  // --- from the main thread -----------------------------------------------------------------------

  /** Takes a record of the cluster, behind its type. Throws `malformed-bytes`. */
  take(type: number, reader: ByteReader): void {
    const identity = reader.f64();
    const host = this.#host;
    if (host === undefined) return;
    if (identity !== this.lease.generation) host.lookAtLease();
    if (type === RecordType.order) return this.#obeyIfOurs(host, readOrder(reader), identity);
    if (identity !== this.lease.generation) return;
    if (type === RecordType.delivery) return this.#deliver(host, readDelivery(reader));
    const { id, outcome } = readOutcome(reader);
    host.abroad?.answered(id, outcome);
  }

  #deliver(host: PartitionHost, delivery: Delivery): void {
    const { target, token, actorKind, number, at, ask, payload } = delivery;
    const deadline = ask === undefined ? undefined : this.#deadline(host, at, ask.remainingMs);
    host.abroad?.deliver({ target, token, actorKind, number, deadline, payload, origin: delivery });
  }

  /** All threads share one clock to about a millisecond; none of its error may make a wait longer than it was. */
  #deadline(host: PartitionHost, at: number, remainingMs: number): ReturnType<typeof instant> {
    const now = host.clockNow();
    const deadline = instant(at + remainingMs);
    return deadline < after(now, remainingMs) ? deadline : after(now, remainingMs);
  }

  /** Clocks belong to threads, not to identities: a measurement that crossed the beginning of one is as good as any. */
  #obeyIfOurs(host: PartitionHost, order: ClusterOrder, identity: number): void {
    if (identity === this.lease.generation || order.order === "clock") this.#obey(host, order);
  }

  #obey(host: PartitionHost, order: ClusterOrder): void {
    switch (order.order) {
      case "begin":
        this.#generation = order.generation;
        return host.abroad?.begin(order.activation);
      case "stop":
        return this.#stop(host, order.key, order.token, order.word);
      case "open":
        if (order.isOpen) host.abroad?.open(order.key, order.token);
        else host.abroad?.keepClosed(order.key, order.token);
        return;
      case "flush":
        return host.abroad?.flush(order.target, order.token, order.number, order.id);
      case "busy":
        if (this.#busyUnder !== this.lease.generation) this.#busy.clear();
        this.#busyUnder = this.lease.generation;
        return void this.#busy.add(order.key);
      case "free":
        for (const key of order.keys) this.#busy.delete(key);
        return;
      case "clock":
        if (order.workerMs !== this.#askedAtMs) return;
        this.lease.measured(instant(order.workerMs), instant(order.mainMs));
        return host.lookAtLease();
      case "look":
        return host.lookAtLease();
      default:
        return order satisfies never;
    }
  }

  #stop(
    host: PartitionHost,
    key: ActorKey,
    token: ActivationToken,
    word: Extract<ClusterOrder, { order: "stop" }>["word"],
  ): void {
    const isHere = host.abroad?.isLive(key, token) === true;
    if (isHere) return host.abroad?.stop(key, token, word);
    this.ended({ key, token, reason: "not-found", origins: [], letters: [], through: 0 });
  }

  // ------------------------------------------------------------------------------------------------

  /** What an older identity had no room for has nothing to do with this one. */
  #isBusy(key: ActorKey): boolean {
    return this.#busyUnder === this.lease.generation && this.#busy.has(key);
  }

  #say(word: ClusterWord): void {
    this.#owe((writer, identity) => writeWord(writer, identity, word));
  }

  /** Throws `lane-full` only when the main thread is as good as lost; that ends this worker. */
  #owe(write: (writer: ByteWriter, identity: number) => void): void {
    const lane = this.#lanes.writerTo(MAIN);
    const writer = lane.beginOwed();
    try {
      write(writer, this.lease.generation);
      lane.end();
    } catch (error) {
      lane.abandon();
      throw toActorError(error);
    }
    this.#host?.requestTurn();
  }
}

/** What is left of an outcome that is too large: its code and fate, or that there was a reply. */
function failureOf(outcome: LetterOutcome): Pick<FailureData, "code" | "fate"> {
  if (outcome.kind === "ok") return { code: "message-too-large", fate: "delivered" };
  const { code, fate } = outcome.failure;
  return { code, fate };
}

/** A part of what an activation hands back. */
interface Part {
  readonly origins: (Delivery | number)[];
  readonly letters: ClusterLetter[];
}

/** A whole mailbox may be more than a record may hold. */
function partsOf({ origins, letters }: Remains): Part[] {
  const parts: Part[] = [];
  let leftBytes = 0;
  const partFor = (bytes: number): Part => {
    const known = parts.at(-1);
    if (known !== undefined && bytes <= leftBytes) {
      leftBytes -= bytes;
      return known;
    }
    leftBytes = PART_BYTES - bytes;
    const part = { origins: [], letters: [] };
    parts.push(part);
    return part;
  };
  for (const origin of origins as readonly (Delivery | number)[]) partFor(bytesOf(origin)).origins.push(origin);
  for (const letter of letters) partFor(bytesOf(letter)).letters.push(letter);
  return parts;
}

function bytesOf(message: Delivery | ClusterLetter | number): number {
  if (typeof message === "number") return 16;
  const { target, sender, payload } = message;
  return AROUND_BYTES + target.length + (sender?.key.length ?? 0) + payload.length;
}
