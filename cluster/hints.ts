/**
 * The receiving side of hints and handoffs: another node asks this one to take a name. Pure functions over a directory's
 * state.
 *
 * One idea: being asked gives no right. The node claims like anybody else, over exactly the version it was told; if that
 * has changed meanwhile, somebody else was faster.
 *
 * Invariant: a version is replaced only on the word of the partition's owner, who knows that its holder is gone, or of
 * the holder itself, which has stopped it.
 *
 * @module
 */
import { partitionOfKey } from "../core/hash.ts";
import { after, type Instant, type NodeId } from "../core/ids.ts";
import { isHolding } from "./activation.ts";
import { beginClaim, hasRoom } from "./claims.ts";
import type { DirectoryEffect, DirectoryMessage, HintRefusal } from "./directory_protocol.ts";
import { type DirectoryState, mayBegin, refuse, send } from "./directory_state.ts";
import { type Expected, isSameVersion } from "./engine.ts";
import { candidates } from "./targets.ts";
import { ownerOf } from "./view.ts";

/** Milliseconds after which a claim made for another node is given up: it has asked a third one by then. */
const HINTED_CLAIM_MS = 10_000;
/** Bytes of a snapshot. At the limit it is left out, and the actor begins as new. */
export const SNAPSHOT_BYTES_MAX: number = 256 << 10;

/** Asked to claim a key. */
export function hinted(
  state: DirectoryState,
  from: NodeId,
  { key, claim, expect }: Extract<DirectoryMessage, { kind: "hint" }>,
  now: Instant,
  out: DirectoryEffect[],
): void {
  if (!state.members.has(from) || state.view === undefined) return refuse(state, "stranger");
  if (expect !== "absent" && ownerOf(state.view, partitionOfKey(key, state.settings.partitionCount)) !== from) {
    return refuse(state, "not-owner");
  }
  if (state.activations.has(key)) return; // It is on its way in, or on its way out and then asked again.
  const why = refusalOf(state, claim);
  if (why !== undefined) return send(state, from, { kind: "hintRefused", key, expect, why }, out);
  const waiter = { kind: "hint", from, expect } as const;
  const giveUpAt = after(now, HINTED_CLAIM_MS);
  beginClaim(state, { key, claim, expect, snapshot: undefined, waiter, giveUpAt }, now, out);
}

/** Asked to go on with an actor that has stopped on the node that asks. */
export function handedOver(
  state: DirectoryState,
  from: NodeId,
  { key, version, claim, snapshot }: Extract<DirectoryMessage, { kind: "handoff" }>,
  now: Instant,
  out: DirectoryEffect[],
): void {
  if (!state.members.has(from)) return refuse(state, "stranger");
  const ours = state.activations.get(key);
  const answer = (isTaken: boolean) => send(state, from, { kind: "handoffAck", key, version, isTaken }, out);
  if (ours !== undefined) {
    if (isHolding(ours) && isSame(ours.origin, version)) answer(true); // The first answer was lost.
    return;
  }
  if (refusalOf(state, claim) !== undefined) return answer(false);
  const waiter = { kind: "handoff", from, version } as const;
  const giveUpAt = after(now, HINTED_CLAIM_MS);
  const kept = snapshot !== undefined && snapshot.length <= SNAPSHOT_BYTES_MAX ? snapshot : undefined;
  beginClaim(state, { key, claim, expect: version, snapshot: kept, waiter, giveUpAt }, now, out);
}

function refusalOf(state: DirectoryState, claim: { role: string; kind: string }): HintRefusal | undefined {
  if (state.departure !== undefined) return "leaving";
  if (!mayBegin(state)) return "no-lease";
  if (!candidates(state, claim).some(({ id }) => id === state.self)) return "ineligible";
  return hasRoom(state, true) ? undefined : "busy";
}

function isSame(one: Expected, other: Expected): boolean {
  return one === "absent" || other === "absent" ? one === other : isSameVersion(one, other);
}
