/**
 * The timers of one thread: a hierarchical timing wheel (George Varghese and Tony Lauck, "Hashed and
 * Hierarchical Timing Wheels", SOSP 1987, scheme 7) with ticks of one millisecond. Scheduling and cancelling
 * are O(1) and allocate nothing, because a timer is a field of whatever waits: nearly every ask sets one and
 * cancels it long before it is due. Pure: `advance` is told the time. Mutable, for one owner.
 *
 * The one idea: write the due time and the present in base 32. The highest digit in which they differ is the
 * timer's level, the due time's digit there its slot. When the present reaches a slot's first tick, the slot's
 * timers move to lower levels, and past the lowest they have expired. Nothing is looked at between occupied
 * slots, so sleeping for hours costs no more than sleeping for a moment.
 *
 * The invariant: timers of one level are due before all timers of the levels above it, and timers due at the
 * same tick are always in the same slot, in the order they were scheduled.
 *
 * @module
 */
import { assert } from "./assert.ts";

/**
 * What a wheel needs of whatever waits on it; the runtime's own objects implement it. All three are the
 * wheel's: give them their initial values, then only read `dueMs`. One entry waits on one wheel, for one time.
 */
export interface TimerEntry {
  /** The whole millisecond it is due at, as last scheduled. Initially `0`. */
  dueMs: number;
  /** The neighbour due no sooner; `undefined` while it waits for nothing. Initially `undefined`. */
  wheelNext: TimerEntry | undefined;
  /** The neighbour due no later; `undefined` while it waits for nothing. Initially `undefined`. */
  wheelPrevious: TimerEntry | undefined;
}

const DIGIT_BITS = 5;
const SLOTS_PER_LEVEL = 1 << DIGIT_BITS;
const LEVEL_COUNT = 6;
/** Ticks of one lap of the highest level: 2^30, twelve days. */
const LAP_TICKS = 1 << (DIGIT_BITS * LEVEL_COUNT);
/** The slot of what is due after this lap: it begins when the lap ends. */
const LATER = LEVEL_COUNT * SLOTS_PER_LEVEL;
const NO_SLOT = -1;

/** A wheel for entries of the type `Entry`: a union where several sorts of object wait. */
export class TimerWheel<Entry extends TimerEntry> {
  /** Slot `index` of level `level` is number `level * SLOTS_PER_LEVEL + index`; `LATER` is the last. */
  readonly #slots: readonly Slot[] = Array.from({ length: LATER + 1 }, () => new Slot());
  /** Bit `index` of word `level` is set while that slot may hold entries. Cancelling leaves it set. */
  readonly #occupied = new Int32Array(LEVEL_COUNT);
  /** Entries that have come due and were not given yet, in the order to give them. */
  readonly #expired = new Slot();
  /** Entries that were due when they were scheduled. Apart, so that an `advance` ends. */
  readonly #overdue = new Slot();
  #nowMs: number;
  #lapEndMs: number;
  #size = 0;

  /**
   * A wheel on which nothing waits.
   *
   * @param nowMs The present, in milliseconds of the clock that all due times are of.
   */
  constructor(nowMs: number) {
    assert(Number.isFinite(nowMs), "the present is a number of milliseconds");
    this.#nowMs = Math.floor(nowMs);
    this.#lapEndMs = endOfLap(this.#nowMs);
  }

  /** How many entries wait. */
  get size(): number {
    return this.#size;
  }

  /** Whether `entry` waits. */
  isScheduled(entry: Entry): boolean {
    return entry.wheelNext !== undefined;
  }

