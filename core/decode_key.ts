/**
 * Reads the keys of objects. Keys occur again and again, so those of this thread are kept in a small table
 * and not built anew for every object. The table is a memo: a slot is used only when all of its characters
 * equal the bytes, and hostile keys can do no more than take slots. Mutable only in that; pure otherwise.
 *
 * @module
 */
import { type ByteReader, malformed } from "./byte_reader.ts";
import * as format from "./value_format.ts";

/** Keys of more bytes are rare, and not worth a place. */
const KEPT_BYTES_MAX = 31;
const SLOTS = 1024;
const kept: string[] = new Array(SLOTS).fill("");

/** The next value, which must be a string that may be a key. */
export function readKey(reader: ByteReader): string {
  const { bytes, position } = reader;
  const length = (bytes[position] ?? 0) - format.FIX_STRING;
  if (length <= 0 || length > KEPT_BYTES_MAX || position + length >= reader.end) return readRareKey(reader);
  const slot = slotOf(bytes, position + 1, length);
  const key = kept[slot];
  if (key === undefined || !isTextAt(key, bytes, position + 1, length)) return readNewKey(reader, slot);
  reader.position = position + 1 + length;
  return key;
}

/** Cheap rather than even: three of the bytes tell the keys of one program apart well enough. */
function slotOf(bytes: Uint8Array, at: number, length: number): number {
  const first = bytes[at] ?? 0;
  const middle = bytes[at + (length >> 1)] ?? 0;
  const last = bytes[at + length - 1] ?? 0;
  return (first * 7 + middle * 61 + last * 239 + length * 31) & (SLOTS - 1);
}

function isTextAt(text: string, bytes: Uint8Array, at: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(index) !== bytes[at + index]) return false;
  }
  return true;
}

function readNewKey(reader: ByteReader, slot: number): string {
  const length = reader.u8() - format.FIX_STRING;
  const key = checked(reader.utf8(length));
  // Characters are compared with bytes, so only a key with one byte a character may be kept.
  if (key.length === length) kept[slot] = interned(key);
  return key;
}

function readRareKey(reader: ByteReader): string {
  return checked(reader.utf8(readKeyLength(reader)));
}

function readKeyLength(reader: ByteReader): number {
  const first = reader.u8();
  if (first >= format.FIX_STRING && first < format.NIL) return first - format.FIX_STRING;
  switch (first) {
    case format.STRING_8:
      return reader.u8();
    case format.STRING_16:
      return reader.u8() * 0x100 + reader.u8();
    case format.STRING_32:
      return reader.u8() * 0x1000000 + reader.u8() * 0x10000 + reader.u8() * 0x100 + reader.u8();
    default:
      throw malformed("an object's key is not a string");
  }
}

function checked(key: string): string {
  if (key === format.KEY_REFUSED) throw malformed(`an object has the key ${format.KEY_REFUSED}`);
  return key;
}

/** The engine's own copy of `key`, the one that property names are: stores under it need no look-up. */
function interned(key: string): string {
  for (const name in { [key]: 0 }) return name;
  return key;
}
