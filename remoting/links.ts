/**
 * The links of one node under one identity: who is linked, who is dialed, and what passes. On the main thread, over the
 * sockets and the clock it is given.
 *
 * One idea: this file joins parts that decide. `link_table.ts` says which link wins, `dial_plan.ts` whom to dial and when,
 * `link.ts` what a socket's bytes mean; here sockets are opened and the node is told.
 *
 * Invariant: each `linkUp` is followed by one `linkLost` of the same generation, and frames of it come between the two.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { ActorError } from "../core/failure.ts";
import type { NodeId } from "../core/ids.ts";
import { DialPlan } from "./dial_plan.ts";
import { Greetings } from "./greetings.ts";
import type { Objection, Peer } from "./handshake.ts";
import type { ProtocolRange } from "./handshake_frames.ts";
import type { Link, LinkEnd } from "./link.ts";
import { LinkCounts, reportOf } from "./link_counts.ts";
import { LinkOpener, type OpenerOwner, type Purpose } from "./link_opener.ts";
import type { Lane, LinkRefusal } from "./link_refusal.ts";
import type { LinkOutside } from "./link_socket.ts";
import { type Candidate, LinkTable, type Row } from "./link_table.ts";
import {
  checkLinksOptions,
  type LinkCounters,
  type LinkReport,
  type Links,
  type LinksOptions,
} from "./links_options.ts";
import { SelfAddresses } from "./self_addresses.ts";
import { platformOutside } from "./socket.ts";

export type { LinkCounters, LinkEvents, LinkReport, Links, LinksOptions } from "./links_options.ts";
export type { Lane, LinkRefusal, RefusalCode } from "./link_refusal.ts";

/** Versions of the protocol that this code speaks. */
export const PROTOCOL: ProtocolRange = { min: 1, max: 1 };

/**
 * The links of a node. It takes what arrives at its listener from now on, and dials once there are peers or greetings.
 *
 * @throws {ActorError} `invalid-options`, with every problem; nothing has begun.
 */
export function createLinks(options: LinksOptions): Links {
  return createLinksWith(options, platformOutside(options.clock, options.security.tls), PROTOCOL);
}

/** As {@link createLinks}, with the sockets, the time and the versions of a test. */
export function createLinksWith(options: LinksOptions, outside: LinkOutside, protocol: ProtocolRange): Links {
  checkLinksOptions(options);
  return new NodeLinks(options, outside, protocol);
}

/** How often signs of life are looked at: so many times while one is waited for, within reason. */
const TICKS_PER_WAIT = 8;
const TICK_MS_MIN = 5;
const TICK_MS_MAX = 500;
/** Milliseconds by which a timer is late on a busy machine. Later, and this thread stood still. */
const LATE_MS = 1_000;

class NodeLinks implements Links, OpenerOwner {
  readonly #options: LinksOptions;
  readonly #outside: LinkOutside;
  readonly #opener: LinkOpener;
  readonly #table: LinkTable<Link>;
  readonly #plan: DialPlan;
  readonly #greetings: Greetings;
  readonly #selfAddresses: SelfAddresses;
  readonly #counts: LinkCounts;
  readonly #tickMs: number;
  readonly #stopListening: () => void;
  /** Every link that has not ended. */
  readonly #links = new Map<Link, Purpose>();
  /** Those of which the node was told. */
  readonly #announced = new Map<Link, Row<Link>>();
  #wake: { readonly atMs: number; readonly cancel: () => void } | undefined;
  #isClosed = false;

