/**
 * Writes one value as MessagePack in a single pass: what cannot travel is found while writing, so there is
 * no pass before, and the bytes go where the writer points, usually straight into a ring. The forms are in
 * `value_format.ts`. Pure; runs on the sending thread.
 *
 * Strings lose lone surrogates (they become U+FFFD, as UTF-8 cannot hold them), arrays their named
 * properties, errors their stack and own properties: an error is its name, message and cause. Getters are
 * read. A container that changes while it is read is refused or sent as it was read, never half of each.
 *
 * @module
 */
import type { ByteWriter } from "./byte_writer.ts";
import { ActorError, CAUSES_MAX } from "./failure.ts";
import { VALUE_DEPTH_MAX } from "./limits.ts";
import type { RefCodec, RefData } from "./ref_data.ts";
import {
  closeExt,
  openExt,
  writeBigint,
  writeBinary,
  writeBytes,
  writeConstant,
  writeCount,
  writeDate,
  writeNumber,
  writeText,
} from "./encode_scalar.ts";
import { partsOf } from "./error_parts.ts";
import { leaving, Refusal, type Step, tooDeep } from "./refused_value.ts";
import * as format from "./value_format.ts";

const OBJECT: object = Object.prototype;
const ARRAY: object = Array.prototype;
const BYTES: object = Uint8Array.prototype;

let isObjectExtended = false;

/**
 * Looks whether somebody gave `Object.prototype` enumerable keys, which would otherwise look like keys of
 * every object. Call once before each message.
 */
export function lookForInheritedKeys(): void {
  for (const _ in OBJECT) {
    isObjectExtended = true;
    return;
  }
  isObjectExtended = false;
}

/** Writes `value`; `depth` counts the containers around it. Throws a {@link Refusal} or `message-too-large`. */
export function writeValue(writer: ByteWriter, value: unknown, refs: RefCodec | undefined, depth: number): void {
  switch (typeof value) {
    case "string":
      return writeText(writer, value);
    case "number":
      return writeNumber(writer, value);
    case "object":
      return value === null ? writer.u8(format.NIL) : writeObject(writer, value, refs, depth);
    case "boolean":
      return writer.u8(value ? format.TRUE : format.FALSE);
    case "undefined":
      return writeConstant(writer, format.CONSTANT_UNDEFINED);
    case "bigint":
      return writeBigint(writer, value);
    default:
      throw new Refusal(`a ${typeof value}`);
  }
}

function writeObject(writer: ByteWriter, value: object, refs: RefCodec | undefined, depth: number): void {
  if (depth >= VALUE_DEPTH_MAX) throw tooDeep();
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === OBJECT) return writeRecord(writer, value as Record<string, unknown>, refs, depth);
  if (prototype === ARRAY && Array.isArray(value)) return writeArray(writer, value, refs, depth);
  if (prototype === BYTES && value instanceof Uint8Array) return writeBytes(writer, value);
  const data = refs?.dataOf(value);
  if (data !== undefined) return writeRef(writer, data);
  if (prototype === null) return writeRecord(writer, value as Record<string, unknown>, refs, depth);
  if (prototype === Map.prototype && value instanceof Map) return writeMap(writer, value, refs, depth);
  if (prototype === Set.prototype && value instanceof Set) return writeSet(writer, value, refs, depth);
  if (prototype === Date.prototype && value instanceof Date) return writeDate(writer, value);
  if (value instanceof Error) return writeError(writer, value, refs, depth, 0);
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return writeBinary(writer, value);
  throw new Refusal(`an instance of ${classNameOf(prototype)}`);
}

function writeRecord(
  writer: ByteWriter,
  record: Readonly<Record<string, unknown>>,
  refs: RefCodec | undefined,
  depth: number,
): void {
  const offset = writer.length;
  let count = 0;
  let current: string | undefined;
  writer.u8(format.FIX_MAP);
  try {
    if (Object.getOwnPropertySymbols(record).length > 0) throw new Refusal("an object with a symbol as key");
    // Measured: on V8 this loop reads a small object three times faster than `Object.keys` does.
    for (const key in record) {
      current = key;
      if (key === format.KEY_REFUSED) throw new Refusal(`a key named ${format.KEY_REFUSED}`);
      if (isObjectExtended && !Object.hasOwn(record, key)) continue;
      count++;
      writeText(writer, key);
      writeValue(writer, record[key], refs, depth + 1);
    }
  } catch (thrown) {
    throw leaving(thrown, record, current === undefined ? undefined : { kind: "property", key: current });
  }
  closeRecord(writer, offset, count);
}

