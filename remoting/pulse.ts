/**
 * Signs of life of one link: when to ask for one, when to give it up, and when nobody has used it for long. Pure; mutable.
 *
 * One idea: a thread that stood still has heard nothing because it did not listen. What it missed is not held against
 * its peers.
 *
 * Invariant: a link on which something arrives at least every `silenceMs` is never called silent.
 *
 * @module
 */

/** What is due. */
export type PulseDue = "nothing" | "ping" | "silent" | "idle";

/** The waits of a pulse, in milliseconds; as `LinkLimits` has them. */
export interface PulseTimes {
  readonly pingAfterMs: number;
  readonly silenceMs: number;
  readonly idleMs: number;
}

/** Watches one link from the moment it is up. */
export class Pulse {
  readonly #times: PulseTimes;
  #heardMs: number;
  #usedMs: number;
  #pingDueMs: number;
  /** While the link is in doubt: until then it must give a sign. */
  #doubtEndsMs = Infinity;

  /** The link is up since `nowMs`. */
  constructor(times: PulseTimes, nowMs: number) {
    this.#times = times;
    this.#heardMs = nowMs;
    this.#usedMs = nowMs;
    this.#pingDueMs = nowMs + times.pingAfterMs;
  }

  /** Milliseconds since the last sign. */
  silentForMs(nowMs: number): number {
    return nowMs - this.#heardMs;
  }

  /** Something arrived. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#pingDueMs = nowMs + this.#times.pingAfterMs;
    this.#doubtEndsMs = Infinity;
  }

  /** A frame was given to the link, or came from it. */
  used(nowMs: number): void {
    this.#usedMs = nowMs;
  }

  /** There is reason to believe that the other end has lost the link: it is asked, and has `withinMs` to answer. */
  doubt(nowMs: number, withinMs: number): void {
    this.#doubtEndsMs = Math.min(this.#doubtEndsMs, nowMs + withinMs);
    this.#pingDueMs = nowMs;
  }

  /** This thread stood still for `ms`, until now or not long ago. */
  missed(ms: number, nowMs: number): void {
    this.#heardMs = Math.min(nowMs, this.#heardMs + ms);
    this.#pingDueMs = Math.min(nowMs + this.#times.pingAfterMs, this.#pingDueMs + ms);
    this.#doubtEndsMs += ms;
  }

  /** What is due. To be asked every now and then; a ping that is due counts as sent. */
  due(nowMs: number, isMember: boolean): PulseDue {
    if (nowMs >= this.#doubtEndsMs || this.silentForMs(nowMs) >= this.#times.silenceMs) return "silent";
    if (!isMember && nowMs - this.#usedMs >= this.#times.idleMs) return "idle";
    if (nowMs < this.#pingDueMs) return "nothing";
    this.#pingDueMs = nowMs + this.#times.pingAfterMs;
    return "ping";
  }
}