  /**
   * Makes `entry` wait until `dueMs`, rounded up to a whole millisecond, and no longer for what it waited for
   * before. What is due already is given by the next {@link advance}, as if due at the wheel's present.
   */
  schedule(entry: Entry, dueMs: number): void {
    assert(Number.isFinite(dueMs), "a due time is a number of milliseconds");
    if (entry.wheelNext === undefined) this.#size++;
    else unlink(entry);
    const due = Math.ceil(dueMs);
    entry.dueMs = due;
    append(due > this.#nowMs ? this.#slotFor(due) : this.#overdue, entry);
  }

  /** Makes `entry` wait no longer. Nothing happens to an entry that does not wait. */
  cancel(entry: Entry): void {
    if (entry.wheelNext === undefined) return;
    unlink(entry);
    this.#size--;
  }

  /**
   * Moves the present to `nowMs` and gives `expired` every entry due by then, in the order of their due times,
   * the first scheduled first among equals. An entry no longer waits when it is given, so it may be scheduled
   * again there and then; what `expired` schedules for `nowMs` or before is left to the next call. Entries that
   * `expired` cancels are not given. If it throws, the rest is left to the next call too.
   *
   * @param nowMs Time does not go back: a time before the present counts as the present.
   * @param entriesMax The most entries to give; what is left comes first in the next call.
   * @returns Whether anything due is left.
   */
  advance(nowMs: number, expired: (entry: Entry) => void, entriesMax: number = Infinity): boolean {
    assert(Number.isFinite(nowMs), "the present is a number of milliseconds");
    moveAll(this.#overdue, this.#expired);
    this.#expireUntil(Math.floor(nowMs));
    for (let given = 0; given < entriesMax && !this.#expired.isEmpty; given++) {
      const entry = this.#expired.wheelNext as Entry; // Only schedule() puts anything into a slot.
      this.cancel(entry);
      expired(entry);
    }
    return !this.#expired.isEmpty || !this.#overdue.isEmpty;
  }

  /**
   * When to call {@link advance} next, in whole milliseconds: the present when something is due already,
   * `undefined` when nothing waits. Never after an entry is due. Before it, by less than the ticks of its slot,
   * when the wait is long: the call then gives nothing but moves entries down a level, at most six times for one
   * entry and once for every twelve days of its wait.
   */
  nextDueMs(): number | undefined {
    if (!this.#expired.isEmpty || !this.#overdue.isEmpty) return this.#nowMs;
    const first = this.#firstSlot();
    return first === NO_SLOT ? undefined : this.#startOf(first);
  }

  #expireUntil(targetMs: number): void {
    for (let first = this.#firstSlot(); first !== NO_SLOT; first = this.#firstSlot()) {
      const startMs = this.#startOf(first);
      if (startMs > targetMs) break;
      this.#setNow(startMs);
      this.#lower(first);
    }
    this.#setNow(Math.max(targetMs, this.#nowMs));
  }

  /** The number of the slot that begins first among those that hold entries. Always after the present. */
  #firstSlot(): number {
    for (let level = 0; level < LEVEL_COUNT; level++) {
      let word = this.#occupied[level] ?? 0;
      for (; word !== 0; word &= word - 1) {
        const slot = level * SLOTS_PER_LEVEL + 31 - Math.clz32(word & -word);
        if (!this.#slotAt(slot).isEmpty) break;
      }
      this.#occupied[level] = word; // Without the slots that cancelling has emptied.
      if (word !== 0) return level * SLOTS_PER_LEVEL + 31 - Math.clz32(word & -word);
    }
    return this.#slotAt(LATER).isEmpty ? NO_SLOT : LATER;
  }

  /** The first tick of a slot that holds entries. */
  #startOf(slot: number): number {
    if (slot === LATER) return this.#lapEndMs;
    const shift = Math.floor(slot / SLOTS_PER_LEVEL) * DIGIT_BITS;
    const lapOfLevel = SLOTS_PER_LEVEL << shift;
    return this.#nowMs - (this.#nowMs & (lapOfLevel - 1)) + ((slot % SLOTS_PER_LEVEL) << shift);
  }

  /** Moves the entries of a slot that begins now to where they belong now, in their order. */
  #lower(slot: number): void {
    const entries = new Slot();
    moveAll(this.#slotAt(slot), entries);
    while (!entries.isEmpty) {
      const entry = entries.wheelNext;
      unlink(entry);
      append(entry.dueMs > this.#nowMs ? this.#slotFor(entry.dueMs) : this.#expired, entry);
    }
  }

  /** The slot of what is due at `dueMs`, after the present. Operators on bits see the times modulo 2^32. */
  #slotFor(dueMs: number): Slot {
    if (dueMs >= this.#lapEndMs) return this.#slotAt(LATER);
    const highestBit = 31 - Math.clz32(dueMs ^ this.#nowMs);
    const level = (highestBit / DIGIT_BITS) | 0;
    const index = (dueMs >>> (level * DIGIT_BITS)) & (SLOTS_PER_LEVEL - 1);
    this.#occupied[level] = (this.#occupied[level] ?? 0) | (1 << index);
    return this.#slotAt(level * SLOTS_PER_LEVEL + index);
  }

  #slotAt(slot: number): Slot {
    const found = this.#slots[slot];
    assert(found !== undefined, "a slot's number is below the count of slots");
    return found;
  }

  #setNow(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#lapEndMs = endOfLap(nowMs);
  }
}

/** The head of a doubly linked circle of entries: its neighbours are the first and the last, or itself. */
class Slot implements TimerEntry {
  dueMs = 0;
  wheelNext: TimerEntry = this;
  wheelPrevious: TimerEntry = this;

  get isEmpty(): boolean {
    return this.wheelNext === this;
  }
}

function append(slot: Slot, entry: TimerEntry): void {
  const last = slot.wheelPrevious;
  entry.wheelPrevious = last;
  entry.wheelNext = slot;
  last.wheelNext = entry;
  slot.wheelPrevious = entry;
}

function unlink(entry: TimerEntry): void {
  const { wheelPrevious, wheelNext } = entry;
  if (wheelPrevious === undefined || wheelNext === undefined) return;
  wheelPrevious.wheelNext = wheelNext;
  wheelNext.wheelPrevious = wheelPrevious;
  // Or an entry that ended would keep its neighbours alive for as long as somebody holds it.
  entry.wheelPrevious = undefined;
  entry.wheelNext = undefined;
}

/** Moves all entries of one slot behind those of another, in O(1). */
function moveAll(from: Slot, to: Slot): void {
  if (from.isEmpty) return;
  const first = from.wheelNext;
  const last = to.wheelPrevious;
  last.wheelNext = first;
  first.wheelPrevious = last;
  from.wheelPrevious.wheelNext = to;
  to.wheelPrevious = from.wheelPrevious;
  from.wheelNext = from;
  from.wheelPrevious = from;
}

function endOfLap(nowMs: number): number {
  return nowMs - (nowMs & (LAP_TICKS - 1)) + LAP_TICKS;
}
