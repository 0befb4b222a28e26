/**
 * What subscribers see of a cluster: the differences of its views, and little else. Pure.
 *
 * One idea: an event is not sent from node to node; each node reads it off the view it installs. So every node sees the
 * same events of the same epoch, once and in order, and one that skipped epochs sees their sum.
 *
 * @module
 */
import type { Epoch, NodeId } from "../core/ids.ts";
import { isMember, type Member, memberOf, type View } from "./view.ts";

/** A public fact about the cluster. */
export type ViewEvent =
  | { readonly kind: "nodeJoined"; readonly epoch: Epoch; readonly node: Member }
  /** `left`: in good order. `lost`: it was removed by the others. */
  | { readonly kind: "nodeLeft"; readonly epoch: Epoch; readonly node: Member; readonly reason: "left" | "lost" }
  | { readonly kind: "nodeLeaving"; readonly epoch: Epoch; readonly node: Member }
  | {
    readonly kind: "leaderChanged";
    readonly epoch: Epoch;
    readonly leader: NodeId | undefined;
    readonly term: Epoch;
  };

/** Whether a member of an earlier view, which is out in this one, went in good order. */
export function hasLeftBy({ removed }: View, { id, status }: Pick<Member, "id" | "status">): boolean {
  // Long ago, when views forget: all that is known is how it stood when it was last seen.
  return removed.find((gone) => gone.id === id)?.hasLeft ?? status === "leaving";
}

/** What `view` changes: who left, who joined, who is leaving, who leads, in this order. */
export function eventsBetween(previous: View | undefined, view: View): readonly ViewEvent[] {
  const { epoch } = view;
  const events: ViewEvent[] = [];
  for (const node of previous?.members ?? []) {
    if (isMember(view, node.id)) continue;
    const hasLeft = hasLeftBy(view, node);
    // The view in which it was leaving may have been skipped here.
    if (hasLeft && node.status === "up") {
      events.push({ kind: "nodeLeaving", epoch, node: { ...node, status: "leaving" } });
    }
    events.push({ kind: "nodeLeft", epoch, node, reason: hasLeft ? "left" : "lost" });
  }
  for (const node of view.members) {
    const before = previous === undefined ? undefined : memberOf(previous, node.id);
    if (before === undefined) events.push({ kind: "nodeJoined", epoch, node });
    else if (node.status === "leaving" && before.status === "up") events.push({ kind: "nodeLeaving", epoch, node });
  }
  if (previous?.leader !== view.leader || previous?.leaderTerm !== view.leaderTerm) {
    events.push({ kind: "leaderChanged", epoch, leader: view.leader, term: view.leaderTerm });
  }
  return events;
}
