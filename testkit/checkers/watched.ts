/**
 * What the checkers of clusters have in common: a node they can look into. Pure types.
 *
 * @module
 */
import type { ClusterCore } from "../../cluster/cluster_core.ts";
import type { NodeId } from "../../core/ids.ts";
import type { ClusterNote } from "../cluster_notes.ts";
import type { Checker, World, WorldNode } from "../scenario.ts";

/** A process with a cluster core in it. */
export interface Watched {
  readonly id: NodeId;
  readonly core: ClusterCore;
}

/** A world of such processes, whatever is asked of them. */
export type WatchedWorld = World<unknown, Watched>;

/** One host of it. */
export type WatchedNode = WorldNode<Watched>;

/** A checker of clusters. */
export type ClusterChecker = Checker<unknown, unknown, ClusterNote, Watched>;
