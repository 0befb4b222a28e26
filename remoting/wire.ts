/**
 * What stands on the wire: a WebSocket message is a batch of frames, each with the same header of eight bytes. Pure.
 *
 * ```text
 * type u8 │ flags u8, 0 │ u16, 0 │ payload bytes u32 │ payload          numbers are little-endian
 * ```
 *
 * One idea: frames are cut where they are written, not where they are given: whoever composes a batch knows the room
 * that is left. A frame of a user is copied once, into its batch.
 *
 * Invariant: the chunks of one frame follow each other; only credit and signs of life may stand between them.
 *
 * @module
 */
import { passingBytes } from "../core/passing_bytes.ts";
import { CHUNK_BYTES } from "./link_limits.ts";

/** Bytes before each payload. */
export const HEADER_BYTES = 8;
/** Bytes before the first chunk's part of the frame: how long the whole will be. */
export const TOTAL_BYTES = 4;

/** First words of both sides: versions, lane, nonce. */
export const TYPE_HELLO = 0x01;
/** The dialer knows a secret. */
export const TYPE_PROOF = 0x02;
/** Who the sender is, and what it must agree on; proven. */
export const TYPE_IDENTITY = 0x03;
/** The listener has taken the link. */
export const TYPE_READY = 0x04;
/** There will be no link, and why. */
export const TYPE_REFUSE = 0x05;
/** A whole frame. */
export const TYPE_FRAME = 0x10;
/** The beginning of a long frame, behind its length (u32). */
export const TYPE_CHUNK_FIRST = 0x11;
/** More of it. */
export const TYPE_CHUNK_NEXT = 0x12;
/** So many more bytes may be sent (u32). */
export const TYPE_CREDIT = 0x20;
/** Asks for a sign of life. */
export const TYPE_PING = 0x21;
/** Is one. */
export const TYPE_PONG = 0x22;
/** From here on types that a peer may leave unread. Below, one it does not know ends the link. */
export const TYPE_IGNORABLE_MIN = 0x80;

/** A part of a batch: `bytes[from..end)` behind a header. */
export interface Piece {
  readonly type: number;
  /** Of a first chunk: the bytes of the whole frame. */
  readonly total: number;
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly end: number;
}

const NO_BYTES = new Uint8Array(0);

/** A ping or a pong. */
export function signPiece(type: typeof TYPE_PING | typeof TYPE_PONG): Piece {
  return { type, total: 0, bytes: NO_BYTES, from: 0, end: 0 };
}

/** Grants `count` more bytes. */
export function creditPiece(count: number): Piece {
  const bytes = passingBytes(4);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, count, true);
  return { type: TYPE_CREDIT, total: 0, bytes, from: 0, end: 4 };
}

/** The part of `frame` from `from` on that fits into one piece. */
export function framePiece(frame: Uint8Array, from: number): Piece {
  const end = Math.min(frame.length, from + CHUNK_BYTES);
  if (frame.length <= CHUNK_BYTES) return { type: TYPE_FRAME, total: 0, bytes: frame, from, end };
  if (from > 0) return { type: TYPE_CHUNK_NEXT, total: 0, bytes: frame, from, end };
  return { type: TYPE_CHUNK_FIRST, total: frame.length, bytes: frame, from, end };
}

/** Bytes of a piece in its batch. */
export function pieceBytes(piece: Piece): number {
  return HEADER_BYTES + payloadBytes(piece);
}

/** The batch of all `pieces`, in their order. */
export function batchOf(pieces: readonly Piece[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const piece of pieces) length += pieceBytes(piece);
  const batch = passingBytes(length);
  const view = new DataView(batch.buffer, batch.byteOffset, length);
  let at = 0;
  for (const piece of pieces) at = write(batch, view, at, piece);
  return batch;
}

/** One frame of a handshake, which is a batch of its own. */
export function handshakeBatch(type: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  return batchOf([{ type, total: 0, bytes: payload, from: 0, end: payload.length }]);
}

function payloadBytes({ type, from, end }: Piece): number {
  return end - from + (type === TYPE_CHUNK_FIRST ? TOTAL_BYTES : 0);
}

function write(batch: Uint8Array, view: DataView, at: number, piece: Piece): number {
  const { type, total, bytes, from, end } = piece;
  view.setUint8(at, type);
  view.setUint32(at + 4, payloadBytes(piece), true);
  let position = at + HEADER_BYTES;
  if (type === TYPE_CHUNK_FIRST) {
    view.setUint32(position, total, true);
    position += TOTAL_BYTES;
  }
  batch.set(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end), position);
  return position + end - from;
}