  constructor(options: LinksOptions, outside: LinkOutside, protocol: ProtocolRange) {
    this.#options = options;
    this.#outside = outside;
    const { self, limits } = this.#opener = new LinkOpener(options, outside, protocol, this);
    this.#table = new LinkTable(self.id);
    this.#plan = new DialPlan(self.id, limits, options.random);
    this.#greetings = new Greetings(limits);
    this.#selfAddresses = new SelfAddresses(self.address);
    this.#counts = new LinkCounts(options.log);
    const waitMs = Math.min(limits.pingAfterMs, limits.idleMs);
    this.#tickMs = Math.min(TICK_MS_MAX, Math.max(TICK_MS_MIN, Math.floor(waitMs / TICKS_PER_WAIT)));
    this.#stopListening = options.listener.accept({
      incoming: (socket) => this.#opener.arrived(socket),
      refused: (refusal) => this.refused(refusal),
    });
  }

  greet(address: string, frame: Uint8Array): void {
    this.#checkLength(frame, "control");
    if (this.#isClosed || this.#selfAddresses.has(address, this.#outside.now())) return this.#greetings.loseOne();
    const link = this.#controlLinkAt(address);
    if (link !== undefined) return void link.offer(frame);
    if (this.#greetings.add(address, frame) === "dial") this.#opener.dial(address, "control", { kind: "greeting" });
  }

  send(
    to: NodeId,
    lane: Lane,
    generation: number,
    frame: Uint8Array,
    isOwed: boolean = false,
  ): "taken" | "full" | "no-link" {
    this.#checkLength(frame, lane);
    const row = this.#isClosed ? undefined : this.#table.get(to, lane);
    if (row === undefined || (lane === "data" && row.generation !== generation)) {
      this.#counts.unlinkedFrames++;
      return "no-link";
    }
    return row.link.offer(frame, isOwed) ? "taken" : "full";
  }

  setPeers(peers: ReadonlyMap<NodeId, string>): void {
    if (this.#isClosed) return;
    const isLinked = (peer: NodeId, lane: Lane) => this.#table.get(peer, lane) !== undefined;
    const removed = this.#plan.want(peers, this.#outside.now(), isLinked);
    for (const [link, purpose] of [...this.#links]) {
      const peer = link.peer?.id ?? (purpose.kind === "member" ? purpose.peer : undefined);
      if (peer !== undefined && removed.has(peer)) link.end("not-a-member", "the peer is no member any more");
    }
    this.#dialDue();
  }

  closeLink(peer: NodeId, lane: Lane, generation: number, reason: string): void {
    const row = this.#table.get(peer, lane);
    if (row?.generation === generation) row.link.end("closed", reason);
  }

  consumed(peer: NodeId, generation: number, bytes: number): void {
    const row = this.#table.get(peer, "data");
    if (row?.generation === generation) row.link.consumed(bytes);
  }

  report(): readonly LinkReport[] {
    return [...this.#announced.values()].map((row) => reportOf(row));
  }

  counters(): LinkCounters {
    return this.#counts.counters([...this.#links.keys()], this.#greetings.lostFrames);
  }

  async close(timeoutMs: number): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopListening();
    this.#wake?.cancel();
    const links = [...this.#links.keys()];
    for (const link of links) if (!this.#announced.has(link)) link.end("closing", "the node closes its links");
    this.#greetings.clear();
    await all([...this.#announced.keys()], (link, done) => link.whenEmpty(done), this.#outside, timeoutMs);
    for (const link of links) link.end("closing", "the node closes its links");
    await all(links, (link, done) => link.whenClosed(done), this.#outside, CLOSE_MS_MAX);
    for (const link of links) link.terminate();
  }

  // What links ask and tell.

  opened(link: Link, purpose: Purpose): void {
    this.#links.set(link, purpose);
  }

  objectionTo(link: Link, peer: Peer, purpose: Purpose): Objection | undefined {
    if (purpose.kind === "member" && purpose.peer !== peer.id) {
      return { reason: "another-node", words: `${peer.id} is at the address of ${purpose.peer}` };
    }
    const candidate = candidateOf(link, peer);
    if (this.#table.admits(candidate, link) === "wins") return undefined;
    // A peer dials while it has no link, so perhaps it has lost the one that we still have.
    if (purpose.kind === "arrived") this.#table.get(peer.id, link.lane)?.link.doubt();
    return { reason: "duplicate", words: "there is a link of this pair already" };
  }

  up(link: Link, peer: Peer): void {
    const purpose = this.#links.get(link);
    if (purpose?.kind === "arrived") purpose.socket.settled();
    const verdict = this.#table.install(candidateOf(link, peer), link);
    if (verdict.kind === "loses") {
      // The peer has taken this one, so perhaps it has lost the other.
      verdict.winner?.link.doubt();
      return link.end("duplicate", "another link of this pair has won");
    }
    const { row, replaced } = verdict;
    this.#plan.linked(peer.id, link.lane, this.#outside.now());
    // What is lost is told before what is new, and whoever is told may do anything: also end the new one.
    replaced?.link.end("replaced", "a newer link of this pair has come");
    this.#endOthersAt(peer);
    if (link.isEnded) return;
    this.#announced.set(link, row);
    if (link.lane === "control") this.#passGreetings(link, peer);
    this.#arm();
    this.#options.events.linkUp(peer.id, link.lane, row.generation);
  }

  frame(link: Link, frame: Uint8Array): void {
    const row = this.#announced.get(link);
    assert(row !== undefined, "frames come from links the node was told of");
    this.#options.events.frame(row.peer, row.lane, row.generation, frame);
  }

  room(link: Link): void {
    const row = this.#announced.get(link);
    if (row?.lane === "data") this.#options.events.room(row.peer);
  }

  ended(link: Link, end: LinkEnd): void {
    const purpose = this.#links.get(link);
    const row = this.#announced.get(link);
    this.#links.delete(link);
    this.#announced.delete(link);
    this.#counts.ended(link, end, row !== undefined);
    this.#forget(link);
    if (row !== undefined) this.#options.events.linkLost(row.peer, row.lane, row.generation, wordsOf(end));
    else if (purpose !== undefined) this.#notBegun(link, purpose, end);
    this.#arm();
  }

  refused(refusal: LinkRefusal): void {
    this.#counts.refused(refusal, this.#outside.now());
    this.#options.events.refused(refusal);
  }

  #forget(link: Link): void {
    const { peer, lane } = link;
    if (peer === undefined) return;
    this.#table.unclaim(peer.id, lane, link);
    const row = this.#table.get(peer.id, lane);
    if (row?.link !== link) return;
    this.#table.remove(row);
    this.#plan.lost(peer.id, lane, this.#outside.now());
  }

  #notBegun(link: Link, purpose: Purpose, end: LinkEnd): void {
    const { peer, dialed, lane } = link;
    if (purpose.kind === "member") this.#plan.failed(purpose.peer, lane, this.#outside.now());
    if (dialed !== undefined && peer?.id === this.#opener.self.id) this.#selfAddresses.add(dialed, this.#outside.now());
    if (peer !== undefined && end.reason !== "duplicate") this.#greetings.dropPeer(peer.id);
    if (purpose.kind === "greeting" && dialed !== undefined) this.#greetingFailed(dialed, peer, end);
    if (this.#isClosed || end.reason === "duplicate" || end.reason === "closing") return;
    this.refused({
      code: end.reason ?? "unreachable",
      words: end.words,
      address: dialed ?? peer?.address ?? link.remoteHost,
      dialedBy: dialed === undefined ? "them" : "us",
      refusedBy: end.by,
      lane,
      peer: peer?.id,
    });
  }

  /** The dial of a greeting gave no link; but its peer may have one already, or soon. */
  #greetingFailed(address: string, peer: Peer | undefined, end: LinkEnd): void {
    if (peer === undefined || end.reason !== "duplicate") return this.#greetings.dropAddress(address);
    this.#greetings.bind(address, peer.id);
    const row = this.#table.get(peer.id, "control");
    if (row !== undefined) this.#passGreetings(row.link, peer);
  }

  #passGreetings(link: Link, peer: Peer): void {
    const addresses = link.dialed === undefined ? [peer.address] : [peer.address, link.dialed];
    for (const frame of this.#greetings.takeFor(peer.id, addresses)) link.offer(frame);
  }

  /** Another node was at this address before: it is gone, for no two can listen at one. */
  #endOthersAt(peer: Peer): void {
    for (const { link } of this.#table.rows()) {
      if (link.peer?.address !== peer.address || link.peer.id === peer.id) continue;
      this.#options.log.info("another node is at an address", {
        address: peer.address,
        was: link.peer.id,
        is: peer.id,
      });
      link.end("replaced", "another node listens at its address");
    }
  }

  #dialDue(): void {
    for (const { peer, address, lane } of this.#plan.takeDue(this.#outside.now())) {
      this.#opener.dial(address, lane, { kind: "member", peer });
    }
    this.#arm();
  }

  #controlLinkAt(address: string): Link | undefined {
    for (const [link, { lane }] of this.#announced) {
      if (lane === "control" && (link.peer?.address === address || link.dialed === address)) return link;
    }
    return undefined;
  }

  // Time.

  #arm(): void {
    if (this.#isClosed) return;
    const tickAtMs = this.#announced.size === 0 ? Infinity : this.#outside.now() + this.#tickMs;
    const atMs = Math.min(this.#plan.nextDueMs, tickAtMs);
    if (atMs === Infinity || (this.#wake !== undefined && this.#wake.atMs <= atMs)) return;
    this.#wake?.cancel();
    const cancel = this.#outside.later(Math.max(0, atMs - this.#outside.now()), () => this.#woken(atMs));
    this.#wake = { atMs, cancel };
  }

  #woken(dueMs: number): void {
    this.#wake = undefined;
    const lateMs = this.#outside.now() - dueMs;
    for (const [link, { peer }] of [...this.#announced]) link.tick(this.#plan.has(peer), lateMs > LATE_MS ? lateMs : 0);
    this.#dialDue();
  }

  // Limits.

  #checkLength(frame: Uint8Array, lane: Lane): void {
    const bytesMax = lane === "control"
      ? this.#opener.limits.controlFrameBytesMax
      : this.#opener.limits.dataFrameBytesMax;
    if (frame.length <= bytesMax) return;
    const words = `Cannot send: a ${lane} frame of ${frame.length} bytes is over the limit of ${bytesMax}`;
    throw new ActorError("message-too-large", words, { details: { bytesMax } });
  }
}

/** Milliseconds until a socket that does not close in order is closed by force. */
const CLOSE_MS_MAX = 1_000;

function candidateOf(link: Link, peer: Peer): Candidate {
  return { peer: peer.id, lane: link.lane, dialer: link.dialer(peer.id), dialNumber: link.dialNumberOf(peer) };
}

function wordsOf({ reason, words }: LinkEnd): string {
  return `${reason ?? "network"}: ${words}`;
}

/** Resolves when `start` has called back for each of `links`, or after `timeoutMs`. */
function all(
  links: readonly Link[],
  start: (link: Link, done: () => void) => void,
  outside: LinkOutside,
  timeoutMs: number,
): Promise<void> {
  return new Promise((resolve) => {
    let left = links.length;
    if (left === 0) return resolve();
    const cancel = outside.later(timeoutMs, resolve);
    const done = () => {
      if (--left > 0) return;
      cancel();
      resolve();
    };
    for (const link of links) start(link, done);
  });
}
