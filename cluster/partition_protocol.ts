/**
 * What nodes say to each other about partitions and their entries. Pure types.
 *
 * @module
 */
import type { Epoch, NodeId, Partition } from "../core/ids.ts";
import type { CasOperation, CasResult, Entry, GetResult, Held } from "./engine.ts";

/** One change of a partition: an entry, or its absence. */
export interface Change {
  readonly key: string;
  readonly entry: Entry | null;
}

/** One operation on the registry, as it travels to the owner. */
export type RegistryOperation =
  | { readonly kind: "get"; readonly key: string }
  | ({ readonly kind: "cas" } & CasOperation);

/** What an owner says to one operation. */
export type RegistryAnswer =
  | { readonly kind: "get"; readonly result: GetResult }
  | { readonly kind: "cas"; readonly result: CasResult };

/** Messages about partitions, between members. `cfg` is the configuration a message belongs to. */
export type PartitionMessage =
  /** To the owner. Repeated with the same ids until answered or late. */
  | {
    readonly kind: "registryRequest";
    /** Of the view the sender found the owner in. */
    readonly epoch: Epoch;
    readonly requestId: number;
    /** The sender waits for no request before this one: copies that still come are not to be run. */
    readonly oldest: number;
    readonly partition: Partition;
    readonly operations: readonly RegistryOperation[];
  }
  /** The answer to the copy of a request that was sent under `epoch`. */
  | {
    readonly kind: "registryReply";
    readonly epoch: Epoch;
    readonly requestId: number;
    readonly answers: readonly RegistryAnswer[];
  }
  /** The owner's changes `first`, `first + 1`, … in their order. None: asks where the backup stands. */
  | {
    readonly kind: "replicate";
    readonly partition: Partition;
    readonly cfg: Epoch;
    readonly first: number;
    readonly changes: readonly Change[];
  }
  /** Where a backup stands: it has every change of `est` up to `seq`. */
  | {
    readonly kind: "replicated";
    readonly partition: Partition;
    readonly cfg: Epoch;
    readonly est: Epoch;
    readonly seq: number;
  }
  /** The whole state as of change `snapshot`, in chunks; each is acknowledged before the next. */
  | {
    readonly kind: "sync";
    readonly partition: Partition;
    readonly cfg: Epoch;
    readonly snapshot: number;
    readonly index: number;
    readonly count: number;
    readonly entries: readonly Entry[];
  }
  | {
    readonly kind: "synced";
    readonly partition: Partition;
    readonly cfg: Epoch;
    readonly snapshot: number;
    readonly received: number;
  }
  /** From now on refuse every configuration before `cfg`, and say what you have. */
  | { readonly kind: "seal"; readonly partition: Partition; readonly cfg: Epoch }
  | {
    readonly kind: "sealed";
    readonly partition: Partition;
    readonly cfg: Epoch;
    readonly est: Epoch;
    readonly seq: number;
  }
  /** Chunk `index` of a sealed state. */
  | { readonly kind: "fetch"; readonly partition: Partition; readonly cfg: Epoch; readonly index: number }
  | {
    readonly kind: "fetched";
    readonly partition: Partition;
    readonly cfg: Epoch;
    readonly est: Epoch;
    readonly seq: number;
    readonly index: number;
    readonly count: number;
    readonly entries: readonly Entry[];
  }
  /** The state with which `cfg` begins, in chunks. */
  | {
    readonly kind: "install";
    readonly partition: Partition;
    readonly cfg: Epoch;
    readonly index: number;
    readonly count: number;
    readonly entries: readonly Entry[];
  }
  | { readonly kind: "stored"; readonly partition: Partition; readonly cfg: Epoch; readonly received: number }
  /** Too many copies are lost: what of this partition do you hold? */
  | { readonly kind: "holdingsRequest"; readonly partition: Partition; readonly cfg: Epoch }
  | {
    readonly kind: "holdings";
    readonly partition: Partition;
    readonly cfg: Epoch;
    readonly held: readonly Held[];
  }
  /** The next view may activate `cfg`. To the leader and the voters, until it does. */
  | { readonly kind: "ready"; readonly partition: Partition; readonly cfg: Epoch }
  /** A transition waits for `subject`, which does not answer. To the leader and the voters. */
  | { readonly kind: "blocked"; readonly partition: Partition; readonly subject: NodeId }
  /** For `readQuorum` above 1: are you still in this configuration? */
  | { readonly kind: "confirm"; readonly partition: Partition; readonly cfg: Epoch; readonly read: number }
  | { readonly kind: "confirmed"; readonly partition: Partition; readonly cfg: Epoch; readonly read: number }
  /** For comparison, on a timer: equal `cfg` and `seq` must mean equal digests. */
  | {
    readonly kind: "compare";
    readonly partition: Partition;
    readonly cfg: Epoch;
    readonly seq: number;
    readonly digest: number;
  }
  | { readonly kind: "differs"; readonly partition: Partition; readonly cfg: Epoch; readonly seq: number };
