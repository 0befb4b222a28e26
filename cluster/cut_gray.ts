/**
 * Pairs of members that cannot reach each other while others reach both. Pure.
 *
 * One idea: neither of them is known to be at fault, and both are alive; so this waits long, removes one node at a time,
 * and chooses the one that most others have lost, or of a single pair the younger. A node that claims to have lost
 * everybody is thereby in every pair, and chooses itself.
 *
 * Invariant: the answer follows from what is given, whatever the order in which it was said.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import type { Suspect } from "./cut_suspect.ts";
import type { Now } from "./time.ts";
import type { View } from "./view.ts";

/** Milliseconds a link may be dead before one of its ends is removed: networks are often mended by then. */
export const GRAY_MS = 30_000;

/** The node to remove, if a link has been dead for long enough; nobody when that is this node: others see to it. */
export function grayRemoval(
  view: View,
  ownId: NodeId,
  suspects: ReadonlyMap<NodeId, Suspect>,
  now: Now,
): readonly NodeId[] {
  const lost = new Map<NodeId, Set<NodeId>>();
  for (const [subject, { alerts }] of suspects) {
    for (const [by, { alert, since }] of alerts) {
      if (alert !== "link" || now.mono - since < GRAY_MS) continue;
      add(lost, subject, by);
      add(lost, by, subject);
    }
  }
  if (lost.size === 0) return [];
  let chosen: NodeId | undefined;
  let most = 0;
  for (const { id } of view.members) { // Oldest first: of equals the last one is the youngest.
    const count = lost.get(id)?.size ?? 0;
    if (count === 0 || count < most) continue;
    chosen = id;
    most = count;
  }
  return chosen === undefined || chosen === ownId ? [] : [chosen];
}

function add(lost: Map<NodeId, Set<NodeId>>, one: NodeId, other: NodeId): void {
  const others = lost.get(one);
  if (others === undefined) lost.set(one, new Set([other]));
  else others.add(other);
}
