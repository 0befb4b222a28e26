/**
 * Reads one value back from MessagePack, whatever the bytes are: every length is checked against the bytes
 * that are left before anything is made of it, nesting is bounded, and what comes out is private memory,
 * never a view of the ring. The forms are in `value_format.ts`. Pure; runs on the receiving thread.
 *
 * @module
 */
import { type ByteReader, malformed } from "./byte_reader.ts";
import { readKey } from "./decode_key.ts";
import {
  readBigint,
  readBinary,
  readConstant,
  readFloat,
  readInteger64,
  readSigned,
  readTimestamp,
  readUnsigned,
} from "./decode_scalar.ts";
import { actorErrorOf, errorOf } from "./error_parts.ts";
import { ActorError } from "./failure.ts";
import { VALUE_DEPTH_MAX } from "./limits.ts";
import { isKey, isName } from "./names.ts";
import type { RefCodec } from "./ref_data.ts";
import * as format from "./value_format.ts";

/** Elements for which an array is made before they have been read: it bounds what a false length can cost. */
const ELEMENTS_MADE_MAX = 1024;
/** Both engines hold an object's indices below this as a dense list when they can. */
const DENSE_INDEX_MAX = 1 << 16;
/** An index that no engine holds densely. */
const FAR_INDEX = "4294967290";

/** Reads one value; `depth` counts the containers around it. Throws `malformed-bytes` or `kind-unknown`. */
export function readValue(reader: ByteReader, refs: RefCodec | undefined, depth: number): unknown {
  const { position } = reader;
  if (position >= reader.end) throw malformed("a value is due, nothing is left");
  const first = reader.bytes[position] ?? 0;
  reader.position = position + 1;
  if (first < format.FIX_MAP) return first;
  if (first >= format.NEGATIVE_FIX_INT) return first - 0x100;
  if (first < format.FIX_ARRAY) return readRecord(reader, first - format.FIX_MAP, refs, depth);
  if (first < format.FIX_STRING) return readArray(reader, first - format.FIX_ARRAY, refs, depth);
  if (first < format.NIL) return reader.utf8(first - format.FIX_STRING);
  return readTagged(reader, first, refs, depth);
}

/** The forms whose first byte says no more than which form it is. */
function readTagged(reader: ByteReader, first: number, refs: RefCodec | undefined, depth: number): unknown {
  switch (first) {
    case format.NIL:
      return null;
    case format.FALSE:
      return false;
    case format.TRUE:
      return true;
    case format.FLOAT_32:
      return readFloat(reader, 4);
    case format.FLOAT_64:
      return readFloat(reader, 8);
    case format.UINT_8:
      return readUnsigned(reader, 1);
    case format.UINT_16:
      return readUnsigned(reader, 2);
    case format.UINT_32:
      return readUnsigned(reader, 4);
    case format.UINT_64:
      return readInteger64(reader, false);
    case format.INT_8:
      return readSigned(reader, 1);
    case format.INT_16:
      return readSigned(reader, 2);
    case format.INT_32:
      return readSigned(reader, 4);
    case format.INT_64:
      return readInteger64(reader, true);
    case format.STRING_8:
      return reader.utf8(readUnsigned(reader, 1));
    case format.STRING_16:
      return reader.utf8(readUnsigned(reader, 2));
    case format.STRING_32:
      return reader.utf8(readUnsigned(reader, 4));
    case format.BIN_8:
      return reader.raw(readUnsigned(reader, 1));
    case format.BIN_16:
      return reader.raw(readUnsigned(reader, 2));
    case format.BIN_32:
      return reader.raw(readUnsigned(reader, 4));
    case format.ARRAY_16:
      return readArray(reader, readUnsigned(reader, 2), refs, depth);
    case format.ARRAY_32:
      return readArray(reader, readUnsigned(reader, 4), refs, depth);
    case format.MAP_16:
      return readRecord(reader, readUnsigned(reader, 2), refs, depth);
    case format.MAP_32:
      return readRecord(reader, readUnsigned(reader, 4), refs, depth);
    case format.FIX_EXT_1:
      return readExtension(reader, 1, refs, depth);
    case format.FIX_EXT_2:
      return readExtension(reader, 2, refs, depth);
    case format.FIX_EXT_4:
      return readExtension(reader, 4, refs, depth);
    case format.FIX_EXT_8:
      return readExtension(reader, 8, refs, depth);
    case format.FIX_EXT_16:
      return readExtension(reader, 16, refs, depth);
    case format.EXT_8:
      return readExtension(reader, readUnsigned(reader, 1), refs, depth);
    case format.EXT_16:
      return readExtension(reader, readUnsigned(reader, 2), refs, depth);
    case format.EXT_32:
      return readExtension(reader, readUnsigned(reader, 4), refs, depth);
    default:
      throw malformed(`no value begins with the byte ${first}`);
  }
}

function readArray(reader: ByteReader, count: number, refs: RefCodec | undefined, depth: number): unknown[] {
  enter(reader, count, depth);
  const array: unknown[] = new Array(Math.min(count, ELEMENTS_MADE_MAX));
  for (let index = 0; index < count; index++) array[index] = readValue(reader, refs, depth + 1);
  return array;
}

