/**
 * Values to bytes and back: the one interface behind which the form of messages and stored states lies.
 * It is MessagePack, written in one pass straight into the ring and read from it without believing a byte.
 * What travels, and as what, is the table in `value_format.ts`; everything else is refused at the sender,
 * with the path to it. Pure; each thread encodes and decodes its own messages.
 *
 * Invariant: decoding what was encoded gives an equal value that shares no memory with the bytes.
 *
 * @module
 */
import { ByteReader, malformed } from "./byte_reader.ts";
import { ByteWriter } from "./byte_writer.ts";
import { readValue } from "./decode_value.ts";
import { lookForInheritedKeys, writeValue } from "./encode_value.ts";
import { MESSAGE_BYTES_DEFAULT } from "./limits.ts";
import type { RefCodec } from "./ref_data.ts";
import { cannotTravel, encodingFailure, Refusal } from "./refused_value.ts";

/**
 * Writes `value` at the writer's position.
 *
 * Plain data travels: null, undefined, booleans, numbers, bigints, strings, arrays, plain objects, Map, Set,
 * Date, ArrayBuffer, DataView, typed arrays and errors; and refs, when `refs` knows them. A ref must not be a
 * plain object or an array: `refs` is not asked about those. Safe to repeat.
 *
 * @throws {ActorError} `value-cannot-travel`: `details.path` says where in `value`. `message-too-large`: over
 * the writer's limit. After either, part of a record is written: abandon it and aim the writer anew.
 */
export function encodeValue(writer: ByteWriter, value: unknown, refs: RefCodec | undefined): void {
  const { recordCount } = writer;
  lookForInheritedKeys();
  try {
    writeValue(writer, value, refs, 0);
  } catch (thrown) {
    throw encodingFailure(thrown);
  }
  // A getter may send a message itself, with this very writer: what it left is not this record.
  if (writer.recordCount !== recordCount) throw cannotTravel(new Refusal("a value that sends when it is read"));
}

/** Writes the arguments of one message, as one array: paths of refused values begin with `[index]`. */
export function encodeArguments(writer: ByteWriter, args: readonly unknown[], refs: RefCodec | undefined): void {
  encodeValue(writer, args, refs);
}

/**
 * Reads exactly one value at the reader's position. Safe for bytes from anywhere.
 *
 * @throws {ActorError} `malformed-bytes`: they are not a value, or nest deeper than `VALUE_DEPTH_MAX`.
 * `kind-unknown`: a ref names a kind that `refs` does not know. After either, aim the reader anew.
 */
export function decodeValue(reader: ByteReader, refs: RefCodec | undefined): unknown {
  return readValue(reader, refs, 0);
}

/** `value` as bytes of its own, at most `bytesMax` of them. Throws as {@link encodeValue} does. */
export function encodeToBytes(
  value: unknown,
  refs?: RefCodec,
  bytesMax: number = MESSAGE_BYTES_DEFAULT,
): Uint8Array<ArrayBuffer> {
  return withSpareWriter(bytesMax, (writer) => {
    encodeValue(writer, value, refs);
    return writer.copy();
  });
}

/** As {@link encodeToBytes}, for bytes that are only passing through: see `passing_bytes.ts`. */
export function encodeToPassingBytes(
  value: unknown,
  refs?: RefCodec,
  bytesMax: number = MESSAGE_BYTES_DEFAULT,
): Uint8Array<ArrayBuffer> {
  return withSpareWriter(bytesMax, (writer) => {
    encodeValue(writer, value, refs);
    return writer.passingCopy();
  });
}

let spareWriter: ByteWriter | undefined;

/** Its scratch costs more to make than most values do to write. Gone while it is used: a getter may encode, too. */
function withSpareWriter<T>(bytesMax: number, write: (writer: ByteWriter) => T): T {
  const writer = spareWriter ?? new ByteWriter(bytesMax);
  spareWriter = undefined;
  writer.aimAtScratch(bytesMax);
  const made = write(writer);
  spareWriter = writer;
  return made;
}

let spareReader: ByteReader | undefined;

/**
 * The one value that `bytes` are from the byte `start` on; bytes after it are refused too. Throws as {@link decodeValue}
 * does.
 */
export function decodeFromBytes(bytes: Uint8Array, refs?: RefCodec, start: number = 0): unknown {
  const reader = spareReader ?? new ByteReader();
  spareReader = undefined;
  reader.aimAt(bytes, start);
  try {
    const value = decodeValue(reader, refs);
    if (reader.left > 0) throw malformed(`${reader.left} bytes follow the value`);
    return value;
  } finally {
    reader.aimAtNothing();
    spareReader = reader;
  }
}
