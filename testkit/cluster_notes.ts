/**
 * What simulated cluster nodes let checkers see: facts of one node, at the moment they become true there. Pure types.
 *
 * @module
 */
import type { NodeId, Partition } from "../core/ids.ts";
import type { ClusterEvent } from "../cluster/cluster_node.ts";
import type { LeaseStatus, Version } from "../cluster/engine.ts";
import type { View } from "../cluster/view.ts";
import type { Ballot } from "../cluster/view_protocol.ts";
import type { RegistryCall } from "./checkers/linearizability.ts";

/** One fact. */
export type ClusterNote =
  /** A voter whose installed view is `base` accepted `view`. */
  | { readonly kind: "voted"; readonly ballot: Ballot; readonly base: View; readonly view: View }
  | { readonly kind: "installed"; readonly view: View }
  | { readonly kind: "lease"; readonly status: LeaseStatus }
  /** A claim of this node was acknowledged: it holds `key`. */
  | { readonly kind: "acked"; readonly key: string; readonly token: Version; readonly opId: string }
  /** The node begins to give `key` up; nothing of this claim runs any more. */
  | { readonly kind: "released"; readonly key: string; readonly opId: string }
  /** Something of this claim begins to run, now. `by`: what the node was called when it claimed it. */
  | { readonly kind: "executed"; readonly key: string; readonly token: Version; readonly by?: NodeId }
  /** Something of this claim has run without a pause until now, since this time of its node's monotonic clock. */
  | { readonly kind: "ran"; readonly key: string; readonly token: Version; readonly begunMs: number }
  /** Something that a clustered actor has made leaves the node, under the lease that it has at that moment. */
  | {
    readonly kind: "left";
    readonly what: "message" | "reply";
    /** What the node was called when that actor began. */
    readonly by: NodeId;
    readonly to: NodeId;
    readonly lease: LeaseStatus;
  }
  /** A call to the registry of this node: told when it begins, with `isOpen`, and again when it has ended. */
  | {
    readonly kind: "called";
    readonly key: string;
    /** Numbers the calls of one node. */
    readonly call: number;
    readonly what: RegistryCall;
    readonly isOpen: boolean;
  }
  /** A message has come to its actor: the `seq`th of `sender` to `key`. */
  | { readonly kind: "delivered"; readonly key: string; readonly sender: string; readonly seq: number }
  /** A user asked for something: an ask or an operation, to end by `deadline` of the node's clock. */
  | { readonly kind: "asked"; readonly id: string; readonly deadlineMs: number }
  /** It has ended. */
  | { readonly kind: "ended"; readonly id: string; readonly how: string }
  | { readonly kind: "event"; readonly event: ClusterEvent }
  /** Too many copies of a partition were lost at once. */
  | { readonly kind: "dataLoss"; readonly partition: Partition }
  /** A message that makes no sense came from a node that means well: a bug, in a simulation. */
  | { readonly kind: "odd"; readonly from: NodeId; readonly reason: string };
