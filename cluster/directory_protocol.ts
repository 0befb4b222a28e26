/**
 * What a node's directory is told, what it says to other directories, and what it wants done. Pure types.
 *
 * One idea: whoever is to hold a name takes it itself, with one compare-and-set. Nobody assigns: a *hint* asks a node
 * to claim, and may be lost, late or repeated without harm.
 *
 * Invariant: messages are requests and opinions. What is true of a name is what the engine acknowledged, nothing else;
 * each `want`, `hint`, `handoff`, `spawnRequest` and `stopRequest` may arrive any number of times.
 *
 * @module
 */
import type { Fate } from "../core/failure.ts";
import type { Epoch, Instant, NodeId, Partition } from "../core/ids.ts";
import type { EngineOutput, EngineRequest, Entry, Expected, Held, RegistryRecord, Version } from "./engine.ts";
import type { Placement } from "./placement.ts";

/** A record without its holder: what a claim says of the actor, whoever will run it. */
export type Claim = Omit<RegistryRecord, "holder" | "holderJoin">;

/** How an actor is to come into being when nobody holds its name. */
export interface Creation {
  readonly claim: Claim;
  readonly placement: TravellingPlacement;
}

/** A placement that another node can judge by: a user's function stays at home. */
export type TravellingPlacement = Exclude<Placement, { readonly kind: "function" }>;

/** Why an operation of a user failed. */
export interface DirectoryFailure {
  readonly code: DirectoryFailureCode;
  /** What the caller may assume about it. */
  readonly fate: Fate;
  /** Who holds the name, for `name-taken`. */
  readonly holder: NodeId | undefined;
  /** For people: what was missing, or how starting failed. */
  readonly reason: string;
}

/** The codes of {@link DirectoryFailure}. */
export type DirectoryFailureCode =
  /** Another actor has the name. */
  | "name-taken"
  /** No member has the role and the kind, or none takes more. */
  | "no-eligible-node"
  /** This node has no lease, or lost it for good. */
  | "lease-lost"
  /** The registry did not answer in time; with fate `unknown` the name may have been taken. */
  | "partition-unavailable"
  /** Its `onStart` failed. */
  | "start-failed"
  /** Nobody holds the name. */
  | "actor-not-found"
  /** The node is leaving. */
  | "system-stopping"
  /** A limit of the directory. */
  | "limit-reached";

/** What became of a user's operation. */
export type DirectoryResult =
  /** The actor runs there. `isNew` is false when it did already, and that is what was asked for. */
  | { readonly kind: "spawned"; readonly holder: NodeId; readonly token: Version; readonly isNew: boolean }
  | { readonly kind: "stopped" }
  /** Who holds the name, as the registry had it during the call. */
  | { readonly kind: "located"; readonly entry: Entry | undefined }
  /** All that this node held has moved or stopped; its lease is given back when `isComplete`. */
  | { readonly kind: "left"; readonly isComplete: boolean; readonly counts: DepartureCounts }
  | { readonly kind: "failed"; readonly failure: DirectoryFailure };

/** What became of the activations of a node that left. */
export interface DepartureCounts {
  /** Claimed by another node. */
  readonly moved: number;
  /** Let go on purpose: they come back when somebody asks, or not at all. */
  readonly released: number;
  /** No node took them. */
  readonly failed: number;
}

/** Why nobody holds a name. */
export type AbsentReason =
  /** Nobody has it, and nothing was said about creating it. */
  | "absent"
  | "no-eligible-node"
  /** The cluster is not large enough yet for grains. */
  | "barrier"
  /** No answer before the deadline. */
  | "timeout"
  /** A limit of the directory. */
  | "busy"
  /** This node has no lease. */
  | "lease";

/** Where messages for a key go. */
export type Resolution =
  | { readonly kind: "resolved"; readonly key: string; readonly holder: NodeId; readonly token: Version }
  | { readonly kind: "absent"; readonly key: string; readonly reason: AbsentReason };

/** Why a node was asked to claim. */
export type HintReason = "grain" | "relocation" | "singleton";

/** Why it does not. */
export type HintRefusal = "leaving" | "no-lease" | "busy" | "ineligible" | "start-failed";

