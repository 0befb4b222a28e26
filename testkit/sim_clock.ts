/**
 * The two clocks of one simulated host. Pure; changes in place.
 *
 * One idea: simulated time is a count of microseconds nobody in the simulation sees. A host sees it through a clock that
 * is a little fast or slow, whose monotonic side stands still in a suspend and whose wall side may be set.
 *
 * Invariant: the monotonic clock never goes back.
 *
 * @module
 */
import { instant } from "../core/ids.ts";
import type { Now } from "../cluster/time.ts";

const US_PER_MS = 1_000;

/** Where a clock begins. */
export interface ClockStart {
  /** Milliseconds that pass on it in one real millisecond: `1` is exact. */
  readonly rate: number;
  readonly monoMs: number;
  readonly wallMs: number;
}

/** The clocks of one process of a host. */
export class SimClock {
  readonly rate: number;
  readonly #startUs: number;
  readonly #monoMs: number;
  #wallMs: number;
  #stoodStillUs = 0;
  #stillSinceUs = -1;
  #stillUntilUs = -1;

  /** @param startUs Simulated time at which it shows what `start` says. */
  constructor(start: ClockStart, startUs: number) {
    this.rate = start.rate;
    this.#startUs = startUs;
    this.#monoMs = start.monoMs;
    this.#wallMs = start.wallMs;
  }

  /** What both clocks show. */
  now(atUs: number): Now {
    return { mono: instant(this.monoMs(atUs)), wall: this.wallMs(atUs) };
  }

  /** What the monotonic clock shows. */
  monoMs(atUs: number): number {
    const ranUs = atUs - this.#startUs - this.#stoodStillUs - this.#stillNowUs(atUs);
    return this.#monoMs + ranUs * this.rate / US_PER_MS;
  }

  /** What the wall clock shows: whole milliseconds, as `Date.now` has them. */
  wallMs(atUs: number): number {
    return Math.floor(this.#wallMs + (atUs - this.#startUs) * this.rate / US_PER_MS);
  }

  /** Sets the wall clock by so many milliseconds. */
  stepWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  /** The monotonic clock stands still from now until `untilUs`; during another suspend, until the later end. */
  suspend(atUs: number, untilUs: number): void {
    if (atUs < this.#stillUntilUs) {
      this.#stillUntilUs = Math.max(this.#stillUntilUs, untilUs);
      return;
    }
    this.#stoodStillUs += this.#stillNowUs(atUs);
    this.#stillSinceUs = atUs;
    this.#stillUntilUs = untilUs;
  }

  /** Ends a suspend early. */
  wake(atUs: number): void {
    if (atUs < this.#stillUntilUs) this.#stillUntilUs = atUs;
  }

  /** Real microseconds, whole and upwards, in which so many milliseconds pass on this clock. */
  realUs(ms: number): number {
    return Math.ceil(ms * US_PER_MS / this.rate);
  }

  #stillNowUs(atUs: number): number {
    return this.#stillSinceUs < 0 ? 0 : Math.min(atUs, this.#stillUntilUs) - this.#stillSinceUs;
  }
}
