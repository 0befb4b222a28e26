/**
 * What links need from sockets and from the clock: the seam that a test fills with memory and a clock it moves. Pure.
 *
 * @module
 */
import type { CloseReason, Lane, LinkRefusal } from "./link_refusal.ts";

/** One WebSocket that carries one link, or will. */
export interface LinkSocket {
  /** The IP address it comes from or leads to; `""` while that isn't known. */
  readonly remoteHost: string;
  /** Sends one batch; calls `sent` once it has left this process. Nothing happens on a socket that is closed. */
  send(batch: Uint8Array, sent: () => void): void;
  /** Closes it in order, by force if that takes long. Safe to repeat. */
  close(code: number, words: string): void;
  /** Closes it at once. Safe to repeat. */
  terminate(): void;
}

/** Stands for a socket that there was no way to open. */
export const NO_SOCKET: LinkSocket = { remoteHost: "", send: () => {}, close: () => {}, terminate: () => {} };

/** What happens on a socket. None of them is called before the call that made the socket has returned. */
export interface SocketEvents {
  /** It can be sent on. A socket that was accepted is open already. */
  opened(): void;
  /** One batch; `undefined` for a message that isn't binary. The bytes are the link's own. */
  batch(bytes: Uint8Array | undefined): void;
  /** The peer broke the rules of WebSocket itself; the socket is closing. */
  fault(reason: CloseReason, words: string): void;
  /** It is closed, once: by the peer with its code and words, or by the network with 1006 and what is known. */
  closed(code: number, words: string): void;
}

/** A socket that a peer has opened, before anybody knows who it is. */
export interface IncomingSocket {
  readonly lane: Lane;
  readonly remoteHost: string;
  /** Takes it: events come from now on. */
  take(events: SocketEvents): LinkSocket;
  /** The peer has proven who it is: its handshake counts no more. */
  settled(): void;
}

/** Who takes what arrives at a listener. */
export interface SocketAcceptor {
  incoming(socket: IncomingSocket): void;
  /** An upgrade got an HTTP answer instead of a socket. */
  refused(refusal: LinkRefusal): void;
}

/** Everything outside of the links themselves. */
export interface LinkOutside {
  /** Monotonic, in milliseconds. */
  now(): number;
  /** Runs `task` once, `waitMs` from now, unless what it answers is called before. */
  later(waitMs: number, task: () => void): () => void;
  /** Runs `task` once, when what runs now has ended. */
  soon(task: () => void): void;
  /** A nonce never used before. */
  nonce(): Uint8Array;
  /** Begins to open a socket; its events say what came of it. */
  dial(address: string, lane: Lane, events: SocketEvents): LinkSocket;
}

/** What links need of a listener. */
export interface LinkListener {
  /** Hosts by which it can be reached: where it listens, and where it says it does. */
  readonly hosts: readonly string[];
  /** Whether it speaks TLS. */
  readonly isSecure: boolean;
  /** Gives all that arrives from now on to `acceptor`, until what it answers is called. The latest one gets it. */
  accept(acceptor: SocketAcceptor): () => void;
}
