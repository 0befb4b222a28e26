/**
 * Writes the values that hold no others, and the headers of those that do. Every function makes exactly the
 * room it fills, so that a record of just the limit is not refused. The forms are in `value_format.ts`.
 * Pure; runs on the sending thread.
 *
 * @module
 */
import type { ByteWriter } from "./byte_writer.ts";
import { Refusal } from "./refused_value.ts";
import * as format from "./value_format.ts";

/** Code units of a string that is first tried as ASCII, behind the header it then has. */
const ASCII_CHARS_MAX = 48;
/** Bytes of an extension's header when its length is known only afterwards. */
const OPEN_EXT_BYTES = 6;
const INT_64_LIMIT: bigint = 1n << 63n;
const BIGINT_BITS_MAX = BigInt(format.BIGINT_BYTES_MAX * 8);
const NANOSECONDS_PER_MS = 1_000_000;

/** The shortest whole-number form up to 32 bits, else float 64: `-0` and what is larger stay exact. */
export function writeNumber(writer: ByteWriter, value: number): void {
  if ((value | 0) !== value) {
    if (value >>> 0 === value) return put32(writer, format.UINT_32, value);
    return writeFloat64(writer, value);
  }
  if (value >= 0x80) {
    if (value < 0x100) return put8(writer, format.UINT_8, value);
    return value < 0x10000 ? put16(writer, format.UINT_16, value) : put32(writer, format.UINT_32, value);
  }
  if (value >= -0x20) return Object.is(value, -0) ? writeFloat64(writer, value) : writer.u8(value);
  if (value >= -0x80) return put8(writer, format.INT_8, value);
  return value >= -0x8000 ? put16(writer, format.INT_16, value) : put32(writer, format.INT_32, value);
}

/** A string: its length in bytes, then its UTF-8. */
export function writeText(writer: ByteWriter, text: string): void {
  const { length } = text;
  if (length > ASCII_CHARS_MAX) return writeLongText(writer, text);
  const headerBytes = length < 32 ? 1 : 2;
  writer.ensureText(headerBytes, text);
  const start = writer.position;
  if (headerBytes === 1) {
    writer.bytes[start] = format.FIX_STRING | length;
  } else {
    writer.bytes[start] = format.STRING_8;
    writer.bytes[start + 1] = length;
  }
  writer.position = start + headerBytes;
  if (!writer.ascii(text)) {
    writer.position = start;
    writeLongText(writer, text);
  }
}

/** The bytes of `value`, copied. */
export function writeBytes(writer: ByteWriter, value: Uint8Array): void {
  writeLength(writer, value.length, format.BIN_8, format.BIN_16, format.BIN_32);
  writer.raw(value);
}

/** An array's or map's count of members; `fix` is its form below 16. */
export function writeCount(writer: ByteWriter, count: number, fix: number, form16: number, form32: number): void {
  if (count < 16) return writer.u8(fix | count);
  return count < 0x10000 ? put16(writer, form16, count) : put32(writer, form32, count);
}

/** `undefined` and its like: an extension of one byte. */
export function writeConstant(writer: ByteWriter, constant: number): void {
  writer.ensure(3);
  const { bytes, position } = writer;
  bytes[position] = format.FIX_EXT_1;
  bytes[position + 1] = format.EXT_CONSTANT;
  bytes[position + 2] = constant;
  writer.position = position + 3;
}

/** A bigint: 8 bytes if they hold it, else sign and magnitude, up to {@link format.BIGINT_BYTES_MAX}. */
export function writeBigint(writer: ByteWriter, value: bigint): void {
  if (value < -INT_64_LIMIT || value >= INT_64_LIMIT) return writeLongBigint(writer, value);
  writer.ensure(10);
  const { position } = writer;
  writer.bytes[position] = format.FIX_EXT_8;
  writer.bytes[position + 1] = format.EXT_BIGINT;
  writer.view.setBigInt64(position + 2, value);
  writer.position = position + 10;
}

/** A date as MessagePack's timestamp, in the shortest of its three lengths. */
export function writeDate(writer: ByteWriter, date: Date): void {
  const ms = date.getTime();
  if (Number.isNaN(ms)) return writeConstant(writer, format.CONSTANT_INVALID_DATE);
  const seconds = Math.floor(ms / 1000);
  const nanoseconds = (ms - seconds * 1000) * NANOSECONDS_PER_MS;
  const high = Math.floor(seconds / 2 ** 32);
  const low = seconds - high * 2 ** 32;
  if (high === 0 && nanoseconds === 0) {
    writeExtStart(writer, format.FIX_EXT_4, 4);
    return putUint32(writer, low);
  }
  if (high < 0 || high > 3) {
    writer.ensure(15);
    writer.u8(format.EXT_8);
    writeExtStart(writer, 12, 12);
    putUint32(writer, nanoseconds);
    putUint32(writer, high);
  } else {
    writeExtStart(writer, format.FIX_EXT_8, 8);
    putUint32(writer, nanoseconds * 4 + high);
  }
  putUint32(writer, low);
}

