/**
 * A place to write one record: straight into memory somebody else owns (a ring) while it fits, and from
 * the moment it does not, into private scratch memory that grows up to a limit. So a record is encoded
 * once, whether it turns out small or large. Mutable; one per thread and use; pure otherwise.
 *
 * Invariant: everything written since `aim` is contiguous in `bytes` from `start` to `position`, and is
 * never longer than the writer's limit.
 *
 * @module
 */
import { ActorError } from "./failure.ts";
import { passingBytes } from "./passing_bytes.ts";
import { copyBytes } from "./shared_copy.ts";

const SCRATCH_BYTES_MIN = 4096;
/** Scratch larger than this is let go after its record, so that one large message does not stay for ever. */
const SCRATCH_BYTES_KEPT = 1 << 20;
/** Strings up to this many code units are written by a loop: a call into the encoder costs 40 to 100 ns. */
const LOOP_CHARS_MAX = 48;
/** Bytes that one UTF-16 code unit takes in UTF-8 at most. */
const BYTES_PER_CHAR_MAX = 3;

const utf8 = new TextEncoder();

/** Writes little-endian numbers, strings and bytes, one after the other. */
export class ByteWriter {
  /** The memory being written: the aimed-at memory, or scratch once spilled. */
  bytes: Uint8Array;
  /** The same memory for multi-byte numbers. */
  view: DataView;
  /** Where the record began. */
  start = 0;
  /** Where the next byte goes. */
  position = 0;
  /** Whether the record outgrew the memory it was aimed at, and lies in scratch instead. */
  isSpilled = true;
  /** Records begun so far: whoever writes in steps can tell that another record was begun in between. */
  recordCount = 0;

  #bytesMax: number;
  /** Writing stops here: the memory's end, or the limit if that is nearer. */
  #end = 0;
  #scratch: Uint8Array;
  #scratchView: DataView;

