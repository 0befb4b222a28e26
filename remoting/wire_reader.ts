/**
 * Reads what a peer sent: batches of unknown bytes become frames, or the reason why not. Pure; mutable, one for each link.
 *
 * One idea: nothing is believed that has not been checked, and nothing is kept that was not declared first and found
 * within the limits. Reading never throws; after a fault the reader is good for nothing more.
 *
 * Invariant: a frame that comes out is exactly one that went in, whole and in order, and nobody writes to its memory.
 *
 * @module
 */
import { CHUNK_BYTES } from "./link_limits.ts";
import { passingBytes } from "../core/passing_bytes.ts";
import type { CloseReason } from "./link_refusal.ts";
import {
  HEADER_BYTES,
  TOTAL_BYTES,
  TYPE_CHUNK_FIRST,
  TYPE_CHUNK_NEXT,
  TYPE_CREDIT,
  TYPE_FRAME,
  TYPE_HELLO,
  TYPE_IGNORABLE_MIN,
  TYPE_PING,
  TYPE_PONG,
  TYPE_REFUSE,
} from "./wire.ts";

/** One thing a peer said on a link that is up. */
export type WireItem =
  /** A frame that came in one piece. */
  | { readonly kind: "frame"; readonly frame: Uint8Array }
  /** A long frame begins. */
  | { readonly kind: "chunked"; readonly frameBytes: number }
  /** It is there. */
  | { readonly kind: "chunked-frame"; readonly frame: Uint8Array }
  | { readonly kind: "credit"; readonly bytes: number }
  | { readonly kind: "ping" }
  | { readonly kind: "pong" }
  /** More of it. */
  | { readonly kind: "chunk" }
  /** Something of a later version, which says that it needn't be read. */
  | { readonly kind: "ignored" };

/** Why bytes are not what a peer of ours sends. */
export interface WireFault {
  readonly reason: CloseReason;
  readonly words: string;
}

/** The frame of a handshake; it has a batch to itself. */
export interface HandshakeFrame {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** What a batch held. The items before a fault are good. */
export interface ReadBatch {
  readonly items: readonly WireItem[];
  readonly fault: WireFault | undefined;
}

const CHUNK: WireItem = { kind: "chunk" };
const IGNORED: WireItem = { kind: "ignored" };
const PING: WireItem = { kind: "ping" };
const PONG: WireItem = { kind: "pong" };

/** Reads the batches of one link that is up. */
export class WireReader {
  readonly #frameBytesMax: number;
  /** The long frame that is being put together. */
  #whole: Uint8Array | undefined;
  #arrivedBytes = 0;

  /** `frameBytesMax` is the longest frame, in bytes. */
  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Bytes this reader keeps for a frame that is not whole yet. */
  get pendingBytes(): number {
    return this.#whole?.length ?? 0;
  }

  /** Everything in one batch. Never throws. */
  read(batch: Uint8Array): ReadBatch {
    const items: WireItem[] = [];
    const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
    if (batch.length === 0) return { items, fault: malformed("an empty batch") };
    for (let at = 0; at < batch.length;) {
      const length = payloadLength(view, at);
      if (typeof length !== "number") return { items, fault: length };
      const item = this.#item(batch, view, view.getUint8(at), at + HEADER_BYTES, at + HEADER_BYTES + length);
      if ("reason" in item) return { items, fault: item };
      items.push(item);
      at += HEADER_BYTES + length;
    }
    return { items, fault: undefined };
  }

  #item(batch: Uint8Array, view: DataView, type: number, start: number, end: number): WireItem | WireFault {
    switch (type) {
      case TYPE_FRAME:
        return this.#frame(batch, start, end);
      case TYPE_CHUNK_FIRST:
        return this.#chunkFirst(batch, view, start, end);
      case TYPE_CHUNK_NEXT:
        return this.#whole === undefined ? malformed("a chunk of no frame") : this.#chunk(batch, start, end);
      case TYPE_CREDIT:
        return end - start === 4
          ? { kind: "credit", bytes: view.getUint32(start, true) }
          : malformed("credit of no u32");
      case TYPE_PING:
        return end === start ? PING : malformed("a ping with a payload");
      case TYPE_PONG:
        return end === start ? PONG : malformed("a pong with a payload");
      default:
        return type >= TYPE_IGNORABLE_MIN ? IGNORED : malformed(`a frame of type ${type}`);
    }
  }

