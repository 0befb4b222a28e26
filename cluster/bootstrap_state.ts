/**
 * What a node without a view knows of the nodes around it. Pure; mutable, one per node identity.
 *
 * @module
 */
import { type Instant, type NodeId } from "../core/ids.ts";
import type { Random } from "../core/random.ts";
import type { Rules } from "./rules.ts";
import type { ClusterSettings, Timings } from "./settings.ts";
import type { Now } from "./time.ts";
import type { Member, Placed, View } from "./view.ts";
import type { BootstrapMessage, Standing } from "./view_protocol.ts";

/** What is asked for outside, and what follows. */
export type BootstrapEffect =
  | { readonly kind: "send"; readonly to: NodeId; readonly message: BootstrapMessage }
  /** To whatever process lives at an address. */
  | { readonly kind: "greet"; readonly address: string; readonly message: BootstrapMessage }
  /** The cluster has begun: `founders` is its first view, `view` the one to install. */
  | { readonly kind: "opened"; readonly founders: View; readonly view: View }
  | { readonly kind: "joinWanted"; readonly member: Member }
  /** Send this node the installed view: it is in it and does not know. */
  | { readonly kind: "tellView"; readonly to: NodeId }
  /** This identity is over; the process goes on under a new one. */
  | { readonly kind: "retire"; readonly reason: RetireReason; readonly wasMember: boolean }
  /** Not in a cluster after the time for it. Who was seen, and what is missing. */
  | { readonly kind: "timedOut"; readonly seen: readonly string[]; readonly reason: string }
  | { readonly kind: "foreign"; readonly clusterId: string; readonly address: string }
  | { readonly kind: "odd"; readonly from: NodeId; readonly reason: string };

/** Why an identity ends. */
export type RetireReason =
  | "removed"
  | "quorum-lost"
  | "foreign-cluster"
  | "attempt-abandoned"
  | "asked-to-join"
  | "join-refused";

/** What the machine is made of. */
export interface BootstrapOptions {
  /** Its id, address, roles and kinds; `joinEpoch` 0. */
  readonly self: Member;
  readonly settings: ClusterSettings;
  readonly timings: Timings;
  readonly rules: Rules;
  readonly random: Random;
  /** When this identity began. */
  readonly bornAt: Now;
  readonly processStartedAt: Now;
  /** Whether this process was ever in a cluster, under any id. */
  readonly wasMember: boolean;
  /** The first table of a new cluster. */
  readonly initialPlaces: (founders: readonly Member[]) => readonly Placed[];
}

/** What was last heard from an address. */
export interface Peer {
  readonly id: NodeId;
  readonly member: Member;
  readonly standing: Standing;
  readonly clusterId: string;
  readonly attempt: string;
  /** Ids of all nodes that it has heard from lately; `undefined` when there are {@link SEES_MAX} or more. */
  readonly sees: ReadonlySet<NodeId> | undefined;
  /** Whether it has heard from this node. */
  readonly seesUs: boolean;
  readonly settings: string;
  readonly isServing: boolean;
  readonly heardAt: Instant;
}

/** One try to found a cluster. */
export interface Attempt {
  /** The first view: who founds. */
  readonly view: View;
  readonly isMine: boolean;
  readonly since: Instant;
  castAt: Instant;
  /** For its coordinator: who has accepted, and from when on it has been quiet for long enough. */
  readonly quietFrom: Map<NodeId, Instant>;
  /** Whether this node wants to give it up, and will not open it any more. */
  isGivenUp: boolean;
  readonly givenUpBy: Set<NodeId>;
}

/** The state. */
export interface Bootstrap {
  readonly options: BootstrapOptions;
  readonly settingsText: string;
  /** Addresses of others, and when discovery last named them. */
  readonly discovered: Map<string, Instant>;
  /** Whether discovery has answered at all: before that, this node knows nothing of how many there are. */
  hasDiscovered: boolean;
  readonly peers: Map<string, Peer>;
  attempt: Attempt | undefined;
  /** Attempts this node will never accept, newest last. */
  readonly refused: Set<string>;
  hasAskedToJoin: boolean;
  /** Since when the same founders have been seen. */
  readonly candidates: { key: string; since: Instant };
  helloAt: Instant;
  /** Where the next round of greetings begins, where one round does not reach all. */
  greetFrom: number | undefined;
  /** For how many milliseconds a peer's word counts: one round of greetings reaches so many only. */
  freshMs: number;
  /** From when on it is asked again who could found: with many peers not at every tick. */
  lookAt: Instant;
  joinAt: Instant;
  retryAt: Instant;
  timeoutAt: Instant;
  attempts: number;
  frozenSince: Instant | undefined;
}

/** What the rest of the node is at, as far as it matters here. */
export interface Membership {
  readonly view: View | undefined;
  readonly hasLease: boolean;
}

/** Milliseconds between two greetings, without a view. */
export const HELLO_MS = 300;
/** Peers whose last word is older than this many milliseconds are not counted on, where every round reaches all. */
export const FRESH_MS = 2_000;
/**
 * Addresses greeted in one round; where more are known, rounds take turns. A thousand nodes that start together would
 * otherwise send each other seven million greetings and answers a second.
 */
export const GREETED_MAX = 64;
/** Ids in the list of whom a node sees: enough to compare those of a cluster that one round of greetings reaches. */
export const SEES_MAX: number = GREETED_MAX;
/** Attempts that are remembered as refused. */
export const REFUSED_KEPT_MAX = 256;
/** Addresses that are remembered. At the limit the longest silent is forgotten. */
export const PEERS_KEPT_MAX = 2_048;

/** Milliseconds for which an address counts that discovery does not name any more: its answers need not be complete. */
export const DISCOVERED_MS = 60_000;

/** The settings nodes must share, as text: compared, never parsed. */
export function settingsTextOf(settings: ClusterSettings): string {
  const { name, partitionCount, replicaCount, writeQuorum, readQuorum, rule } = settings;
  const seeds = rule.kind === "seeds" ? rule.seeds.toSorted().join(",") : "";
  return [name, partitionCount, replicaCount, writeQuorum, readQuorum, rule.kind, seeds].join("|");
}

/** Peers heard from lately, so many at most and only such; those that have been silent for longest first. */
export function freshPeers(
  state: Bootstrap,
  now: Instant,
  countMax = Infinity,
  isSuch: (peer: Peer) => boolean = () => true,
): readonly Peer[] {
  const fresh: Peer[] = [];
  for (const peer of state.peers.values()) {
    if (fresh.length >= countMax) break;
    if (now - peer.heardAt <= state.freshMs && isSuch(peer)) fresh.push(peer);
  }
  return fresh;
}
