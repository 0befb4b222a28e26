/**
 * What a node gives its links, what it gets from them, and what is wrong with the first. Pure.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import { OptionsCheck } from "../core/options_check.ts";
import type { Log } from "../core/ports.ts";
import type { Random } from "../core/random.ts";
import { parseAddress } from "./address.ts";
import type { Self } from "./handshake.ts";
import {
  CLUSTER_NAME_CHARS_MAX,
  NODE_ID_CHARS_MAX,
  SETTING_NAME_CHARS_MAX,
  SETTING_VALUE_CHARS_MAX,
  SETTINGS_MAX,
} from "./handshake_frames.ts";
import { checkLimits, type LinkLimits } from "./link_limits.ts";
import type { Lane, LinkRefusal, RefusalCode } from "./link_refusal.ts";
import type { LinkListener } from "./link_socket.ts";
import { checkSecurity, type SecurityOptions } from "./security.ts";

/** Who is told what happens on the links of a node. Called on the main thread, never from inside a call that made a link. */
export interface LinkEvents {
  /**
   * One frame of an authenticated peer. The bytes are the receiver's own to keep. `generation` counts the links of this
   * pair and lane at home, from 1; it only grows.
   */
  frame(from: NodeId, lane: Lane, generation: number, frame: Uint8Array): void;
  /** Frames can be sent. An older link of the pair and lane was lost before. */
  linkUp(peer: NodeId, lane: Lane, generation: number): void;
  /** No more frames come by this link. What was sent and not answered may have arrived. Also called from `setPeers`, `closeLink` and `close`. */
  linkLost(peer: NodeId, lane: Lane, generation: number, reason: string): void;
  /** A data link that has refused a frame has room again: half of its queue. At this moment any frame is taken. */
  room(peer: NodeId): void;
  /** A handshake failed, or an address could not be reached. */
  refused(refusal: LinkRefusal): void;
}

/** What the links of a node are made with. */
export interface LinksOptions {
  /** This life of this node, and where it can be dialed: the address of the listener. */
  readonly self: { readonly id: NodeId; readonly address: string };
  /** Peers of another cluster are refused. At most 255 characters of ASCII. */
  readonly clusterName: string;
  /** What all nodes must agree on: a peer with another value is refused. At most 32; names of 32, values of 64 characters of ASCII. */
  readonly settings: Readonly<Record<string, string | number>>;
  /** How nodes tell their own from others. */
  readonly security: SecurityOptions;
  /** What differs from the defaults. */
  readonly limits?: Partial<LinkLimits>;
  /** Where peers arrive. */
  readonly listener: LinkListener;
  readonly events: LinkEvents;
  /** Monotonic, in milliseconds. */
  readonly clock: () => number;
  /** For the waits between dials; not for secrets. */
  readonly random: Random;
  readonly log: Log;
}

/** The links of a node. */
export interface Links {
  /**
   * Sends a control frame to whoever listens at `address`, dialing if there is no link. Lost if nobody answers, or if too
   * much waits for that address already; the protocols repeat. Nothing happens when the address is our own.
   *
   * @throws {ActorError} `message-too-large` when the frame is over the limit of its lane.
   */
  greet(address: string, frame: Uint8Array): void;
  /**
   * Sends by the newest link to that peer; on the data lane only if that is the one of this `generation`, else
   * `no-link`. `full`: its queue is at the limit; nothing was taken, and on the data lane `room` will be called.
   * `taken`: it will be sent unless the link is lost; the bytes must not change any more. A frame that is owed, an answer
   * to what was taken before, finds as much room again when others are refused.
   *
   * @throws {ActorError} `message-too-large` when the frame is over the limit of its lane.
   */
  send(
    to: NodeId,
    lane: Lane,
    generation: number,
    frame: Uint8Array,
    isOwed?: boolean,
  ): "taken" | "full" | "no-link";
  /**
   * The members now, with their addresses: their links are kept up. Links to others are closed when idle; those of
   * members that are none any more, at once.
   */
  setPeers(peers: ReadonlyMap<NodeId, string>): void;
  /** Closes a link, unless another has its place. The peer is told the reason. */
  closeLink(peer: NodeId, lane: Lane, generation: number, reason: string): void;
  /** So many bytes of data frames of this peer are not kept any more: it may send as many again. */
  consumed(peer: NodeId, generation: number, bytes: number): void;
  /** Every link, with what it holds and has carried. */
  report(): readonly LinkReport[];
  /** What happened so far, by number. */
  counters(): LinkCounters;
  /** Sends what waits, for at most `timeoutMs`, then closes every socket, within a second. Safe to repeat. */
  close(timeoutMs: number): Promise<void>;
}

