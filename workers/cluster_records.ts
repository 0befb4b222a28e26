/**
 * How the words of a clustered host lie in the ring between a worker and the main thread. Pure.
 *
 * One idea: only four of them are frequent, a message and an answer each way, and are laid out by hand; all others are
 * one encoded value. The payload of a message is copied and never looked at.
 *
 * | Record | Way | After its type (one byte) and the identity it belongs to (float 64) |
 * | --- | --- | --- |
 * | letter | to main | target, its kind, sender, ask id and deadline, payload |
 * | delivery | to a worker | number, id, target, its kind, token, sender node, link, instant, sender, ask, waits, payload |
 * | answer | to main | id of the delivery, outcome |
 * | outcome | to a worker | ask id, outcome |
 * | order | to a worker | {@link ClusterOrder} |
 * | word | to main | {@link ClusterWord} |
 *
 * @module
 */
import { type ByteReader, malformed } from "../core/byte_reader.ts";
import type { ByteWriter } from "../core/byte_writer.ts";
import { decodeValue, encodeValue } from "../core/codec.ts";
import { decodeFailure, type Fate } from "../core/failure.ts";
import { type ActorKey, epoch, type Instant, instant } from "../core/ids.ts";
import { STOP_REASONS, type StopReason } from "../core/lifecycle.ts";
import { isKey } from "../core/names.ts";
import { TextMemo } from "../core/text_memo.ts";
import type { StopWord } from "./abroad.ts";
import type { Activation, ActivationToken, ClusterLetter, LetterOutcome } from "./cluster_port.ts";
import { RecordType } from "./record.ts";

/** A message that came from a node, as the main thread hands it to a worker. It goes back as it is if it does not run. */
export interface Delivery {
  /** Numbers the messages somebody waits for, from 1; `0` for a tell. */
  readonly id: number;
  /** As `Arrival` has them. */
  readonly number: number;
  readonly target: ActorKey;
  readonly actorKind: string;
  readonly token: ActivationToken;
  /** The node it came from, by which of its links, and when. */
  readonly from: string;
  readonly link: number;
  readonly at: Instant;
  readonly sender: ClusterLetter["sender"];
  /** At its asker, and how long that waits; `undefined` for a tell. */
  readonly ask: { readonly id: number; readonly remainingMs: number } | undefined;
  /** Milliseconds it has waited in buffers so far. */
  readonly waitedMs: number;
  readonly payload: Uint8Array;
}

/** What the main thread tells a worker, beside messages and answers. */
export type ClusterOrder =
  | { readonly order: "begin"; readonly activation: Activation; readonly generation: number }
  | { readonly order: "stop"; readonly key: ActorKey; readonly token: ActivationToken; readonly word: StopWord }
  /** The answer to `wantsOpen`. */
  | { readonly order: "open"; readonly key: ActorKey; readonly token: ActivationToken; readonly isOpen: boolean }
  | {
    readonly order: "flush";
    readonly target: ActorKey;
    readonly token: ActivationToken;
    readonly number: number;
    readonly id: number;
  }
  /** Messages to this key are refused at once until it is free again. */
  | { readonly order: "busy"; readonly key: ActorKey }
  | { readonly order: "free"; readonly keys: readonly ActorKey[] }
  /** The answer to a measurement of the clocks. */
  | { readonly order: "clock"; readonly workerMs: number; readonly mainMs: number }
  /** The lease has changed: look at it. */
  | { readonly order: "look" };

/** What a worker tells the main thread, beside messages and answers. */
export type ClusterWord =
  | { readonly word: "abortAsk"; readonly askId: number }
  | { readonly word: "refused"; readonly delivery: Delivery; readonly code: string; readonly fate: Fate }
  | { readonly word: "flushReached"; readonly id: number }
  | {
    readonly word: "started";
    readonly key: ActorKey;
    readonly token: ActivationToken;
    readonly error: string | undefined;
  }
  /** A part of what an activation hands back where that is much. Its `ended` follows, with the last part. */
  | {
    readonly word: "returned";
    readonly key: ActorKey;
    readonly token: ActivationToken;
    readonly origins: readonly (Delivery | number)[];
    readonly letters: readonly ClusterLetter[];
  }
  | {
    readonly word: "ended";
    readonly key: ActorKey;
    readonly token: ActivationToken;
    readonly reason: StopReason;
    /** In the order of the mailbox: messages, and the ids of flushes. */
    readonly origins: readonly (Delivery | number)[];
    readonly letters: readonly ClusterLetter[];
    readonly through: number;
  }
  /** Everything sent to this key from here has been put on its way: may it be opened? */
  | { readonly word: "wantsOpen"; readonly key: ActorKey; readonly token: ActivationToken }
  /** An actor here watches one that isn't, or no longer. */
  | {
    readonly word: "watch" | "unwatch";
    readonly watcher: ActorKey;
    readonly key: ActorKey;
    readonly kind: string;
  }
  | { readonly word: "clock"; readonly workerMs: number };

