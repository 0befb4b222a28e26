/**
 * The proposing half of choosing a view: one proposal at a time, cast again until it is chosen, outbid or too late.
 * Pure; mutable, one per node.
 *
 * Invariant: in its second phase a proposal carries the view that a voter had already accepted under the highest
 * ballot, if there was one, and its own only if there was none.
 *
 * @module
 */
import { after, type Instant, type NodeId } from "../core/ids.ts";
import { hasQuorum, type View } from "./view.ts";
import { type Accepted, type Ballot, isBefore, isSameBallot, type ViewMessage } from "./view_protocol.ts";

/** Milliseconds between two castings of one proposal: voters that had to wait, or whose answer was lost. */
const CAST_MS = 250;

/** What a proposer is at. */
export interface Proposal {
  /** Of the engine request; `undefined` when it finishes what somebody else began. */
  readonly requestId: number | undefined;
  readonly base: View;
  readonly ballot: Ballot;
  /** Its own view, which it gives up for one that was accepted before. */
  readonly wanted: View;
  readonly deadline: Instant;
  view: View;
  phase: "prepare" | "accept";
  castAt: Instant;
  readonly promises: Map<NodeId, Accepted | undefined>;
  readonly accepts: Set<NodeId>;
}

/** Begins a proposal for the view after `base`. */
export function createProposal(
  requestId: number | undefined,
  base: View,
  wanted: View,
  ballot: Ballot,
  deadline: Instant,
  now: Instant,
): Proposal {
  return {
    requestId,
    base,
    ballot,
    wanted,
    deadline,
    view: wanted,
    phase: "prepare",
    castAt: now,
    promises: new Map(),
    accepts: new Set(),
  };
}

/** What to send to every voter, if it is time to. */
export function cast(proposal: Proposal, now: Instant): ViewMessage | undefined {
  if (now < proposal.castAt) return undefined;
  proposal.castAt = after(now, CAST_MS);
  const { ballot, view } = proposal;
  if (proposal.phase === "prepare") return { kind: "prepare", epoch: view.epoch, ballot };
  return { kind: "accept", epoch: view.epoch, ballot, view };
}

/** A voter promised. Whether the second phase begins. */
export function promised(
  proposal: Proposal,
  from: NodeId,
  ballot: Ballot,
  accepted: Accepted | undefined,
  now: Instant,
): boolean {
  if (proposal.phase !== "prepare" || !isSameBallot(ballot, proposal.ballot)) return false;
  proposal.promises.set(from, accepted);
  if (!hasQuorum(proposal.base, proposal.promises.keys())) return false;
  let highest: Accepted | undefined;
  for (const earlier of proposal.promises.values()) {
    if (earlier !== undefined && (highest === undefined || isBefore(highest.ballot, earlier.ballot))) highest = earlier;
  }
  if (highest !== undefined) proposal.view = highest.view;
  proposal.phase = "accept";
  proposal.castAt = now;
  return true;
}

/** A voter accepted. Whether the view is chosen now. */
export function accepted(proposal: Proposal, from: NodeId, ballot: Ballot): boolean {
  if (proposal.phase !== "accept" || !isSameBallot(ballot, proposal.ballot)) return false;
  proposal.accepts.add(from);
  return hasQuorum(proposal.base, proposal.accepts);
}
