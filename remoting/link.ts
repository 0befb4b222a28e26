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
import { SendCredit } from "./credit.ts";
import { beginHandshake, continueHandshake, refuse } from "./handshake.ts";
import type { HandshakeContext, HandshakeState, HandshakeStep, Peer } from "./handshake.ts";
import { HANDSHAKE_BYTES_MAX, type LinkLimits } from "./link_limits.ts";
import { CLOSE_CODES, type CloseReason, type Lane, quoted, reasonOfCode } from "./link_refusal.ts";
import { LinkReceiver } from "./link_receiver.ts";
import { LinkSender } from "./link_sender.ts";
import type { LinkOutside, LinkSocket, SocketEvents } from "./link_socket.ts";
import { Pulse } from "./pulse.ts";
import { SendQueue } from "./send_queue.ts";

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

/** What a link holds and has carried; for what the fields mean, see `LinkReport`. */
export interface LinkTraffic {
  readonly sentFrames: number;
  readonly sentBytes: number;
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  readonly creditBytes: number | undefined;
  readonly unconsumedBytes: number;
  readonly silentForMs: number;
}

/** What there is only while a link is up. */
interface Running {
  readonly peer: Peer;
  readonly sender: LinkSender;
  readonly receiver: LinkReceiver;
  readonly pulse: Pulse;
  /** What a data link may send. */
  readonly credit: SendCredit | undefined;
}

/** See the module. */
export class Link {
  readonly lane: Lane;
  readonly dialed: string | undefined;
  /** What waits to be sent. */
  readonly queue: SendQueue;

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
      fault: (reason, words) => this.end(reason, words),
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

  /** What it holds and has carried, once it is up. */
  get traffic(): LinkTraffic {
    const { sender, receiver, pulse, credit } = this.#running ?? {};
    return {
      sentFrames: sender?.sentFrames ?? 0,
      sentBytes: sender?.sentBytes ?? 0,
      receivedFrames: receiver?.receivedFrames ?? 0,
      receivedBytes: receiver?.receivedBytes ?? 0,
      creditBytes: credit?.left,
      unconsumedBytes: receiver?.unconsumedBytes ?? 0,
      silentForMs: pulse?.silentForMs(this.#setup.outside.now()) ?? 0,
    };
  }

  /** Takes a frame to send, unless the queue is full. */
  offer(frame: Uint8Array, isOwed: boolean = false): boolean {
    if (this.#isEnded || !this.queue.offer(frame, isOwed)) return false;
    this.#running?.pulse.used(this.#setup.outside.now());
    this.#running?.sender.flushSoon();
    return true;
  }

  /** So many bytes of frames that came this way have been consumed. */
  consumed(bytes: number): void {
    if (this.#running?.receiver.consumed(bytes) === true) this.#running.sender.flushSoon();
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
    const nowMs = outside.now();
    if (missedMs > 0) running.pulse.missed(missedMs, nowMs);
    const due = running.pulse.due(nowMs, isMember);
    switch (due) {
      case "nothing":
        return;
      case "ping":
        return running.sender.ping();
      case "silent":
        return this.end("silent", `no sign of the peer for ${Math.round(running.pulse.silentForMs(nowMs))} ms`);
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
    const { lane, queue } = this;
    const { limits, outside, owner } = this.#setup;
    const nowMs = outside.now();
    const pulse = new Pulse(limits, nowMs);
    const credit = lane === "data" ? new SendCredit() : undefined;
    const sender = new LinkSender({
      socket: this.#socket,
      queue,
      credit,
      soon: outside.soon,
      takeGrant: () => receiver.takeGrant(),
      room: () => owner.room(this),
    });
    const receiver: LinkReceiver = new LinkReceiver({
      lane,
      limits,
      granted: (bytes) => {
        credit?.grant(bytes);
        sender.flushSoon();
      },
      pinged: () => sender.pong(),
      frame: (frame) => owner.frame(this, frame),
      isOver: () => this.#isEnded,
    }, nowMs);
    return { peer, sender, receiver, pulse, credit };
  }

  #read({ pulse, receiver }: Running, batch: Uint8Array): void {
    const nowMs = this.#setup.outside.now();
    pulse.heard(nowMs);
    const before = receiver.receivedFrames;
    const fault = receiver.read(batch, nowMs);
    if (receiver.receivedFrames > before) pulse.used(nowMs);
    if (fault !== undefined) this.end(fault.reason, fault.words);
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
