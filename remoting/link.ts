/**
 * One link on one socket, from its first byte to its last: handshake, then frames both ways, then its end. Touches nothing
 * but the socket and the clock it is given; mutable, and its owner's.
 *
 * One idea: one batch is on its way at a time. What comes meanwhile waits, and all of it goes as the next one; so nothing
 * waits for a batch to fill, and a peer that doesn't read holds up one batch and one queue.
 *
 * Invariant: its owner is told that it is up at most once, of frames only while it is up, and of its end exactly once.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import { ReceiveCredit, SendCredit } from "./credit.ts";
import { beginHandshake, continueHandshake, refuse } from "./handshake.ts";
import type { HandshakeContext, HandshakeState, HandshakeStep, Objection, Peer } from "./handshake.ts";
import { BATCH_BYTES_MAX, HANDSHAKE_BYTES_MAX, type LinkLimits } from "./link_limits.ts";
import { CLOSE_CODES, type CloseReason, type Lane, quoted, reasonOfCode } from "./link_refusal.ts";
import type { LinkOutside, LinkSocket, SocketEvents } from "./link_socket.ts";
import { Pulse } from "./pulse.ts";
import { RateLimit } from "./rate_limit.ts";
import { SendQueue } from "./send_queue.ts";
import { batchOf, creditPiece, type Piece, pieceBytes, signPiece, TYPE_PING, TYPE_PONG } from "./wire.ts";
import { type WireItem, WireReader } from "./wire_reader.ts";

/** Why a link ended. */
export interface LinkEnd {
  /** `undefined` when the network, or something that is no node of ours, ended it. */
  readonly reason: CloseReason | undefined;
  readonly words: string;
  readonly by: "us" | "them" | "nobody";
  /** Whether it was up. */
  readonly wasUp: boolean;
}

/** Who is told what happens on a link. */
export interface LinkOwner {
  /** Both sides are sure of each other. The owner may end it. */
  up(link: Link, peer: Peer): void;
  frame(link: Link, frame: Uint8Array): void;
  /** Somebody was refused for want of room, and there is room. */
  room(link: Link): void;
  ended(link: Link, end: LinkEnd): void;
}

/** What a link is made with. */
export interface LinkSetup {
  readonly lane: Lane;
  /** The address that was dialed; `undefined` for a socket that arrived. */
  readonly dialed: string | undefined;
  readonly limits: LinkLimits;
  readonly outside: LinkOutside;
  readonly owner: LinkOwner;
  /** The context of the handshake, for this link. */
  readonly contextOf: (link: Link) => HandshakeContext;
  readonly open: (events: SocketEvents) => LinkSocket;
}

/** What a link has carried. */
export interface LinkTraffic {
  sentFrames: number;
  sentBytes: number;
  receivedFrames: number;
  receivedBytes: number;
}

/** What there is only while a link is up. */
interface Running {
  readonly peer: Peer;
  readonly reader: WireReader;
  readonly pulse: Pulse;
  readonly rate: RateLimit;
  /** Accounts of a data link. */
  readonly sending: SendCredit | undefined;
  readonly receiving: ReceiveCredit | undefined;
}

/** See the module. */
export class Link {
  readonly lane: Lane;
  readonly dialed: string | undefined;
  /** Frames and their bytes, by both sides' counting of frames: not what stands around them. */
  readonly traffic: LinkTraffic = { sentFrames: 0, sentBytes: 0, receivedFrames: 0, receivedBytes: 0 };
  readonly queue: SendQueue;

  readonly #setup: LinkSetup;
  readonly #context: HandshakeContext;
  readonly #socket: LinkSocket;
  #handshake: HandshakeState | undefined;
  #running: Running | undefined;
  #isEnded = false;
  #cancelTimeout: () => void;
  #isFlushSoon = false;
  #isSending = false;
  #isPingDue = false;
  #isPongDue = false;
  #whenEmpty: (() => void) | undefined;
  #isSocketClosed = false;
  #whenClosed: (() => void) | undefined;

