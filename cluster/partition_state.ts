/**
 * What one node keeps of the partitions it owns, backs up, or is about to: the state that owner, backup and incoming
 * owner share. Pure; mutable, one per node identity.
 *
 * @module
 */
import { type Epoch, epoch, type Instant, type NodeId, type Partition } from "../core/ids.ts";
import type { CasResult, Entry, GetResult, Held } from "./engine.ts";
import type { Change, PartitionMessage, RegistryAnswer } from "./partition_protocol.ts";
import { createReplica, type Replica } from "./replica.ts";
import type { Rules } from "./rules.ts";
import type { ClusterSettings, Timings } from "./settings.ts";
import { type Placed, type View, votesOf } from "./view.ts";

/** What is asked for outside, and what others must know. */
export type PartitionEffect =
  | { readonly kind: "send"; readonly to: NodeId; readonly message: PartitionMessage }
  | { readonly kind: "duty"; readonly partition: Partition; readonly isOn: boolean }
  | { readonly kind: "entry"; readonly partition: Partition; readonly key: string; readonly entry: Entry | null }
  | { readonly kind: "holdingsWanted"; readonly partition: Partition; readonly cfg: Epoch }
  | { readonly kind: "dataLoss"; readonly partition: Partition; readonly cfg: Epoch; readonly recovered: number }
  | { readonly kind: "recovered"; readonly partition: Partition; readonly cfg: Epoch }
  | { readonly kind: "accused"; readonly subject: NodeId; readonly by: NodeId }
  | { readonly kind: "odd"; readonly from: NodeId; readonly reason: string };

/** What the machine is made of. */
export interface PartitionOptions {
  readonly self: NodeId;
  readonly settings: ClusterSettings;
  readonly timings: Timings;
  readonly rules: Rules;
  /** Entries in one chunk of a state. */
  readonly chunkEntries: number;
  /** Changes an owner keeps for backups that are behind. */
  readonly changesKept: number;
  /** Bytes of entries a node keeps, of all partitions. */
  readonly tableBytes: number;
}

/** One operation of a request, and whether its answer may leave. */
export interface Waiting {
  readonly from: NodeId;
  readonly requestId: number;
  /** Of the newest copy of the request. */
  epoch: Epoch;
  readonly answers: (
    | { readonly kind: "get"; result: GetResult }
    | { readonly kind: "cas"; result: CasResult }
  )[];
  /** The change that must be committed first. */
  readonly seq: number;
  deadline: Instant;
  /** Backups that confirmed the read; `undefined` when none is asked. */
  confirmedBy: Set<NodeId> | undefined;
  readonly read: number;
}

/** How far one backup is. */
export interface Follower {
  readonly id: NodeId;
  /** It has every change up to this; `undefined` while that is not known. */
  acked: number | undefined;
  /** Changes up to this were sent. */
  sent: number;
  sendAt: Instant;
  /** A whole copy on its way: the state as of `snapshot`. */
  sync: { readonly snapshot: number; readonly entries: readonly Entry[]; received: number } | undefined;
}

/** What an owner remembers of one client. */
export interface Client {
  /** Copies of requests before this one are not run any more. */
  oldest: number;
  readonly answered: Map<number, readonly RegistryAnswer[]>;
}

/** What an owner knows beyond its copy. */
export interface Ownership {
  readonly partition: Partition;
  readonly cfg: Epoch;
  /** Epoch of the view under which it began: no older one, as far as this node knows, has the configuration active. */
  readonly since: Epoch;
  readonly group: readonly NodeId[];
  committed: number;
  readonly followers: Map<NodeId, Follower>;
  /** The last changes, for followers that missed some: `log[0]` is change `logFirst`. */
  readonly log: Change[];
  logFirst: number;
  /** The newest change that deleted something; 0: none. */
  deleted: number;
  /** In the order of their changes. */
  waiting: Waiting[];
  reads: number;
  /** What each client was answered, as long as it may ask again. */
  readonly clients: Map<NodeId, Client>;
}

/** A configuration on its way, seen from its owner to be. */
export interface Incoming {
  readonly partition: Partition;
  readonly cfg: Epoch;
  readonly group: readonly NodeId[];
  phase: "seal" | "fetch" | "hold" | "install" | "ready";
  readonly seals: Map<NodeId, { readonly est: Epoch; readonly seq: number }>;
  /** Whether enough were sealed once; only a cluster without `refetchAfterLoss` trusts that later. */
  wasCovered: boolean;
  isRebuilt: boolean;
  source: NodeId | undefined;
  readonly fetched: Map<string, Entry>;
  fetchedChunks: number;
  readonly holdings: Map<NodeId, readonly Held[]>;
  /** What `cfg` begins with. */
  entries: Map<string, Entry>;
  /** Its entries in order, for chunks. */
  chunks: readonly Entry[];
  readonly installs: Map<NodeId, number>;
  readonly stored: Set<NodeId>;
  sendAt: Instant;
  readonly since: Instant;
  blockedAt: Instant;
}

/** Everything. */
export interface Partitions {
  readonly options: PartitionOptions;
  view: View | undefined;
  /** Whether this node's lease lets it answer. */
  hasLease: boolean;
  readonly replicas: Map<Partition, Replica>;
  readonly owned: Map<Partition, Ownership>;
  readonly incoming: Map<Partition, Incoming>;
  /** Owned partitions with followers that are behind, or answers that wait. */
  readonly busy: Set<Partition>;
  /** Owned partitions with changes that this step has not sent yet. */
  readonly fresh: Set<Partition>;
  /** Who waits for this node's own account of what it holds. */
  readonly asked: Map<Partition, { readonly cfg: Epoch; readonly by: Set<NodeId> }>;
  compareAt: Instant;
  readonly loopback: PartitionMessage[];
}

/** Nothing yet. */
export function createPartitions(options: PartitionOptions): Partitions {
  return {
    options,
    view: undefined,
    hasLease: false,
    replicas: new Map(),
    owned: new Map(),
    incoming: new Map(),
    busy: new Set(),
    fresh: new Set(),
    asked: new Map(),
    compareAt: 0 as Instant,
    loopback: [],
  };
}

/** This node's copy of a partition; an empty one where there was none. */
export function replicaOf(state: Partitions, partition: Partition): Replica {
  let replica = state.replicas.get(partition);
  if (replica === undefined) {
    replica = createReplica();
    state.replicas.set(partition, replica);
  }
  return replica;
}

/** Where the installed view has a partition. */
export function placeOf(state: Partitions, partition: Partition): Placed | undefined {
  return state.view?.partitions[partition];
}

/** Copies that must have a write, of a group of `count`: a majority at least, and the whole of a small one's share. */
export function writeQuorumOf(count: number, settings: ClusterSettings): number {
  return Math.max(Math.floor(count / 2) + 1, Math.min(settings.writeQuorum, count));
}

/** Sends, also to ourselves. */
export function send(state: Partitions, to: NodeId, message: PartitionMessage, out: PartitionEffect[]): void {
  if (to === state.options.self) state.loopback.push(message);
  else out.push({ kind: "send", to, message });
}

/** To whoever drafts views: the leader, and the voters that act when it does not. */
export function toDrafters(state: Partitions, view: View, message: PartitionMessage, out: PartitionEffect[]): void {
  if (view.leader !== undefined && votesOf(view, view.leader) === 0) send(state, view.leader, message, out);
  for (const { id } of view.voters) send(state, id, message, out);
}

/** The epoch of no configuration. */
export const NO_CFG: Epoch = epoch(0);