function readRecord(reader: ByteReader, count: number, refs: RefCodec | undefined, depth: number): object {
  enter(reader, count * 2, depth);
  const record: Record<string, unknown> = {};
  for (let index = 0; index < count; index++) {
    const key = readKey(reader);
    const value = readValue(reader, refs, depth + 1);
    if (key.charCodeAt(0) <= 0x39) keepSparse(record, key, count);
    record[key] = value;
  }
  return record;
}

/**
 * Given `{ 999: null }`, both engines make room for a thousand values: a few bytes would take kilobytes.
 * A far index that comes and goes first makes the object's indices a table.
 */
function keepSparse(record: Record<string, unknown>, key: string, count: number): void {
  const index = Number(key);
  if (!(index > 64 + count * 8 && index < DENSE_INDEX_MAX)) return;
  if (Object.hasOwn(record, FAR_INDEX)) return;
  record[FAR_INDEX] = undefined;
  delete record[FAR_INDEX];
}

/** An extension ends where its length says, neither before nor after. */
function readExtension(reader: ByteReader, length: number, refs: RefCodec | undefined, depth: number): unknown {
  reader.need(length + 1);
  const type = readSigned(reader, 1);
  const outerEnd = reader.end;
  reader.end = reader.position + length;
  const value = readExtensionOf(type, reader, length, refs, depth);
  if (reader.left > 0) throw malformed(`an extension of type ${type} is followed by ${reader.left} of its bytes`);
  reader.end = outerEnd;
  return value;
}

function readExtensionOf(
  type: number,
  reader: ByteReader,
  length: number,
  refs: RefCodec | undefined,
  depth: number,
): unknown {
  switch (type) {
    case format.EXT_CONSTANT:
      return readConstant(reader);
    case format.EXT_TIMESTAMP:
      return readTimestamp(reader, length);
    case format.EXT_BIGINT:
      return readBigint(reader, length);
    case format.EXT_BINARY:
      return readBinary(reader, length);
    case format.EXT_MAP:
      return readMap(reader, refs, depth);
    case format.EXT_SET:
      return readSet(reader, refs, depth);
    case format.EXT_ERROR:
      return errorOf(readParts(reader, 2, 4, refs, depth));
    case format.EXT_ACTOR_ERROR:
      return actorErrorOf(readParts(reader, 4, 5, refs, depth));
    case format.EXT_REF:
      return readRef(reader, refs);
    default:
      throw malformed(`there is no extension of type ${type}`);
  }
}

function readMap(reader: ByteReader, refs: RefCodec | undefined, depth: number): Map<unknown, unknown> {
  const count = readCount(reader, format.FIX_MAP, format.MAP_16, format.MAP_32);
  enter(reader, count * 2, depth);
  const map = new Map<unknown, unknown>();
  for (let index = 0; index < count; index++) {
    const key = readValue(reader, refs, depth + 1);
    map.set(key, readValue(reader, refs, depth + 1));
  }
  return map;
}

function readSet(reader: ByteReader, refs: RefCodec | undefined, depth: number): Set<unknown> {
  const count = readCount(reader, format.FIX_ARRAY, format.ARRAY_16, format.ARRAY_32);
  enter(reader, count, depth);
  const set = new Set<unknown>();
  for (let index = 0; index < count; index++) set.add(readValue(reader, refs, depth + 1));
  return set;
}

/** The parts of an error or a ref, `countMin` to `countMax` of them. */
function readParts(
  reader: ByteReader,
  countMin: number,
  countMax: number,
  refs: RefCodec | undefined,
  depth: number,
): unknown[] {
  const count = readCount(reader, format.FIX_ARRAY, format.ARRAY_16, format.ARRAY_32);
  if (count < countMin || count > countMax) throw malformed(`an error or a ref has ${count} parts`);
  return readArray(reader, count, refs, depth);
}

function readRef(reader: ByteReader, refs: RefCodec | undefined): object {
  // As if at the last depth: its parts are strings, so what nests is refused before it is read.
  const [kind, key] = readParts(reader, 2, 2, undefined, VALUE_DEPTH_MAX - 1);
  if (!isName(kind) || !isKey(key)) throw malformed("a ref is not a kind's name and an actor's key");
  const ref = refs?.refOf({ kind, key });
  if (ref !== undefined) return ref;
  throw new ActorError("kind-unknown", `Cannot decode a ref to ${key}: the kind ${kind} is not known here`, {
    details: { kind, key },
  });
}

/** The count of a map or an array inside an extension. */
function readCount(reader: ByteReader, fix: number, form16: number, form32: number): number {
  const first = reader.u8();
  if (first >= fix && first < fix + 16) return first - fix;
  if (first === form16) return readUnsigned(reader, 2);
  if (first === form32) return readUnsigned(reader, 4);
  throw malformed(`an extension's members begin with the byte ${first}`);
}

/** Every value takes a byte or more: a container cannot have more of them than there are bytes. */
function enter(reader: ByteReader, valueCount: number, depth: number): void {
  if (depth >= VALUE_DEPTH_MAX) throw malformed(`values are nested deeper than ${VALUE_DEPTH_MAX}`);
  if (valueCount > reader.left) throw malformed(`${valueCount} values are due, ${reader.left} bytes are left`);
}
