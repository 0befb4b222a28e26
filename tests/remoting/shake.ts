/**
 * Two handshakes that talk to each other, with somebody in between who may change what is said.
 *
 * @module
 */
import { type NodeId, nodeId } from "../../core/ids.ts";
import {
  beginHandshake,
  continueHandshake,
  type HandshakeContext,
  type HandshakeOutcome,
  type Objection,
  type Peer,
} from "../../remoting/handshake.ts";
import type { ProtocolRange, Setting } from "../../remoting/handshake_frames.ts";
import type { Lane } from "../../remoting/link_refusal.ts";
import { keyringOf, NONCE_BYTES, type Secret } from "../../remoting/security.ts";

export const SECRET: Secret = { id: "k1", value: "a secret of some length" };

/** What one side of a test is. */
export interface Side {
  readonly id?: string;
  readonly address?: string;
  readonly clusterName?: string;
  readonly settings?: readonly Setting[];
  readonly secrets?: readonly Secret[];
  readonly protocol?: ProtocolRange;
  readonly lane?: Lane;
  readonly nonce?: number;
  readonly objectionTo?: (peer: Peer) => Objection | undefined;
}

/** The context of a side. */
export function contextOf(role: "dialer" | "listener", side: Side = {}): HandshakeContext {
  const name: NodeId = nodeId(side.id ?? role);
  return {
    role,
    lane: side.lane ?? "control",
    protocol: side.protocol ?? { min: 1, max: 1 },
    self: {
      id: name,
      address: side.address ?? `${role}:1`,
      clusterName: side.clusterName ?? "test",
      settings: side.settings ?? [["hash", "murmur"], ["partitionCount", 271]],
    },
    keyring: keyringOf(side.secrets ?? [SECRET]),
    nonce: new Uint8Array(NONCE_BYTES).fill(side.nonce ?? (role === "dialer" ? 0xd1 : 0x11)),
    dialNumber: role === "dialer" ? 7 : 0,
    objectionTo: side.objectionTo ?? (() => undefined),
  };
}

/** What was said, and how each side ended; `undefined` for one that still waits. */
export interface Shaken {
  readonly said: readonly { readonly by: "dialer" | "listener"; readonly batch: Uint8Array }[];
  readonly dialer: HandshakeOutcome | undefined;
  readonly listener: HandshakeOutcome | undefined;
}

/** Lets two sides talk until nothing is said any more. `tamper` may change the n-th batch, or withhold it. */
export function shake(
  dialerContext: HandshakeContext,
  listenerContext: HandshakeContext,
  tamper: (batch: Uint8Array, by: "dialer" | "listener", index: number) => Uint8Array | undefined = (batch) => batch,
): Shaken {
  const contexts = { dialer: dialerContext, listener: listenerContext };
  const steps = { dialer: beginHandshake(dialerContext), listener: beginHandshake(listenerContext) };
  const said: { by: "dialer" | "listener"; batch: Uint8Array }[] = [];
  const way: typeof said = [];
  const say = (by: "dialer" | "listener") => {
    const { batch } = steps[by];
    if (batch !== undefined) way.push({ by, batch });
  };
  say("dialer");
  say("listener");
  for (let next = way.shift(); next !== undefined; next = way.shift()) {
    const arriving = tamper(next.batch, next.by, said.length);
    said.push(next);
    const to = next.by === "dialer" ? "listener" : "dialer";
    if (arriving === undefined || steps[to].outcome !== undefined) continue;
    steps[to] = continueHandshake(contexts[to], steps[to].state, arriving);
    say(to);
  }
  return { said, dialer: steps.dialer.outcome, listener: steps.listener.outcome };
}
