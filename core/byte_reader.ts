/**
 * Reads one record back. The bytes are believed in nothing: every read is checked against the end, and a
 * read past it throws `malformed-bytes`. Nothing returned shares memory with the record, which may be a
 * ring that is overwritten next. Mutable; one per thread and use; pure otherwise.
 *
 * @module
 */
import { ActorError } from "./failure.ts";
import { passingBytes } from "./passing_bytes.ts";
import { copyBytes } from "./shared_copy.ts";

/**
 * ASCII up to this many bytes is read by a loop: a call into the decoder costs 250 ns on Deno and 60 on
 * Bun, where the loop is the slower one from about 24. A UUID has 36.
 */
const LOOP_BYTES_MAX = 40;
/** One array of codes a length, filled and given to one call: a string built by `+=` is a rope. */
const CODES: readonly number[][] = Array.from({ length: LOOP_BYTES_MAX + 1 }, (_, length) => new Array(length).fill(0));

const NO_BYTES: Uint8Array = new Uint8Array(0);
const NO_VIEW: DataView = new DataView(NO_BYTES.buffer);

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads little-endian numbers, strings and bytes, one after the other. */
export class ByteReader {
  /** The memory being read. */
  bytes: Uint8Array = NO_BYTES;
  /** The same memory for multi-byte numbers. */
  view: DataView = NO_VIEW;
  /** Where the next byte is. */
  position = 0;
  /** Where the record ends. */
  end = 0;

  /** Begins to read `bytes[start..end)`; `view` covers the same memory as `bytes`. */
  aim(bytes: Uint8Array, view: DataView, start: number, end: number): void {
    this.bytes = bytes;
    this.view = view;
    this.position = start;
    this.end = end;
  }

  /** Begins to read all of `bytes`, from the byte `start` on. */
  aimAt(bytes: Uint8Array, start: number = 0): void {
    this.aim(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), start, bytes.length);
  }

  /** Lets go of what was read: a reader that is kept does not keep a message. */
  aimAtNothing(): void {
    this.aim(NO_BYTES, NO_VIEW, 0, 0);
  }

  /** Bytes left. */
  get left(): number {
    return this.end - this.position;
  }

  /** Throws `malformed-bytes` unless `count` bytes are left. */
  need(count: number): void {
    if (this.position + count > this.end) throw malformed(`${count} bytes are due, ${this.left} are left`);
  }

  /** An unsigned number of 8 bits. */
  u8(): number {
    this.need(1);
    return this.view.getUint8(this.position++);
  }

  /** An unsigned number of 16 bits. */
  u16(): number {
    this.need(2);
    const value = this.view.getUint16(this.position, true);
    this.position += 2;
    return value;
  }

  /** An unsigned number of 32 bits. */
  u32(): number {
    this.need(4);
    const value = this.view.getUint32(this.position, true);
    this.position += 4;
    return value;
  }

  /** A float of 64 bits. */
  f64(): number {
    this.need(8);
    const value = this.view.getFloat64(this.position, true);
    this.position += 8;
    return value;
  }

  /** A string written by `ByteWriter.string`. */
  string(): string {
    const length = this.u32();
    return this.utf8(length);
  }

  /** `length` bytes of UTF-8; throws `malformed-bytes` when they are not. */
  utf8(length: number): string {
    this.need(length);
    const codes = length <= LOOP_BYTES_MAX ? asciiCodes(this.bytes, this.position, length) : undefined;
    const text = codes === undefined ? this.#nativeUtf8(length) : String.fromCharCode.apply(null, codes);
    this.position += length;
    return text;
  }

  /** A private copy of the next `length` bytes. */
  raw(length: number): Uint8Array<ArrayBuffer> {
    this.need(length);
    if (length === 0) return noBytes();
    const copied = new Uint8Array(length);
    copyBytes(copied, 0, this.bytes.subarray(this.position, this.position + length));
    this.position += length;
    return copied;
  }

  /** As {@link raw}, for bytes that are only passing through: see `passing_bytes.ts`. */
  passing(length: number): Uint8Array<ArrayBuffer> {
    this.need(length);
    const copied = passingBytes(length);
    copyBytes(copied, 0, this.bytes.subarray(this.position, this.position + length));
    this.position += length;
    return copied;
  }

  #nativeUtf8(length: number): string {
    const shared = this.bytes.subarray(this.position, this.position + length);
    // Deno decodes shared memory three times slower than a private copy of it.
    const bytes = shared.buffer instanceof ArrayBuffer ? shared : new Uint8Array(shared);
    try {
      return utf8.decode(bytes);
    } catch {
      throw malformed("a string is not UTF-8");
    }
  }
}

let nothing = new ArrayBuffer(0);

/** No bytes, in an array of its own: a view, for an array with memory takes V8 600 ns to make, also of no bytes. */
function noBytes(): Uint8Array<ArrayBuffer> {
  if (nothing.detached) nothing = new ArrayBuffer(0); // Somebody has transferred what it was given.
  return new Uint8Array(nothing);
}

/** The failure of bytes that do not decode. */
export function malformed(reason: string): ActorError {
  return new ActorError("malformed-bytes", `Cannot decode: ${reason}`, { details: { reason } });
}

/** The character codes of `length` bytes if all are ASCII. The array is used again by the next call. */
function asciiCodes(bytes: Uint8Array, position: number, length: number): number[] | undefined {
  const codes = CODES[length];
  if (codes === undefined) return undefined;
  for (let index = 0; index < length; index++) {
    const code = bytes[position + index] ?? 0x80;
    if (code >= 0x80) return undefined;
    codes[index] = code;
  }
  return codes;
}