/** Texts that are kept, by their hash. Each takes 90 bytes at most. */
const KEYS_KEPT = 1 << 15;
const NAMES_KEPT = 1 << 8;
const keys = new TextMemo(KEYS_KEPT, isKey);
const names = new TextMemo(NAMES_KEPT, () => true);

/** Writes the front of any of these records. */
function writeFront(writer: ByteWriter, type: number, identity: number): void {
  writer.u8(type);
  writer.f64(identity);
}

/** Writes a message on its way to the main thread. */
export function writeLetter(writer: ByteWriter, identity: number, letter: ClusterLetter): void {
  writeFront(writer, RecordType.letter, identity);
  writeLetterBody(writer, letter);
}

function writeLetterBody(writer: ByteWriter, { target, actorKind, sender, ask, payload }: ClusterLetter): void {
  writer.string(target);
  writer.string(actorKind);
  writeSender(writer, sender);
  writer.f64(ask?.id ?? NaN);
  writer.f64(ask?.deadline ?? NaN);
  writePayload(writer, payload);
}

/** Reads what {@link writeLetter} wrote, behind type and identity. */
export function readLetter(reader: ByteReader): ClusterLetter {
  const target = readKey(reader);
  const actorKind = readName(reader);
  const sender = readSender(reader);
  const askId = reader.f64();
  const deadline = reader.f64();
  const payload = readPayload(reader);
  const ask = Number.isSafeInteger(askId) ? { id: askId, deadline: instant(deadline) } : undefined;
  return { target, actorKind, sender, ask, payload };
}

/** Writes a message on its way to a worker. */
export function writeDelivery(writer: ByteWriter, identity: number, delivery: Delivery): void {
  writeFront(writer, RecordType.delivery, identity);
  const { id, number, target, actorKind, token, from, link, at, sender, ask, waitedMs, payload } = delivery;
  writer.f64(number);
  writer.f64(id);
  writer.string(target);
  writer.string(actorKind);
  writeToken(writer, token);
  writer.string(from);
  writer.f64(link);
  writer.f64(at);
  writeSender(writer, sender);
  writer.f64(ask?.id ?? NaN);
  writer.f64(ask?.remainingMs ?? NaN);
  writer.f64(waitedMs);
  writePayload(writer, payload);
}

/** Reads what {@link writeDelivery} wrote, behind type and identity. */
export function readDelivery(reader: ByteReader): Delivery {
  const number = reader.f64();
  const id = reader.f64();
  const target = readKey(reader);
  const actorKind = readName(reader);
  const token = readToken(reader);
  const from = readName(reader);
  const link = reader.f64();
  const at = instant(reader.f64());
  const sender = readSender(reader);
  const askId = reader.f64();
  const remainingMs = reader.f64();
  const waitedMs = reader.f64();
  const payload = readPayload(reader);
  const ask = Number.isSafeInteger(askId) ? { id: askId, remainingMs } : undefined;
  return { id, number, target, actorKind, token, from, link, at, sender, ask, waitedMs, payload };
}

/** Writes what a handler made of a message: `type` says which way it goes. */
export function writeOutcome(
  writer: ByteWriter,
  type: typeof RecordType.answer | typeof RecordType.outcome,
  identity: number,
  id: number,
  outcome: LetterOutcome,
): void {
  writeFront(writer, type, identity);
  writer.f64(id);
  if (outcome.kind === "ok") {
    writer.u8(1);
    writePayload(writer, outcome.value);
  } else {
    writer.u8(0);
    encodeValue(writer, outcome.failure, undefined);
  }
}

