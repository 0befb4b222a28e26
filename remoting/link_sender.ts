/**
 * The sending half of a link that is up: what goes next, and when. Mutable; touches nothing but the socket it is given.
 *
 * One idea: one batch is on its way at a time. What comes meanwhile waits, and goes as the next one as soon as the socket
 * is through; so nothing waits for a batch to fill, and a peer that doesn't read holds up one batch and one queue.
 *
 * Invariant: what waits never holds up a sign of life or credit by more than one batch.
 *
 * @module
 */
import type { SendCredit } from "./credit.ts";
import { BATCH_BYTES_MAX } from "./link_limits.ts";
import type { LinkSocket } from "./link_socket.ts";
import type { SendQueue } from "./send_queue.ts";
import { batchOf, creditPiece, type Piece, pieceBytes, signPiece, TYPE_PING, TYPE_PONG } from "./wire.ts";

/** What a sender is made with. */
export interface SenderSetup {
  readonly socket: LinkSocket;
  readonly queue: SendQueue;
  /** The account of a data link. */
  readonly credit: SendCredit | undefined;
  readonly soon: (task: () => void) => void;
  /** Bytes to grant to the peer, now that there is a batch; `0` for none. */
  readonly takeGrant: () => number;
  /** A batch is gone, and the queue has room for somebody who was refused. */
  readonly room: () => void;
}

/** See the module. */
export class LinkSender {
  /** Frames that have begun to leave, and their bytes. */
  sentFrames = 0;
  sentBytes = 0;

  readonly #setup: SenderSetup;
  #isSoon = false;
  #isSending = false;
  #isStopped = false;
  #isPingDue = false;
  #isPongDue = false;
  #whenEmpty: (() => void) | undefined;

  /** Nothing is sent before `flushSoon`. */
  constructor(setup: SenderSetup) {
    this.#setup = setup;
  }

  /** Asks the peer for a sign. */
  ping(): void {
    this.#isPingDue = true;
    this.flushSoon();
  }

  /** Gives it one. Those that it asked for meanwhile are one. */
  pong(): void {
    this.#isPongDue = true;
    this.flushSoon();
  }

  /** Sends what there is when what runs now has ended, so that all of it goes together. */
  flushSoon(): void {
    if (this.#isSoon || this.#isSending || this.#isStopped) return;
    this.#isSoon = true;
    this.#setup.soon(() => {
      this.#isSoon = false;
      this.#flush();
    });
  }

  /** Calls `run` once, as soon as nothing waits to be sent, or nothing will be sent any more. */
  whenEmpty(run: () => void): void {
    this.#whenEmpty = run;
    this.#checkEmpty();
  }

  /** Sends nothing more. */
  stop(): void {
    this.#isStopped = true;
    this.#checkEmpty();
  }

  #flush(): void {
    if (this.#isSending || this.#isStopped) return;
    const pieces = this.#takePieces();
    if (pieces.length === 0) return this.#checkEmpty();
    this.#isSending = true;
    this.#setup.socket.send(batchOf(pieces), () => {
      this.#isSending = false;
      this.#flush();
    });
    if (this.#setup.queue.takeRoom()) this.#setup.room();
  }

  /** Signs of life and credit, which nothing may hold up; then frames, as far as room and credit go. */
  #takePieces(): readonly Piece[] {
    const { queue, credit, takeGrant } = this.#setup;
    const pieces: Piece[] = [];
    if (this.#isPongDue) pieces.push(signPiece(TYPE_PONG));
    if (this.#isPingDue) pieces.push(signPiece(TYPE_PING));
    this.#isPongDue = this.#isPingDue = false;
    const grant = takeGrant();
    if (grant > 0) pieces.push(creditPiece(grant));
    let roomBytes = BATCH_BYTES_MAX - pieces.reduce((sum, piece) => sum + pieceBytes(piece), 0);
    for (;;) {
      const { beginning } = queue;
      if (beginning !== undefined && credit?.mayBegin(beginning.length) === false) return pieces;
      const piece = queue.next(roomBytes);
      if (piece === undefined) return pieces;
      if (beginning !== undefined) this.#begun(beginning.length);
      roomBytes -= pieceBytes(piece);
      pieces.push(piece);
    }
  }

  #begun(frameBytes: number): void {
    this.#setup.credit?.spend(frameBytes);
    this.sentFrames++;
    this.sentBytes += frameBytes;
  }

  #checkEmpty(): void {
    if (!this.#isStopped && (this.#isSending || this.#isSoon || this.#setup.queue.size > 0)) return;
    const run = this.#whenEmpty;
    this.#whenEmpty = undefined;
    run?.();
  }
}
