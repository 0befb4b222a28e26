/**
 * What the message routers of two nodes say to each other on the data lane, and what a router is told and says at home.
 * Pure types.
 *
 * One idea: a message goes to a place, an activation on a node. What does not find it there comes back unrun: such a
 * bounce is the only permission to send a message again. Where a node stops using a place it first flushes it, so
 * nothing that was sent there is still on its way when the next place is used.
 *
 * Invariant: between two flushes of one route all its messages go to one place, and no user message is sent while a
 * flush of its route is out.
 *
 * @module
 */
import type { FailureData, Fate } from "../core/failure.ts";
import type { Epoch, Instant, NodeId } from "../core/ids.ts";
import type { PublicStatus, Resolution } from "./directory_protocol.ts";
import type { LeaseStatus, Version } from "./engine.ts";
import type { View } from "./view.ts";

/** Where messages for a key go: an activation on a node. Moved away and back, it has another token. */
export interface Place {
  readonly node: NodeId;
  readonly token: Version;
}

/** A clustered actor that sends: one activation. Between two activations of one key there is no order of messages. */
export interface SenderId {
  readonly key: string;
  readonly token: Version;
}

/** A message as it is given to the router. */
export interface Letter {
  readonly target: string;
  /** Name of the target's kind: a grain's first message must be able to start it. */
  readonly actorKind: string;
  /** `undefined` when something sends that is not a clustered activation; then the lease does not gate it. */
  readonly sender: SenderId | undefined;
  /** `undefined` for a tell. An id is never used again on its node. */
  readonly ask: { readonly id: number; readonly deadline: Instant } | undefined;
  /** What it counts against the limits. */
  readonly bytes: number;
  /** Opaque: the router never looks at it. */
  readonly payload: unknown;
}

/** A message on its way to a place. */
export interface UserFrame {
  readonly kind: "user";
  readonly target: string;
  /** The activation it is for; any other bounces it. */
  readonly token: Version;
  readonly actorKind: string;
  readonly sender: SenderId | undefined;
  readonly askId: number | undefined;
  /** Milliseconds the asker still waits, at the time of sending. `undefined` for a tell. */
  readonly remainingMs: number | undefined;
  /** Milliseconds it has waited in buffers of its sender so far, over all bounces. */
  readonly waitedMs: number;
  readonly bytes: number;
  readonly payload: unknown;
}

/** What an ask ends with, from the handler's side. */
export type AskOutcome =
  | { readonly kind: "ok"; readonly value: unknown }
  | { readonly kind: "failed"; readonly failure: FailureData };

/** Why a frame was not taken: its activation went elsewhere, is not known, or was stopped for good. */
export type BounceReason = "moved" | "not-here" | "stopped";

/** A frame that comes back: certainly not run, and never going to be by what bounced it. */
export interface BouncedFrame {
  readonly kind: "bounced";
  readonly frame: UserFrame;
  readonly reason: BounceReason;
  /** Where its activation went, if that is known. */
  readonly hint: Place | undefined;
}

/** Comes after the last user frame to a place, by the same way; answered when all before it have run or come back. */
export interface FlushFrame {
  readonly kind: "flush";
  readonly flushId: number;
  readonly target: string;
  readonly token: Version;
}

/** What routers say to each other, on the data lane, in order. The first on each link is an `epochMark`. */
export type RouterMessage =
  | UserFrame
  | { readonly kind: "reply"; readonly askId: number; readonly outcome: AskOutcome }
  | BouncedFrame
  | FlushFrame
  | { readonly kind: "flushAck"; readonly flushId: number }
  /** The sender has installed the view of this epoch: what follows may depend on it. */
  | { readonly kind: "epochMark"; readonly epoch: Epoch };

/** A user or flush frame that arrived, with the link it came by. The host keeps it in the mailbox as it is. */
export interface Arrived {
  readonly from: NodeId;
  /** Of the link from that node, as this node counts it. */
  readonly generation: number;
  readonly at: Instant;
  readonly frame: UserFrame | FlushFrame;
}

