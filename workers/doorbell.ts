/**
 * How a thread with nothing to do sleeps, and how others wake it. Touches shared memory and the clock;
 * one Doorbell object belongs to one thread, all objects over the same memory are the same doorbell.
 *
 * The one idea is Dekker's: the owner first says that it sleeps and then looks for work once more; a writer
 * first publishes work and then looks whether the owner sleeps. Atomics are sequentially consistent, so at
 * least one of the two sees the other, and no wake-up is lost. Sleeping is `Atomics.waitAsync`, never
 * `Atomics.wait`: the event loop of every thread goes on serving timers, sockets and promises.
 *
 * A wake-up may come too many: whoever rings first takes the word and then wakes the list, and by then the
 * owner may have gone on and parked anew. It finds no work and parks again.
 *
 * Invariant: while the owner is parked, its waiter is in the list or its promise is about to resolve.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { DOORBELL_BYTES } from "./ring_layout.ts";

const WORD = 0;
const AWAKE = 0;
const PARKED = 1;

/** Microseconds to look for work before sleeping, unless an option says otherwise. See `bench/ring_floor.ts`. */
export const SPIN_US_DEFAULT = 50;
/** The longest spin: an event loop that is blocked longer than this is noticed by timers. */
export const SPIN_US_MAX = 1_000;

/** Looks at the clock only once in so many looks for work. */
const LOOKS_PER_CLOCK = 16;
/** After spins that found nothing, at most so many parks go without one. */
const SPINS_SKIPPED_MAX = 255;

/** Settings of the owner's side. */
export interface DoorbellOptions {
  /**
   * Microseconds `park` looks for work before it sleeps: 0 to {@link SPIN_US_MAX}. Waking a sleeping thread takes
   * tens of microseconds, so a short spin answers several times faster, if the other thread has a core of its own. If
   * not, it only keeps the other from running: every spin in vain doubles the number of parks that go without one.
   */
  readonly spinUs?: number;
}

/** One thread's doorbell. Anybody may ring; only the owner parks. */
export class Doorbell {
  readonly #words: Int32Array;
  readonly #spinMs: number;
  #spinsSkipped = 0;
  #spinsToSkip = 0;
  #isParked = false;
  #waiter: Promise<unknown> | undefined;

  /** `memory` is of `makeDoorbell`. */
  constructor(memory: SharedArrayBuffer, options: DoorbellOptions = {}) {
    assert(memory.byteLength === DOORBELL_BYTES, "the memory is a doorbell's");
    const spinUs = options.spinUs ?? SPIN_US_DEFAULT;
    assert(spinUs >= 0 && spinUs <= SPIN_US_MAX, "a spin is 0 to 1000 microseconds");
    this.#words = new Int32Array(memory);
    this.#spinMs = spinUs / 1000;
  }

  /**
   * Wakes the owner if it sleeps; call after publishing work. While the owner is awake this is one load.
   * The owner itself may call it too, from a timer or a promise that made work for it.
   */
  ring(): void {
    if (Atomics.load(this.#words, WORD) === AWAKE) return;
    if (Atomics.exchange(this.#words, WORD, AWAKE) === PARKED) Atomics.notify(this.#words, WORD, 1);
  }

  /**
   * Goes to sleep. `undefined` when `hasWork` said so before the thread slept: go on at once. Otherwise a promise
   * that resolves when the doorbell is rung; look for work then, there may be none.
   *
   * `hasWork` is called many times and must be cheap. It must also be complete: what it does not look at, and nobody
   * rings for, is not noticed. There is no timeout: a thread's timers run while it is parked and may `ring` or `unpark`.
   * The promise does not keep a process alive; the caller holds something that does, such as a `message` listener.
   */
  park(hasWork: () => boolean): Promise<unknown> | undefined {
    this.unpark();
    if (this.#spinMs > 0 && this.#spin(hasWork)) return undefined;
    Atomics.store(this.#words, WORD, PARKED);
    this.#isParked = true;
    if (hasWork()) {
      this.unpark();
      return undefined;
    }
    return this.#wait();
  }

  /**
   * Says that the owner is awake, whatever woke it, so that nobody spends time on ringing. Optional: `park` does it
   * first. The promise of that `park` stays pending and is the one the next sleep uses.
   */
  unpark(): void {
    if (!this.#isParked) return;
    this.#isParked = false;
    // Whoever rang took the waiter out of the list, or is about to: the next sleep needs a new one.
    if (Atomics.exchange(this.#words, WORD, AWAKE) === AWAKE) this.#waiter = undefined;
  }

  #wait(): Promise<unknown> | undefined {
    if (this.#waiter !== undefined) return this.#waiter;
    const wait = Atomics.waitAsync(this.#words, WORD, PARKED);
    if (!wait.async) {
      this.unpark(); // Rung between the two lines: the value was no longer PARKED.
      return undefined;
    }
    const waiter = wait.value;
    this.#waiter = waiter;
    // Known before the caller knows: or a wake-up too many would leave a resolved promise to wait for.
    waiter.then(() => {
      if (this.#waiter === waiter) this.#waiter = undefined;
    });
    return waiter;
  }

  #spin(hasWork: () => boolean): boolean {
    if (this.#spinsToSkip > 0) {
      this.#spinsToSkip--;
      return false;
    }
    const until = performance.now() + this.#spinMs;
    do {
      for (let look = 0; look < LOOKS_PER_CLOCK; look++) {
        if (hasWork()) {
          this.#spinsSkipped >>= 1;
          return true;
        }
        pause();
      }
    } while (performance.now() < until);
    this.#spinsSkipped = Math.min(this.#spinsSkipped * 2 + 1, SPINS_SKIPPED_MAX);
    this.#spinsToSkip = this.#spinsSkipped;
    return false;
  }
}

// Node 22 has no Atomics.pause; a spin without it is only a little more greedy.
const pause: () => void = typeof Atomics.pause === "function" ? () => Atomics.pause() : () => {};