/** One link. */
export interface LinkReport {
  readonly peer: NodeId;
  readonly address: string;
  readonly lane: Lane;
  readonly generation: number;
  readonly dialedBy: "us" | "them";
  /** What waits to be sent. */
  readonly queuedFrames: number;
  readonly queuedBytes: number;
  /** Frames that found the queue full. */
  readonly refusedFrames: number;
  /** Bytes that may be sent before the peer grants more; `undefined` on the control lane. */
  readonly creditBytes: number | undefined;
  /** Bytes that came and were not consumed yet. */
  readonly unconsumedBytes: number;
  readonly sentFrames: number;
  readonly sentBytes: number;
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  /** Milliseconds since the last sign of the peer. */
  readonly silentForMs: number;
}

/** What happened to the links of a node since it has them. */
export interface LinkCounters {
  /** Links that did not begin, by code; also the ordinary ones, `duplicate` and `self`. */
  readonly refused: Readonly<Partial<Record<RefusalCode, number>>>;
  /** Links that were lost, by reason: one of the close reasons, or `network`. */
  readonly ended: Readonly<Record<string, number>>;
  /** Frames that waited on a link when it was lost. */
  readonly lostFrames: number;
  /** Frames that found a queue full. */
  readonly refusedFrames: number;
  /** Frames for which there was no link. */
  readonly unlinkedFrames: number;
  /** Greetings that reached nobody. */
  readonly lostGreetings: number;
}

/**
 * @throws {ActorError} `invalid-options`, with every problem.
 */
export function checkLinksOptions(options: LinksOptions): void {
  const { self, clusterName, settings, security, listener, limits } = options;
  const check = new OptionsCheck();
  check.text("self.id", self.id, ascii(NODE_ID_CHARS_MAX, /^[\x21-\x7e]+$/));
  if (typeof self.address !== "string" || parseAddress(self.address) === undefined) {
    check.problem("self.address", self.address, "host:port");
  }
  check.text("clusterName", clusterName, ascii(CLUSTER_NAME_CHARS_MAX));
  checkSettings(check, settings);
  const own = typeof self.address === "string" ? parseAddress(self.address)?.host : undefined;
  checkSecurity(check, security, own === undefined ? listener.hosts : [...new Set([...listener.hosts, own])]);
  if (listener.isSecure !== (security.tls !== undefined)) {
    check.problem(
      "security.tls",
      security.tls,
      listener.isSecure ? "what the listener has" : "none, as the listener has none",
    );
  }
  checkLimits(check, limits);
  check.throwIfAny("link nodes");
}

/** Who this node says it is. */
export function selfOf({ self, clusterName, settings }: LinksOptions): Self {
  const sorted = Object.entries(settings).sort(([one], [other]) => one < other ? -1 : 1);
  return { id: self.id, address: self.address, clusterName, settings: sorted };
}

function checkSettings(check: OptionsCheck, settings: LinksOptions["settings"]): void {
  const entries = Object.entries(settings);
  if (entries.length > SETTINGS_MAX) check.problem("settings", settings, `at most ${SETTINGS_MAX}`);
  for (const [name, value] of entries) {
    check.text("settings", name, ascii(SETTING_NAME_CHARS_MAX));
    if (typeof value === "number" && !Number.isNaN(value)) continue; // NaN differs from itself.
    check.text(`settings.${name}`, value, ascii(SETTING_VALUE_CHARS_MAX));
  }
}

/** One byte a character, so that an identity fits into a frame of a handshake whatever its texts are. */
function ascii(charsMax: number, pattern = /^[\x20-\x7e]+$/): { pattern: RegExp; allowed: string } {
  const source = pattern.source.replace("+$", `{1,${charsMax}}$`);
  return { pattern: new RegExp(source), allowed: `1 to ${charsMax} characters of ASCII` };
}
