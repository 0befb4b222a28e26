/**
 * Why a link did not begin, or ended: one table of words and of the numbers they have on the wire. Pure.
 *
 * The invariant: a number of this table never changes its meaning. A peer of another version reads it too.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";

/** The two links of each pair of nodes: a large frame of a user never delays a probe. */
export type Lane = "control" | "data";

/** Every reason with its WebSocket close code. */
export const CLOSE_CODES = {
  /** The node is closing its links: it leaves, or begins again under another id. */
  "closing": 1001,
  /** Bytes that no node of ours sends: malformed, out of order, or over a limit of the handshake. */
  "malformed": 4400,
  /** The peer could not prove that it knows a secret of ours. */
  "secret-differs": 4401,
  /** The peer belongs to a cluster of another name. */
  "cluster-differs": 4403,
  /** The peer has another value for a setting that all nodes must share. */
  "settings-differ": 4404,
  /** We met ourselves: an address that leads back here, or our own id. */
  "self": 4405,
  /** Another node than the one expected listens at the address. */
  "another-node": 4406,
  /** There is a link of this pair and lane that wins over this one. */
  "duplicate": 4407,
  /** The handshake took too long. */
  "handshake-timeout": 4408,
  /** Without a secret or certificates on both sides, only loopback addresses are allowed. */
  "not-loopback": 4410,
  /** No sign of the peer for too long. */
  "silent": 4411,
  /** The peer is no member, and nothing was said for a while. */
  "idle": 4412,
  /** A frame over the limit of its lane. */
  "frame-too-large": 4413,
  /** The peer is no member any more. */
  "not-a-member": 4414,
  /** The peer sent more than it had credit for. */
  "credit-overrun": 4416,
  /** A newer link of this pair and lane, or a newer node at this address, takes its place. */
  "replaced": 4417,
  /** Whoever uses the link closed it. */
  "closed": 4418,
  /** The peer speaks no version of the protocol that we speak. */
  "version-differs": 4426,
  /** More frames in a second than any node of ours sends. */
  "too-many-frames": 4429,
} as const satisfies Readonly<Record<string, number>>;

/** Why a link ended that was ended on purpose. */
export type CloseReason = keyof typeof CLOSE_CODES;

/** Upgrades that get an HTTP answer and no link, with its status. */
export const UPGRADE_STATUS = {
  /** No link leads there. */
  "path-unknown": 404,
  /** The subprotocol of links was not asked for. */
  "subprotocol-unknown": 400,
  /** A page in a browser asked, and its origin is not listed. */
  "origin-refused": 403,
  /** As many handshakes as are allowed are under way with this address. */
  "too-many-handshakes": 429,
  /** No node listens behind this port now: it is between two identities. */
  "no-node": 503,
} as const satisfies Readonly<Record<string, number>>;

/** Why an upgrade was refused. */
export type UpgradeRefusal = keyof typeof UPGRADE_STATUS;

/** Why a link did not begin. `unreachable`: nobody answered, or not as a node does. */
export type RefusalCode = CloseReason | UpgradeRefusal | "unreachable";

/** A link that did not begin. */
export interface LinkRefusal {
  readonly code: RefusalCode;
  /** What happened, for people. Text of a peer in it is quoted. */
  readonly words: string;
  /** The address we dialed; for a peer that dialed us its own if it has proven it, or else where its socket comes from. */
  readonly address: string;
  readonly dialedBy: "us" | "them";
  /** Who refused. `nobody`: the network, or the time. */
  readonly refusedBy: "us" | "them" | "nobody";
  /** `undefined` when the upgrade did not say. */
  readonly lane: Lane | undefined;
  /** Whom the peer has proven to be, if it has. */
  readonly peer: NodeId | undefined;
}

const REASONS: ReadonlyMap<number, CloseReason> = new Map(
  Object.entries(CLOSE_CODES).map(([reason, code]) => [code, reason as CloseReason]), // The keys of the table.
);

/** The reason a close code stands for; `undefined` for a code that isn't ours. */
export function reasonOfCode(code: number): CloseReason | undefined {
  return REASONS.get(code);
}

/** Characters of a peer's words that are shown. */
const SHOWN_CHARS_MAX = 256;

/** Text that comes from outside, quoted: what looks like our own words, or moves a terminal, must not pass. */
export function quoted(text: string): string {
  const shown = text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}…` : text;
  return JSON.stringify(shown).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "?");
}
