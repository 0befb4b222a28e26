/**
 * What a suite of tests may know of an engine: a few nodes of one cluster, requests to each of them, time that passes,
 * and what may go wrong. Pure types.
 *
 * One idea: nothing here says where the truth is kept. With the embedded engine a split cuts nodes off from each other,
 * with an engine outside it cuts them off from that too.
 *
 * @module
 */
import type { NodeId } from "../../core/ids.ts";
import type { EngineOutput, EngineRequest, EngineResult, LeaseStatus } from "../../cluster/engine.ts";
import type { Timings } from "../../cluster/settings.ts";
import type { View } from "../../cluster/view.ts";

/** What a world is made of. */
export interface EngineWorldOptions {
  readonly nodeCount: number;
  readonly partitionCount: number;
  /** Copies of each partition. */
  readonly replicaCount: number;
  /** For whatever is left to chance. */
  readonly seed: number;
}

/** A cluster of nodes with one engine each. Nodes are numbered from 0. */
export interface EngineWorld {
  readonly options: EngineWorldOptions;
  readonly timings: Timings;
  idOf(node: number): NodeId;
  /** Milliseconds by a clock that no node has: it orders what happens on all of them. */
  nowMs(): number;
  /** The view that a node has installed. */
  viewOf(node: number): View | undefined;
  /** What a node's engine last said of its lease. */
  statusOf(node: number): LeaseStatus;
  /** Whether a node would let its actors run at this moment, by its own clocks. */
  hasLease(node: number): boolean;
  /** Asks a node's engine. Resolves with what it answers, in the order of answers; never rejects. */
  request(node: number, request: EngineRequest, timeoutMs: number): Promise<EngineResult>;
  /** Whatever engines say, as they say it, until the world ends. */
  onOutput(listener: (node: number, output: EngineOutput) => void): void;
  /** Lets time pass. Answers that come meanwhile are there afterwards. */
  runFor(ms: number): Promise<void>;
  /** The process of a node is gone for good. */
  crash(node: number): void;
  /** These nodes reach each other, and nobody else: not the other nodes, not what is outside. */
  split(nodes: readonly number[]): void;
  /** Whatever a node sends arrives; nothing arrives at it. */
  deafen(node: number): void;
  /** Ends all splits and all deafness. */
  heal(): void;
  /** About how many things a node's engine remembers. */
  sizeOf(node: number): number;
  close(): Promise<void>;
}

/** Makes a world in which all nodes are in one view, hold their leases, and their partitions are settled. */
export type EngineFactory = (options: EngineWorldOptions) => Promise<EngineWorld>;
