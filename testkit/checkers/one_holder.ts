/**
 * I4: of two acknowledged claims of one key, the older was given up, or its node was removed or had ended, before the
 * newer was acknowledged. Mutable; one a run.
 *
 * @module
 */
import type { NodeId } from "../../core/ids.ts";
import { isOlder, isSameVersion, type Version } from "../../cluster/engine.ts";
import { removedBy } from "../../cluster/next_view.ts";
import { hasQuorum } from "../../cluster/view.ts";
import { SimulationViolation } from "../scenario.ts";
import type { ClusterChecker } from "./watched.ts";

/** One acknowledged claim. */
interface Claim {
  readonly by: NodeId;
  readonly token: Version;
  readonly opId: string;
  readonly ackedMs: number;
  isReleased: boolean;
}

/** Watches every acknowledged claim. */
export function oneHolder(): ClusterChecker {
  const claims = new Map<string, Claim[]>();
  const gone = new Set<NodeId>();
  const tallies = new Map<string, Set<NodeId>>();
  const calledMs = new Map<string, number>();
  return {
    name: "I4 one holder",
    onEnded(_world, _node, { id }) {
      gone.add(id);
    },
    onNote(world, node, note) {
      const { process } = node;
      if (process === undefined) return;
      if (note.kind === "voted") {
        const key = `${note.view.clusterId}/${note.view.epoch}/${note.ballot.round}/${note.ballot.by}`;
        let voters = tallies.get(key);
        if (voters === undefined) tallies.set(key, voters = new Set());
        voters.add(process.id);
        if (hasQuorum(note.base, voters)) { for (const id of removedBy(note.base, note.view)) gone.add(id); }
      }
      const clusterId = process.core.engine.views.view?.clusterId ?? "";
      if (note.kind === "released") {
        for (const claim of claims.get(`${clusterId} ${note.key}`) ?? []) {
          if (claim.opId === note.opId) claim.isReleased = true;
        }
      }
      if (note.kind === "called" && note.what.kind === "cas" && !calledMs.has(note.what.opId)) {
        calledMs.set(note.what.opId, world.nowMs);
      }
      if (note.kind !== "acked") return;
      const claim: Claim = {
        by: process.id,
        token: note.token,
        opId: note.opId,
        ackedMs: world.nowMs,
        isReleased: false,
      };
      const key = `${clusterId} ${note.key}`;
      let ofKey = claims.get(key);
      if (ofKey === undefined) claims.set(key, ofKey = []);
      for (const other of ofKey) compare(this.name, note.key, other, claim, calledMs.get(note.opId) ?? 0, gone);
      ofKey.push(claim);
    },
  };
}

function compare(
  name: string,
  key: string,
  other: Claim,
  claim: Claim,
  calledMs: number,
  gone: ReadonlySet<NodeId>,
): void {
  if (other.opId === claim.opId) return;
  if (gone.has(other.by) || gone.has(claim.by)) return;
  if (isSameVersion(other.token, claim.token)) {
    throw new SimulationViolation(name, `two claims of ${key} have one token: ${other.by} and ${claim.by}`);
  }
  if (other.ackedMs < calledMs && isOlder(claim.token, other.token)) {
    throw new SimulationViolation(name, `a later claim of ${key} has an older token: ${other.by}, then ${claim.by}`);
  }
  const older = isOlder(other.token, claim.token) ? other : claim;
  if (!older.isReleased) {
    throw new SimulationViolation(name, `two hold ${key}: ${other.by} and ${claim.by}`);
  }
}