  /** `bytesMax` is the largest record, in bytes; a write beyond it throws `message-too-large`. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#scratch = new Uint8Array(Math.min(SCRATCH_BYTES_MIN, bytesMax));
    this.#scratchView = viewOf(this.#scratch);
    this.bytes = this.#scratch;
    this.view = this.#scratchView;
    this.#end = this.#scratch.length;
  }

  /** Begins a record in `bytes[start..end)`; `view` covers the same memory as `bytes`. */
  aim(bytes: Uint8Array, view: DataView, start: number, end: number): void {
    if (this.#scratch.length > SCRATCH_BYTES_KEPT) this.#useScratch(new Uint8Array(SCRATCH_BYTES_MIN));
    this.bytes = bytes;
    this.view = view;
    this.start = start;
    this.position = start;
    this.#end = Math.min(end, start + this.#bytesMax);
    this.isSpilled = false;
    this.recordCount++;
  }

  /** Begins a record in scratch memory. `bytesMax` is the limit from now on. */
  aimAtScratch(bytesMax: number = this.#bytesMax): void {
    this.#bytesMax = bytesMax;
    if (this.#scratch.length > SCRATCH_BYTES_KEPT) this.#useScratch(new Uint8Array(SCRATCH_BYTES_MIN));
    this.#moveToScratch(0);
    this.recordCount++;
  }

  /** Bytes written since the record began. */
  get length(): number {
    return this.position - this.start;
  }

  /** A private copy of the record. */
  copy(): Uint8Array<ArrayBuffer> {
    // Not `slice`: on a Buffer that is a view of the same memory.
    const copied = new Uint8Array(this.length);
    copyBytes(copied, 0, this.bytes.subarray(this.start, this.position));
    return copied;
  }

  /** As {@link copy}, for bytes that are only passing through: see `passing_bytes.ts`. */
  passingCopy(): Uint8Array<ArrayBuffer> {
    const copied = passingBytes(this.length);
    copyBytes(copied, 0, this.bytes.subarray(this.start, this.position));
    return copied;
  }

  /** Makes room for `count` more bytes. Call before writing to `bytes` or `view` directly. */
  ensure(count: number): void {
    if (this.position + count > this.#end) this.#grow(count);
  }

  /** Makes room for `headerBytes` and the UTF-8 of `value`, however many bytes its characters take. */
  ensureText(headerBytes: number, value: string): void {
    // The worst case is cheap to know; only when there is no room for that, the characters are counted.
    if (this.position + headerBytes + value.length * BYTES_PER_CHAR_MAX <= this.#end) return;
    this.ensure(headerBytes + (value.length > this.#bytesMax ? value.length : utf8Bytes(value)));
  }

  /** A number of 8 bits, signed or not. */
  u8(value: number): void {
    this.ensure(1);
    this.bytes[this.position++] = value;
  }

  /** An unsigned number of 16 bits. */
  u16(value: number): void {
    this.ensure(2);
    this.view.setUint16(this.position, value, true);
    this.position += 2;
  }

  /** An unsigned number of 32 bits. */
  u32(value: number): void {
    this.ensure(4);
    this.view.setUint32(this.position, value, true);
    this.position += 4;
  }

  /** A float of 64 bits. */
  f64(value: number): void {
    this.ensure(8);
    this.view.setFloat64(this.position, value, true);
    this.position += 8;
  }

  /** A string as UTF-8 behind its byte length (32 bits). Lone surrogates become U+FFFD. */
  string(value: string): void {
    this.ensureText(4, value);
    const lengthAt = this.position;
    this.position += 4;
    this.utf8(value);
    this.view.setUint32(lengthAt, this.position - lengthAt - 4, true);
  }

  /** The bare UTF-8 of `value`. The caller has called `ensureText`, or ensured `value.length * 3` bytes. */
  utf8(value: string): void {
    if (value.length <= LOOP_CHARS_MAX && this.ascii(value)) return;
    const { written } = utf8.encodeInto(value, this.bytes.subarray(this.position));
    this.position += written;
  }

  /**
   * Writes `value` if all of it is ASCII, one byte a character, and says whether it was; otherwise nothing
   * counts as written. The caller has ensured `value.length` bytes.
   */
  ascii(value: string): boolean {
    const { bytes, position } = this;
    const length = value.length;
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code >= 0x80) return false;
      bytes[position + index] = code;
    }
    this.position = position + length;
    return true;
  }

  /** Raw bytes, copied. */
  raw(value: Uint8Array): void {
    this.ensure(value.length);
    copyBytes(this.bytes, this.position, value);
    this.position += value.length;
  }

  /** Opens a gap of `count` bytes at `offset` from the record's start; what follows moves up. */
  insert(offset: number, count: number): void {
    this.ensure(count);
    const from = this.start + offset;
    this.bytes.copyWithin(from + count, from, this.position);
    this.position += count;
  }

  #grow(count: number): void {
    const { length } = this;
    const needed = length + count;
    if (needed > this.#bytesMax) throw tooLarge(needed, this.#bytesMax);
    const written = this.bytes.subarray(this.start, this.position);
    if (this.#scratch.length < needed) {
      const grown = new Uint8Array(Math.max(needed, Math.min(this.#scratch.length * 2, this.#bytesMax)));
      grown.set(written);
      this.#useScratch(grown);
    } else {
      // Scratch that is already in use was smaller than needed: this record is still where it was aimed at.
      this.#scratch.set(written);
    }
    this.#moveToScratch(length);
  }

  #useScratch(scratch: Uint8Array): void {
    this.#scratch = scratch;
    this.#scratchView = viewOf(scratch);
  }

  #moveToScratch(length: number): void {
    this.bytes = this.#scratch;
    this.view = this.#scratchView;
    this.start = 0;
    this.position = length;
    this.#end = Math.min(this.#scratch.length, this.#bytesMax);
    this.isSpilled = true;
  }
}

/** Bytes of `value` as UTF-8, a lone surrogate counting as the three of U+FFFD. */
function utf8Bytes(value: string): number {
  let count = 0;
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (code < 0x80) count += 1;
    else if (code < 0x800) count += 2;
    else if (isPairAt(value, index)) {
      count += 4;
      index++;
    } else count += 3;
  }
  return count;
}

function isPairAt(value: string, index: number): boolean {
  return (value.charCodeAt(index) & 0xfc00) === 0xd800 && (value.charCodeAt(index + 1) & 0xfc00) === 0xdc00;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function tooLarge(length: number, bytesMax: number): ActorError {
  return new ActorError("message-too-large", `Cannot encode: ${length} bytes are over the limit of ${bytesMax}`, {
    details: { bytesMax },
  });
}
