/**
 * The public facts of a system, as data: what happened to actors, threads and messages. Pure.
 *
 * @module
 */
import type { StartReason, StopReason } from "./lifecycle.ts";
import type { FailureData } from "./failure.ts";

/** Why a message went nowhere. */
export type DeadLetterReason =
  | "mailbox-full"
  | "lane-full"
  | "actor-not-found"
  | "actor-stopped"
  | "ask-expired"
  | "call-cycle"
  | "kind-unknown"
  | "handler-unknown"
  | "malformed-bytes"
  | "reply-late"
  | "pipe-unhandled"
  | "worker-lost"
  | "system-stopping";

/** Every reason, in the order of their counters. */
export const DEAD_LETTER_REASONS: readonly DeadLetterReason[] = [
  "mailbox-full",
  "lane-full",
  "actor-not-found",
  "actor-stopped",
  "ask-expired",
  "call-cycle",
  "kind-unknown",
  "handler-unknown",
  "malformed-bytes",
  "reply-late",
  "pipe-unhandled",
  "worker-lost",
  "system-stopping",
];

/** An actor's place: its kind, its key and the thread that runs it. */
export interface ActorPlace {
  /** The kind's name. */
  readonly kind: string;
  /** The actor's key. */
  readonly key: string;
  /** Index of its thread. */
  readonly thread: number;
}

/** A message that no handler has seen or will see. */
export interface DeadLetter {
  /** Says which event this is. */
  readonly type: "deadLetter";
  /** Whom it was for. */
  readonly to: ActorPlace;
  /** The handler it was for. */
  readonly handler: string;
  /** The key of the actor that sent it, if one did. */
  readonly from: string | undefined;
  /** Why it went nowhere. */
  readonly reason: DeadLetterReason;
  /** Whether somebody waited for a reply, and was told. */
  readonly wasAsk: boolean;
}

/** Everything a subscriber of `system.events()` may see. */
export type TroupeEvent =
  | { readonly type: "actorStarted"; readonly actor: ActorPlace; readonly reason: StartReason }
  | { readonly type: "actorStopped"; readonly actor: ActorPlace; readonly reason: StopReason }
  | { readonly type: "actorFailed"; readonly actor: ActorPlace; readonly handler: string; readonly error: FailureData }
  | {
    readonly type: "actorRestarting";
    readonly actor: ActorPlace;
    readonly restarts: number;
    readonly delayMs: number;
  }
  | { readonly type: "workerLost"; readonly thread: number; readonly reason: string; readonly asksLost: number }
  | { readonly type: "workerReplaced"; readonly thread: number; readonly actorsRestarted: number }
  | DeadLetter
  | { readonly type: "eventsLost"; readonly count: number };

/** The name of an event. */
export type EventType = TroupeEvent["type"];

/** Every event name, in the order of their bits in a subscription mask. */
export const EVENT_TYPES: readonly EventType[] = [
  "actorStarted",
  "actorStopped",
  "actorFailed",
  "actorRestarting",
  "workerLost",
  "workerReplaced",
  "deadLetter",
  "eventsLost",
];
