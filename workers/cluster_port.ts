/**
 * The seam between the actors of one thread and the cluster: what a clustered host hands out, and what it is handed.
 * Pure types.
 *
 * One idea: on a clustered host an actor lives here because the directory said so, under the token it was given, and
 * for no other reason. Everything for a key that isn't open here goes out as a letter, encoded; whoever is behind the
 * port finds the place, which may be here.
 *
 * Invariant: what comes in is named by an *origin* that the host keeps and gives back as it is. Each origin is handed
 * back, refused, or run, exactly once; one that waits for a reply is answered exactly once.
 *
 * @module
 */
import type { FailureData, Fate } from "../core/failure.ts";
import type { ActorKey, Epoch, Instant } from "../core/ids.ts";
import type { StopReason } from "../core/lifecycle.ts";

/** The right of one activation, as the registry counts it: compared by `cfg`, then by `seq`. */
export interface ActivationToken {
  readonly cfg: Epoch;
  readonly seq: number;
}

/** One activation that this node was told to begin. */
export interface Activation {
  /** A top-level actor or a grain; its children live with it. */
  readonly key: ActorKey;
  /** Name of its kind. */
  readonly kind: string;
  readonly token: ActivationToken;
  /** What a spawned actor's state is made from, as {@link LetterCodec} encodes it; `undefined` for a grain. */
  readonly init: Uint8Array | undefined;
  /** Whether it begins again because its worker died. */
  readonly isAgain: boolean;
}

/** A message that leaves, encoded. */
export interface ClusterLetter {
  readonly target: ActorKey;
  /** Name of the target's kind. */
  readonly actorKind: string;
  /** The activation that sends, if one does. */
  readonly sender: { readonly key: ActorKey; readonly token: ActivationToken } | undefined;
  /** The id is unique among the asks of this thread; `undefined` for a tell. */
  readonly ask: { readonly id: number; readonly deadline: Instant } | undefined;
  /** Handler, sender, chain of asks and arguments. */
  readonly payload: Uint8Array;
}

/** A message that arrives for an activation of this node. */
export interface Arrival {
  readonly target: ActorKey;
  readonly token: ActivationToken;
  readonly actorKind: string;
  /** What arrivals of one activation are counted by, from 1. */
  readonly number: number;
  /** Until when the asker waits; `undefined` for a tell. */
  readonly deadline: Instant | undefined;
  readonly payload: unknown;
  /** Given back as it is. */
  readonly origin: unknown;
}

/** What a handler made of an ask. */
export type LetterOutcome =
  | { readonly kind: "ok"; readonly value: Uint8Array }
  | { readonly kind: "failed"; readonly failure: FailureData };

/** What is left of an activation that has ended. */
export interface Remains {
  readonly key: ActorKey;
  readonly token: ActivationToken;
  readonly reason: StopReason;
  /** The origins that have not run, messages and flushes, in the order of the mailbox. */
  readonly origins: readonly unknown[];
  /** What actors of this thread had put straight into the mailbox and has not run, in order. */
  readonly letters: readonly ClusterLetter[];
  /** The number of the last arrival this activation was given; `0` when there was none. */
  readonly through: number;
}

/** Why a message does not leave: nothing was sent. */
export type SendRefusal =
  /** The lane to the main thread is full. */
  | "lane-full"
  /** The receiver, or the way to its node, has its limit of messages waiting. */
  | "buffer-full"
  /** This node's lease is out. */
  | "lease-lost"
  /** This node sends nothing any more. */
  | "system-stopping";

/** Where a clustered host's words go. Never calls back into the host before it returns. */
export interface ClusterPort {
  /** A message for somebody who isn't open here; why it does not leave. */
  send(letter: ClusterLetter): SendRefusal | undefined;
  /** Nobody waits for this ask any more. */
  abortAsk(askId: number): void;
  /** The answer to an ask that arrived. */
  answered(origin: unknown, outcome: LetterOutcome): void;
  /** A message that arrived will not run, and not be handed back. */
  refused(origin: unknown, code: string, fate: Fate): void;
  /** A flush has come to the head of its mailbox: everything that arrived before it has begun or was handed back. */
  flushReached(origin: unknown): void;
  /** An activation has begun, or will not: then its end follows. */
  started(key: ActorKey, token: ActivationToken, error: FailureData | undefined): void;
  /** An activation has ended, by itself or because it was told to. */
  ended(remains: Remains): void;
  /** `watcher`, an actor of this thread, wants to know when `key`, which isn't on it, ends; or no longer. */
  watch?(watcher: ActorKey, key: ActorKey, kind: string, isOn: boolean): void;
  /**
   * May messages of this thread's actors go straight to this activation, which is here? Everything sent to it before has
   * been given to {@link send}. Answered by `open` or `keepClosed`; where this is missing, nothing is ever opened.
   */
  wantsOpen?(key: ActorKey, token: ActivationToken): void;
}

/** What a clustered host is given. */
export interface HostCluster {
  readonly port: ClusterPort;
  /** The store's number for this life of the cluster. */
  readonly generation: () => number;
}