  #frame(batch: Uint8Array, start: number, end: number): WireItem | WireFault {
    if (this.#whole !== undefined) return malformed("a frame between the chunks of another");
    const length = end - start;
    if (length > this.#frameBytesMax) return tooLarge(length, this.#frameBytesMax);
    if (length > CHUNK_BYTES) return malformed(`a frame of ${length} bytes in one piece`);
    return { kind: "frame", frame: ownBytes(batch, start, end) };
  }

  #chunkFirst(batch: Uint8Array, view: DataView, start: number, end: number): WireItem | WireFault {
    if (this.#whole !== undefined) return malformed("a frame between the chunks of another");
    if (end - start < TOTAL_BYTES) return malformed("a first chunk without the length of its frame");
    const total = view.getUint32(start, true);
    if (total > this.#frameBytesMax) return tooLarge(total, this.#frameBytesMax);
    if (total <= CHUNK_BYTES) return malformed(`a frame of ${total} bytes in chunks`);
    this.#whole = new Uint8Array(total);
    this.#arrivedBytes = 0;
    const added = this.#chunk(batch, start + TOTAL_BYTES, end);
    return "reason" in added ? added : { kind: "chunked", frameBytes: total };
  }

  // All chunks but the last are as long as chunks are: a frame of a byte each would cost a thousand times its length.
  #chunk(batch: Uint8Array, start: number, end: number): WireItem | WireFault {
    const whole = this.#whole;
    if (whole === undefined) return CHUNK;
    const left = whole.length - this.#arrivedBytes;
    if (end - start !== Math.min(left, CHUNK_BYTES)) {
      return malformed(`a chunk of ${end - start} bytes where ${left} are left`);
    }
    whole.set(batch.subarray(start, end), this.#arrivedBytes);
    this.#arrivedBytes += end - start;
    if (this.#arrivedBytes < whole.length) return CHUNK;
    this.#whole = undefined;
    return { kind: "chunked-frame", frame: whole };
  }
}

/** The one frame of a handshake batch, or why it is none. Never throws. */
export function readHandshakeBatch(batch: Uint8Array): HandshakeFrame | WireFault {
  if (batch.length < HEADER_BYTES) return malformed(`a batch of ${batch.length} bytes`);
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const length = payloadLength(view, 0);
  if (typeof length !== "number") return length;
  if (HEADER_BYTES + length !== batch.length) return malformed("more than one frame before the link is up");
  const type = view.getUint8(0);
  if (type < TYPE_HELLO || type > TYPE_REFUSE) return malformed(`a frame of type ${type} before the link is up`);
  return { type, payload: batch.subarray(HEADER_BYTES) };
}

function payloadLength(view: DataView, at: number): number | WireFault {
  if (view.byteLength - at < HEADER_BYTES) return malformed("a header that is cut off");
  const length = view.getUint32(at + 4, true);
  if (length > view.byteLength - at - HEADER_BYTES) return malformed("a payload that is cut off");
  const isPlain = view.getUint8(at + 1) === 0 && view.getUint16(at + 2, true) === 0;
  if (!isPlain && view.getUint8(at) < TYPE_IGNORABLE_MIN) return malformed("a header with flags that mean nothing");
  return length;
}

// A frame that fills most of its batch keeps it; a short one would keep all the others of the batch alive.
function ownBytes(batch: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  if (length * 2 > batch.buffer.byteLength) return new Uint8Array(batch.buffer, batch.byteOffset + start, length);
  const own = passingBytes(length);
  own.set(batch.subarray(start, end));
  return own;
}

function malformed(words: string): WireFault {
  return { reason: "malformed", words };
}

function tooLarge(length: number, bytesMax: number): WireFault {
  return { reason: "frame-too-large", words: `a frame of ${length} bytes, over the limit of ${bytesMax}` };
}
