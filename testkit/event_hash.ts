/**
 * A running hash of everything that happened in a run, to tell whether two runs were the same. Pure; changes in place.
 *
 * One idea: whole numbers only, so that every runtime computes the same 64 bits.
 *
 * Invariant: equal sequences of numbers have equal hashes; the order counts.
 *
 * @module
 */
import { hash64 } from "../core/hash.ts";

const TWO_TO_32 = 4_294_967_296;

/** Takes numbers and texts, and says at any time what they hash to. */
export class EventHash {
  #first = 0x2545f491;
  #second = 0x1b56c4e9;

  /** Adds a whole number. Above 32 bits, both halves count. */
  add(number: number): void {
    this.#mix(number | 0);
    if (number >= TWO_TO_32) this.#mix(Math.floor(number / TWO_TO_32));
  }

  /** Adds a text by its hash. */
  addText(text: string): void {
    const { high, low } = hash64(text);
    this.#mix(high | 0);
    this.#mix(low | 0);
  }

  /** Sixteen hexadecimal digits. */
  digest(): string {
    return hex(this.#first) + hex(this.#second);
  }

  #mix(word: number): void {
    const first = Math.imul(this.#first ^ word, 0x9e3779b1);
    this.#first = (first << 13) | (first >>> 19);
    const second = Math.imul(this.#second + word, 0x85ebca6b) ^ this.#first;
    this.#second = (second << 17) | (second >>> 15);
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
