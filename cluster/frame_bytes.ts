/**
 * Frames as bytes: what a link carries. Pure.
 *
 * One idea: messages of actors and their answers are most of what nodes say to each other, so these two are laid out by
 * hand, with their payload copied as it is; every other frame is one encoded value.
 *
 * Invariant: bytes become a frame only through decoders: a value through the {@link FrameDecoder}, each field of the other
 * layouts through the decoder it has there.
 *
 * | Layout (one byte) | Behind it |
 * | --- | --- |
 * | 0 | the frame as an encoded value |
 * | 1 user | cluster id, epoch, target, token, kind, sender, ask id, remaining, waited, payload |
 * | 2 reply | cluster id, epoch, ask id, payload; a failure is an encoded value |
 *
 * Numbers are 64-bit floats; one that is missing is not a number. Texts and payloads stand behind their length (32 bits).
 *
 * @module
 */
import { ByteReader, malformed } from "../core/byte_reader.ts";
import { ByteWriter } from "../core/byte_writer.ts";
import { decodeFromBytes, encodeValue } from "../core/codec.ts";
import { ActorError } from "../core/failure.ts";
import type { ActorKey } from "../core/ids.ts";
import { isKey } from "../core/names.ts";
import { TextMemo } from "../core/text_memo.ts";
import type { Frame } from "./cluster_core.ts";
import type { FrameDecoder, FrameProblem } from "./decode_frame.ts";
import { actorKey, count, epoch as epochOf, label, milliseconds, name, viewEpoch } from "./decode_values.ts";
import { optional, Problem } from "./decoding.ts";
import type { Version } from "./engine.ts";
import type { AskOutcome, RouterMessage, UserFrame } from "./router_protocol.ts";

/** Bytes of the largest frame: what the largest message of a user needs, with room around it. */
export const FRAME_BYTES_MAX: number = 1 << 28;

const LAYOUT = { value: 0, user: 1, reply: 2 } as const;

/** Keys that are kept, by their hash. Each takes 90 bytes at most. */
const KEYS_KEPT = 1 << 15;
const TEXTS_KEPT = 1 << 8;

const writer = new ByteWriter(FRAME_BYTES_MAX);
const reader = new ByteReader();
const keys = new TextMemo(KEYS_KEPT, isKey);
const names = new TextMemo(TEXTS_KEPT, () => true);
const labels = new TextMemo(TEXTS_KEPT, () => true);
const optionalCount = optional(count);
const optionalMs = optional(milliseconds);

/** The bytes of a frame. Throws `message-too-large`, or what encoding throws. */
export function encodeFrame(frame: Frame): Uint8Array {
  writer.aimAtScratch();
  const { part, message } = frame;
  if (part === "router" && message.kind === "user" && message.payload instanceof Uint8Array) {
    writeUser(frame, message, message.payload);
  } else if (part === "router" && message.kind === "reply" && isBytes(message.outcome)) {
    writeHeader(LAYOUT.reply, frame);
    writer.f64(message.askId);
    writePayload(message.outcome.value);
  } else {
    writer.u8(LAYOUT.value);
    encodeValue(writer, frame, undefined);
  }
  return writer.passingCopy();
}

/** The frame that bytes from outside are, or why they are none. Never throws. */
export function decodeFrameBytes(bytes: Uint8Array, decode: FrameDecoder): Frame | FrameProblem {
  try {
    return bytes[0] === LAYOUT.value ? decode(decodeFromBytes(bytes, undefined, 1)) : readFrame(bytes);
  } catch (thrown) {
    if (thrown instanceof ActorError) return { problem: thrown.message };
    throw thrown;
  }
}

function writeHeader(layout: number, { clusterId, epoch }: Frame): void {
  writer.u8(layout);
  writer.string(clusterId);
  writer.f64(epoch);
}

function writeUser(frame: Frame, message: UserFrame, payload: Uint8Array): void {
  writeHeader(LAYOUT.user, frame);
  const { target, token, actorKind, sender, askId, remainingMs, waitedMs } = message;
  writer.string(target);
  writer.f64(token.cfg);
  writer.f64(token.seq);
  writer.string(actorKind);
  writer.u8(sender === undefined ? 0 : 1);
  if (sender !== undefined) {
    writer.string(sender.key);
    writer.f64(sender.token.cfg);
    writer.f64(sender.token.seq);
  }
  writer.f64(askId ?? NaN);
  writer.f64(remainingMs ?? NaN);
  writer.f64(waitedMs);
  writePayload(payload);
}

function writePayload(payload: Uint8Array): void {
  writer.u32(payload.length);
  writer.raw(payload);
}

/** A frame that is laid out by hand. Throws `malformed-bytes`. */
function readFrame(bytes: Uint8Array): Frame {
  reader.aimAt(bytes);
  const layout = reader.u8();
  if (layout !== LAYOUT.user && layout !== LAYOUT.reply) throw malformed(`there is no layout ${layout} of a frame`);
  const clusterId = sound("clusterId", label(labels.read(reader)));
  const epoch = sound("epoch", epochOf(reader.f64()));
  return { clusterId, epoch, part: "router", message: layout === LAYOUT.user ? readUser() : readReply() };
}

function readUser(): UserFrame {
  const target = readKey("message.target");
  const token = readToken("message.token");
  const actorKind = sound("message.actorKind", name(names.read(reader)));
  const hasSender = reader.u8() !== 0;
  const sender = hasSender
    ? { key: readKey("message.sender.key"), token: readToken("message.sender.token") }
    : undefined;
  const askId = sound("message.askId", optionalCount(numberOrNone(reader.f64())));
  const remainingMs = sound("message.remainingMs", optionalMs(numberOrNone(reader.f64())));
  const waitedMs = sound("message.waitedMs", milliseconds(reader.f64()));
  const payload = readPayload();
  const bytes = payload.length;
  return { kind: "user", target, token, actorKind, sender, askId, remainingMs, waitedMs, bytes, payload };
}

function readReply(): RouterMessage {
  const askId = sound("message.askId", count(reader.f64()));
  return { kind: "reply", askId, outcome: { kind: "ok", value: readPayload() } };
}

/** Most keys come again and again; one that was found to be one needn't be looked at again. */
function readKey(path: string): ActorKey {
  const key = keys.read(reader);
  return key === undefined ? sound(path, actorKey(key)) : key as ActorKey;
}

/** A value that its decoder has taken, as in every other frame. */
function sound<T>(path: string, decoded: T | Problem): T {
  if (decoded instanceof Problem) throw malformed(`frame.${path}${decoded.path} ${decoded.reason}`);
  return decoded;
}

function isBytes(outcome: AskOutcome): outcome is { readonly kind: "ok"; readonly value: Uint8Array } {
  return outcome.kind === "ok" && outcome.value instanceof Uint8Array;
}

function readToken(path: string): Version {
  const cfg = sound(`${path}.cfg`, viewEpoch(reader.f64()));
  return { cfg, seq: sound(`${path}.seq`, count(reader.f64())) };
}

function readPayload(): Uint8Array {
  const payload = reader.passing(reader.u32());
  if (reader.left > 0) throw malformed("nothing stands behind a payload");
  return payload;
}

function numberOrNone(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value;
}
