/**
 * Who watches whom: the members of a view on a ring ordered by the hash of their ids, each observed by its next K. Pure.
 *
 * One idea (from Rapid: Suresh, Malkhi et al., USENIX ATC 2018): everybody computes the same observers from the same
 * view, so everybody knows whose accusation counts; and K probes a second are all a node ever sends, whatever the size.
 *
 * Invariant: `a` observes `b` exactly when `b` is a subject of `a`. Nobody observes itself.
 *
 * @module
 */
import { hash32 } from "../core/hash.ts";
import type { NodeId } from "../core/ids.ts";
import type { View } from "./view.ts";

/** Observers of one member, where there are enough others: six of ten make a cut, so four may be wrong or silent. */
export const OBSERVERS_MAX = 10;

/** The ring of one view. */
export interface ObserverRing {
  /** Members in the order of the ring. */
  readonly order: readonly NodeId[];
  readonly positions: ReadonlyMap<NodeId, number>;
  /** K: observers of each member, and subjects of each. `0` when there is one member only. */
  readonly observerCount: number;
}

// Only a memory of results: a view never changes, and a garbage-collected one cannot be asked for.
const known = new WeakMap<View, ObserverRing>();

/** The ring of `view`: sorted at the first call for this object, remembered for later ones. */
export function ringOf(view: View): ObserverRing {
  const remembered = known.get(view);
  if (remembered !== undefined) return remembered;
  const placed = view.members.map(({ id }) => ({ id, hash: hash32(id) }));
  placed.sort((one, other) => one.hash - other.hash || (one.id < other.id ? -1 : 1));
  const order = placed.map(({ id }) => id);
  const positions = new Map(order.map((id, position) => [id, position]));
  const ring = { order, positions, observerCount: Math.max(0, Math.min(OBSERVERS_MAX, order.length - 1)) };
  known.set(view, ring);
  return ring;
}

/** The nodes whose turn it is to observe `id`, nearest first; none when it is no member. */
export function observersOf(view: View, id: NodeId): readonly NodeId[] {
  return neighbours(ringOf(view), id, 1);
}

/** The nodes that `id` observes, nearest first; none when it is no member. */
export function subjectsOf(view: View, id: NodeId): readonly NodeId[] {
  return neighbours(ringOf(view), id, -1);
}

/** Whether `observer` is one of those who observe `subject`. Costs the same in a view of any size. */
export function isObserver(ring: ObserverRing, observer: NodeId, subject: NodeId): boolean {
  const from = ring.positions.get(subject);
  const to = ring.positions.get(observer);
  if (from === undefined || to === undefined || from === to) return false;
  const count = ring.order.length;
  return (to - from + count) % count <= ring.observerCount;
}

function neighbours({ order, positions, observerCount }: ObserverRing, id: NodeId, step: 1 | -1): readonly NodeId[] {
  const position = positions.get(id);
  if (position === undefined) return [];
  const found: NodeId[] = [];
  for (let distance = 1; distance <= observerCount; distance++) {
    const neighbour = order[(position + step * distance + order.length) % order.length];
    if (neighbour !== undefined) found.push(neighbour);
  }
  return found;
}
