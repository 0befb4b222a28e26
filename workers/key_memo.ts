/**
 * Reads the keys of actors out of records. The same few thousand keys come again and again, so those seen last
 * are kept, and a key is built anew only when it is not among them: a kept string also keeps its hash, which
 * the look-up of its cell needs next. The table is a memo: a slot is used only when all of its characters equal
 * the bytes, and hostile keys can do no more than take slots. Mutable only in that; one per thread.
 *
 * @module
 */
import { type ByteReader, malformed } from "../core/byte_reader.ts";
import type { ActorKey } from "../core/ids.ts";
import { KEY_CHARS_MAX } from "../core/limits.ts";

const SLOTS = 4096;

/** The keys one thread has read last. */
export class KeyMemo {
  readonly #kept: string[] = new Array(SLOTS).fill("");

  /** The next key, written by `ByteWriter.string`. Throws `malformed-bytes` when it is too long or not ASCII. */
  read(reader: ByteReader): ActorKey {
    const length = reader.u32();
    if (length > KEY_CHARS_MAX) throw malformed(`a key has at most ${KEY_CHARS_MAX} characters`);
    reader.need(length);
    const { bytes, position } = reader;
    const slot = slotOf(bytes, position, length);
    let key = this.#kept[slot] ?? "";
    if (!isTextAt(key, bytes, position, length)) {
      key = textAt(bytes, position, length);
      this.#kept[slot] = key;
    }
    reader.position = position + length;
    return key as ActorKey;
  }
}

/** FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv), folded. */
function slotOf(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let index = at; index < at + length; index++) hash = Math.imul(hash ^ (bytes[index] ?? 0), 0x01000193);
  return (hash ^ (hash >>> 16)) & (SLOTS - 1);
}

function isTextAt(text: string, bytes: Uint8Array, at: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(index) !== bytes[at + index]) return false;
  }
  return true;
}

function textAt(bytes: Uint8Array, at: number, length: number): string {
  const codes = new Array<number>(length);
  for (let index = 0; index < length; index++) {
    const code = bytes[at + index] ?? 0;
    if (code >= 0x80) throw malformed("a key is ASCII");
    codes[index] = code;
  }
  return String.fromCharCode.apply(null, codes);
}
