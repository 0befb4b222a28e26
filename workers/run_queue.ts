/**
 * Which cell of a thread runs next. In turn, but for one place: the cell that the running one has just
 * woken goes first, while its messages are still in the cache and young for the collector. That place is
 * taken only a few times in a row, so two actors that keep each other busy do not starve the rest.
 *
 * The idea is the LIFO slot of the Tokio scheduler (Carl Lerche, "Making the Tokio scheduler 10x faster",
 * 2019). Pure; mutable; one per thread.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { Cell } from "../core/cell.ts";
import { RingQueue } from "../core/ring_queue.ts";

/** Cells one thread can have queued; memory ends before. */
const QUEUED_CELLS_MAX = 1 << 25;
/** Times in a row that a woken cell goes first. */
const STREAK_MAX = 3;

/** The cells of one thread that have something to run, each at most once. */
export class RunQueue {
  readonly #queue = new RingQueue<Cell>(QUEUED_CELLS_MAX);
  #next: Cell | undefined = undefined;
  #streak = 0;
  #running: Cell | undefined = undefined;

  /** How many cells are queued. */
  get size(): number {
    return this.#queue.size + (this.#next === undefined ? 0 : 1);
  }

  /** Queues `cell`, unless it is queued already. `false` then. */
  add(cell: Cell): boolean {
    if (cell.isQueued) return false;
    cell.isQueued = true;
    if (this.#running !== undefined && this.#running !== cell && this.#next === undefined) this.#next = cell;
    else this.#push(cell);
    return true;
  }

  /** Takes the cell to run now; from now until {@link end} it is the running one. */
  begin(): Cell | undefined {
    const cell = this.#takeNext() ?? this.#queue.shift();
    if (cell === undefined) return undefined;
    cell.isQueued = false;
    this.#running = cell;
    return cell;
  }

  /** The running cell has run; `hasMore`: and is queued again, behind all others. */
  end(cell: Cell, hasMore: boolean): void {
    this.#running = undefined;
    if (hasMore) this.add(cell);
  }

  #takeNext(): Cell | undefined {
    const next = this.#next;
    if (next === undefined) {
      this.#streak = 0;
      return undefined;
    }
    this.#next = undefined;
    if (this.#streak < STREAK_MAX || this.#queue.size === 0) {
      this.#streak++;
      return next;
    }
    this.#streak = 0;
    this.#push(next);
    return undefined;
  }

  #push(cell: Cell): void {
    const isQueued = this.#queue.push(cell);
    assert(isQueued, "a thread has fewer cells than its run queue has places");
  }
}
