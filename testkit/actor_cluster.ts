/**
 * What a simulated node's actors need of a cluster, and what they tell it: the seam between the real host and whichever
 * machine stands for the cluster. Pure types.
 *
 * One idea: the words are those of the router and the directory, so that the composed machine of a real node fits here
 * as it is.
 *
 * @module
 */
import type { LeaseStatus } from "../cluster/engine.ts";
import type { DirectoryEffect, DirectoryInput } from "../cluster/directory_protocol.ts";
import type { RouterEffect, RouterInput } from "../cluster/router_protocol.ts";
import type { Now } from "../cluster/time.ts";
import type { ProcessEffect, ProcessInput } from "./process.ts";

/** What a cluster is told: by the network and the clock, and by the host of the actors. */
export type ClusterInput<F> =
  | Exclude<ProcessInput<F, never>, { readonly kind: "operation" }>
  | Extract<
    RouterInput,
    { readonly kind: "send" | "abortAsk" | "flushReached" | "refused" | "answered" | "handedBack" }
  >
  | Extract<DirectoryInput, { readonly kind: "spawn" | "stop" | "started" | "ended" | "stoppedFor" }>;

/** What a cluster wants of the host of the actors. */
export type HostEffect =
  | Extract<RouterEffect, { readonly kind: "enqueue" | "reply" | "failed" | "deadLetter" }>
  | Extract<DirectoryEffect, { readonly kind: "start" | "stop" | "done" }>
  | { readonly kind: "lease"; readonly status: LeaseStatus };

/** What a cluster wants: of the host, and of the network. */
export type ClusterEffect<F> =
  | { readonly kind: "host"; readonly effect: HostEffect }
  | { readonly kind: "network"; readonly effect: ProcessEffect<F, never> };

/** The cluster, as one node has it. */
export interface NodeCluster<F> {
  step(input: ClusterInput<F>, now: Now, out: ClusterEffect<F>[]): void;
  /** Which cluster this node is in; empty when it is in none. */
  readonly clusterId: string;
  /** Why it is not yet well, for people; `undefined` when actors may be sent to. */
  unready(): string | undefined;
  /** How it stands. What the next identity of the same process must know is in it. */
  describe(): object;
}
