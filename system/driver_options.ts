/**
 * What the driver of a clustered node is given, and the machine that is made of it for one identity. No decision is made
 * here; chance comes from the platform.
 *
 * @module
 */
import { epoch, type NodeId } from "../core/ids.ts";
import type { Log } from "../core/ports.ts";
import { seededRandom } from "../core/random.ts";
import {
  type ClusterEvent,
  type ClusterNode,
  createNode,
  type NodeEffect,
  type NodeOptions,
} from "../cluster/cluster_node.ts";
import { ALL_RULES } from "../cluster/rules.ts";
import type { ClusterSettings, Timings } from "../cluster/settings.ts";
import type { View } from "../cluster/view.ts";
import type { LinkEvents, Links } from "../remoting/links.ts";
import type { ClusterThreads } from "./cluster_threads.ts";

/** Copies of entries in one message of a transfer, and changes an owner keeps for backups that lag. */
const CHUNK_ENTRIES = 256;
const CHANGES_KEPT = 4_096;

/** What a driver is given. */
export interface DriverOptions {
  readonly address: string;
  readonly zone: string;
  readonly roles: readonly string[];
  readonly kinds: readonly string[];
  readonly capacity: number;
  readonly settings: ClusterSettings;
  readonly timings: Timings;
  readonly tableBytes: number;
  readonly barrier: NodeOptions["barrier"];
  readonly creationOf: NodeOptions["creationOf"];
  readonly threads: ClusterThreads;
  readonly log: Log;
  /** Opens the links of a new identity. */
  readonly links: (id: NodeId, events: LinkEvents) => Links;
  /** Where other nodes may be found. Rejects when that cannot be said now. */
  readonly find: () => Promise<readonly string[]>;
  /** The store's number for a cluster. */
  readonly storeGeneration: (clusterId: string) => Promise<number>;
  /** Flushes this thread's lanes. */
  readonly flush: () => void;
  readonly watcher: DriverWatcher;
}

/** Who is told what the driver sees. */
export interface DriverWatcher {
  event(event: ClusterEvent | { readonly kind: "nodeFenced"; readonly node: NodeId; readonly reason: string }): void;
  view(view: View): void;
  /** A word of a peer's system, not of its machine. Its sender is a member. */
  peerWord(from: NodeId, bytes: Uint8Array): void;
  /** A data link to a member has come, or is gone. */
  peerLink(peer: NodeId, isUp: boolean): void;
  deadLetter(effect: Extract<NodeEffect, { kind: "deadLetter" }>): void;
}

/** The machine of a new identity of this process. */
export function machineOf(
  id: NodeId,
  options: DriverOptions,
  life: Pick<NodeOptions, "bornAt" | "processStartedAt" | "wasMember">,
): ClusterNode {
  const { address, zone, roles, kinds, capacity, settings, timings, tableBytes, barrier, creationOf } = options;
  const seed = new Uint32Array(1);
  crypto.getRandomValues(seed);
  return createNode({
    self: { id, address, zone, roles, kinds, joinEpoch: epoch(0), status: "up", capacity },
    settings,
    timings,
    rules: ALL_RULES,
    random: seededRandom(seed[0] ?? 0),
    ...life,
    chunkEntries: CHUNK_ENTRIES,
    changesKept: CHANGES_KEPT,
    tableBytes,
    barrier,
    creationOf,
  });
}
