/**
 * The links of one identity of a node: frames that come by them are decoded and passed on, frames that leave are encoded,
 * and whoever sends is granted room for more. On the main thread; mutable; another one for each identity.
 *
 * One idea: all that belongs to links ends with the identity that opened them, so it lies here: what a peer is owed in
 * credit, and which of its data links is the newest. The next identity begins with an empty one of these.
 *
 * Invariant: what came by a data link is granted again once, and by that link; what is owed to a peer leaves by its link,
 * or ends it.
 *
 * @module
 */
import { toActorError } from "../core/failure.ts";
import type { NodeId } from "../core/ids.ts";
import type { Log } from "../core/ports.ts";
import type { Frame } from "../cluster/cluster_core.ts";
import type { NodeEffect, NodeInput } from "../cluster/cluster_node.ts";
import { isFrameProblem } from "../cluster/decode_frame.ts";
import { type decodeFrameBytes, encodeFrame } from "../cluster/frame_bytes.ts";
import type { UserFrame } from "../cluster/router_protocol.ts";
import type { Lane, LinkCounters, LinkEvents, LinkRefusal, LinkReport, Links } from "../remoting/links.ts";
import { isPeerWord } from "./peer_words.ts";

/** Milliseconds links get to send what they hold at the end. */
const CLOSE_MS = 1_000;
/** Why a data link ends that finds no room for what is owed. */
const NO_ROOM = "its queue is full: the peer reads too slowly";

/** Frames, counted over all identities. */
export interface FrameCounts {
  framesReceived: number;
  framesSent: number;
  framesMalformed: number;
  framesUnsent: number;
}

/** What {@link IdentityLinks} is given. */
export interface IdentityLinksOptions {
  readonly open: (events: LinkEvents) => Links;
  readonly decode: (bytes: Uint8Array) => ReturnType<typeof decodeFrameBytes>;
  readonly counts: FrameCounts;
  readonly log: Log;
  /** Whether the identity is there to be told anything. */
  readonly isHeard: () => boolean;
  readonly tell: (input: NodeInput) => void;
  /** Calls back when every input told so far was taken. */
  readonly afterInputs: (go: () => void) => void;
  readonly isMember: (peer: NodeId) => boolean;
  /** A member's word to this node's system. Throws when it cannot be taken. */
  readonly word: (from: NodeId, bytes: Uint8Array) => void;
  /** A data link has come, or is gone. */
  readonly peerLink: (peer: NodeId, isUp: boolean) => void;
  /** A message found no room. */
  readonly messageUnsent: (message: UserFrame) => void;
  /** There is room again, where there was none. */
  readonly room: () => void;
  readonly refused: (refusal: LinkRefusal) => void;
}

/** See the module. */
export class IdentityLinks {
  readonly #options: IdentityLinksOptions;
  readonly #links: Links;
  /** By peer: the generation of its newest data link. */
  readonly #dataLinks = new Map<NodeId, number>();
  /** What came by data links and was not granted again. */
  readonly #owedCredit: { readonly peer: NodeId; readonly generation: number; bytes: number }[] = [];

  constructor(options: IdentityLinksOptions) {
    this.#options = options;
    const ifHeard = (go: () => void) => {
      if (options.isHeard()) go();
    };
    this.#links = options.open({
      frame: (from, lane, generation, bytes) => ifHeard(() => this.#received(from, lane, generation, bytes)),
      linkUp: (peer, lane, generation) => ifHeard(() => this.#linkUp(peer, lane, generation)),
      linkLost: (peer, lane, generation) => ifHeard(() => this.#linkLost(peer, lane, generation)),
      room: () => options.room(),
      refused: (refusal) => options.refused(refusal),
    });
  }

  /** What the links hold and have carried. */
  get report(): readonly LinkReport[] {
    return this.#links.report();
  }

  /** What has happened to them. */
  get counters(): LinkCounters {
    return this.#links.counters();
  }

  /** Links are kept up to these, by address. */
  setPeers(peers: ReadonlyMap<NodeId, string>): void {
    this.#links.setPeers(peers);
  }

  /** Says hello to whoever listens at an address. */
  greet(address: string, frame: Frame): void {
    this.#links.greet(address, encodeFrame(frame));
  }

  /** Ends a data link, unless another has its place. */
  closeLink(peer: NodeId, generation: number, reason: string): void {
    this.#links.closeLink(peer, "data", generation, reason);
  }

  /** Sends what waits, for a while, then closes all. Safe to repeat. */
  async close(): Promise<void> {
    await this.#links.close(CLOSE_MS);
  }

  // --- what leaves ----------------------------------------------------------------------------------

  /** Sends a frame of the machine to another node. */
  send(effect: Extract<NodeEffect, { kind: "send" }>): void {
    const { to, lane, frame } = effect;
    const generation = lane === "data" ? effect.generation : 0;
    const sent = this.#trySend(to, lane, generation, () => encodeFrame(frame), userFrameOf(frame) === undefined);
    if (sent === "taken") this.#options.counts.framesSent++;
    else this.#unsent(effect, sent);
  }

  /** Sends a word of this system by the newest data link; whether it is on its way. One that is owed may end the link. */
  sendWord(to: NodeId, bytes: Uint8Array, isOwed: boolean): boolean {
    const generation = this.#dataLinks.get(to);
    if (generation === undefined) return false;
    const sent = this.#trySend(to, "data", generation, () => bytes, isOwed);
    if (sent === "full" && isOwed) this.closeLink(to, generation, NO_ROOM);
    return sent === "taken";
  }

  /** A frame that is too large, or that cannot travel, is like one that was lost: whoever meant it has bounded it already. */
  #trySend(
    to: NodeId,
    lane: Lane,
    generation: number,
    bytes: () => Uint8Array,
    isOwed: boolean,
  ): "taken" | "full" | "no-link" {
    try {
      return this.#links.send(to, lane, generation, bytes(), isOwed);
    } catch (thrown) {
      this.#options.log.error("a frame cannot be sent", { to, lane, reason: toActorError(thrown).message });
      return "full";
    }
  }

