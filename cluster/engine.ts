/**
 * What keeps a cluster's truth, as a protocol of values: a view register, a lease for this node, and a linearizable map
 * with compare-and-set. The embedded engine is one more pure machine; engines on NATS or etcd perform the same
 * requests outside. Pure types.
 *
 * One idea: claims, grains, singletons, relocation and leadership are built once, above these three, whoever keeps them.
 *
 * Invariant: every request ends with exactly one `done`, at its deadline at the latest. A request whose effect is not
 * known ends `unavailable` with `indeterminate: true`, never as refused.
 *
 * @module
 */
import type { Epoch, Instant, NodeId, Partition } from "../core/ids.ts";
import type { Member, View, ViewDraft } from "./view.ts";

/** Order of the writes of one partition: by configuration, then by number in it. Also the fencing token of a claim. */
export interface Version {
  readonly cfg: Epoch;
  /** From 1. */
  readonly seq: number;
}

/** What sort of actor holds a name. */
export type Holding = "actor" | "grain" | "singleton";

/** What the registry says of one name: who holds it, and how to start it elsewhere. Nothing in it expires by time. */
export interface RegistryRecord {
  readonly type: Holding;
  /** Name of the actor's kind. */
  readonly kind: string;
  readonly holder: NodeId;
  /** The epoch at which its holder joined: an older view must not judge a newer node. */
  readonly holderJoin: Epoch;
  /** What starting it needs, encoded by whoever spawned it. */
  readonly spec: Uint8Array;
  /** Whether it begins again elsewhere when its node is gone. */
  readonly isRelocatable: boolean;
  /** For grains: whether it begins again before somebody asks for it. */
  readonly isEager: boolean;
  /** Only nodes with this role may hold it. Empty: any. */
  readonly role: string;
  /** A caller's own key for "the same spawn again"; empty when there is none. */
  readonly idempotencyKey: string;
}

/** One name in the registry. */
export interface Entry {
  readonly key: string;
  readonly version: Version;
  /** The operation that wrote it: names one attempt of one node, never used again. */
  readonly opId: string;
  readonly record: RegistryRecord;
}

/** The version an operation expects to replace. */
export type Expected = Version | "absent";

/** One compare-and-set: `record` takes the place of what is expected; `null` deletes it. */
export interface CasOperation {
  readonly key: string;
  readonly expect: Expected;
  readonly record: RegistryRecord | null;
  readonly opId: string;
}

/** Why an engine could not answer. */
export type UnavailableReason = "no-quorum" | "moving" | "lease" | "full" | "engine-down" | "not-member" | "busy";

/** The engine could not answer. With `indeterminate`, a write may still take effect, now or later. */
export interface Unavailable {
  readonly kind: "unavailable";
  readonly reason: UnavailableReason;
  readonly retryAfterMs: number;
  readonly indeterminate: boolean;
}

/**
 * The answer to a compare-and-set. `ok` with the version written (for a delete: of the deletion). A delete may have been
 * sent more than once on its way: its `conflict` says that what it expected is gone, perhaps by this very operation.
 */
export type CasResult =
  | { readonly kind: "ok"; readonly version: Version }
  | { readonly kind: "conflict"; readonly current: Entry | null }
  | Unavailable;

/** The answer to a read. */
export type GetResult = { readonly kind: "found"; readonly entry: Entry | null } | Unavailable;

/** The answer to a proposal. `committed` only when every member it removes has certainly lost its lease. */
export type ProposeResult =
  | { readonly kind: "committed"; readonly epoch: Epoch }
  | { readonly kind: "conflict"; readonly epoch: Epoch }
  /** No voter would accept it: it breaks a rule of views. Nothing was asked. */
  | { readonly kind: "refused"; readonly reason: string }
  | Unavailable;

/** An activation that this node holds, as it reports it when a partition is built anew. */
export interface Held {
  readonly entry: Entry;
}

