/**
 * What nodes say to each other about views and leases. Pure types.
 *
 * @module
 */
import type { Epoch, NodeId } from "../core/ids.ts";
import type { Member, View } from "./view.ts";

/** Order of proposals for one epoch: by round, then by proposer. */
export interface Ballot {
  readonly round: number;
  readonly by: NodeId;
}

/** A view that a voter has accepted, under which ballot. */
export interface Accepted {
  readonly ballot: Ballot;
  readonly view: View;
}

/** Messages about views and leases, between members. */
export type ViewMessage =
  /** Asks a voter for a lease. `request` numbers it for its sender, who alone knows when it was sent. */
  | { readonly kind: "leaseRequest"; readonly epoch: Epoch; readonly request: number }
  | { readonly kind: "leaseGrant"; readonly epoch: Epoch; readonly request: number }
  /** "I hold no lease any more and will never count a grant again." */
  | { readonly kind: "leaseRelease" }
  /** Paxos for the view of `epoch`; its acceptors are the voters of the view before. */
  | { readonly kind: "prepare"; readonly epoch: Epoch; readonly ballot: Ballot }
  | {
    readonly kind: "promise";
    readonly epoch: Epoch;
    readonly ballot: Ballot;
    readonly accepted: Accepted | undefined;
  }
  | { readonly kind: "accept"; readonly epoch: Epoch; readonly ballot: Ballot; readonly view: View }
  | { readonly kind: "accepted"; readonly epoch: Epoch; readonly ballot: Ballot }
  /** A higher ballot was promised, or the view breaks a rule. */
  | {
    readonly kind: "refused";
    readonly epoch: Epoch;
    readonly ballot: Ballot;
    readonly promised: Ballot;
    readonly reason: string;
  }
  /** Not yet: somebody it removes may still hold a lease. */
  | { readonly kind: "wait"; readonly epoch: Epoch; readonly ballot: Ballot; readonly remainingMs: number }
  | { readonly kind: "commit"; readonly view: View }
  /** "Send me your view": the sender's is older. */
  | { readonly kind: "pull"; readonly epoch: Epoch };

/** What a founder knows of itself, for others that have no view either. */
export type Standing = "founding" | "joining" | "member" | "frozen";

/** Messages between nodes that need not share a view. Sent to addresses as well as to ids. */
export type BootstrapMessage =
  | {
    readonly kind: "hello";
    readonly member: Member;
    readonly standing: Standing;
    /** The sender's cluster; empty when it has none. */
    readonly clusterId: string;
    /** The attempt to found a cluster that it takes part in; empty when none. */
    readonly attempt: string;
    /** Ids of the nodes that it has heard from lately. */
    readonly sees: readonly NodeId[];
    /** A digest of the settings all nodes must share, and the rule for votes. */
    readonly settings: string;
    /** Whether it serves: a member with a lease. */
    readonly isServing: boolean;
    readonly wantsAnswer: boolean;
  }
  | { readonly kind: "joinRequest"; readonly member: Member; readonly settings: string }
  | { readonly kind: "joinRefused"; readonly reason: string }
  /** The founder with the lowest id asks the others to found a cluster together. */
  | { readonly kind: "found"; readonly view: View }
  /** Binding: the founder will not help to found another one, unless this attempt can no longer succeed. */
  | { readonly kind: "founderAccepts"; readonly clusterId: string; readonly quietMs: number }
  /** "I have not accepted this attempt and never will": it is dead. */
  | { readonly kind: "founderRefuses"; readonly clusterId: string }
  /** "I want to give this attempt up, and will not open it any more." */
  | { readonly kind: "founderGivesUp"; readonly clusterId: string };

const VIEW_KINDS = kindsOf<ViewMessage>({
  leaseRequest: true,
  leaseGrant: true,
  leaseRelease: true,
  prepare: true,
  promise: true,
  accept: true,
  accepted: true,
  refused: true,
  wait: true,
  commit: true,
  pull: true,
});
const BOOTSTRAP_KINDS = kindsOf<BootstrapMessage>({
  hello: true,
  joinRequest: true,
  joinRefused: true,
  found: true,
  founderAccepts: true,
  founderRefuses: true,
  founderGivesUp: true,
});

/** Whether ballot `one` comes before `other`. */
export function isBefore(one: Ballot, other: Ballot): boolean {
  return one.round < other.round || (one.round === other.round && one.by < other.by);
}

/** Whether both are the same ballot. */
export function isSameBallot(one: Ballot, other: Ballot): boolean {
  return one.round === other.round && one.by === other.by;
}

/** Whether a message is one of those about views and leases. */
export function isOfViews(message: { readonly kind: string }): message is ViewMessage {
  return VIEW_KINDS.has(message.kind);
}

/** Whether a message is one that nodes say to each other without sharing a view. */
export function isBootstrap(message: { readonly kind: string }): message is BootstrapMessage {
  return BOOTSTRAP_KINDS.has(message.kind);
}

/** The kinds of a union, all of them: one that is forgotten does not compile. */
function kindsOf<Message extends { readonly kind: string }>(
  kinds: Readonly<Record<Message["kind"], true>>,
): ReadonlySet<string> {
  return new Set(Object.keys(kinds));
}
