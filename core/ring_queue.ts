/**
 * A first-in first-out queue with a limit, in a circular array whose length is a power of two: what mailboxes,
 * stashes and buffers are made of. Pure; mutable, for one owner.
 *
 * The one idea: an actor that has no messages pays for none. Storage is made by the first push, doubles while
 * the queue grows, and is given back when a queue that grew large drains. The invariant: a slot that holds no
 * element holds `undefined`, so the queue keeps nothing alive that was taken from it.
 *
 * @module
 */
import { assert } from "./assert.ts";

const SLOTS_MIN = 4;
/** Storage up to this many slots is kept by a drained queue: giving it back would cost more than it holds. */
const SLOTS_KEPT_MAX = 64;
/** The longest array that all runtimes still store as one block. */
const CAPACITY_MAX = 1 << 25;

const NO_SLOTS: never[] = [];

/** A bounded first-in first-out queue. Adding and taking at either end is O(1), amortized. */
export class RingQueue<T> implements Iterable<T> {
  /** The most elements it holds. */
  readonly capacity: number;
  #slots: (T | undefined)[] = NO_SLOTS;
  #head = 0;
  #size = 0;

  /**
   * A queue with nothing in it and no storage yet.
   *
   * @param capacity The most elements it holds, `1` to `2^25`.
   */
  constructor(capacity: number) {
    assert(Number.isInteger(capacity) && capacity >= 1, "a queue holds at least one element");
    assert(capacity <= CAPACITY_MAX, "a queue's storage fits in one array");
    this.capacity = capacity;
  }

  /** How many elements it holds. */
  get size(): number {
    return this.#size;
  }

  /** Adds `element` behind all others. `false`, and nothing added, when the queue holds its capacity. */
  push(element: T): boolean {
    const size = this.#size;
    if (size === this.capacity) return false;
    if (size === this.#slots.length) this.#grow();
    const slots = this.#slots;
    slots[(this.#head + size) & (slots.length - 1)] = element;
    this.#size = size + 1;
    return true;
  }

  /** Takes the first element; `undefined` when there is none. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const slots = this.#slots;
    const element = slots[this.#head];
    slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (slots.length - 1);
    this.#size--;
    if (this.#size === 0 && slots.length > SLOTS_KEPT_MAX) this.clear();
    return element;
  }

  /** Adds `element` before all others. `false`, and nothing added, when the queue holds its capacity. */
  unshift(element: T): boolean {
    if (this.#size === this.capacity) return false;
    if (this.#size === this.#slots.length) this.#grow();
    const slots = this.#slots;
    this.#head = (this.#head - 1) & (slots.length - 1);
    slots[this.#head] = element;
    this.#size++;
    return true;
  }

  /** The element that `index` others are before; `undefined` when there are not that many. */
  at(index: number): T | undefined {
    return this.#holds(index) ? this.#slots[this.#slotOf(index)] : undefined;
  }

  /** Takes the element at `index` and closes the gap: the others keep their order. O(n). */
  removeAt(index: number): T | undefined {
    if (!this.#holds(index)) return undefined;
    const slots = this.#slots;
    const element = slots[this.#slotOf(index)];
    // The gap moves to the front, where shift() closes it.
    for (let behind = index; behind > 0; behind--) {
      slots[this.#slotOf(behind)] = slots[this.#slotOf(behind - 1)];
    }
    this.shift();
    return element;
  }

  /** Lets go of all elements and of the storage. */
  clear(): void {
    this.#slots = NO_SLOTS;
    this.#head = 0;
    this.#size = 0;
  }

  /** The elements, first to last. Elements added meanwhile are seen; taking some meanwhile skips as many. */
  *[Symbol.iterator](): Iterator<T> {
    for (let index = 0; index < this.#size; index++) yield this.#slots[this.#slotOf(index)] as T; // It is held.
  }

  #holds(index: number): boolean {
    return Number.isInteger(index) && index >= 0 && index < this.#size;
  }

  #slotOf(index: number): number {
    return (this.#head + index) & (this.#slots.length - 1);
  }

  /** Doubles the storage of a full queue: its first element is at the head, its last one just before it. */
  #grow(): void {
    const slots = this.#slots;
    const size = slots.length;
    const head = this.#head;
    const grown = new Array<T | undefined>(Math.max(SLOTS_MIN, size * 2));
    for (let index = 0; index < size; index++) grown[index] = slots[(head + index) & (size - 1)];
    this.#slots = grown;
    this.#head = 0;
  }
}