/** What the machines above ask of an engine. */
export type EngineRequest =
  | { readonly kind: "get"; readonly key: string }
  | ({ readonly kind: "cas" } & CasOperation)
  /** Operations on one partition, each on its own, in one round trip. */
  | { readonly kind: "casMany"; readonly partition: Partition; readonly operations: readonly CasOperation[] }
  /** Entries of one partition. Complete when asked by the node on duty for it. */
  | { readonly kind: "scan"; readonly partition: Partition; readonly holder: NodeId | undefined }
  | { readonly kind: "propose"; readonly base: Epoch; readonly draft: ViewDraft }
  /** Gives the lease back, after everything has stopped. Never again held under this id. */
  | { readonly kind: "releaseLease" };

/** What becomes of a request. */
export type EngineResult =
  | { readonly kind: "get"; readonly result: GetResult }
  | { readonly kind: "cas"; readonly result: CasResult }
  | { readonly kind: "casMany"; readonly results: readonly CasResult[] }
  | { readonly kind: "scan"; readonly entries: readonly Entry[]; readonly isComplete: boolean }
  | { readonly kind: "propose"; readonly result: ProposeResult }
  | { readonly kind: "releaseLease" };

/** How a node stands with its lease. */
export type LeaseStatus = "none" | "held" | "soft" | "frozen" | "fenced";

/** What the machines above tell an engine. */
export type EngineInput =
  | {
    readonly kind: "engineRequest";
    readonly requestId: number;
    readonly deadline: Instant;
    readonly request: EngineRequest;
  }
  /** The answer to `holdingsWanted`. */
  | { readonly kind: "holdings"; readonly partition: Partition; readonly cfg: Epoch; readonly held: readonly Held[] };

/** What an engine tells the machines above. */
export type EngineOutput =
  | { readonly kind: "engineDone"; readonly requestId: number; readonly result: EngineResult }
  | { readonly kind: "engineView"; readonly view: View; readonly previous: View | undefined }
  | { readonly kind: "engineLease"; readonly status: LeaseStatus }
  /** This node is (no longer) the one that reconciles a partition's entries with the members. */
  | { readonly kind: "engineDuty"; readonly partition: Partition; readonly isOn: boolean }
  /** A committed change in a partition of this node's duty, in the order of versions. */
  | { readonly kind: "engineEntry"; readonly partition: Partition; readonly key: string; readonly entry: Entry | null }
  /**
   * What of this partition does this node hold? Answer with `holdings`, in the same step. From now on an acknowledgement
   * with a version of an older configuration than `cfg` counts no more.
   */
  | { readonly kind: "holdingsWanted"; readonly partition: Partition; readonly cfg: Epoch }
  | { readonly kind: "engineDataLoss"; readonly partition: Partition; readonly cfg: Epoch; readonly recovered: number }
  /** A node asks to come in: for whoever drafts the next view. */
  | { readonly kind: "joinWanted"; readonly member: Member }
  /** A leaving node has given its lease back: it may be removed at once. */
  | { readonly kind: "leaseReleased"; readonly id: NodeId }
  /** A view with the same members would have more voters: worth one of its own. */
  | { readonly kind: "votersProven" }
  /** A configuration is ready to be activated by the next view. */
  | { readonly kind: "recovered"; readonly partition: Partition; readonly cfg: Epoch }
  /** `by` cannot go on while `subject` does not answer. */
  | { readonly kind: "accused"; readonly subject: NodeId; readonly by: NodeId }
  | { readonly kind: "engineDown" }
  | { readonly kind: "engineUp" }
  | { readonly kind: "stateLost"; readonly reason: string };

/** Whether `one` is older than `other`. */
export function isOlder(one: Version, other: Version): boolean {
  return one.cfg < other.cfg || (one.cfg === other.cfg && one.seq < other.seq);
}

/** Whether both are the same write. */
export function isSameVersion(one: Version, other: Version): boolean {
  return one.cfg === other.cfg && one.seq === other.seq;
}
