/**
 * What a simulated node's actors need of a cluster, and what they tell it: the seam between the real host and whichever
 * machine stands for the cluster. Pure types.
 *
 * One idea: the words are those of the router and the directory, so that the composed machine of a real node fits here
 * as it is.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import type { Frame } from "../cluster/cluster_core.ts";
import type { LeaseStatus } from "../cluster/engine.ts";
import type { DirectoryEffect, DirectoryInput } from "../cluster/directory_protocol.ts";
import type { RouterEffect, RouterInput } from "../cluster/router_protocol.ts";
import type { Now } from "../cluster/time.ts";
import type { View } from "../cluster/view.ts";
import type { ProcessEffect, ProcessInput } from "./process.ts";

/** What nodes with actors send to each other: frames of their machines, and words of their systems. */
export type ActorFrame = Frame | WordFrame;

/** A word of one system to another, as bytes: topics and watches. */
export interface WordFrame {
  readonly part: "system";
  readonly word: Uint8Array;
}

/** What a cluster is told: by the network and the clock, and by the host of the actors. */
export type ClusterInput =
  | Exclude<ProcessInput<ActorFrame, never>, { readonly kind: "operation" }>
  /** By the data link to a peer, if there is one. */
  | { readonly kind: "word"; readonly to: NodeId; readonly word: Uint8Array }
  | Extract<
    RouterInput,
    { readonly kind: "send" | "abortAsk" | "flushReached" | "refused" | "answered" | "handedBack" }
  >
  | Extract<DirectoryInput, { readonly kind: "spawn" | "stop" | "locate" | "started" | "ended" | "stoppedFor" }>;

/** What a cluster wants of the host of the actors. */
export type HostEffect =
  | Extract<RouterEffect, { readonly kind: "enqueue" | "reply" | "failed" | "deadLetter" }>
  | Extract<DirectoryEffect, { readonly kind: "start" | "stop" | "done" }>
  | { readonly kind: "lease"; readonly status: LeaseStatus }
  | { readonly kind: "view"; readonly view: View }
  /** A data link has come, or is gone. */
  | { readonly kind: "peerLink"; readonly peer: NodeId; readonly isUp: boolean }
  /** What a member's system said. */
  | { readonly kind: "word"; readonly from: NodeId; readonly word: Uint8Array };

/** What a cluster wants: of the host, and of the network. */
export type ClusterEffect =
  | { readonly kind: "host"; readonly effect: HostEffect }
  | { readonly kind: "network"; readonly effect: ProcessEffect<ActorFrame, never> };

/** The cluster, as one node has it. */
export interface NodeCluster {
  step(input: ClusterInput, now: Now, out: ClusterEffect[]): void;
  /** The view that is installed. */
  readonly view: View | undefined;
  /** Whether there is a data link to a peer. */
  isLinked(peer: NodeId): boolean;
  /** Which cluster this node is in; empty when it is in none. */
  readonly clusterId: string;
  /** Why it is not yet well, for people; `undefined` when actors may be sent to. */
  unready(): string | undefined;
  /** How it stands. What the next identity of the same process must know is in it. */
  describe(): object;
}
