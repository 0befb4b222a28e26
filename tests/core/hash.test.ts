/**
 * The hash is frozen: nodes of different releases and runtimes must agree on it. Vectors, a second way to compute
 * it, and how evenly it spreads the names people give.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { hash32, hash64, HASH_ID, partitionOf, threadOf } from "../../core/hash.ts";
import type { Partition } from "../../core/ids.ts";

/** Key, both halves of `hash64`, `hash32`, partition of 271. Never to be changed under the same `HASH_ID`. */
const VECTORS: readonly (readonly [string, number, number, number, number])[] = [
  ["", 0x5d249671, 0x86cb5543, 0x3cd6e3f3, 215],
  ["a", 0x313dba01, 0xc5087ed9, 0x795ca0b2, 31],
  ["ab", 0x5f5dffd0, 0x0f2e4c7a, 0x1c57c6f2, 203],
  ["abc", 0x5ff8f70b, 0x6281114c, 0xcc06e970, 42],
  ["abcd", 0x4bad98d6, 0x1666e8ef, 0xcc9f5c56, 263],
  ["alice", 0xe8a79530, 0x786f6ff0, 0x12323ac9, 77],
  ["user-1", 0xa8096404, 0xcc20e415, 0xa050f25b, 190],
  ["user-2", 0x2405a75d, 0x4c39ad8f, 0x9a2c4506, 247],
  ["account:alice", 0xcb435a94, 0x801258fd, 0x295d7c1b, 15],
  ["bank/teller/1", 0xba498e97, 0x25ab7b05, 0xed437b0d, 240],
  ["a\u0000b", 0x9f6700d8, 0x8c504444, 0xa9fba899, 40],
  ["Straße", 0x65590449, 0x69f4cfd0, 0x8fe8e6b0, 27],
  ["кошелёк", 0xa6e5f73c, 0x20d0ec23, 0x42a8a535, 91],
  ["日本語", 0x958e1e5d, 0x2179e7bf, 0x6b9a464c, 258],
  ["😀", 0x4c504954, 0x91032574, 0x3f5b217c, 53],
  ["\ud800", 0xe771c9f3, 0x56dac989, 0x79003461, 202],
  ["x".repeat(255), 0x68b4470a, 0xbb7ea2c8, 0x8e28843e, 95],
];

describe("hash64 and hash32", () => {
  it("give the frozen values under the frozen name", () => {
    assert.equal(HASH_ID, "murmur3-pair-1");
    const found = VECTORS.map((
      [key],
    ) => [key, hash64(key).high, hash64(key).low, hash32(key), partitionOf(hash64(key), 271)]);
    assert.deepEqual(found, VECTORS);
  });

  it("property: agree with arithmetic on bytes and big integers", () => {
    const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
    fc.assert(fc.property(fc.string({ unit, maxLength: 40 }), (key) => {
      const bytes = utf16Bytes(key);
      const low = lane(bytes, 0x3c6ef372n, LOW);
      assert.equal(hash32(key), Number(avalanche(low)));
      const joined = join(lane(bytes, 0x9747b28cn, HIGH), low);
      assert.deepEqual(hash64(key), { high: Number(joined.high), low: Number(joined.low) });
    }));
  });

  it("the arithmetic it is compared with gives the published values of MurmurHash3 x86_32", () => {
    const bytesOf = (text: string) => [...new TextEncoder().encode(text)].map(BigInt);
    const murmur = (text: string, seed: bigint) => avalanche(lane(bytesOf(text), seed, LOW));
    assert.equal(murmur("", 0n), 0n);
    assert.equal(murmur("", 1n), 0x514e28b7n);
    assert.equal(murmur("test", 0n), 0xba6bd213n);
    assert.equal(murmur("Hello, world!", 0x9747b28cn), 0x24884cban);
    assert.equal(murmur("The quick brown fox jumps over the lazy dog", 0n), 0x2e4ff723n);
  });

  it("hash64 tells keys apart that hash32 would take for one under any seed", () => {
    // The first blocks scramble to words that differ in bit 18, which the rotation makes the top bit; there the
    // second blocks differ too, and cancel it.
    const here = String.fromCharCode(...unitsOf(0x00610062), ...unitsOf(0x00630064));
    const there = String.fromCharCode(
      ...unitsOf(unscramble(scramble(0x00610062) ^ 0x00040000)),
      ...unitsOf(unscramble(scramble(0x00630064) ^ 0x80000000)),
    );
    assert.notEqual(here, there);
    assert.equal(hash32(here), hash32(there));
    assert.notEqual(hash64(here).high, hash64(there).high);
    assert.notEqual(hash64(here).low, hash64(there).low);
  });
});

const NAMES: Readonly<Record<string, (index: number) => string>> = {
  "user-1": (index) => `user-${index}`,
  "order/00000001": (index) => `order/${String(index).padStart(8, "0")}`,
  "account:1": (index) => `account:${index}`,
  "device.1.0": (index) => `device.${index % 100}.${Math.floor(index / 100)}`,
  "room-0/seat-1": (index) => `room-${index >> 6}/seat-${index & 63}`,
  "кошелёк-1": (index) => `кошелёк-${index}`,
  "1": (index) => String(index),
};
const NAME_COUNT = 50_000;

