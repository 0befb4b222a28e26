/**
 * One link on one socket, from its first byte to its last: handshake, then frames both ways, then its end. Touches nothing
 * but the socket and the clock it is given; mutable, and its owner's.
 *
 * One idea: what a link is has two halves in time. Until both sides are sure of each other it is a handshake, which a
 * stranger can keep for a short while; then it is a running link, with queues, credit and a pulse.
 *
 * Invariant: its owner is told that it is up at most once, of frames only while it is up, and of its end exactly once.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import { ReceiveCredit, SendCredit } from "./credit.ts";
import { beginHandshake, continueHandshake, refuse } from "./handshake.ts";
import type { HandshakeContext, HandshakeState, HandshakeStep, Peer } from "./handshake.ts";
import { HANDSHAKE_BYTES_MAX, type LinkLimits } from "./link_limits.ts";
import { CLOSE_CODES, type CloseReason, type Lane, quoted, reasonOfCode } from "./link_refusal.ts";
import { LinkSender } from "./link_sender.ts";
import type { LinkOutside, LinkSocket, SocketEvents } from "./link_socket.ts";
import { Pulse } from "./pulse.ts";
import { RateLimit } from "./rate_limit.ts";
import { SendQueue } from "./send_queue.ts";
import { type WireItem, WireReader } from "./wire_reader.ts";

/** Why a link ended. */
export interface LinkEnd {
  /** `undefined` when the network, or something that is no node of ours, ended it. */
  readonly reason: CloseReason | undefined;
  readonly words: string;
  readonly by: "us" | "them" | "nobody";
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
  /** What the handshake of this link needs to know. */
  readonly contextOf: (link: Link) => HandshakeContext;
  readonly open: (events: SocketEvents) => LinkSocket;
}

/** What there is only while a link is up. */
interface Running {
  readonly peer: Peer;
  readonly reader: WireReader;
  readonly sender: LinkSender;
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
  /** What waits to be sent. */
  readonly queue: SendQueue;
  /** Frames that came, and their bytes. */
  receivedFrames = 0;
  receivedBytes = 0;

