/**
 * How two nodes become sure of each other on a new socket: a state machine that both sides run, `(state, frame) → step`.
 * Pure.
 *
 * ```text
 * dialer                          listener
 *   hello ──────────▶ ◀────────── hello        versions, lane, nonces: all that a stranger learns
 *   proof ─────────────────────▶               I know a secret
 *         ◀───────────────────── identity      so do I; who I am, and what we must agree on
 *   identity ──────────────────▶               likewise
 *         ◀───────────────────── ready         the link is up
 * ```
 *
 * One idea: each mac covers every byte said before it, by both. Whatever was changed, left out, or said on another
 * link, the sums differ. Each of the four has a label of its own, so that none can be used for another.
 *
 * Invariant: who hasn't proven that it knows a secret learns the versions we speak, and that it was refused.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import {
  decodeHello,
  decodeIdentity,
  decodeProof,
  decodeRefuse,
  encodeHello,
  encodeIdentity,
  encodeProof,
  encodeRefuse,
  type Hello,
  type Identity,
  type ProtocolRange,
  type Setting,
  splitMac,
  withMac,
} from "./handshake_frames.ts";
import { CLOSE_CODES, type CloseReason, type Lane, quoted, reasonOfCode } from "./link_refusal.ts";
import type { Keyring } from "./security.ts";
import { handshakeBatch, TYPE_HELLO, TYPE_IDENTITY, TYPE_PROOF, TYPE_READY, TYPE_REFUSE } from "./wire.ts";
import { readHandshakeBatch } from "./wire_reader.ts";

/** Who a node says it is, and what its peers must agree on. */
export interface Self {
  readonly id: NodeId;
  /** Where it can be dialed. */
  readonly address: string;
  readonly clusterName: string;
  /** In the order of their names. */
  readonly settings: readonly Setting[];
}

/** A peer that has proven who it is. */
export interface Peer {
  readonly id: NodeId;
  readonly address: string;
  readonly dialNumber: number;
}

/** Why not. */
export interface Objection {
  readonly reason: CloseReason;
  readonly words: string;
}

/** What a handshake needs to know besides its state. */
export interface HandshakeContext {
  readonly role: "dialer" | "listener";
  readonly lane: Lane;
  readonly protocol: ProtocolRange;
  readonly self: Self;
  readonly keyring: Keyring;
  /** Never used before. */
  readonly nonce: Uint8Array;
  /** Which dial of this node's life this is, from 1; `0` for a listener. */
  readonly dialNumber: number;
  /** What else speaks against a link to this peer, once it has proven who it is. May note that there will be one. */
  readonly objectionTo: (peer: Peer) => Objection | undefined;
}

/** How far a handshake is: which frame comes next. */
export interface HandshakeState {
  readonly awaits: "hello" | "proof" | "identity" | "ready";
  /** Every batch so far, of both, in an order that both know. */
  readonly transcript: readonly Uint8Array[];
  /** The key by which the peer has signed its identity. */
  readonly keyId: string;
  readonly peer: Peer | undefined;
}

/** How a handshake ended. */
export type HandshakeOutcome =
  | { readonly kind: "up"; readonly peer: Peer }
  | { readonly kind: "refused"; readonly by: "us" | "them"; readonly objection: Objection };

/** What is to be done after a frame. */
export interface HandshakeStep {
  readonly state: HandshakeState;
  /** To be sent, before anything else is done. */
  readonly batch: Uint8Array | undefined;
  /** With one, the handshake is over. */
  readonly outcome: HandshakeOutcome | undefined;
}

const LABELS = {
  proof: "troupe.v1 dialer knows",
  listener: "troupe.v1 listener is",
  dialer: "troupe.v1 dialer is",
  ready: "troupe.v1 listener is ready",
} as const;

/** The first step of either side. */
export function beginHandshake(context: HandshakeContext): HandshakeStep {
  const batch = helloOf(context);
  const state = { awaits: "hello", transcript: [batch], keyId: "", peer: undefined } as const;
  return { state, batch, outcome: undefined };
}

