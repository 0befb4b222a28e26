/**
 * Frames as bytes: what a link carries. Pure.
 *
 * One idea: messages of actors and their answers are most of what nodes say to each other, so these two are laid out by
 * hand, with their payload copied as it is; every other frame is one encoded value.
 *
 * Invariant: bytes become a frame only through the {@link FrameDecoder}, whatever layout they have.
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
import type { Frame } from "./cluster_core.ts";
import type { FrameDecoder, FrameProblem } from "./decode_frame.ts";
import type { AskOutcome, UserFrame } from "./router_protocol.ts";

/** Bytes of the largest frame: what the largest message of a user needs, with room around it. */
export const FRAME_BYTES_MAX: number = 1 << 28;

const LAYOUT = { value: 0, user: 1, reply: 2 } as const;

const writer = new ByteWriter(FRAME_BYTES_MAX);
const reader = new ByteReader();

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
  return writer.copy();
}

/** The frame that bytes from outside are, or why they are none. Never throws. */
export function decodeFrameBytes(bytes: Uint8Array, decode: FrameDecoder): Frame | FrameProblem {
  try {
    return decode(rawFrame(bytes));
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

function rawFrame(bytes: Uint8Array): unknown {
  if (bytes[0] === LAYOUT.value) return decodeFromBytes(bytes.subarray(1));
  reader.aimAt(bytes);
  const layout = reader.u8();
  const header = { part: "router", clusterId: reader.string(), epoch: reader.f64() };
  if (layout === LAYOUT.user) return { ...header, message: readUser() };
  if (layout === LAYOUT.reply) return { ...header, message: readReply() };
  throw malformed(`there is no layout ${layout} of a frame`);
}

function readUser(): unknown {
  const target = reader.string();
  const token = readToken();
  const actorKind = reader.string();
  const sender = reader.u8() === 0 ? undefined : { key: reader.string(), token: readToken() };
  const askId = numberOrNone(reader.f64());
  const remainingMs = numberOrNone(reader.f64());
  const waitedMs = reader.f64();
  const payload = readPayload();
  const bytes = payload.length;
  return { kind: "user", target, token, actorKind, sender, askId, remainingMs, waitedMs, bytes, payload };
}

function readReply(): unknown {
  return { kind: "reply", askId: reader.f64(), outcome: { kind: "ok", value: readPayload() } };
}

function isBytes(outcome: AskOutcome): outcome is { readonly kind: "ok"; readonly value: Uint8Array } {
  return outcome.kind === "ok" && outcome.value instanceof Uint8Array;
}

function readToken(): unknown {
  return { cfg: reader.f64(), seq: reader.f64() };
}

function readPayload(): Uint8Array {
  const payload = reader.raw(reader.u32());
  if (reader.left > 0) throw malformed("nothing stands behind a payload");
  return payload;
}

function numberOrNone(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value;
}