/** Why an activation must stop. */
export type StopReason =
  /** Its name is given up. */
  | "released"
  /** The same, because its node leaves and it is to be nowhere else unasked. */
  | "left"
  /** It goes on elsewhere; the answer may carry a snapshot. */
  | "handoff"
  /** The node is out. Nothing may be sent. */
  | "fenced"
  /** The registry names somebody else. */
  | "lost-claim"
  /** The claim it was begun for was given up. */
  | "gave-up";

/** What the receiver of messages must know of an activation. All but `gone` take messages for their token. */
export type PublicStatus = "starting" | "live" | "paused" | "handing" | "stopping" | "gone";

/** One line of an audit: a record that names the audited node. */
export interface AuditLine {
  readonly key: string;
  readonly opId: string;
}

/** What directories say to each other. */
export type DirectoryMessage =
  /**
   * To the node on duty for the key's partition: who holds it? With `create`, somebody should. `notAt` is the token
   * under which a message found nobody: if the record still names it, its holder is asked to look.
   */
  | {
    readonly kind: "want";
    readonly key: string;
    readonly create: Creation | undefined;
    readonly notAt: Version | undefined;
  }
  | {
    readonly kind: "located";
    readonly key: string;
    readonly entry: Entry | undefined;
    readonly absent: AbsentReason | undefined;
  }
  /** Please claim `key` over `expect`. */
  | {
    readonly kind: "hint";
    readonly key: string;
    readonly claim: Claim;
    readonly expect: Expected;
    readonly why: HintReason;
  }
  | { readonly kind: "hintRefused"; readonly key: string; readonly expect: Expected; readonly why: HintRefusal }
  /** Please spawn. The pair of sender and `requestId` names the request, however often it is sent. */
  | {
    readonly kind: "spawnRequest";
    readonly requestId: number;
    readonly key: string;
    readonly claim: Claim;
    /** Milliseconds the asker still waits. */
    readonly waitMs: number;
  }
  | { readonly kind: "spawnAnswer"; readonly requestId: number; readonly result: DirectoryResult }
  /** Please stop the activation of this token. */
  | { readonly kind: "stopRequest"; readonly requestId: number; readonly key: string; readonly token: Version }
  | { readonly kind: "stopAnswer"; readonly requestId: number }
  /** Please go on with an actor that has stopped here; the name is yours over exactly this version. */
  | {
    readonly kind: "handoff";
    readonly key: string;
    readonly version: Version;
    readonly claim: Claim;
    readonly snapshot: Uint8Array | undefined;
  }
  /** `isTaken`: the name is claimed, and the actor is starting. */
  | { readonly kind: "handoffAck"; readonly key: string; readonly version: Version; readonly isTaken: boolean }
  /**
   * What the records of a partition say the receiver holds, as of version `at`. With `isWhole` those are all of them:
   * what is not listed is not held.
   */
  | {
    readonly kind: "holdAudit";
    readonly partition: Partition;
    readonly at: Version;
    readonly lines: readonly AuditLine[];
    readonly isWhole: boolean;
  }
  /** To the leader: I want to go. Repeated until a view says so. */
  | { readonly kind: "leaveRequest" };

