/**
 * What arrives from other threads: decodes each record, checks it, and hands it on. A record that does not
 * decode costs its sender an answer if it was an ask, and is counted; it never costs the thread. Touches
 * lanes only through what it is given; one per thread.
 *
 * @module
 */
import { type ByteReader, malformed } from "../core/byte_reader.ts";
import { decodeValue } from "../core/codec.ts";
import { type AskHeader, Envelope } from "../core/envelope.ts";
import { ActorError, decodeFailure, fromFailureData, toActorError } from "../core/failure.ts";
import type { ActorKey, Instant, ThreadIndex } from "../core/ids.ts";
import type { Target } from "../core/ref.ts";
import { KeyMemo } from "./key_memo.ts";
import type { RecordSink } from "./lane.ts";
import { operate } from "./operations.ts";
import type { PartitionHost } from "./partition_host.ts";
import { HAS_SENDER, HAS_TRACE, readArguments, readAsk, RecordType } from "./record.ts";
import { RefTarget } from "./ref_target.ts";
import { decodeNotice, decodeOperation, type Notice } from "./worker_protocol.ts";

/** What the inbox cannot do by its host alone. */
export interface InboxOutside {
  /** An event of another thread. */
  readonly event: (notice: Extract<Notice, { notice: "event" }>) => void;
  /** A spawned actor of another thread has ended for good. */
  readonly released: (key: ActorKey) => void;
  /** Takes the records of a cluster, behind their type. */
  readonly cluster: ClusterSink | undefined;
}

/** Where the records of a cluster go. */
export interface ClusterSink {
  /** `type` is one of {@link RecordType}, not looked at. Throws `malformed-bytes`. */
  take(type: number, reader: ByteReader, from: ThreadIndex): void;
}

/** The inbox of one thread. */
export class Inbox implements RecordSink {
  readonly #host: PartitionHost;
  readonly #outside: InboxOutside;
  readonly #keys = new KeyMemo();

  constructor(host: PartitionHost, outside: InboxOutside) {
    this.#host = host;
    this.#outside = outside;
  }

  record(reader: ByteReader, fromIndex: number): void {
    const from = fromIndex as ThreadIndex;
    try {
      this.#record(reader, from);
    } catch (thrown) {
      if (!(thrown instanceof ActorError)) throw thrown;
      this.#host.counters.deadLetter("malformed-bytes");
    }
  }

  #record(reader: ByteReader, from: ThreadIndex): void {
    const type = reader.u8();
    switch (type) {
      case RecordType.tell:
        return this.#message(reader, undefined, from);
      case RecordType.ask:
        return this.#ask(reader, from);
      case RecordType.reply:
        return this.#reply(reader);
      case RecordType.failure:
        return this.#failure(reader);
      case RecordType.operation:
        return this.#operation(reader, from);
      case RecordType.notice:
        reader.f64();
        return this.#notice(decodeNotice(decodeValue(reader, this.#host.refs)), from);
      default:
        if (this.#outside.cluster === undefined) throw malformed(`there is no record type ${type}`);
        return this.#outside.cluster.take(type, reader, from);
    }
  }

  #ask(reader: ByteReader, from: ThreadIndex): void {
    const ask = readAsk(reader, from);
    try {
      this.#message(reader, ask, from);
    } catch (thrown) {
      this.#host.refuse(ask, toActorError(thrown));
      throw thrown;
    }
  }

  #message(reader: ByteReader, ask: AskHeader | undefined, from: ThreadIndex): void {
    const host = this.#host;
    const kind = host.kinds.at(reader.u16());
    if (kind === undefined) throw new ActorError("kind-unknown", "Cannot deliver: there is no kind of this index");
    const key = this.#keys.read(reader);
    const handler = reader.u16();
    const flags = reader.u8();
    const sender = (flags & HAS_SENDER) === 0 ? undefined : this.#sender(reader);
    const trace = (flags & HAS_TRACE) === 0 ? undefined : reader.string();
    const args = readArguments(reader, host.refs);
    host.courier.deliver(kind, key, new Envelope(handler, args, sender, ask, undefined, trace), from);
  }

  #sender(reader: ByteReader): Target {
    const host = this.#host;
    const kind = host.kinds.at(reader.u16());
    if (kind === undefined) {
      throw new ActorError("kind-unknown", "Cannot deliver: there is no kind of the sender's index");
    }
    // Most messages never look at their sender: its thread is found when they do.
    return new RefTarget(host.courier, kind, this.#keys.read(reader), UNKNOWN_THREAD, undefined);
  }

  #reply(reader: ByteReader): void {
    const host = this.#host;
    host.counters.recordsReceived++;
    const ask = host.asks.find(reader.f64());
    if (ask === undefined) return host.counters.deadLetter("reply-late");
    let value: unknown;
    try {
      value = decodeValue(reader, host.refs);
    } catch (thrown) {
      host.asks.reject(
        ask,
        new ActorError("malformed-bytes", "Cannot read the reply", { fate: "delivered", cause: thrown }),
      );
      throw thrown;
    }
    host.asks.resolve(ask, value);
  }

  #failure(reader: ByteReader): void {
    const host = this.#host;
    host.counters.recordsReceived++;
    const ask = host.asks.find(reader.f64());
    if (ask === undefined) return host.counters.deadLetter("reply-late");
    const data = decodeFailure(decodeValue(reader, host.refs));
    host.asks.reject(
      ask,
      data === undefined
        ? new ActorError("malformed-bytes", "Cannot read the failure", { fate: "unknown" })
        : fromFailureData(data),
    );
  }

  #operation(reader: ByteReader, from: ThreadIndex): void {
    const host = this.#host;
    const id = reader.f64();
    const ask: AskHeader = { id, thread: from, deadline: Infinity as Instant, chain: undefined };
    const answer = {
      ok: (value: unknown) => host.reply(ask, value),
      failed: (error: ActorError) => host.refuse(ask, error),
    };
    try {
      operate(host, decodeOperation(decodeValue(reader, host.refs)), answer);
    } catch (thrown) {
      answer.failed(toActorError(thrown));
    }
  }

  #notice(notice: Notice, from: ThreadIndex): void {
    const host = this.#host;
    switch (notice.notice) {
      case "watch":
        return host.watches.watchHere({ thread: notice.thread, key: notice.watcher }, notice.key, notice.kind);
      case "unwatch":
        return host.watches.unwatchHere({ thread: notice.thread, key: notice.watcher }, notice.key);
      case "ended":
        return host.watches.endedHere(notice.watcher, notice.key, notice.kind, notice.reason);
      case "event":
        return this.#outside.event(notice);
      case "released":
        return this.#outside.released(notice.key);
      case "published":
        return host.topics.deliver(notice.topic, notice.value);
      case "interest":
        return host.topics.interest(notice.topic, from, notice.isInterested);
      default:
        return notice satisfies never;
    }
  }
}

/** A sender read from a ring: `refTo` computes its thread when somebody asks for it. */
export const UNKNOWN_THREAD = -1 as ThreadIndex;