/** Reads what {@link writeOutcome} wrote, behind type and identity. */
export function readOutcome(reader: ByteReader): { readonly id: number; readonly outcome: LetterOutcome } {
  const id = reader.f64();
  if (reader.u8() === 1) return { id, outcome: { kind: "ok", value: readPayload(reader) } };
  const failure = decodeFailure(decodeValue(reader, undefined));
  if (failure === undefined) throw malformed("a failure is expected");
  return { id, outcome: { kind: "failed", failure } };
}

/** Writes an order or a word. */
export function writeWord(writer: ByteWriter, identity: number, word: ClusterOrder | ClusterWord): void {
  writeFront(writer, "order" in word ? RecordType.order : RecordType.word, identity);
  encodeValue(writer, word, undefined);
}

/** Reads an order, behind type and identity. Throws `malformed-bytes`. */
export function readOrder(reader: ByteReader): ClusterOrder {
  const raw = fieldsOf(decodeValue(reader, undefined));
  const { order } = raw;
  switch (order) {
    case "begin":
      return { order, activation: activationOf(raw.activation), generation: numberOf(raw.generation) };
    case "stop":
      return { order, key: keyOf(raw.key), token: tokenOf(raw.token), word: stopWordOf(raw.word) };
    case "open":
      return { order, key: keyOf(raw.key), token: tokenOf(raw.token), isOpen: raw.isOpen === true };
    case "flush": {
      const { target, token, number, id } = raw;
      return { order, target: keyOf(target), token: tokenOf(token), number: numberOf(number), id: numberOf(id) };
    }
    case "busy":
      return { order, key: keyOf(raw.key) };
    case "free":
      return { order, keys: listOf(raw.keys).map(keyOf) };
    case "clock":
      return { order, workerMs: numberOf(raw.workerMs), mainMs: numberOf(raw.mainMs) };
    case "look":
      return { order };
    default:
      throw malformed("there is no such order");
  }
}

/** Reads a word, behind type and identity. Throws `malformed-bytes`. */
export function readWord(reader: ByteReader): ClusterWord {
  const raw = fieldsOf(decodeValue(reader, undefined));
  const { word } = raw;
  switch (word) {
    case "abortAsk":
      return { word, askId: numberOf(raw.askId) };
    case "refused":
      return { word, delivery: deliveryOf(raw.delivery), code: textOf(raw.code), fate: fateOf(raw.fate) };
    case "flushReached":
      return { word, id: numberOf(raw.id) };
    case "started": {
      const error = raw.error === undefined ? undefined : textOf(raw.error);
      return { word, key: keyOf(raw.key), token: tokenOf(raw.token), error };
    }
    case "returned":
      return { word, ...returnedOf(raw) };
    case "ended":
      return { word, ...returnedOf(raw), reason: reasonOf(raw.reason), through: numberOf(raw.through) };
    case "wantsOpen":
      return { word, key: keyOf(raw.key), token: tokenOf(raw.token) };
    case "watch":
    case "unwatch":
      return { word, watcher: keyOf(raw.watcher), key: keyOf(raw.key), kind: textOf(raw.kind) };
    case "clock":
      return { word, workerMs: numberOf(raw.workerMs) };
    default:
      throw malformed("there is no such word");
  }
}

// --- parts ----------------------------------------------------------------------------------------

function writeToken(writer: ByteWriter, { cfg, seq }: ActivationToken): void {
  writer.f64(cfg);
  writer.f64(seq);
}

function readToken(reader: ByteReader): ActivationToken {
  return { cfg: epoch(reader.f64()), seq: reader.f64() };
}

function writeSender(writer: ByteWriter, sender: ClusterLetter["sender"]): void {
  writer.u8(sender === undefined ? 0 : 1);
  if (sender === undefined) return;
  writer.string(sender.key);
  writeToken(writer, sender.token);
}

function readSender(reader: ByteReader): ClusterLetter["sender"] {
  return reader.u8() === 0 ? undefined : { key: readKey(reader), token: readToken(reader) };
}

function writePayload(writer: ByteWriter, payload: Uint8Array): void {
  writer.u32(payload.length);
  writer.ensure(payload.length);
  writer.raw(payload);
}

function readPayload(reader: ByteReader): Uint8Array {
  return reader.passing(reader.u32());
}