  /** Opens the socket, and says hello as soon as it is open. */
  constructor(setup: LinkSetup) {
    const { lane, dialed, limits, outside } = setup;
    this.#setup = setup;
    this.lane = lane;
    this.dialed = dialed;
    this.queue = new SendQueue(lane === "control" ? limits.controlQueueBytesMax : limits.dataQueueBytesMax);
    this.#context = setup.contextOf(this);
    this.#cancelTimeout = outside.later(limits.handshakeMs, () => this.#timedOut());
    this.#socket = setup.open({
      opened: () => this.#begin(),
      batch: (bytes) => this.#arrived(bytes),
      closed: (code, words) => this.#closed(code, words),
    });
    if (dialed === undefined) this.#begin();
  }

  /** Who is at the other end, once that is proven. */
  get peer(): Peer | undefined {
    return this.#running?.peer ?? this.#handshake?.peer;
  }

  /** Which dial of its dialer's life it was, if `peer` is at the other end. */
  dialNumberOf(peer: Peer): number {
    return this.dialed === undefined ? peer.dialNumber : this.#context.dialNumber;
  }

  /** Who dialed, if `peer` is at the other end. */
  dialer(peer: NodeId): NodeId {
    return this.dialed === undefined ? peer : this.#context.self.id;
  }

  /** Whether it has ended. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The IP address of the other end, as far as known. */
  get remoteHost(): string {
    return this.#socket.remoteHost;
  }

  /** Bytes that may be sent before the peer grants more; `undefined` on a control link. */
  get creditBytes(): number | undefined {
    return this.#running?.sending?.left;
  }

  /** Bytes that were passed on and that nobody has consumed, or that are still being put together. */
  get unconsumedBytes(): number {
    return (this.#running?.receiving?.outBytes ?? 0) + (this.#running?.reader.pendingBytes ?? 0);
  }

  /** Milliseconds since the last sign of the peer. */
  get silentForMs(): number {
    return this.#running?.pulse.silentForMs(this.#setup.outside.now()) ?? 0;
  }

  /** Takes a frame to send, unless the queue is full. */
  offer(frame: Uint8Array): boolean {
    if (this.#isEnded || !this.queue.offer(frame)) return false;
    this.#running?.pulse.used(this.#setup.outside.now());
    this.#flushSoon();
    return true;
  }

  /** So many bytes of frames that came this way have been consumed. */
  consumed(bytes: number): void {
    const receiving = this.#running?.receiving;
    receiving?.consume(bytes);
    if (receiving?.isGrantDue === true) this.#flushSoon();
  }

  /** There is reason to believe that the peer has lost this link. */
  doubt(): void {
    this.#running?.pulse.doubt(this.#setup.outside.now(), this.#setup.limits.handshakeMs);
    this.tick(true, 0);
  }

  /** Looks at the signs of life. `missedMs`: how long this thread stood still since the last time. */
  tick(isMember: boolean, missedMs: number): void {
    const running = this.#running;
    if (running === undefined || this.#isEnded) return;
    const { outside, limits } = this.#setup;
    running.pulse.missed(missedMs);
    const due = running.pulse.due(outside.now(), isMember);
    switch (due) {
      case "nothing":
        return;
      case "ping":
        this.#isPingDue = true;
        return this.#flushSoon();
      case "silent":
        return this.end("silent", `no sign of the peer for ${Math.min(this.silentForMs, limits.silenceMs)} ms`);
      case "idle":
        return this.end("idle", `no member, and nothing was said for ${limits.idleMs} ms`);
      default:
        return due satisfies never;
    }
  }

  /** Calls `run` once, as soon as nothing waits to be sent, or the link has ended. */
  whenEmpty(run: () => void): void {
    this.#whenEmpty = run;
    this.#checkEmpty();
  }

  /** Calls `run` once, as soon as the socket is closed: a while after the link has ended. */
  whenClosed(run: () => void): void {
    if (this.#isSocketClosed) run();
    else this.#whenClosed = run;
  }

  /** Closes the socket at once, in whatever state it is. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** Ends the link. What waits is lost. Safe to repeat. */
  end(reason: CloseReason, words: string): void {
    if (this.#isEnded) return;
    const handshake = this.#handshake;
    if (handshake !== undefined) {
      const { batch } = refuse(this.#context, handshake, { reason, words });
      if (batch !== undefined) this.#socket.send(batch, () => {});
    }
    this.#endBy("us", reason, words);
  }

  #begin(): void {
    if (!this.#isEnded) this.#apply(beginHandshake(this.#context));
  }

  #arrived(bytes: Uint8Array | undefined): void {
    if (this.#isEnded) return;
    if (bytes === undefined) return this.#fault({ reason: "malformed", words: "text where there should be bytes" });
    if (this.#running !== undefined) return this.#read(this.#running, bytes);
    if (this.#handshake === undefined) return;
    if (bytes.length > HANDSHAKE_BYTES_MAX) {
      return this.#fault({ reason: "malformed", words: `${bytes.length} bytes before the link is up` });
    }
    this.#apply(continueHandshake(this.#context, this.#handshake, bytes));
  }

  #apply({ state, batch, outcome }: HandshakeStep): void {
    this.#handshake = state;
    if (batch !== undefined) this.#socket.send(batch, () => {});
    if (outcome?.kind === "up") return this.#up(outcome.peer);
    if (outcome !== undefined) this.#endBy(outcome.by, outcome.objection.reason, outcome.objection.words);
  }

  #up(peer: Peer): void {
    const { limits, outside, owner } = this.#setup;
    this.#cancelTimeout();
    const isData = this.lane === "data";
    this.#running = {
      peer,
      reader: new WireReader(isData ? limits.dataFrameBytesMax : limits.controlFrameBytesMax),
      pulse: new Pulse(limits, outside.now()),
      rate: new RateLimit(limits.framesPerSecondMax, outside.now()),
      sending: isData ? new SendCredit() : undefined,
      receiving: isData ? new ReceiveCredit(limits.windowBytes) : undefined,
    };
    this.#handshake = undefined;
    owner.up(this, peer);
    this.#flushSoon(); // The first credit.
  }

  #read(running: Running, batch: Uint8Array): void {
    const nowMs = this.#setup.outside.now();
    running.pulse.heard(nowMs);
    const { items, fault } = running.reader.read(batch);
    if (!running.rate.pass(items.filter((item) => !isBoundByCredit(this.lane, item)).length, nowMs)) {
      const { framesPerSecondMax } = this.#setup.limits;
      return this.#fault({ reason: "too-many-frames", words: `over ${framesPerSecondMax} frames a second` });
    }
    for (const item of items) {
      this.#take(running, item, nowMs);
      if (this.#isEnded) return;
    }
    if (fault !== undefined) this.#fault(fault);
  }

  #take(running: Running, item: WireItem, nowMs: number): void {
    switch (item.kind) {
      case "frame":
        return this.#charge(running, item.frame.length) ? this.#passOn(running, item.frame, nowMs) : undefined;
      case "chunked":
        return void this.#charge(running, item.frameBytes);
      case "chunked-frame":
        return this.#passOn(running, item.frame, nowMs);
      case "credit":
        if (running.sending === undefined) return this.#fault({ reason: "malformed", words: "credit for control" });
        running.sending.grant(item.bytes);
        return this.#flushSoon();
      case "ping":
        this.#isPongDue = true;
        return this.#flushSoon();
      case "pong":
      case "chunk":
      case "ignored":
        return;
      default:
        return item satisfies never;
    }
  }

  #charge({ receiving }: Running, frameBytes: number): boolean {
    if (receiving === undefined || receiving.begin(frameBytes)) return true;
    this.#fault({ reason: "credit-overrun", words: `a frame of ${frameBytes} bytes without credit` });
    return false;
  }

  #passOn({ pulse, receiving }: Running, frame: Uint8Array, nowMs: number): void {
    pulse.used(nowMs);
    receiving?.passOn(frame.length);
    this.traffic.receivedFrames++;
    this.traffic.receivedBytes += frame.length;
    this.#setup.owner.frame(this, frame);
  }

  #flushSoon(): void {
    if (this.#isFlushSoon || this.#isSending || this.#running === undefined) return;
    this.#isFlushSoon = true;
    this.#setup.outside.soon(() => {
      this.#isFlushSoon = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isEnded || this.#isSending || this.#running === undefined) return;
    const pieces = this.#takePieces(this.#running);
    if (pieces.length === 0) return this.#checkEmpty();
    this.#isSending = true;
    this.#socket.send(batchOf(pieces), () => {
      this.#isSending = false;
      this.#flush();
    });
    if (this.queue.takeRoom()) this.#setup.owner.room(this);
  }

  /** What goes next: signs of life and credit, which nothing may hold up, then frames as far as room and credit go. */
  #takePieces({ sending, receiving }: Running): readonly Piece[] {
    const pieces: Piece[] = [];
    if (this.#isPongDue) pieces.push(signPiece(TYPE_PONG));
    if (this.#isPingDue) pieces.push(signPiece(TYPE_PING));
    this.#isPongDue = this.#isPingDue = false;
    const grant = receiving?.takeGrant() ?? 0;
    if (grant > 0) pieces.push(creditPiece(grant));
    let roomBytes = BATCH_BYTES_MAX - pieces.reduce((sum, piece) => sum + pieceBytes(piece), 0);
    for (;;) {
      const { beginning } = this.queue;
      if (beginning !== undefined && sending?.mayBegin(beginning.length) === false) return pieces;
      const piece = this.queue.next(roomBytes);
      if (piece === undefined) return pieces;
      if (beginning !== undefined) this.#begun(beginning.length, sending);
      roomBytes -= pieceBytes(piece);
      pieces.push(piece);
    }
  }

  #begun(frameBytes: number, sending: SendCredit | undefined): void {
    sending?.spend(frameBytes);
    this.traffic.sentFrames++;
    this.traffic.sentBytes += frameBytes;
  }

  #checkEmpty(): void {
    if (!this.#isEnded && (this.#isSending || this.queue.size > 0)) return;
    const run = this.#whenEmpty;
    this.#whenEmpty = undefined;
    run?.();
  }

  #timedOut(): void {
    this.end("handshake-timeout", `no link within ${this.#setup.limits.handshakeMs} ms`);
  }

  #fault({ reason, words }: Objection): void {
    this.#endBy("us", reason, words);
  }

  #closed(code: number, words: string): void {
    this.#isSocketClosed = true;
    this.#whenClosed?.();
    const reason = reasonOfCode(code);
    const said = reason === undefined ? `closed with ${code}, ${quoted(words)}` : `the peer says ${quoted(words)}`;
    this.#endBy(reason === undefined ? "nobody" : "them", reason, said);
  }

  #endBy(by: LinkEnd["by"], reason: CloseReason | undefined, words: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cancelTimeout();
    // Who hasn't proven anything is told no more than the word.
    const shown = this.#running === undefined ? reason ?? "" : words;
    if (by === "us" && reason !== undefined) this.#socket.close(CLOSE_CODES[reason], shown);
    else this.#socket.close(1000, "");
    this.#setup.owner.ended(this, { reason, words, by, wasUp: this.#running !== undefined });
    this.#checkEmpty();
  }
}

/** Whether what a peer may send of these is bounded by credit; all others are by their number. */
function isBoundByCredit(lane: Lane, item: WireItem): boolean {
  if (item.kind === "chunk" || item.kind === "chunked-frame") return true;
  return lane === "data" && (item.kind === "chunked" || (item.kind === "frame" && item.frame.length > 0));
}
