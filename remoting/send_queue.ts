/**
 * What waits to be sent to one peer on one lane: bounded, in order, cut into pieces as there is room. Pure; mutable, for
 * one owner.
 *
 * One idea: the limit is told to whoever would pass it, and room is announced when half is free. At that moment any frame
 * is taken, however long: otherwise a long one would wait for ever while short ones slip in.
 *
 * Invariant: what comes out is what was taken, whole, once, in order.
 *
 * @module
 */
import { costOf } from "./credit.ts";
import { framePiece, type Piece, pieceBytes } from "./wire.ts";

/** Keeps frames by reference: they must not change after they were taken. */
export class SendQueue {
  /** Frames that were refused because the limit was reached. */
  refusedFrames = 0;
  /** What the frames cost that wait, in bytes. */
  bytes = 0;

  readonly #bytesMax: number;
  /** A list that is read from its head: a ring would need a limit in frames, and the limit is in bytes. */
  #frames: Uint8Array[] = [];
  #head = 0;
  /** Bytes of the first frame that are gone already. */
  #sentOfFirst = 0;
  #isRoomOwed = false;

  /** `bytesMax` is what the frames may cost together; see `offer`. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Frames that wait. */
  get size(): number {
    return this.#frames.length - this.#head;
  }

  /**
   * Takes `frame` if it fits, or if the queue is half empty at least. Otherwise nothing is taken, and `false`. One that is
   * owed, because it answers what was taken before, has as much room again: it is refused only when that is used up too.
   */
  offer(frame: Uint8Array, isOwed: boolean = false): boolean {
    const cost = costOf(frame.length);
    const bytesMax = isOwed ? 2 * this.#bytesMax : this.#bytesMax;
    if (this.bytes + cost > bytesMax && this.bytes * 2 > this.#bytesMax) {
      this.refusedFrames++;
      this.#isRoomOwed = true;
      return false;
    }
    this.#frames.push(frame);
    this.bytes += cost;
    return true;
  }

  /** The frame that `next` would begin, if it begins one. */
  get beginning(): Uint8Array | undefined {
    return this.#sentOfFirst === 0 ? this.#frames[this.#head] : undefined;
  }

  /** Takes the next piece if it needs no more than `roomBytes` in its batch. */
  next(roomBytes: number): Piece | undefined {
    const frame = this.#frames[this.#head];
    if (frame === undefined) return undefined;
    const piece = framePiece(frame, this.#sentOfFirst);
    if (pieceBytes(piece) > roomBytes) return undefined;
    this.#sentOfFirst = piece.end;
    if (piece.end === frame.length) this.#shift(frame);
    return piece;
  }

  /** Whether room must be announced now: somebody was refused, and half of the queue is free again. Answers once. */
  takeRoom(): boolean {
    if (!this.#isRoomOwed || this.bytes * 2 > this.#bytesMax) return false;
    this.#isRoomOwed = false;
    return true;
  }

  /** Forgets everything that waits, and says how many frames that were. */
  clear(): number {
    const count = this.size;
    this.#frames = [];
    this.#head = 0;
    this.#sentOfFirst = 0;
    this.bytes = 0;
    return count;
  }

  #shift(frame: Uint8Array): void {
    this.bytes -= costOf(frame.length);
    this.#sentOfFirst = 0;
    this.#frames[this.#head++] = NO_BYTES; // So that it is not kept alive.
    if (this.#head * 2 < this.#frames.length) return;
    this.#frames.splice(0, this.#head);
    this.#head = 0;
  }
}

const NO_BYTES = new Uint8Array(0);