/** Most keys come again and again; one that was found to be one needn't be looked at again. */
function readKey(reader: ByteReader): ActorKey {
  const key = keys.read(reader);
  if (key === undefined) throw malformed("a key is expected");
  return key as ActorKey;
}

/** The name of a kind, or the id of a node. */
function readName(reader: ByteReader): string {
  return names.read(reader) ?? "";
}

function returnedOf(
  { key, token, origins, letters }: Readonly<Record<string, unknown>>,
): Omit<Extract<ClusterWord, { word: "returned" }>, "word"> {
  return {
    key: keyOf(key),
    token: tokenOf(token),
    origins: listOf(origins).map((origin) => typeof origin === "number" ? numberOf(origin) : deliveryOf(origin)),
    letters: listOf(letters).map(letterOf),
  };
}

function activationOf(raw: unknown): Activation {
  const { key, kind, token, init, isAgain } = fieldsOf(raw);
  return {
    key: keyOf(key),
    kind: textOf(kind),
    token: tokenOf(token),
    init: init === undefined ? init : bytesOf(init),
    isAgain: isAgain === true,
  };
}

function deliveryOf(raw: unknown): Delivery {
  const fields = fieldsOf(raw);
  const { sender, ask } = fields;
  return {
    id: numberOf(fields.id),
    number: numberOf(fields.number),
    target: keyOf(fields.target),
    actorKind: textOf(fields.actorKind),
    token: tokenOf(fields.token),
    from: textOf(fields.from),
    link: numberOf(fields.link),
    at: instant(numberOf(fields.at)),
    sender: sender === undefined ? undefined : senderOf(sender),
    ask: ask === undefined ? undefined : askOf(ask),
    waitedMs: numberOf(fields.waitedMs),
    payload: bytesOf(fields.payload),
  };
}

function letterOf(raw: unknown): ClusterLetter {
  const { target, actorKind, sender, ask, payload } = fieldsOf(raw);
  const waits = ask === undefined ? undefined : fieldsOf(ask);
  return {
    target: keyOf(target),
    actorKind: textOf(actorKind),
    sender: sender === undefined ? undefined : senderOf(sender),
    ask: waits && { id: numberOf(waits.id), deadline: instant(numberOf(waits.deadline)) },
    payload: bytesOf(payload),
  };
}

function senderOf(raw: unknown): NonNullable<ClusterLetter["sender"]> {
  const { key, token } = fieldsOf(raw);
  return { key: keyOf(key), token: tokenOf(token) };
}

function askOf(raw: unknown): NonNullable<Delivery["ask"]> {
  const { id, remainingMs } = fieldsOf(raw);
  return { id: numberOf(id), remainingMs: numberOf(remainingMs) };
}

function tokenOf(raw: unknown): ActivationToken {
  const { cfg, seq } = fieldsOf(raw);
  return { cfg: epoch(numberOf(cfg)), seq: numberOf(seq) };
}

function fieldsOf(raw: unknown): Readonly<Record<string, unknown>> {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) throw malformed("an object is expected");
  return raw as Readonly<Record<string, unknown>>;
}

function listOf(raw: unknown): readonly unknown[] {
  if (!Array.isArray(raw)) throw malformed("a list is expected");
  return raw;
}

function keyOf(raw: unknown): ActorKey {
  if (!isKey(raw)) throw malformed("a key is expected");
  return raw;
}

function textOf(raw: unknown): string {
  if (typeof raw !== "string") throw malformed("a text is expected");
  return raw;
}

function numberOf(raw: unknown): number {
  if (typeof raw !== "number" || Number.isNaN(raw)) throw malformed("a number is expected");
  return raw;
}

function bytesOf(raw: unknown): Uint8Array {
  if (!(raw instanceof Uint8Array)) throw malformed("bytes are expected");
  return raw;
}

function fateOf(raw: unknown): Fate {
  if (raw === "not-delivered" || raw === "delivered" || raw === "unknown") return raw;
  throw malformed("a fate is expected");
}

function stopWordOf(raw: unknown): StopWord {
  if (raw === "released" || raw === "stopping" || raw === "moved" || raw === "fenced") return raw;
  throw malformed("there is no such word for an end");
}

function reasonOf(raw: unknown): StopReason {
  const reason = STOP_REASONS.find((known) => known === raw);
  if (reason === undefined) throw malformed("there is no such reason to stop");
  return reason;
}
