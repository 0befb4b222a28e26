/**
 * Actors for whose messages there is no room: their senders on this node are told so at once, until there may be room
 * again. Pure; mutable, for one owner.
 *
 * One idea: it is a kindness, not a promise. Above the limit, and for whoever has not heard of it yet, messages are taken
 * and fail one by one.
 *
 * Invariant: every key that was put in comes out in one page, and no page is more than a record holds.
 *
 * @module
 */
import type { ActorKey } from "../core/ids.ts";

/** Actors that are held back at most. */
export const HELD_BACK_MAX = 10_000;
/** Bytes of the keys of one page: what fits into the smallest record there may be. */
export const PAGE_BYTES_MAX = 4_096;
/** Bytes of one key in a record, at most: its length, and three for each character. */
const LENGTH_BYTES = 8;
const CHARACTER_BYTES = 3;

/** See the module. */
export class HeldBack {
  readonly #keys = new Set<ActorKey>();

  /** Whether senders to this actor are held back. */
  has(key: ActorKey): boolean {
    return this.#keys.has(key);
  }

  /** Holds them back; whether that is new. */
  add(key: ActorKey): boolean {
    if (this.#keys.has(key) || this.#keys.size >= HELD_BACK_MAX) return false;
    this.#keys.add(key);
    return true;
  }

  /** Lets all go on: whom, in pages. */
  release(): readonly (readonly ActorKey[])[] {
    const pages: ActorKey[][] = [];
    let page: ActorKey[] = [];
    let bytes = PAGE_BYTES_MAX;
    for (const key of this.#keys) {
      const keyBytes = CHARACTER_BYTES * key.length + LENGTH_BYTES;
      bytes += keyBytes;
      if (bytes > PAGE_BYTES_MAX) {
        pages.push(page = []);
        bytes = keyBytes;
      }
      page.push(key);
    }
    this.#keys.clear();
    return pages;
  }
}
