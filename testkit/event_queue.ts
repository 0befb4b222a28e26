/**
 * What is yet to happen in a run, the earliest first. Pure; changes in place.
 *
 * One idea: a binary heap by time and then by order of entry, so that two events of one instant happen in the order in
 * which they were planned, and a run is the same each time.
 *
 * Invariant: no event has an earlier parent than itself.
 *
 * @module
 */

/** Something with its time. The queue writes `order`. */
export interface Timed {
  /** Simulated microseconds from the beginning of the run; whole. */
  readonly atUs: number;
  /** Place among events of the same time: set by the queue. */
  order: number;
}

/** A queue by time. */
export class EventQueue<E extends Timed> {
  readonly #heap: E[] = [];
  #added = 0;

  /** How many events wait. */
  get size(): number {
    return this.#heap.length;
  }

  /** Adds an event. */
  add(event: E): void {
    event.order = this.#added++;
    const heap = this.#heap;
    let hole = heap.length;
    heap.push(event);
    while (hole > 0) {
      const parentIndex = (hole - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[hole] = parent;
      hole = parentIndex;
    }
    heap[hole] = event;
  }

  /** Takes the earliest event; `undefined` when nothing waits. */
  take(): E | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || first === last) return first;
    const length = heap.length;
    let hole = 0;
    for (let childIndex = 1; childIndex < length; childIndex = 2 * hole + 1) {
      let child = heap[childIndex];
      const sibling = childIndex + 1 < length ? heap[childIndex + 1] : undefined;
      if (child !== undefined && sibling !== undefined && isBefore(sibling, child)) {
        child = sibling;
        childIndex++;
      }
      if (child === undefined || !isBefore(child, last)) break;
      heap[hole] = child;
      hole = childIndex;
    }
    heap[hole] = last;
    return first;
  }
}

function isBefore(one: Timed, other: Timed): boolean {
  return one.atUs < other.atUs || (one.atUs === other.atUs && one.order < other.order);
}