/** An ArrayBuffer, a DataView or a typed array that is not Uint8Array: its kind and its memory. */
export function writeBinary(writer: ByteWriter, value: ArrayBuffer | ArrayBufferView): void {
  const bytes = value instanceof ArrayBuffer
    ? new Uint8Array(value)
    : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  const name = tagOf(value);
  // A Buffer is a Uint8Array, and travels as one.
  if (name === "Uint8Array") return writeBytes(writer, bytes);
  const kind = format.binaryKindOf(name);
  if (kind === undefined) throw new Refusal(`an instance of ${name}`);
  writeLength(writer, 1 + bytes.length, format.EXT_8, format.EXT_16, format.EXT_32);
  writer.u8(format.EXT_BINARY);
  writer.u8(kind);
  writer.raw(bytes);
}

/** Begins an extension whose length is not known yet; give the result to {@link closeExt}. */
export function openExt(writer: ByteWriter, type: number): number {
  writer.ensure(OPEN_EXT_BYTES);
  const { length, position } = writer;
  writer.bytes[position] = format.EXT_32;
  writer.bytes[position + 5] = type;
  writer.position = position + OPEN_EXT_BYTES;
  return length;
}

/** Ends the extension that was begun at `offset` from the record's start. */
export function closeExt(writer: ByteWriter, offset: number): void {
  writer.view.setUint32(writer.start + offset + 1, writer.length - offset - OPEN_EXT_BYTES);
}

/** Written before its length is known, so behind the header that its worst case needs. */
function writeLongText(writer: ByteWriter, text: string): void {
  const bytesMax = text.length * 3;
  const headerBytes = bytesMax < 32 ? 1 : bytesMax < 0x100 ? 2 : bytesMax < 0x10000 ? 3 : 5;
  writer.ensureText(headerBytes, text);
  const start = writer.position;
  writer.position = start + headerBytes;
  writer.utf8(text);
  const end = writer.position;
  writer.position = start;
  putTextHeader(writer, headerBytes, end - start - headerBytes);
  writer.position = end;
}

function putTextHeader(writer: ByteWriter, headerBytes: number, length: number): void {
  if (headerBytes === 1) writer.u8(format.FIX_STRING | length);
  else if (headerBytes === 2) put8(writer, format.STRING_8, length);
  else if (headerBytes === 3) put16(writer, format.STRING_16, length);
  else put32(writer, format.STRING_32, length);
}

function writeFloat64(writer: ByteWriter, value: number): void {
  writer.ensure(9);
  const { position } = writer;
  writer.bytes[position] = format.FLOAT_64;
  writer.view.setFloat64(position + 1, value);
  writer.position = position + 9;
}

function writeLongBigint(writer: ByteWriter, value: bigint): void {
  const isNegative = value < 0n;
  const magnitude = isNegative ? -value : value;
  if (magnitude >> BIGINT_BITS_MAX !== 0n) throw new Refusal(`a bigint of over ${format.BIGINT_BYTES_MAX} bytes`);
  const digits = magnitude.toString(16);
  const length = (digits.length + 1) >> 1;
  writeLength(writer, 1 + length, format.EXT_8, format.EXT_16, format.EXT_32);
  writer.u8(format.EXT_BIGINT);
  writer.u8(isNegative ? 1 : 0);
  writer.ensure(length);
  const padded = digits.padStart(length * 2, "0");
  for (let at = 0; at < padded.length; at += 2) writer.u8(Number.parseInt(padded.slice(at, at + 2), 16));
}

/** The two bytes before a timestamp of `length` bytes, for all of which it makes room. */
function writeExtStart(writer: ByteWriter, first: number, length: number): void {
  writer.ensure(2 + length);
  writer.u8(first);
  writer.u8(format.EXT_TIMESTAMP);
}

function writeLength(writer: ByteWriter, length: number, form8: number, form16: number, form32: number): void {
  if (length < 0x100) return put8(writer, form8, length);
  return length < 0x10000 ? put16(writer, form16, length) : put32(writer, form32, length);
}

/** A form's byte and one byte after it, signed or not. */
function put8(writer: ByteWriter, form: number, value: number): void {
  writer.ensure(2);
  const { bytes, position } = writer;
  bytes[position] = form;
  bytes[position + 1] = value;
  writer.position = position + 2;
}

function put16(writer: ByteWriter, form: number, value: number): void {
  writer.ensure(3);
  const { position } = writer;
  writer.bytes[position] = form;
  writer.view.setUint16(position + 1, value);
  writer.position = position + 3;
}

function put32(writer: ByteWriter, form: number, value: number): void {
  writer.ensure(5);
  const { position } = writer;
  writer.bytes[position] = form;
  writer.view.setUint32(position + 1, value);
  writer.position = position + 5;
}

/** Four bytes alone, big-endian; the caller has made room. */
function putUint32(writer: ByteWriter, value: number): void {
  writer.view.setUint32(writer.position, value);
  writer.position += 4;
}

/** The value's own name for its kind, which a subclass does not change. */
function tagOf(value: object): string {
  const tag: unknown = Reflect.get(value, Symbol.toStringTag);
  return typeof tag === "string" ? tag : "";
}