/** The step after a batch of the peer, whatever it is. */
export function continueHandshake(context: HandshakeContext, state: HandshakeState, batch: Uint8Array): HandshakeStep {
  const frame = readHandshakeBatch(batch);
  if ("reason" in frame) return refuse(context, state, frame);
  if (frame.type === TYPE_REFUSE) return refused(state, frame.payload);
  const { awaits } = state;
  if (frame.type === TYPE_HELLO && awaits === "hello") return onHello(context, state, batch, frame.payload);
  if (frame.type === TYPE_PROOF && awaits === "proof") return onProof(context, state, batch, frame.payload);
  if (frame.type === TYPE_IDENTITY && awaits === "identity") return onIdentity(context, state, batch, frame.payload);
  if (frame.type === TYPE_READY && awaits === "ready") return onReady(context, state, frame.payload);
  return refuse(context, state, malformed(`a frame of type ${frame.type} where ${awaits} is due`));
}

/** Gives up a handshake for a reason of ours. The words reach only a peer that has proven that it knows a secret. */
export function refuse(context: HandshakeContext, state: HandshakeState, objection: Objection): HandshakeStep {
  const words = isProven(context, state) ? objection.words : "";
  const payload = encodeRefuse({ closeCode: CLOSE_CODES[objection.reason], protocol: context.protocol, words });
  const outcome = { kind: "refused", by: "us", objection } as const;
  return { state, batch: handshakeBatch(TYPE_REFUSE, payload), outcome };
}

function onHello(context: HandshakeContext, state: HandshakeState, batch: Uint8Array, payload: Uint8Array) {
  const hello = decodeHello(payload);
  if (hello === undefined) return refuse(context, state, malformed("a hello that is none"));
  const objection = objectionToHello(context, hello);
  if (objection !== undefined) return refuse(context, state, objection);
  // The dialer's first, on both sides: the hellos cross.
  const transcript = context.role === "dialer" ? [...state.transcript, batch] : [batch, ...state.transcript];
  if (context.role === "listener") return waitFor("proof", { ...state, transcript });
  const proof = encodeProof(context.keyring.keyId);
  return say(context, { ...state, transcript }, TYPE_PROOF, "proof", proof, "identity");
}

function objectionToHello({ protocol, lane, nonce }: HandshakeContext, hello: Hello): Objection | undefined {
  if (hello.protocol.min > protocol.max || hello.protocol.max < protocol.min) {
    const [ours, theirs] = [protocol, hello.protocol].map(({ min, max }) => `${min} to ${max}`);
    return { reason: "version-differs", words: `we speak versions ${ours} of the protocol, the peer ${theirs}` };
  }
  if (hello.lane !== lane) return malformed(`a hello of the ${hello.lane} lane on the ${lane} lane`);
  // Nobody draws the same nonce: somebody sends back what we say, in the hope that we sign it.
  return isSame(hello.nonce, nonce) ? malformed("our own hello, sent back") : undefined;
}

function onProof(context: HandshakeContext, state: HandshakeState, batch: Uint8Array, payload: Uint8Array) {
  const proof = decodeProof(payload);
  if (proof === undefined) return refuse(context, state, malformed("a proof that is none"));
  const { signed } = splitMac(payload);
  if (!context.keyring.isSigned(proof.keyId, LABELS.proof, [...state.transcript, signed], proof.mac)) {
    return refuse(context, state, secretDiffers(proof.keyId));
  }
  const proven = { ...state, transcript: [...state.transcript, batch] };
  return say(context, proven, TYPE_IDENTITY, "listener", identityOf(context), "identity");
}

function onIdentity(context: HandshakeContext, state: HandshakeState, batch: Uint8Array, payload: Uint8Array) {
  const identity = decodeIdentity(payload);
  if (identity === undefined) return refuse(context, state, malformed("an identity that is none"));
  const { signed, mac } = splitMac(payload);
  const label = context.role === "dialer" ? LABELS.listener : LABELS.dialer;
  if (!context.keyring.isSigned(identity.keyId, label, [...state.transcript, signed], mac)) {
    return refuse(context, state, secretDiffers(identity.keyId));
  }
  const { id, address, dialNumber } = identity;
  const peer: Peer = { id, address, dialNumber };
  const known = { ...state, transcript: [...state.transcript, batch], keyId: identity.keyId, peer };
  const objection = objectionToIdentity(context, identity) ?? context.objectionTo(peer);
  if (objection !== undefined) return refuse(context, known, objection);
  if (context.role === "dialer") return say(context, known, TYPE_IDENTITY, "dialer", identityOf(context), "ready");
  const ready = say(context, known, TYPE_READY, "ready", NO_BYTES, "ready");
  return { ...ready, outcome: { kind: "up", peer } as const };
}