  readonly #setup: LinkSetup;
  readonly #context: HandshakeContext;
  readonly #socket: LinkSocket;
  readonly #cancelTimeout: () => void;
  #handshake: HandshakeState | undefined;
  #running: Running | undefined;
  #isEnded = false;
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
    this.#cancelTimeout = outside.later(limits.handshakeMs, () => {
      this.end("handshake-timeout", `no link within ${limits.handshakeMs} ms`);
    });
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

  /** The IP address a socket that arrived came from. */
  get remoteHost(): string {
    return this.#socket.remoteHost;
  }

  /** Frames that have begun to leave. */
  get sentFrames(): number {
    return this.#running?.sender.sentFrames ?? 0;
  }

  /** The bytes of these frames. */
  get sentBytes(): number {
    return this.#running?.sender.sentBytes ?? 0;
  }

  /** Bytes that may be sent before the peer grants more; `undefined` on a control link. */
  get creditBytes(): number | undefined {
    return this.#running?.sending?.left;
  }

  /** Bytes that were passed on and that nobody has consumed, and of the frame that is being put together. */
  get unconsumedBytes(): number {
    return (this.#running?.receiving?.outBytes ?? 0) + (this.#running?.reader.pendingBytes ?? 0);
  }

  /** Milliseconds since the last sign of the peer. */
  get silentForMs(): number {
    return this.#running?.pulse.silentForMs(this.#setup.outside.now()) ?? 0;
  }

  /** Takes a frame to send, unless the queue is full. Also before the link is up, for when it will be. */
  offer(frame: Uint8Array, isOwed: boolean = false): boolean {
    if (this.#isEnded || !this.queue.offer(frame, isOwed)) return false;
    this.#running?.pulse.used(this.#setup.outside.now());
    this.#running?.sender.flushSoon();
    return true;
  }

  /** So many bytes of frames that came this way have been consumed. */
  consumed(bytes: number): void {
    const running = this.#running;
    running?.receiving?.consume(bytes);
    if (running?.receiving?.isGrantDue === true) running.sender.flushSoon();
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
        return running.sender.ping();
      case "silent":
        return this.end("silent", `no sign of the peer for ${Math.round(this.silentForMs)} ms`);
      case "idle":
        return this.end("idle", `the peer is no member, and nothing was said for ${limits.idleMs} ms`);
      default:
        return due satisfies never;
    }
  }

  /** Calls `run` once, as soon as nothing waits to be sent, or the link has ended. */
  whenEmpty(run: () => void): void {
    if (this.#running === undefined) run();
    else this.#running.sender.whenEmpty(run);
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
    if (this.#handshake !== undefined) {
      const { batch } = refuse(this.#context, this.#handshake, { reason, words });
      if (batch !== undefined) this.#socket.send(batch, () => {});
    }
    this.#endBy("us", reason, words);
  }

  #begin(): void {
    if (!this.#isEnded) this.#apply(beginHandshake(this.#context));
  }

  #arrived(bytes: Uint8Array | undefined): void {
    if (this.#isEnded) return;
    if (bytes === undefined) return this.end("malformed", "text where there should be bytes");
    if (this.#running !== undefined) return this.#read(this.#running, bytes);
    if (this.#handshake === undefined) return;
    if (bytes.length > HANDSHAKE_BYTES_MAX) return this.end("malformed", `${bytes.length} bytes in a handshake`);
    this.#apply(continueHandshake(this.#context, this.#handshake, bytes));
  }

  #apply({ state, batch, outcome }: HandshakeStep): void {
    this.#handshake = state;
    if (batch !== undefined) this.#socket.send(batch, () => {});
    if (outcome?.kind === "up") return this.#up(outcome.peer);
    if (outcome !== undefined) this.#endBy(outcome.by, outcome.objection.reason, outcome.objection.words);
  }

  #up(peer: Peer): void {
    const running = this.#running = this.#runningWith(peer);
    this.#handshake = undefined;
    this.#cancelTimeout();
    this.#setup.owner.up(this, peer);
    running.sender.flushSoon(); // The first credit.
  }

  #runningWith(peer: Peer): Running {
    const { limits, outside, owner } = this.#setup;
    const isData = this.lane === "data";
    const sending = isData ? new SendCredit() : undefined;
    const receiving = isData ? new ReceiveCredit(limits.windowBytes) : undefined;
    return {
      peer,
      reader: new WireReader(isData ? limits.dataFrameBytesMax : limits.controlFrameBytesMax),
      sender: new LinkSender({
        socket: this.#socket,
        queue: this.queue,
        credit: sending,
        soon: outside.soon,
        takeGrant: () => receiving?.takeGrant() ?? 0,
        room: () => owner.room(this),
      }),
      pulse: new Pulse(limits, outside.now()),
      rate: new RateLimit(limits.framesPerSecondMax, outside.now()),
      sending,
      receiving,
    };
  }

  #read(running: Running, batch: Uint8Array): void {
    const nowMs = this.#setup.outside.now();
    running.pulse.heard(nowMs);
    const { items, fault } = running.reader.read(batch);
    if (!running.rate.pass(items.filter((item) => !isBoundByCredit(this.lane, item)).length, nowMs)) {
      return this.end("too-many-frames", `over ${this.#setup.limits.framesPerSecondMax} frames a second`);
    }
    for (const item of items) {
      this.#take(running, item, nowMs);
      if (this.#isEnded) return;
    }
    if (fault !== undefined) this.end(fault.reason, fault.words);
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
        return this.#granted(running, item.bytes);
      case "ping":
        return running.sender.pong();
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
    this.end("credit-overrun", `a frame of ${frameBytes} bytes without credit`);
    return false;
  }

  #granted({ sending, sender }: Running, bytes: number): void {
    if (sending === undefined) return this.end("malformed", "credit on the control lane");
    sending.grant(bytes);
    sender.flushSoon();
  }

  #passOn({ pulse, receiving }: Running, frame: Uint8Array, nowMs: number): void {
    pulse.used(nowMs);
    receiving?.passOn(frame.length);
    this.receivedFrames++;
    this.receivedBytes += frame.length;
    this.#setup.owner.frame(this, frame);
  }

  #closed(code: number, words: string): void {
    this.#isSocketClosed = true;
    const reason = reasonOfCode(code);
    const said = reason === undefined ? `closed with ${code}, ${quoted(words)}` : `the peer says ${quoted(words)}`;
    this.#endBy(reason === undefined ? "nobody" : "them", reason, said);
    this.#whenClosed?.();
  }

  #endBy(by: LinkEnd["by"], reason: CloseReason | undefined, words: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cancelTimeout();
    // Who hasn't proven anything is told no more than the word.
    const shown = this.#running === undefined ? reason ?? "" : words;
    if (by === "us" && reason !== undefined) this.#socket.close(CLOSE_CODES[reason], shown);
    else this.#socket.close(1000, "");
    this.#setup.owner.ended(this, { reason, words, by });
    this.#running?.sender.stop();
  }
}

/** Whether credit bounds how many of these a peer may send; of all others, time does. */
function isBoundByCredit(lane: Lane, item: WireItem): boolean {
  if (item.kind === "chunk" || item.kind === "chunked-frame") return true;
  return lane === "data" && (item.kind === "chunked" || (item.kind === "frame" && item.frame.length > 0));
}
