/**
 * What the threads of a simulated process say to each other, and what they share. Types.
 *
 * @module
 */
import type { NodeEffect, NodeInput } from "../cluster/cluster_node.ts";
import type { LeaseGate } from "../core/lease_gate.ts";
import type { Rules } from "../cluster/rules.ts";
import type { Random } from "../core/random.ts";

/** What the main thread tells a worker. */
export type WorkerOrder =
  | (NodeEffect & { readonly kind: "start" | "stop" | "enqueue" })
  | { readonly kind: "askEnded"; readonly askId: number };

/** What a worker tells the main thread: what a node is told by its host. */
export type WorkerNews = Extract<
  NodeInput,
  {
    readonly kind:
      | "started"
      | "ended"
      | "stoppedFor"
      | "handedBack"
      | "flushReached"
      | "refused"
      | "answered"
      | "send"
      | "abortAsk";
  }
>;

/** A record in a ring, with the identity under which what it speaks of began. */
export interface Stamped<T> {
  readonly generation: number;
  readonly record: T;
}

/** Checks that a test leaves out, to see that something notices. */
export interface GateSkips {
  /** A worker does not look at the identity of what it begins. */
  readonly begin: boolean;
  /** … of what it lets into the ring. */
  readonly leave: boolean;
  /** The main thread does not look at the identity of what it takes out of a ring. */
  readonly drain: boolean;
  /** A worker begins something as long as there is a lease at all. */
  readonly margin: boolean;
}

/** What all threads of a process share. */
export interface SharedByThreads {
  /** In shared memory: the main thread replaces it, everybody sees that at once. */
  gate: LeaseGate;
  readonly rules: Rules;
  readonly skips: GateSkips;
  readonly random: Random;
  /** Names that actors send to. */
  readonly targets: readonly string[];
  /** Whether threads now and then stand still while others go on. */
  readonly hasStalls: boolean;
  /** Whether many handlers wait for seconds, and now and then a ring does. */
  readonly isSlow: boolean;
  /** Records of one ring. */
  readonly recordsMax: number;
  askCount: number;
}
