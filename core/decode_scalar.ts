/**
 * Reads the values that hold no others, beyond the plainest. The bytes are checked before anything is made
 * of them. The forms are in `value_format.ts`. Pure; runs on the receiving thread.
 *
 * @module
 */
import { type ByteReader, malformed } from "./byte_reader.ts";
import * as format from "./value_format.ts";

const SECONDS_PER_HIGH = 2 ** 32;
const NANOSECONDS_PER_MS = 1_000_000;
const NANOSECONDS_PER_SECOND = 1_000_000_000;
/** Milliseconds that a Date may be from 1970, either way. */
const DATE_MS_MAX = 8.64e15;

/** An unsigned number of 1, 2 or 4 bytes, big-endian as MessagePack has it. */
export function readUnsigned(reader: ByteReader, byteCount: 1 | 2 | 4): number {
  reader.need(byteCount);
  const { view, position } = reader;
  reader.position = position + byteCount;
  if (byteCount === 1) return view.getUint8(position);
  return byteCount === 2 ? view.getUint16(position) : view.getUint32(position);
}

/** A signed number of 1, 2 or 4 bytes. */
export function readSigned(reader: ByteReader, byteCount: 1 | 2 | 4): number {
  reader.need(byteCount);
  const { view, position } = reader;
  reader.position = position + byteCount;
  if (byteCount === 1) return view.getInt8(position);
  return byteCount === 2 ? view.getInt16(position) : view.getInt32(position);
}

/** A float of 4 or 8 bytes. */
export function readFloat(reader: ByteReader, byteCount: 4 | 8): number {
  reader.need(byteCount);
  const { view, position } = reader;
  reader.position = position + byteCount;
  return byteCount === 4 ? view.getFloat32(position) : view.getFloat64(position);
}

/** A whole number of 8 bytes, which other writers use: a number where that is exact, else a bigint. */
export function readInteger64(reader: ByteReader, isSigned: boolean): number | bigint {
  reader.need(8);
  const { view, position } = reader;
  reader.position = position + 8;
  const value = isSigned ? view.getBigInt64(position) : view.getBigUint64(position);
  const rounded = Number(value);
  return Number.isSafeInteger(rounded) ? rounded : value;
}

/** The one byte of an extension that stands for a value. */
export function readConstant(reader: ByteReader): undefined | Date {
  const constant = reader.u8();
  if (constant === format.CONSTANT_UNDEFINED) return undefined;
  if (constant === format.CONSTANT_INVALID_DATE) return new Date(Number.NaN);
  throw malformed(`there is no constant ${constant}`);
}

/** A timestamp of 4, 8 or 12 bytes. What is finer than a millisecond is cut off. */
export function readTimestamp(reader: ByteReader, length: number): Date {
  switch (length) {
    case 4:
      return dateOf(readUnsigned(reader, 4), 0);
    case 8: {
      const high = readUnsigned(reader, 4);
      return dateOf((high % 4) * SECONDS_PER_HIGH + readUnsigned(reader, 4), Math.floor(high / 4));
    }
    case 12: {
      const nanoseconds = readUnsigned(reader, 4);
      return dateOf(readSigned(reader, 4) * SECONDS_PER_HIGH + readUnsigned(reader, 4), nanoseconds);
    }
    default:
      throw malformed(`a timestamp has ${length} bytes`);
  }
}

/** A bigint of `length` bytes: see `value_format.ts`. */
export function readBigint(reader: ByteReader, length: number): bigint {
  reader.need(length);
  if (length === 8) {
    reader.position += 8;
    return reader.view.getBigInt64(reader.position - 8);
  }
  if (length < 8 || length > 1 + format.BIGINT_BYTES_MAX) throw malformed(`a bigint has ${length} bytes`);
  const sign = reader.u8();
  if (sign > 1) throw malformed("a bigint's sign is neither 0 nor 1");
  const magnitude = BigInt(`0x${hexOf(reader, length - 1)}`);
  return sign === 1 ? -magnitude : magnitude;
}

/** An ArrayBuffer, a DataView or a typed array, over memory of its own; `length` counts its kind byte. */
export function readBinary(reader: ByteReader, length: number): object {
  const kindByte = reader.u8();
  const kind = format.BINARY_KINDS[kindByte];
  if (kind === undefined) throw malformed(`there is no binary kind ${kindByte}`);
  if ((length - 1) % kind.elementBytes !== 0) {
    throw malformed(`${length - 1} bytes are not whole elements of ${kind.name}`);
  }
  return kind.of(reader.raw(length - 1).buffer);
}

function dateOf(seconds: number, nanoseconds: number): Date {
  const ms = seconds * 1000 + Math.floor(nanoseconds / NANOSECONDS_PER_MS);
  if (nanoseconds >= NANOSECONDS_PER_SECOND) throw malformed("a timestamp has a second or more of nanoseconds");
  if (Math.abs(ms) > DATE_MS_MAX) throw malformed("a timestamp is out of a Date's range");
  return new Date(ms);
}

function hexOf(reader: ByteReader, length: number): string {
  let digits = "";
  for (let index = 0; index < length; index++) digits += reader.u8().toString(16).padStart(2, "0");
  return digits;
}
