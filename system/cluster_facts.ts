/**
 * What subscribers of `events()` see of what happens in a cluster. Pure.
 *
 * @module
 */
import type { ClusterFact, NodeInfo } from "../core/events.ts";
import type { NodeId } from "../core/ids.ts";
import type { ClusterEvent } from "../cluster/cluster_node.ts";
import type { Member } from "../cluster/view.ts";

/** What the driver tells of. */
export type SeenEvent =
  | ClusterEvent
  | { readonly kind: "nodeFenced"; readonly node: NodeId; readonly reason: string };

/** A member, as users see it. */
export function infoOf({ id, address, roles, kinds, status, zone }: Member): NodeInfo {
  return { id, address, roles, kinds, status, zone };
}

/** The public fact an event is; `undefined` for what only the runtime's own log is told. */
export function factOf(event: SeenEvent, memberOf: (id: NodeId) => Member | undefined): ClusterFact | undefined {
  switch (event.kind) {
    case "nodeJoined":
    case "nodeLeaving":
      return { type: event.kind, epoch: event.epoch, node: infoOf(event.node) };
    case "nodeLeft":
      return { type: "nodeLeft", epoch: event.epoch, node: infoOf(event.node), reason: event.reason };
    case "leaderChanged": {
      const leader = event.leader === undefined ? undefined : memberOf(event.leader);
      return { type: "leaderChanged", epoch: event.epoch, leader: leader && infoOf(leader), term: event.term };
    }
    case "relocationStarted":
      return { type: "relocationStarted", node: event.node, held: event.held };
    case "relocationProgress":
    case "relocationDone":
      return { type: event.kind, node: event.node, report: event.counts };
    case "relocationBlocked": {
      const { node, key, kindName, role } = event;
      return { type: "relocationBlocked", node, key, kind: kindName, role };
    }
    case "leaseFrozen":
      return { type: "leaseFrozen" };
    case "leaseResumed":
      return { type: "leaseResumed", gapMs: Math.round(event.gapMs) };
    case "nodeFenced":
      return { type: "nodeFenced", node: event.node, reason: event.reason };
    case "partitionDataLoss": {
      const { partition, epoch, recovered } = event;
      return { type: "partitionDataLoss", partition, epoch, recovered };
    }
    case "lostClaim":
      return { type: "claimLost", key: event.key };
    case "foreignCluster":
      return { type: "foreignCluster", clusterId: event.clusterId, address: event.address };
    case "ghostReleased":
    case "bootstrapTimedOut":
      return undefined;
    default:
      return event satisfies never;
  }
}