/** What a directory is told. */
export type DirectoryInput =
  | { readonly kind: "tick" }
  | EngineOutput
  | { readonly kind: "message"; readonly from: NodeId; readonly message: DirectoryMessage }
  // --- from users, through the host ---
  | {
    readonly kind: "spawn";
    readonly requestId: number;
    readonly key: string;
    readonly claim: Claim;
    readonly placement: Placement;
    readonly deadline: Instant;
  }
  /** One for the cluster. Where is decided by age and role. */
  | {
    readonly kind: "singleton";
    readonly requestId: number;
    readonly key: string;
    readonly claim: Claim;
    readonly deadline: Instant;
  }
  /** Stops an actor by its name, wherever it is. */
  | { readonly kind: "stop"; readonly requestId: number; readonly key: string; readonly deadline: Instant }
  | { readonly kind: "locate"; readonly requestId: number; readonly key: string; readonly deadline: Instant }
  /** This node goes, in good order, before the deadline. */
  | { readonly kind: "leave"; readonly requestId: number; readonly deadline: Instant }
  // --- from the router ---
  /** Asked again while unanswered, it is still one question. Answered with one `resolved`. */
  | {
    readonly kind: "resolve";
    readonly key: string;
    readonly create: Creation | undefined;
    readonly notAt: Version | undefined;
  }
  // --- from the host of the actors ---
  /** The answer to `start`. `error` is for people; `undefined` when it runs. */
  | {
    readonly kind: "started";
    readonly key: string;
    readonly token: Version;
    readonly error: string | undefined;
  }
  /** It ended by itself, or was passivated; its mailbox has been handed back. */
  | { readonly kind: "ended"; readonly key: string; readonly token: Version }
  /** The answer to `stop`: it has ended, and its mailbox has been handed back. */
  | {
    readonly kind: "stoppedFor";
    readonly key: string;
    readonly token: Version;
    readonly snapshot: Uint8Array | undefined;
  };

/** What a directory wants done. */
export type DirectoryEffect =
  /** As the engine input `engineRequest`. */
  | {
    readonly kind: "engine";
    readonly requestId: number;
    readonly deadline: Instant;
    readonly request: EngineRequest;
  }
  /** As the engine input `holdings`. */
  | {
    readonly kind: "holdings";
    readonly partition: Partition;
    readonly cfg: Epoch;
    readonly held: readonly Held[];
  }
  | { readonly kind: "send"; readonly to: NodeId; readonly message: DirectoryMessage }
  /** Start the actor. Answered with `started`, unless `stop` comes first. */
  | {
    readonly kind: "start";
    readonly key: string;
    readonly token: Version;
    readonly record: RegistryRecord;
    /** What its last holder gave along, if it was handed over. */
    readonly snapshot: Uint8Array | undefined;
  }
  /** Stop it, hand its mailbox back, answer with `stoppedFor`. */
  | { readonly kind: "stop"; readonly key: string; readonly token: Version; readonly reason: StopReason }
  /** For whoever receives messages: an activation of this node changed. `gone` is the last word on a token. */
  | {
    readonly kind: "activation";
    readonly key: string;
    readonly token: Version;
    readonly status: PublicStatus;
  }
  /** The answer to `resolve`. */
  | Resolution
  | { readonly kind: "done"; readonly requestId: number; readonly result: DirectoryResult }
  /** At the leader: this member asked to go. For whoever drafts views. */
  | { readonly kind: "leaveWanted"; readonly id: NodeId }
  | { readonly kind: "event"; readonly event: DirectoryEvent };

/** What became of the records that a lost node held, in the partitions of one node's duty. */
export interface RelocationCounts {
  /** Records found naming it. */
  readonly held: number;
  /** Another node claimed them. */
  readonly relocated: number;
  /** Lazy grains: deleted, they come back with their next message. */
  readonly released: number;
  /** Not to be begun again: deleted. */
  readonly excluded: number;
  /** To be relocated, but the name was given up by somebody else meanwhile. */
  readonly failed: number;
}

/** Public facts. */
export type DirectoryEvent =
  /** `held` of its records were found so far in this node's duty. */
  | { readonly kind: "relocationStarted"; readonly node: NodeId; readonly held: number }
  /** Once a second while it lasts. */
  | { readonly kind: "relocationProgress"; readonly node: NodeId; readonly counts: RelocationCounts }
  /** All records have left it. The counts add up: held = relocated + released + excluded + failed. */
  | { readonly kind: "relocationDone"; readonly node: NodeId; readonly counts: RelocationCounts }
  /** No member can run it; tried again when one joins. */
  | {
    readonly kind: "relocationBlocked";
    readonly node: NodeId;
    readonly key: string;
    readonly kindName: string;
    readonly role: string;
  }
  /** The registry names somebody else for what ran here; it was stopped. */
  | { readonly kind: "lostClaim"; readonly key: string; readonly token: Version }
  /** A record named this node for something it does not hold, and was released. */
  | { readonly kind: "ghostReleased"; readonly key: string; readonly opId: string };
