/**
 * Which of several members a key belongs to, so that a change of the members moves as few keys as can be
 * (David Karger and others, "Consistent Hashing and Random Trees", STOC 1997). Every member stands at 150
 * points of a circle of 2^32 positions; a key belongs to the member at the first point at or after its hash.
 * Pure; immutable. For routers and their pools; partitions are assigned by a table, not by this.
 *
 * The invariant: the circle depends on the set of members alone, so whoever knows the same members finds the
 * same owners, and a member's points are the same in every circle that has it.
 *
 * @module
 */
import { assert } from "./assert.ts";
import { hash32, hash64 } from "./hash.ts";

/**
 * Points of one member. Shares of the keys differ by about 1/√150, or 8 %; fewer points are less even, more of
 * them cost memory and time to build.
 */
export const POINTS_PER_MEMBER = 150;
/** The most members of one circle: building it takes time and memory for each. */
export const RING_MEMBERS_MAX = 1 << 12;

/** An immutable hash ring: members on a circle. */
export class ConsistentHashRing {
  /** The members, in the order of their UTF-16 code units, each once. */
  readonly members: readonly string[];
  /**
   * The points, ascending, each as one number: `position × RING_MEMBERS_MAX + index in members`, 44 bits. Where two
   * members share a position, the first of them has it.
   */
  readonly #points: Float64Array;

  /**
   * Puts `members` on a circle. Their order makes no difference, nor does naming one twice.
   *
   * @param members At most {@link RING_MEMBERS_MAX}; any texts.
   */
  constructor(members: Iterable<string>) {
    this.members = [...new Set(members)].sort();
    assert(this.members.length <= RING_MEMBERS_MAX, "a hash ring has a limited number of members");
    this.#points = Float64Array.from(this.members.flatMap(pointsOf)).sort();
  }

  /** The member that `key` belongs to; `undefined` when there are no members. O(log points). */
  ownerOf(key: string): string | undefined {
    const points = this.#points;
    const found = firstFrom(points, hash64(key).low * RING_MEMBERS_MAX);
    const point = points[found] ?? points[0]; // After the last point comes the first.
    return point === undefined ? undefined : this.members[point % RING_MEMBERS_MAX];
  }
}

/** `#` and the index come last, so no two members have a point of the same text. */
function pointsOf(name: string, member: number): number[] {
  return Array.from(
    { length: POINTS_PER_MEMBER },
    (_, index) => hash32(`${name}#${index}`) * RING_MEMBERS_MAX + member,
  );
}

/** The index of the first of the ascending `points` that is not below `point`; their count if all are. */
function firstFrom(points: Float64Array, point: number): number {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((points[middle] ?? point) < point) low = middle + 1;
    else high = middle;
  }
  return low;
}
