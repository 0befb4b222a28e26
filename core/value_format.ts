/**
 * How values lie on the wire, in one table that writer and reader share. The form is MessagePack
 * (github.com/msgpack/msgpack, spec.md); what it has no word for is an extension below. Numbers on this
 * page are part of the wire: they are added to, never given another meaning. Pure.
 *
 * | Value | Bytes |
 * | --- | --- |
 * | null, boolean, string | nil, bool, str |
 * | number | the shortest int up to 32 bits, else float 64 (`-0`, NaN, fractions, larger whole numbers) |
 * | array | array; a hole is `undefined` |
 * | plain object | map with string keys, in the object's order |
 * | Uint8Array | bin |
 * | Date | timestamp, extension -1 |
 * | `undefined`, invalid Date | extension 0, one byte says which |
 * | bigint | extension 1: 8 bytes are an int 64; more are a sign byte (1 is negative) and the magnitude |
 * | Map, Set | extension 2: one MessagePack map with any keys; extension 3: one array |
 * | Error | extension 4: array of name, message, cause if any, errors if it is an AggregateError |
 * | ActorError | extension 5: array of code, message, fate, details, cause if any |
 * | ref | extension 6: array of kind and key |
 * | ArrayBuffer, DataView, other typed arrays | extension 7: a byte for its kind, then its memory |
 *
 * Lengths and numbers are big-endian as MessagePack has them; the memory of typed arrays is little-endian,
 * as every machine that Troupe runs on has it.
 *
 * @module
 */
import { assert } from "./assert.ts";

// First bytes of MessagePack's forms; those with a count or a value inside are their lower bound.

/** A map of up to 15 keys; its count is in the low four bits. */
export const FIX_MAP = 0x80;
/** An array of up to 15 elements. */
export const FIX_ARRAY = 0x90;
/** A string of up to 31 bytes. */
export const FIX_STRING = 0xa0;
/** `null`. */
export const NIL = 0xc0;
/** `false`. */
export const FALSE = 0xc2;
/** `true`. */
export const TRUE = 0xc3;
/** Bytes with a length of 8 bits. */
export const BIN_8 = 0xc4;
/** Bytes with a length of 16 bits. */
export const BIN_16 = 0xc5;
/** Bytes with a length of 32 bits. */
export const BIN_32 = 0xc6;
/** An extension with a length of 8 bits. */
export const EXT_8 = 0xc7;
/** An extension with a length of 16 bits. */
export const EXT_16 = 0xc8;
/** An extension with a length of 32 bits. */
export const EXT_32 = 0xc9;
/** A float of 32 bits. */
export const FLOAT_32 = 0xca;
/** A float of 64 bits. */
export const FLOAT_64 = 0xcb;
/** An unsigned whole number of 8 bits. */
export const UINT_8 = 0xcc;
/** An unsigned whole number of 16 bits. */
export const UINT_16 = 0xcd;
/** An unsigned whole number of 32 bits. */
export const UINT_32 = 0xce;
/** An unsigned whole number of 64 bits. */
export const UINT_64 = 0xcf;
/** A signed whole number of 8 bits. */
export const INT_8 = 0xd0;
/** A signed whole number of 16 bits. */
export const INT_16 = 0xd1;
/** A signed whole number of 32 bits. */
export const INT_32 = 0xd2;
/** A signed whole number of 64 bits. */
export const INT_64 = 0xd3;
/** An extension of 1 byte. */
export const FIX_EXT_1 = 0xd4;
/** An extension of 2 bytes. */
export const FIX_EXT_2 = 0xd5;
/** An extension of 4 bytes. */
export const FIX_EXT_4 = 0xd6;
/** An extension of 8 bytes. */
export const FIX_EXT_8 = 0xd7;
/** An extension of 16 bytes. */
export const FIX_EXT_16 = 0xd8;
/** A string with a length of 8 bits. */
export const STRING_8 = 0xd9;
/** A string with a length of 16 bits. */
export const STRING_16 = 0xda;
/** A string with a length of 32 bits. */
export const STRING_32 = 0xdb;
/** An array with a count of 16 bits. */
export const ARRAY_16 = 0xdc;
/** An array with a count of 32 bits. */
export const ARRAY_32 = 0xdd;
/** A map with a count of 16 bits. */
export const MAP_16 = 0xde;
/** A map with a count of 32 bits. */
export const MAP_32 = 0xdf;
/** A whole number from -32 to -1. */
export const NEGATIVE_FIX_INT = 0xe0;

