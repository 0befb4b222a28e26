/**
 * Credit of a data lane: how many bytes of frames one side may send before the other has had somebody take them. Pure;
 * mutable, an account for each end.
 *
 * One idea: a frame may begin while there is any credit at all, and costs what it costs: the account may go below zero.
 * So a frame longer than the window needs no rule of its own, and what a receiver keeps is a window and one frame.
 *
 * Invariant: both accounts come to the same sum, because both count a frame when it begins, and a grant once.
 *
 * @module
 */
import { FRAME_COST_MIN } from "./link_limits.ts";

/** What a frame of so many bytes costs. An empty one costs nothing, for nobody could give back what it cost. */
export function costOf(frameBytes: number): number {
  return frameBytes === 0 ? 0 : Math.max(frameBytes, FRAME_COST_MIN);
}

/** The sender's account. It begins empty: the receiver grants its window first. */
export class SendCredit {
  #left = 0;

  /** Bytes that may still be sent; below zero after a frame that was longer. */
  get left(): number {
    return this.#left;
  }

  /** Whether a frame of so many bytes may begin. */
  mayBegin(frameBytes: number): boolean {
    return this.#left > 0 || frameBytes === 0;
  }

  /** A frame of so many bytes has begun. */
  spend(frameBytes: number): void {
    this.#left -= costOf(frameBytes);
  }

  /** The receiver allows so many more bytes. */
  grant(bytes: number): void {
    this.#left = Math.min(this.#left + bytes, Number.MAX_SAFE_INTEGER);
  }
}

/** The receiver's account. */
export class ReceiveCredit {
  readonly #grantBytesMin: number;
  #left = 0;
  /** Consumed, or never granted yet. */
  #owed: number;
  /** Frames that were passed on and that nobody has consumed: their bytes, and what they cost. */
  #outBytes = 0;
  #outCost = 0;

  /** Grants `windowBytes` to begin with, and later a quarter of it at a time: a grant is a frame of its own. */
  constructor(windowBytes: number) {
    this.#owed = windowBytes;
    this.#grantBytesMin = Math.ceil(windowBytes / 4);
  }

  /** Bytes of frames that nobody has consumed. */
  get outBytes(): number {
    return this.#outBytes;
  }

  /** A frame of so many bytes begins to arrive. `false` if its sender had no credit for it. */
  begin(frameBytes: number): boolean {
    if (this.#left <= 0 && frameBytes > 0) return false;
    this.#left -= costOf(frameBytes);
    return true;
  }

  /** It is whole, and is passed on. */
  passOn(frameBytes: number): void {
    this.#outBytes += frameBytes;
    this.#outCost += costOf(frameBytes);
  }

  /** So many bytes of frames that were passed on are consumed. More than there are count as all. */
  consume(bytes: number): void {
    // Short frames cost more than their bytes; what they cost beyond comes back in proportion, and all of it in the end.
    const share = bytes >= this.#outBytes ? this.#outCost : Math.floor(this.#outCost * (bytes / this.#outBytes));
    this.#outBytes = Math.max(0, this.#outBytes - bytes);
    this.#outCost -= share;
    this.#owed += share;
  }

  /** Whether there is enough to grant for a frame of its own. */
  get isGrantDue(): boolean {
    return this.#owed >= this.#grantBytesMin;
  }

  /** Bytes to grant now; `0` when it isn't worth a frame yet. */
  takeGrant(): number {
    if (!this.isGrantDue) return 0;
    const grant = this.#owed;
    this.#owed = 0;
    this.#left += grant;
    return grant;
  }
}
