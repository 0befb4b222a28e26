/**
 * What a host sends to other threads, as records in its lanes. Encodes straight into ring memory; a message
 * that cannot travel is abandoned there, and its sender gets the error. Touches lanes; one per thread.
 *
 * @module
 */
import { OVERFLOW_BYTES_DEFAULT } from "./lane.ts";
import type { LaneSet } from "./lane_set.ts";
import type { ByteWriter } from "../core/byte_writer.ts";
import { encodeValue } from "../core/codec.ts";
import type { AskHeader } from "../core/envelope.ts";
import { ActorError, toFailureData } from "../core/failure.ts";
import type { ThreadIndex } from "../core/ids.ts";
import type { Target } from "../core/ref.ts";
import type { RefCodec } from "../core/ref_data.ts";
import { ofMessage } from "../core/refused_value.ts";
import type { KindTable } from "./kind_table.ts";
import { RecordType, writeEnvelope, writeHeader } from "./record.ts";
import type { Notice, Operation } from "./worker_protocol.ts";

/**
 * Bytes one lane may keep before further replies are dropped for short failures: a thread that asks for much
 * and reads little must not end the one that answers. Half of what a lane keeps before it counts as lost.
 */
const REPLY_BYTES_QUEUED_MAX = OVERFLOW_BYTES_DEFAULT / 2;

/** What a host needs to reach other threads. The simulator has its own. */
export interface Outbound {
  /** Sends a tell or an ask; `false` when the lane is full. Throws what encoding throws. */
  send(
    target: Target,
    handler: number,
    args: readonly unknown[],
    sender: Target | undefined,
    ask: AskHeader | undefined,
    trace: string | undefined,
  ): boolean;
  /** Answers an ask of another thread; what cannot travel is answered with a failure instead. */
  reply(ask: AskHeader, value: unknown): void;
  /** Answers an ask of another thread with a failure. */
  refuse(ask: AskHeader, error: ActorError): void;
  /** Asks a thread to do something; it answers like an ask. Throws what encoding throws. */
  operate(thread: ThreadIndex, operation: Operation, ask: AskHeader): void;
  /** Counts one message that came from a thread and was refused here, where that thread can see it. */
  countRefused(from: ThreadIndex): void;
  /** Messages of this thread that others have refused after they arrived. */
  refusedElsewhere(): number;
  /** Bytes of this thread that others have not read, by the index of the receiver. Only where there are lanes. */
  bytesQueued?(): Readonly<Record<string, number>>;
  /** Tells a thread something it must know. */
  notice(thread: ThreadIndex, notice: Notice): void;
  /** Tells a thread something it may miss; `false` when the lane is full. */
  offerNotice(thread: ThreadIndex, notice: Notice): boolean;
}

/** The outbox of one thread of a node with workers. */
export class Outbox implements Outbound {
  readonly #lanes: LaneSet;
  readonly #kinds: KindTable;
  readonly #refs: RefCodec;

  constructor(lanes: LaneSet, kinds: KindTable, refs: RefCodec) {
    this.#lanes = lanes;
    this.#kinds = kinds;
    this.#refs = refs;
  }

  send(
    target: Target,
    handler: number,
    args: readonly unknown[],
    sender: Target | undefined,
    ask: AskHeader | undefined,
    trace: string | undefined,
  ): boolean {
    const lane = this.#lanes.writerTo(target.thread);
    const writer = lane.begin();
    if (writer === undefined) {
      lane.wantRoom();
      return false;
    }
    try {
      writeEnvelope(writer, this.#kinds, target, handler, args, sender, ask, trace, this.#refs);
      lane.end();
    } catch (error) {
      lane.abandon();
      throw ofMessage(error, `${target.key}.${target.kind.handlers[handler]?.name ?? "?"}`);
    }
    return true;
  }

  reply(ask: AskHeader, value: unknown): void {
    if (this.#lanes.writerTo(ask.thread).bytesQueued > REPLY_BYTES_QUEUED_MAX) return this.refuse(ask, replyDropped());
    try {
      this.#owed(ask.thread, RecordType.reply, ask.id, value);
    } catch (thrown) {
      this.refuse(ask, replyCannotTravel(thrown));
    }
  }

  refuse(ask: AskHeader, error: ActorError): void {
    try {
      this.#owed(ask.thread, RecordType.failure, ask.id, toFailureData(error));
    } catch {
      // Details may hold anything a user put there; code, text and fate always travel.
      const { code, message, fate } = error;
      this.#owed(ask.thread, RecordType.failure, ask.id, { code, message, fate, details: {} });
    }
  }

  operate(thread: ThreadIndex, operation: Operation, ask: AskHeader): void {
    this.#owed(thread, RecordType.operation, ask.id, operation);
  }

  countRefused(from: ThreadIndex): void {
    this.#lanes.readerFrom(from).countRefused(1);
  }

  refusedElsewhere(): number {
    return this.#lanes.peers.reduce((sum, { writer }) => sum + writer.refusedByReceiver, 0);
  }

  bytesQueued(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#lanes.peers.map(({ index, writer }) => [index, writer.bytesQueued]));
  }

  notice(thread: ThreadIndex, notice: Notice): void {
    this.#owed(thread, RecordType.notice, 0, notice);
  }

  offerNotice(thread: ThreadIndex, notice: Notice): boolean {
    const lane = this.#lanes.writerTo(thread);
    const writer = lane.begin();
    if (writer === undefined) return false;
    try {
      this.#write(writer, RecordType.notice, 0, notice);
      lane.end();
    } catch (error) {
      lane.abandon();
      throw error;
    }
    return true;
  }

  #owed(thread: ThreadIndex, type: number, id: number, value: unknown): void {
    const lane = this.#lanes.writerTo(thread);
    const writer = lane.beginOwed();
    try {
      this.#write(writer, type, id, value);
      lane.end();
    } catch (error) {
      lane.abandon();
      throw error;
    }
  }

  #write(writer: ByteWriter, type: number, id: number, value: unknown): void {
    writeHeader(writer, type, id);
    encodeValue(writer, value, this.#refs);
  }
}

function replyDropped(): ActorError {
  return new ActorError(
    "lane-full",
    `Cannot send the reply: the lane to its asker holds over ${REPLY_BYTES_QUEUED_MAX} bytes`,
    { fate: "delivered", details: { limit: REPLY_BYTES_QUEUED_MAX } },
  );
}

function replyCannotTravel(thrown: unknown): ActorError {
  const cause = thrown instanceof ActorError ? thrown : undefined;
  return new ActorError("reply-cannot-travel", `Cannot send the reply: ${cause?.message ?? String(thrown)}`, {
    cause: thrown,
    details: cause?.details ?? {},
  });
}
