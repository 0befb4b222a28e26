/**
 * The hash that decides partitions: 64 bits of a key's UTF-16 code units as two 32-bit halves, the same
 * on every runtime and for ever (a cluster's nodes must agree). The steps are those of MurmurHash3
 * (Austin Appleby, public domain). `hash32` is its x86_32 form over the key's UTF-16LE bytes; `hash64`
 * runs that lane beside a second one with other multipliers and joins the two as x86_128 does.
 *
 * The invariant: joining is a bijection, so 64 bits of lanes stay 64 bits of hash. The hash spreads load;
 * it is neither an identity nor a defence, for whoever chooses keys can make two of them collide.
 * Pure; no BigInt, no allocation but the result.
 *
 * @module
 */
import { assert } from "./assert.ts";
import type { Partition, ThreadIndex } from "./ids.ts";
import { rootOf } from "./names.ts";

/** Both halves of a key's hash, each `0 <= half < 2^32`. */
export interface Hash64 {
  /** The half that decides the partition. */
  readonly high: number;
  /** The half left for other uses, so that they do not line up with partitions. */
  readonly low: number;
}

/** Says which function hashed: nodes that differ refuse each other. */
export const HASH_ID = "murmur3-pair-1";

const SEED_HIGH = 0x9747b28c;
const SEED_LOW = 0x3c6ef372;

/** The hash of `key`. Lone surrogates count as any other code unit; nothing is normalized. */
export function hash64(key: string): Hash64 {
  let high = SEED_HIGH;
  let low = SEED_LOW;
  const length = key.length;
  const paired = length & ~1;
  for (let index = 0; index < paired; index += 2) {
    const block = key.charCodeAt(index) | (key.charCodeAt(index + 1) << 16);
    high = stir(high ^ scrambleHigh(block));
    low = stir(low ^ scrambleLow(block));
  }
  if (paired < length) {
    high ^= scrambleHigh(key.charCodeAt(paired));
    low ^= scrambleLow(key.charCodeAt(paired));
  }
  return joined(high ^ (length * 2), low ^ (length * 2));
}

/** One 32-bit hash of `key`, `0 <= hash < 2^32`, as fixed as {@link hash64}: for tables and hash rings. */
export function hash32(key: string): number {
  let hash = SEED_LOW;
  const length = key.length;
  const paired = length & ~1;
  for (let index = 0; index < paired; index += 2) {
    hash = stir(hash ^ scrambleLow(key.charCodeAt(index) | (key.charCodeAt(index + 1) << 16)));
  }
  if (paired < length) hash ^= scrambleLow(key.charCodeAt(paired));
  return avalanche(hash ^ (length * 2)) >>> 0;
}

/** The partition a hash falls into. */
export function partitionOf(hash: Hash64, partitionCount: number): Partition {
  assert(partitionCount > 0, "there is at least one partition");
  return ((hash.high >>> 0) % partitionCount) as Partition;
}

/** The partition of a key: that of its root, for children live with it. */
export function partitionOfKey(key: string, partitionCount: number): Partition {
  return partitionOf(hash64(rootOf(key)), partitionCount);
}

/** The thread of a node that runs a partition's cells: workers are `1..workers`; without workers, the main thread. */
export function threadOf(partition: Partition, workers: number): ThreadIndex {
  return (workers === 0 ? 0 : 1 + partition % workers) as ThreadIndex;
}

/** Mixes each lane into the other before and after the avalanche. Each line can be undone: nothing is lost. */
function joined(highLane: number, lowLane: number): Hash64 {
  let high = (highLane + lowLane) | 0;
  let low = (lowLane + high) | 0;
  high = avalanche(high);
  low = avalanche(low);
  high = (high + low) | 0;
  low = (low + high) | 0;
  return { high: high >>> 0, low: low >>> 0 };
}

function stir(hash: number): number {
  return (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
}

// Two seeds for one scramble would not do: where two keys differ by just the right bits, their lanes meet
// again under every seed. Two scrambles disagree on which bits those are.
function scrambleLow(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

function scrambleHigh(block: number): number {
  const mixed = Math.imul(block, 0xab0e9789);
  return Math.imul((mixed << 16) | (mixed >>> 16), 0x38b34ae5);
}

function avalanche(value: number): number {
  let mixed = value;
  mixed ^= mixed >>> 16;
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