/** What a router is told. */
export type RouterInput =
  // From the actors of this node.
  | { readonly kind: "send"; readonly letter: Letter }
  /** The caller waits no more. Nothing is emitted for this ask from now on. */
  | { readonly kind: "abortAsk"; readonly askId: number }
  // From the directory.
  /** As the directory says it. */
  | Resolution
  /** As the directory says it. */
  | {
    readonly kind: "activation";
    readonly key: string;
    readonly token: Version;
    readonly status: PublicStatus;
  }
  // From the host of this node's activations.
  /** A flush has come to the head of the mailbox. */
  | { readonly kind: "flushReached"; readonly arrived: Arrived }
  /** The mailbox took this no more: over its limit (never a reason to refuse a flush), or its asker waits no more. */
  | { readonly kind: "refused"; readonly arrived: Arrived; readonly code: string; readonly fate: Fate }
  /** What a handler answered to an ask that arrived. */
  | { readonly kind: "answered"; readonly arrived: Arrived; readonly outcome: AskOutcome }
  /**
   * The activation has stopped; these have not run, in the order of the mailbox. Comes before it is `gone`. `through` is the number of the last
   * `enqueue` of this activation that the host has seen: while more are on their way to it, more are handed back.
   */
  | {
    readonly kind: "handedBack";
    readonly key: string;
    readonly token: Version;
    readonly items: readonly Arrived[];
    readonly through: number;
    readonly reason: BounceReason;
    readonly hint: Place | undefined;
  }
  // From the links. A generation is counted at home, from 1; both ends need not agree on it.
  | { readonly kind: "linkUp"; readonly peer: NodeId; readonly generation: number }
  | { readonly kind: "linkLost"; readonly peer: NodeId; readonly generation: number }
  | {
    readonly kind: "received";
    readonly from: NodeId;
    readonly generation: number;
    readonly message: RouterMessage;
  }
  // From the engine, and time.
  | { readonly kind: "view"; readonly view: View }
  | { readonly kind: "lease"; readonly status: LeaseStatus }
  | { readonly kind: "tick" };

/** Why a message is a dead letter, where it is no code of an ask's failure. */
export type DeadLetterReason = string;

/** What a router wants done. */
export type RouterEffect =
  /** By this generation of the link or not at all, in order. Never to this node itself. */
  | {
    readonly kind: "transmit";
    readonly to: NodeId;
    readonly generation: number;
    readonly message: RouterMessage;
  }
  /** Look the key up; if it is a grain nobody holds, start it. `previous` is the place that did not take a message. */
  | {
    readonly kind: "resolve";
    readonly key: string;
    readonly actorKind: string;
    readonly previous: Place | undefined;
  }
  /** The one end of an ask: what its handler said. */
  | { readonly kind: "reply"; readonly askId: number; readonly outcome: AskOutcome }
  /** The one end of an ask: what became of it otherwise. */
  | { readonly kind: "failed"; readonly askId: number; readonly code: string; readonly fate: Fate }
  /** A tell that no handler will see; or an ask's message here that no handler will see, whose asker knows already. */
  | {
    readonly kind: "deadLetter";
    readonly target: string;
    readonly actorKind: string;
    readonly sender: SenderId | undefined;
    readonly askId: number | undefined;
    readonly payload: unknown;
    readonly reason: DeadLetterReason;
  }
  /** Into the mailbox of this activation, in order. `number` counts the enqueues of one activation, from 1. */
  | {
    readonly kind: "enqueue";
    readonly key: string;
    readonly token: Version;
    readonly number: number;
    readonly arrived: Arrived;
  }
  /** A peer is ahead: the view of this epoch is needed before its frames are read. */
  | { readonly kind: "viewWanted"; readonly from: NodeId; readonly epoch: Epoch }
  /** This link must end: what it carried cannot be kept in order. */
  | { readonly kind: "closeLink"; readonly peer: NodeId; readonly generation: number; readonly reason: string };