// Extension types: see the table above.

/** MessagePack's own: a Date. */
export const EXT_TIMESTAMP = -1;
/** A value that is no more than a name. */
export const EXT_CONSTANT = 0;
/** A bigint. */
export const EXT_BIGINT = 1;
/** A Map. */
export const EXT_MAP = 2;
/** A Set. */
export const EXT_SET = 3;
/** An Error. */
export const EXT_ERROR = 4;
/** An ActorError. */
export const EXT_ACTOR_ERROR = 5;
/** A ref. */
export const EXT_REF = 6;
/** Binary of a kind in {@link BINARY_KINDS}. */
export const EXT_BINARY = 7;

// The byte of an EXT_CONSTANT.

/** `undefined`. */
export const CONSTANT_UNDEFINED = 0;
/** A Date that is none. */
export const CONSTANT_INVALID_DATE = 1;

/** Bytes of the largest bigint: a million bits. The engines' own limits differ, and lie far above. */
export const BIGINT_BYTES_MAX: number = 1 << 17;

/** A key that no object may have: code that copies or merges it would change a prototype. */
export const KEY_REFUSED = "__proto__";

/** One kind of binary value beside Uint8Array. */
export interface BinaryKind {
  /** The value's `Symbol.toStringTag`. */
  readonly name: string;
  /** Its memory is a whole number of these. */
  readonly elementBytes: number;
  /** The value over private memory. */
  readonly of: (buffer: ArrayBuffer) => object;
}

/** The kind byte of an {@link EXT_BINARY} is an index of this list. */
export const BINARY_KINDS: readonly BinaryKind[] = [
  { name: "ArrayBuffer", elementBytes: 1, of: (buffer) => buffer },
  { name: "DataView", elementBytes: 1, of: (buffer) => new DataView(buffer) },
  { name: "Int8Array", elementBytes: 1, of: (buffer) => new Int8Array(buffer) },
  { name: "Uint8ClampedArray", elementBytes: 1, of: (buffer) => new Uint8ClampedArray(buffer) },
  { name: "Int16Array", elementBytes: 2, of: (buffer) => new Int16Array(buffer) },
  { name: "Uint16Array", elementBytes: 2, of: (buffer) => new Uint16Array(buffer) },
  { name: "Int32Array", elementBytes: 4, of: (buffer) => new Int32Array(buffer) },
  { name: "Uint32Array", elementBytes: 4, of: (buffer) => new Uint32Array(buffer) },
  { name: "Float32Array", elementBytes: 4, of: (buffer) => new Float32Array(buffer) },
  { name: "Float64Array", elementBytes: 8, of: (buffer) => new Float64Array(buffer) },
  { name: "BigInt64Array", elementBytes: 8, of: (buffer) => new BigInt64Array(buffer) },
  { name: "BigUint64Array", elementBytes: 8, of: (buffer) => new BigUint64Array(buffer) },
  // Last, because Node 22 does not have it.
  ...(typeof Float16Array === "function"
    ? [{ name: "Float16Array", elementBytes: 2, of: (buffer: ArrayBuffer) => new Float16Array(buffer) }]
    : []),
];

const KIND_BYTES: ReadonlyMap<string, number> = new Map(BINARY_KINDS.map(({ name }, index) => [name, index]));

/** The kind byte of what calls itself `name`; `undefined` when it has none. */
export function binaryKindOf(name: string): number | undefined {
  return KIND_BYTES.get(name);
}

assert(new Uint8Array(Uint16Array.of(1).buffer)[0] === 1, "this machine's memory is little-endian");
