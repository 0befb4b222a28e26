/**
 * Things to look at again, each at its time: a binary heap. Changes in place; no clock of its own.
 *
 * One idea: whoever waits puts itself here once and looks, when it comes out, whether it still matters. Nothing is
 * ever taken out early, so a tick costs what is due and not what waits.
 *
 * Invariant: what is due comes out by time, then in the order it was put in.
 *
 * @module
 */
import type { Instant } from "../core/ids.ts";

/** A queue ordered by time. */
export interface DueQueue<Item> {
  readonly heap: Waiting<Item>[];
  puts: number;
}

/** One thing that waits. */
export interface Waiting<Item> {
  readonly at: Instant;
  readonly order: number;
  readonly item: Item;
}

/** An empty queue. */
export function dueQueue<Item>(): DueQueue<Item> {
  return { heap: [], puts: 0 };
}

/** Puts `item` in; it comes out from `at` on. */
export function putDue<Item>(queue: DueQueue<Item>, at: Instant, item: Item): void {
  const { heap } = queue;
  const waiting: Waiting<Item> = { at, order: ++queue.puts, item };
  let index = heap.length;
  heap.push(waiting);
  while (index > 0) {
    const above = (index - 1) >> 1;
    const parent = heap[above];
    if (parent === undefined || isBefore(parent, waiting)) break;
    heap[index] = parent;
    index = above;
  }
  heap[index] = waiting;
}

/** Takes out the first thing that is due at `now`, if there is one. */
export function takeDue<Item>(queue: DueQueue<Item>, now: Instant): Waiting<Item> | undefined {
  const { heap } = queue;
  const first = heap[0];
  if (first === undefined || first.at > now) return undefined;
  const last = heap.pop();
  if (last !== undefined && last !== first) sink(heap, last);
  return first;
}

function sink<Item>(heap: Waiting<Item>[], moving: Waiting<Item>): void {
  let index = 0;
  for (;;) {
    const below = 2 * index + 1;
    const left = heap[below];
    if (left === undefined) break;
    const right = heap[below + 1];
    const child = right !== undefined && isBefore(right, left) ? right : left;
    if (isBefore(moving, child)) break;
    heap[index] = child;
    index = child === left ? below : below + 1;
  }
  heap[index] = moving;
}

function isBefore<Item>(one: Waiting<Item>, other: Waiting<Item>): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