function onReady(context: HandshakeContext, state: HandshakeState, mac: Uint8Array): HandshakeStep {
  const { peer, keyId } = state;
  if (peer === undefined || !context.keyring.isSigned(keyId, LABELS.ready, state.transcript, mac)) {
    return refuse(context, state, secretDiffers(keyId));
  }
  return { state, batch: undefined, outcome: { kind: "up", peer } };
}

function objectionToIdentity({ self }: HandshakeContext, peer: Identity): Objection | undefined {
  if (peer.id === self.id) return { reason: "self", words: "the address leads back to this node" };
  if (peer.clusterName !== self.clusterName) {
    const words = `clusterName is ${quoted(self.clusterName)} on one side and ${quoted(peer.clusterName)} on the other`;
    return { reason: "cluster-differs", words };
  }
  const words = differenceOf(new Map(self.settings), new Map(peer.settings));
  return words === undefined ? undefined : { reason: "settings-differ", words };
}

/** The first setting that is not the same on both sides, in words that fit both. */
function differenceOf(
  ours: ReadonlyMap<string, string | number>,
  theirs: ReadonlyMap<string, string | number>,
): string | undefined {
  for (const name of [...ours.keys(), ...theirs.keys()]) {
    const [one, other] = [ours.get(name), theirs.get(name)];
    if (one === other) continue;
    const [shown, otherShown] = [one, other].map((value) => value === undefined ? "not set" : quoted(String(value)));
    return `${quoted(name)} is ${shown} on one side and ${otherShown} on the other`;
  }
  return undefined;
}

/** Says something signed: the mac covers all that was said, and this. */
function say(
  context: HandshakeContext,
  state: HandshakeState,
  type: number,
  label: keyof typeof LABELS,
  payload: Uint8Array,
  awaits: HandshakeState["awaits"],
): HandshakeStep {
  const mac = context.keyring.sign(LABELS[label], [...state.transcript, payload]);
  const batch = handshakeBatch(type, withMac(payload, mac));
  return { ...waitFor(awaits, { ...state, transcript: [...state.transcript, batch] }), batch };
}

function waitFor(awaits: HandshakeState["awaits"], state: HandshakeState): HandshakeStep {
  return { state: { ...state, awaits }, batch: undefined, outcome: undefined };
}

function refused(state: HandshakeState, payload: Uint8Array): HandshakeStep {
  const refusal = decodeRefuse(payload);
  const reason = refusal === undefined ? undefined : reasonOfCode(refusal.closeCode);
  const said = refusal === undefined || refusal.words === "" ? "" : `, and says ${quoted(refusal.words)}`;
  const versions = reason === "version-differs" && refusal !== undefined
    ? `; it speaks versions ${refusal.protocol.min} to ${refusal.protocol.max} of the protocol`
    : "";
  const objection = { reason: reason ?? "malformed", words: `the peer refused${said}${versions}` };
  return { state, batch: undefined, outcome: { kind: "refused", by: "them", objection } };
}

function isProven({ role }: HandshakeContext, { awaits, peer }: HandshakeState): boolean {
  return peer !== undefined || (role === "listener" && awaits === "identity");
}

function helloOf({ protocol, lane, nonce }: HandshakeContext): Uint8Array {
  return handshakeBatch(TYPE_HELLO, encodeHello({ protocol, lane, nonce }));
}

function identityOf({ self, keyring, dialNumber }: HandshakeContext): Uint8Array {
  return encodeIdentity({ ...self, keyId: keyring.keyId, dialNumber });
}

const NO_BYTES = new Uint8Array(0);

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

function secretDiffers(keyId: string): Objection {
  return { reason: "secret-differs", words: `the peer does not know the secret it calls ${quoted(keyId)}` };
}

function malformed(words: string): Objection {
  return { reason: "malformed", words };
}
