/**
 * The lease gate in shared memory: written by the main thread, read by every thread as a whole. Touches shared memory.
 *
 * One idea: a sequence lock. The writer makes the sequence odd, writes, and makes it even again; a reader that saw an odd
 * or a changed sequence reads again. Each word is stored atomically, so no runtime may tear or reorder them.
 *
 * Invariant: what {@link readGate} answers was published as it is, or is a gate that nothing passes.
 *
 * @module
 */
import { instant } from "../core/ids.ts";
import { type LeaseGate, shutGate } from "../core/lease_gate.ts";

/** Words of the sequence, padded, then of four numbers. */
const SEQUENCE = 0;
const FIRST = 2;
const NUMBERS = 4;
const BYTES = 8 + 8 * NUMBERS;
/** Reads before a reader gives up: its writer was stopped in the middle of a write. Then nothing passes. */
const READS_MAX = 1_000;

/** Allocates the word, shut for a process that has no identity yet. */
export function makeLeaseWord(): SharedArrayBuffer {
  const word = new SharedArrayBuffer(BYTES);
  writeGate(word, shutGate(0));
  return word;
}

/** Publishes a gate. Only the main thread may. */
export function writeGate(word: SharedArrayBuffer, gate: LeaseGate): void {
  const shared = new Int32Array(word);
  const floats = new Float64Array([gate.generation, gate.untilMono, gate.untilWall, gate.marginMs]);
  const words = new Int32Array(floats.buffer);
  Atomics.add(shared, SEQUENCE, 1);
  for (let index = 0; index < words.length; index++) Atomics.store(shared, FIRST + index, words[index] ?? 0);
  Atomics.add(shared, SEQUENCE, 1);
}

/** Reads gates; made once for each thread. */
export class LeaseWord {
  readonly #shared: Int32Array;
  readonly #floats = new Float64Array(NUMBERS);
  readonly #words = new Int32Array(this.#floats.buffer);
  #sequence = -1;
  #gate: LeaseGate = shutGate(0);

  constructor(word: SharedArrayBuffer) {
    this.#shared = new Int32Array(word);
  }

  /** The gate as it was last published. */
  read(): LeaseGate {
    const shared = this.#shared;
    for (let reads = 0; reads < READS_MAX; reads++) {
      const sequence = Atomics.load(shared, SEQUENCE);
      if (sequence === this.#sequence) return this.#gate;
      if ((sequence & 1) === 1) continue;
      for (let index = 0; index < this.#words.length; index++) {
        this.#words[index] = Atomics.load(shared, FIRST + index);
      }
      if (Atomics.load(shared, SEQUENCE) !== sequence) continue;
      const [generation = 0, untilMono = -Infinity, untilWall = -Infinity, marginMs = 0] = this.#floats;
      this.#sequence = sequence;
      return this.#gate = { generation, untilMono: instant(untilMono), untilWall, marginMs };
    }
    return shutGate(this.#gate.generation);
  }
}