describe("partitionOf()", () => {
  for (const [example, nameOf] of Object.entries(NAMES)) {
    for (const partitionCount of [271, 256, 1021]) {
      it(`spreads names like ${example} over ${partitionCount} partitions as evenly as chance`, () => {
        const counts = counted(partitionCount, (index) => partitionOf(hash64(nameOf(index)), partitionCount));
        assertEven(counts, counts.map(() => NAME_COUNT / partitionCount));
      });
    }
  }

  it("leaves the other half of the hash evenly spread inside one partition", () => {
    const lows: number[] = [];
    for (let index = 0; lows.length < 6_400; index++) {
      const hash = hash64(`user-${index}`);
      if (partitionOf(hash, 271) === 17) lows.push(hash.low % 64);
    }
    assertEven(countsOf(64, lows), Array(64).fill(100));
  });
});

describe("threadOf()", () => {
  it("is the main thread without workers, else a worker from 1", () => {
    const threads = (workers: number) => [0, 1, 7, 270].map((partition) => threadOf(partition as Partition, workers));
    assert.deepEqual(threads(0), [0, 0, 0, 0]);
    assert.deepEqual(threads(1), [1, 1, 1, 1]);
    assert.deepEqual(threads(4), [1, 2, 4, 3]);
  });

  for (const workers of [2, 3, 4, 8, 16]) {
    it(`spreads names over ${workers} workers as evenly as their partitions`, () => {
      const partitions = Array.from({ length: 271 }, (_, partition) => threadOf(partition as Partition, workers) - 1);
      const shares = countsOf(workers, partitions).map((count) => NAME_COUNT * count / 271);
      const threadOfName = (index: number) => threadOf(partitionOf(hash64(`user-${index}`), 271), workers) - 1;
      assertEven(counted(workers, threadOfName), shares);
    });
  }
});

function counted(length: number, placeOf: (index: number) => number): number[] {
  return countsOf(length, Array.from({ length: NAME_COUNT }, (_, index) => placeOf(index)));
}

function countsOf(length: number, places: readonly number[]): number[] {
  const counts: number[] = Array(length).fill(0);
  for (const place of places) counts[place] = (counts[place] ?? 0) + 1;
  return counts;
}

/** Pearson's chi-square, at most four standard deviations over what chance gives. */
function assertEven(counts: readonly number[], expected: readonly number[]): void {
  const square = (at: number) => ((counts[at] ?? 0) - (expected[at] ?? 0)) ** 2 / (expected[at] ?? 0);
  const chiSquare = Math.round(counts.map((_, at) => square(at)).reduce((sum, one) => sum + one, 0));
  const freedom = counts.length - 1;
  const limit = freedom + Math.ceil(4 * Math.sqrt(2 * freedom));
  assert.ok(chiSquare <= limit, `chi-square is ${chiSquare}, at most ${limit}`);
}

// MurmurHash3 as its author describes it: on bytes, with numbers that do not overflow.

interface Lane {
  readonly first: bigint;
  readonly turn: bigint;
  readonly second: bigint;
}
const LOW: Lane = { first: 0xcc9e2d51n, turn: 15n, second: 0x1b873593n };
const HIGH: Lane = { first: 0xab0e9789n, turn: 16n, second: 0x38b34ae5n };

const word = (value: bigint) => value & 0xffff_ffffn;
const rotated = (value: bigint, by: bigint) => word(value << by) | (value >> (32n - by));

function utf16Bytes(key: string): bigint[] {
  const codes = Array.from({ length: key.length }, (_, index) => BigInt(key.charCodeAt(index)));
  return codes.flatMap((code) => [code & 0xffn, code >> 8n]);
}

function lane(bytes: readonly bigint[], seed: bigint, { first, turn, second }: Lane): bigint {
  let hash = seed;
  for (let at = 0; at < bytes.length; at += 4) {
    const block = bytes.slice(at, at + 4).reduceRight((sum, byte) => sum * 256n + byte, 0n);
    hash ^= word(rotated(word(block * first), turn) * second);
    if (at + 4 <= bytes.length) hash = word(rotated(hash, 13n) * 5n + 0xe6546b64n);
  }
  return hash ^ BigInt(bytes.length);
}

function avalanche(value: bigint): bigint {
  let hash = value;
  hash = word((hash ^ (hash >> 16n)) * 0x85ebca6bn);
  hash = word((hash ^ (hash >> 13n)) * 0xc2b2ae35n);
  return hash ^ (hash >> 16n);
}

function join(highLane: bigint, lowLane: bigint): { high: bigint; low: bigint } {
  const highSum = word(highLane + lowLane);
  const lowSum = word(lowLane + highSum);
  const high = word(avalanche(highSum) + avalanche(lowSum));
  return { high, low: word(high + avalanche(lowSum)) };
}

function unitsOf(block: number): [number, number] {
  return [block & 0xffff, block >>> 16];
}

function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

function unscramble(scrambled: number): number {
  const mixed = Math.imul(scrambled, inverse(0x1b873593));
  return Math.imul((mixed >>> 15) | (mixed << 17), inverse(0xcc9e2d51));
}

/** The number that undoes multiplying by an odd one, modulo 2^32: each of Newton's steps doubles the right bits. */
function inverse(odd: number): number {
  let found = odd;
  for (let step = 0; step < 5; step++) found = Math.imul(found, 2 - Math.imul(odd, found));
  return found;
}
