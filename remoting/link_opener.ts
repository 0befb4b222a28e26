/**
 * Makes links: of sockets that arrive, and of addresses that are dialed. On the main thread, over what it is given.
 *
 * The invariant: without a secret or certificates on both sides, no link leads to another machine or comes from one.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import { isLoopback, parseAddress } from "./address.ts";
import type { HandshakeContext, Objection, Peer, Self } from "./handshake.ts";
import type { ProtocolRange } from "./handshake_frames.ts";
import { Link, type LinkOwner } from "./link.ts";
import { limitsOf, type LinkLimits } from "./link_limits.ts";
import { CLOSE_CODES, type Lane, type LinkRefusal } from "./link_refusal.ts";
import { type IncomingSocket, type LinkOutside, type LinkSocket, NO_SOCKET, type SocketEvents } from "./link_socket.ts";
import { type LinksOptions, selfOf } from "./links_options.ts";
import { isGuarded, type Keyring, keyringOf } from "./security.ts";

/** What a link is there for. */
export type Purpose =
  /** To keep a member linked. */
  | { readonly kind: "member"; readonly peer: NodeId }
  /** To greet an address. */
  | { readonly kind: "greeting" }
  /** A peer wants it. */
  | { readonly kind: "arrived"; readonly socket: IncomingSocket };

/** Who decides about the links that are made. */
export interface OpenerOwner extends LinkOwner {
  /** A link begins; nothing has happened on it yet. */
  opened(link: Link, purpose: Purpose): void;
  /** What speaks against a link to a peer that has proven who it is. */
  objectionTo(link: Link, peer: Peer, purpose: Purpose): Objection | undefined;
  refused(refusal: LinkRefusal): void;
}

/** Makes the links of one node under one identity. */
export class LinkOpener {
  readonly self: Self;
  readonly limits: LinkLimits;

  readonly #keyring: Keyring;
  readonly #isGuarded: boolean;
  readonly #outside: LinkOutside;
  readonly #protocol: ProtocolRange;
  readonly #owner: OpenerOwner;
  #dialCount = 0;

  /** `options` have been checked. */
  constructor(options: LinksOptions, outside: LinkOutside, protocol: ProtocolRange, owner: OpenerOwner) {
    this.self = selfOf(options);
    this.limits = limitsOf(options.limits);
    this.#keyring = keyringOf(options.security.secrets ?? []);
    this.#isGuarded = isGuarded(options.security);
    this.#outside = outside;
    this.#protocol = protocol;
    this.#owner = owner;
  }

  /** A socket has arrived. */
  arrived(socket: IncomingSocket): void {
    const { lane, remoteHost } = socket;
    if (this.#isAllowed(remoteHost)) {
      this.#open(lane, undefined, { kind: "arrived", socket }, (events) => socket.take(events));
      return;
    }
    const { reason: code, words } = notLoopback(remoteHost);
    socket.take(NO_EVENTS).close(CLOSE_CODES[code], code);
    this.#owner.refused({
      code,
      words,
      address: remoteHost,
      dialedBy: "them",
      refusedBy: "us",
      lane,
      peer: undefined,
    });
  }

  /** Begins to dial `address`. What comes of it, the link says; if it must not be dialed, at once. */
  dial(address: string, lane: Lane, purpose: Purpose): void {
    const host = parseAddress(address)?.host;
    if (host !== undefined && this.#isAllowed(host)) {
      this.#open(lane, address, purpose, (events) => this.#outside.dial(address, lane, events));
      return;
    }
    const { reason, words } = host === undefined ? NO_ADDRESS : notLoopback(host);
    this.#open(lane, address, purpose, () => NO_SOCKET).end(reason, words);
  }

  #open(lane: Lane, dialed: string | undefined, purpose: Purpose, open: (events: SocketEvents) => LinkSocket): Link {
    const contextOf = (link: Link) => this.#contextOf(link, purpose);
    const { limits } = this;
    const link = new Link({ lane, dialed, limits, outside: this.#outside, owner: this.#owner, contextOf, open });
    this.#owner.opened(link, purpose);
    return link;
  }

  #contextOf(link: Link, purpose: Purpose): HandshakeContext {
    const isDialer = purpose.kind !== "arrived";
    return {
      role: isDialer ? "dialer" : "listener",
      lane: link.lane,
      protocol: this.#protocol,
      self: this.self,
      keyring: this.#keyring,
      nonce: this.#outside.nonce(),
      dialNumber: isDialer ? ++this.#dialCount : 0,
      objectionTo: (peer) => this.#owner.objectionTo(link, peer, purpose),
    };
  }

  #isAllowed(host: string): boolean {
    return this.#isGuarded || isLoopback(host);
  }
}

const NO_EVENTS: SocketEvents = { opened: () => {}, batch: () => {}, fault: () => {}, closed: () => {} };

const NO_ADDRESS: Objection = { reason: "malformed", words: "the address is not host:port" };

function notLoopback(host: string): { readonly reason: "not-loopback"; readonly words: string } {
  return { reason: "not-loopback", words: `${host} is another machine, and there is neither a secret nor mutual TLS` };
}
