/**
 * Reads texts that come again and again out of records: keys of actors, names of kinds, ids of nodes and clusters. Those
 * read last are kept, with the hash that a string has once it was looked up by. Mutable only in that; one per thread and use.
 *
 * One idea: what is kept has been found valid, so a text that comes again is neither built nor examined again.
 *
 * Invariant: a kept text is used only when all of its characters equal the bytes. Hostile texts can do no more than take
 * slots, and there is a limit on how long a kept one is.
 *
 * @module
 */
import type { ByteReader } from "./byte_reader.ts";

/** Characters of a text that is kept. Others are read as they come. */
const KEPT_CHARS_MAX = 48;

/** The texts of one sort. */
export class TextMemo {
  readonly #kept: string[];
  readonly #isValid: (text: string) => boolean;

  /** Keeps up to `slots` texts, a power of two, for which `isValid` is true. */
  constructor(slots: number, isValid: (text: string) => boolean) {
    this.#kept = new Array(slots).fill("");
    this.#isValid = isValid;
  }

  /**
   * The next text, written by `ByteWriter.string`; `undefined` when it is not valid. Throws `malformed-bytes` when there
   * is none.
   */
  read(reader: ByteReader): string | undefined {
    const start = reader.position;
    const length = reader.u32();
    if (length > KEPT_CHARS_MAX || length === 0) return this.#readAnew(reader, start);
    reader.need(length);
    const { bytes, position } = reader;
    const slot = slotOf(bytes, position, length) & (this.#kept.length - 1);
    const kept = this.#kept[slot] ?? "";
    if (isTextAt(kept, bytes, position, length)) {
      reader.position = position + length;
      return kept;
    }
    const text = this.#readAnew(reader, start);
    // Only of ASCII there are as many characters as bytes, and only that is compared byte by byte.
    if (text !== undefined && text.length === length) this.#kept[slot] = text;
    return text;
  }

  #readAnew(reader: ByteReader, start: number): string | undefined {
    reader.position = start;
    const text = reader.string();
    return this.#isValid(text) ? text : undefined;
  }
}

/** FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv), folded. */
function slotOf(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let index = at; index < at + length; index++) hash = Math.imul(hash ^ (bytes[index] ?? 0), 0x01000193);
  return hash ^ (hash >>> 16);
}

function isTextAt(text: string, bytes: Uint8Array, at: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(index) !== bytes[at + index]) return false;
  }
  return true;
}