  /**
   * The control lane may lose frames. On the data lane a message that finds no room fails; whatever else finds none, where
   * there is always some, ends the link, and the machine knows.
   */
  #unsent(effect: Extract<NodeEffect, { kind: "send" }>, why: "full" | "no-link"): void {
    this.#options.counts.framesUnsent++;
    if (effect.lane === "control" || why === "no-link") return;
    const message = userFrameOf(effect.frame);
    if (message === undefined) this.closeLink(effect.to, effect.generation, NO_ROOM);
    else this.#options.messageUnsent(message);
  }

  // --- what comes -----------------------------------------------------------------------------------

  #received(from: NodeId, lane: Lane, generation: number, bytes: Uint8Array): void {
    const { counts, log, decode, afterInputs, tell } = this.#options;
    counts.framesReceived++;
    if (lane === "data") this.#oweCredit(from, generation, bytes.length);
    if (isPeerWord(bytes)) return afterInputs(() => this.#heard(from, lane, generation, bytes));
    const frame = decode(bytes);
    if (isFrameProblem(frame)) {
      counts.framesMalformed++;
      log.warn("a peer sent what is no frame", { from, lane, problem: frame.problem });
      return this.#links.closeLink(from, lane, generation, "malformed frame");
    }
    tell({ kind: "frame", from, lane, generation: lane === "data" ? generation : 0, frame });
  }

  /** A word that cannot be taken, because a worker reads nothing for example, ends the link it came by. */
  #heard(from: NodeId, lane: Lane, generation: number, bytes: Uint8Array): void {
    const { isMember, word, log } = this.#options;
    if (!isMember(from)) return;
    try {
      word(from, bytes);
    } catch (thrown) {
      const { code, message } = toActorError(thrown);
      log.warn("a peer's word could not be taken", { from, code, reason: message });
      this.#links.closeLink(from, lane, generation, "its word could not be taken");
    }
  }

  #linkUp(peer: NodeId, lane: Lane, generation: number): void {
    if (lane === "control") return;
    this.#dataLinks.set(peer, generation);
    this.#options.tell({ kind: "linkUp", peer, generation });
    this.#options.peerLink(peer, true);
  }

  #linkLost(peer: NodeId, lane: Lane, generation: number): void {
    if (lane === "data") {
      if (this.#dataLinks.get(peer) === generation) this.#dataLinks.delete(peer);
      this.#options.peerLink(peer, false);
    }
    this.#options.tell({ kind: "linkLost", peer, lane, generation });
  }

  // --- room -----------------------------------------------------------------------------------------

  #oweCredit(peer: NodeId, generation: number, bytes: number): void {
    const last = this.#owedCredit.at(-1);
    if (last !== undefined && last.peer === peer && last.generation === generation) last.bytes += bytes;
    else this.#owedCredit.push({ peer, generation, bytes });
  }

  /** All that came was passed on: peers may send as much again. */
  grantCredit(): void {
    if (this.#owedCredit.length === 0) return;
    for (const { peer, generation, bytes } of this.#owedCredit.splice(0)) {
      this.#links.consumed(peer, generation, bytes);
    }
  }
}

/** The message of somebody who can be told that there is no room. Everything else in a frame was promised. */
function userFrameOf({ part, message }: Frame): UserFrame | undefined {
  return part === "router" && message.kind === "user" ? message : undefined;
}
