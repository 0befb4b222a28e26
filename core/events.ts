/**
 * The public facts of a system, as data: what happened to actors, threads and messages. Pure.
 *
 * @module
 */
import type { StartReason, StopReason } from "./lifecycle.ts";
import type { FailureData } from "./failure.ts";
import type { NodeId } from "./ids.ts";

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
  | "system-stopping"
  | "relocation-timeout"
  | "buffer-full"
  | "node-lost"
  | "link-lost"
  | "lease-lost"
  | "fenced"
  | "stray-bounce"
  | "old-link"
  | "sender-gone"
  | "start-failed"
  | "no-eligible-node"
  | "partition-unavailable"
  | "barrier-timeout"
  | "undeliverable";

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
  "relocation-timeout",
  "buffer-full",
  "node-lost",
  "link-lost",
  "lease-lost",
  "fenced",
  "stray-bounce",
  "old-link",
  "sender-gone",
  "start-failed",
  "no-eligible-node",
  "partition-unavailable",
  "barrier-timeout",
  "undeliverable",
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

/** A node of the cluster, as its view has it. */
export interface NodeInfo {
  /** One life of the node: a restart is another one. */
  readonly id: NodeId;
  /** `host:port` by which others reach it. */
  readonly address: string;
  /** Its roles. */
  readonly roles: readonly string[];
  /** Names of the kinds it can run. */
  readonly kinds: readonly string[];
  /** `leaving` from the moment it said that it goes. */
  readonly status: "up" | "leaving";
  /** Failure domain; empty when it named none. */
  readonly zone: string;
}

/** What became of the names a lost node held, as this node counts them: held = relocated + released + excluded + failed. */
export interface RelocationReport {
  /** Names that were found to be the lost node's. */
  readonly held: number;
  /** Started elsewhere. */
  readonly relocated: number;
  /** Grains: they come back with their next message. */
  readonly released: number;
  /** Not to be started again. */
  readonly excluded: number;
  /** Given up by somebody else meanwhile. */
  readonly failed: number;
}

/** What happens in a cluster, as this node sees it: once for each view, in order. */
export type ClusterFact =
  | { readonly type: "nodeJoined"; readonly epoch: number; readonly node: NodeInfo }
  | { readonly type: "nodeLeaving"; readonly epoch: number; readonly node: NodeInfo }
  /** `left`: in good order. `lost`: the others removed it. */
  | { readonly type: "nodeLeft"; readonly epoch: number; readonly node: NodeInfo; readonly reason: "left" | "lost" }
  | {
    readonly type: "leaderChanged";
    readonly epoch: number;
    readonly leader: NodeInfo | undefined;
    readonly term: number;
  }
  | { readonly type: "relocationStarted"; readonly node: NodeId; readonly held: number }
  | { readonly type: "relocationProgress"; readonly node: NodeId; readonly report: RelocationReport }
  | { readonly type: "relocationDone"; readonly node: NodeId; readonly report: RelocationReport }
  /** No member can run it; tried again when one joins. */
  | {
    readonly type: "relocationBlocked";
    readonly node: NodeId;
    readonly key: string;
    readonly kind: string;
    readonly role: string;
  }
  /** This node's lease is out: its clustered actors pause, with their state. */
  | { readonly type: "leaseFrozen" }
  /** It has one again, after so many milliseconds. */
  | { readonly type: "leaseResumed"; readonly gapMs: number }
  /** This node was removed, or gave up: its actors are dropped, and it comes back under a new id. */
  | { readonly type: "nodeFenced"; readonly node: NodeId; readonly reason: string }
  /** Too many copies of a partition were lost at once: names of nodes that are gone may be lost. */
  | {
    readonly type: "partitionDataLoss";
    readonly partition: number;
    readonly epoch: number;
    readonly recovered: number;
  }
  /** The registry names another holder for what ran here; it was stopped. */
  | { readonly type: "claimLost"; readonly key: string }
  /** Another cluster of this name lives at that address. */
  | { readonly type: "foreignCluster"; readonly clusterId: string; readonly address: string };

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
  | ClusterFact
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
  "nodeJoined",
  "nodeLeaving",
  "nodeLeft",
  "leaderChanged",
  "relocationStarted",
  "relocationProgress",
  "relocationDone",
  "relocationBlocked",
  "leaseFrozen",
  "leaseResumed",
  "nodeFenced",
  "partitionDataLoss",
  "claimLost",
  "foreignCluster",
];