/** Writes the count of keys into the header, which is known only now. */
function closeRecord(writer: ByteWriter, offset: number, count: number): void {
  if (count < 16) {
    writer.bytes[writer.start + offset] = format.FIX_MAP | count;
  } else if (count < 0x10000) {
    writer.insert(offset, 2);
    writer.bytes[writer.start + offset] = format.MAP_16;
    writer.view.setUint16(writer.start + offset + 1, count);
  } else {
    writer.insert(offset, 4);
    writer.bytes[writer.start + offset] = format.MAP_32;
    writer.view.setUint32(writer.start + offset + 1, count);
  }
}

function writeArray(writer: ByteWriter, array: readonly unknown[], refs: RefCodec | undefined, depth: number): void {
  const { length } = array;
  writeCount(writer, length, format.FIX_ARRAY, format.ARRAY_16, format.ARRAY_32);
  // Every element takes a byte or more: a sparse array with a great length is refused before its first.
  writer.ensure(length);
  let index = 0;
  try {
    for (; index < length; index++) writeValue(writer, array[index], refs, depth + 1);
  } catch (thrown) {
    throw leaving(thrown, array, { kind: "index", index });
  }
}

function writeMap(
  writer: ByteWriter,
  map: ReadonlyMap<unknown, unknown>,
  refs: RefCodec | undefined,
  depth: number,
): void {
  const { size } = map;
  const offset = openExt(writer, format.EXT_MAP);
  let index = 0;
  let step: Step = { kind: "map-key", index };
  writeCount(writer, size, format.FIX_MAP, format.MAP_16, format.MAP_32);
  try {
    for (const [key, value] of map) {
      step = { kind: "map-key", index };
      writeValue(writer, key, refs, depth + 1);
      step = { kind: "map-value", key };
      writeValue(writer, value, refs, depth + 1);
      index++;
    }
    if (index !== size) throw new Refusal("a Map that changes while it is read");
  } catch (thrown) {
    throw leaving(thrown, map, step);
  }
  closeExt(writer, offset);
}

function writeSet(writer: ByteWriter, set: ReadonlySet<unknown>, refs: RefCodec | undefined, depth: number): void {
  const { size } = set;
  const offset = openExt(writer, format.EXT_SET);
  let index = 0;
  writeCount(writer, size, format.FIX_ARRAY, format.ARRAY_16, format.ARRAY_32);
  try {
    for (const value of set) {
      writeValue(writer, value, refs, depth + 1);
      index++;
    }
    if (index !== size) throw new Refusal("a Set that changes while it is read");
  } catch (thrown) {
    throw leaving(thrown, set, { kind: "set-value", index });
  }
  closeExt(writer, offset);
}

/** `causes` counts the errors that this one is the cause of: the chain is cut, so it may even be a cycle. */
function writeError(
  writer: ByteWriter,
  error: Error,
  refs: RefCodec | undefined,
  depth: number,
  causes: number,
): void {
  if (depth >= VALUE_DEPTH_MAX) throw tooDeep();
  let current: string | undefined;
  const offset = openExt(writer, error instanceof ActorError ? format.EXT_ACTOR_ERROR : format.EXT_ERROR);
  try {
    const parts = partsOf(error, causes < CAUSES_MAX);
    writeCount(writer, parts.length, format.FIX_ARRAY, format.ARRAY_16, format.ARRAY_32);
    for (const [key, part] of parts) {
      current = key;
      if (key === "cause" && part instanceof Error) writeError(writer, part, refs, depth + 1, causes + 1);
      else writeValue(writer, part, refs, depth + 1);
    }
  } catch (thrown) {
    throw leaving(thrown, error, current === undefined ? undefined : { kind: "property", key: current });
  }
  closeExt(writer, offset);
}

function writeRef(writer: ByteWriter, data: RefData): void {
  const offset = openExt(writer, format.EXT_REF);
  writeCount(writer, 2, format.FIX_ARRAY, format.ARRAY_16, format.ARRAY_32);
  writeText(writer, data.kind);
  writeText(writer, data.key);
  closeExt(writer, offset);
}

function classNameOf(prototype: unknown): string {
  if (typeof prototype !== "object" || prototype === null) return "an unknown class";
  const constructor: unknown = Reflect.get(prototype, "constructor");
  return typeof constructor === "function" && constructor.name !== "" ? constructor.name : "an unnamed class";
}
