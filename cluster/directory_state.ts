/**
 * What a directory knows: its view, lease, activations, waits, and the records of the partitions it is on duty for.
 * Changes in place; only the directory's own files touch it.
 *
 * One idea: nothing in here is the truth about a name. What the engine acknowledged is, and all this can be built anew
 * from it, except who waits for what.
 *
 * Invariant: each thing that waits is in the queue of what is due, so a tick looks at what is due and nothing else.
 *
 * @module
 */
import type { Epoch, Instant, NodeId, Partition } from "../core/ids.ts";
import { after } from "../core/ids.ts";
import type { Random } from "../core/random.ts";
import type { Activation } from "./activation.ts";
import type { Departure } from "./departure.ts";
import type { DirectoryEffect, DirectoryMessage } from "./directory_protocol.ts";
import { type DueQueue, dueQueue, putDue } from "./due_queue.ts";
import type { EngineCalls } from "./engine_calls.ts";
import { engineCalls } from "./engine_calls.ts";
import type { LeaseStatus, Version } from "./engine.ts";
import type { Ghost } from "./ghosts.ts";
import type { Wanted } from "./locate.ts";
import { type DutyRecords, dutyRecords } from "./duty_records.ts";
import { type Relocator, relocator } from "./relocator.ts";
import type { Request } from "./requests.ts";
import type { Resolving } from "./resolve.ts";
import type { SpawnAnswered } from "./spawn_requests.ts";
import type { Rules } from "./rules.ts";
import type { ClusterSettings, Timings } from "./settings.ts";
import type { Member, View } from "./view.ts";

/** When grains may be begun in a cluster that is still coming together. */
export interface Barrier {
  /** Members there must have been. */
  readonly minimumMembers: number;
  /** Milliseconds from the first view on. */
  readonly timeoutMs: number;
  /** What happens when there were never enough: grains begin all the same, or whoever asks for one is refused. */
  readonly onTimeout: "proceed" | "fail";
}

/** What a directory is made with. */
export interface DirectoryOptions {
  readonly self: NodeId;
  readonly settings: ClusterSettings;
  readonly timings: Timings;
  readonly rules: Rules;
  readonly random: Random;
  readonly barrier: Barrier;
}

/** Something to look at again. */
export type Due =
  | { readonly kind: "claim"; readonly key: string; readonly wake: number }
  | { readonly kind: "giveUp"; readonly key: string }
  | { readonly kind: "release"; readonly key: string; readonly wake: number }
  | { readonly kind: "handing"; readonly key: string; readonly wake: number }
  | { readonly kind: "ghost"; readonly id: string }
  | { readonly kind: "request"; readonly requestId: number; readonly round: number }
  | { readonly kind: "resolve"; readonly key: string; readonly round: number }
  | { readonly kind: "want"; readonly key: string; readonly round: number }
  | { readonly kind: "relocate"; readonly key: string; readonly round: number }
  | { readonly kind: "relocationProgress"; readonly node: NodeId }
  | { readonly kind: "pump" }
  | { readonly kind: "scan"; readonly partition: Partition }
  | { readonly kind: "audit"; readonly partition: Partition; readonly round: number }
  | { readonly kind: "answered"; readonly id: string }
  | { readonly kind: "departure" };

/** Why something was not done. Counted, for metrics. */
export type Refused =
  | "unknown-request"
  | "unknown-activation"
  | "not-on-duty"
  | "not-owner"
  | "stranger"
  | "fenced"
  | "too-many-ghosts"
  | "too-many-wants"
  | "too-many-waiters"
  | "stale-claim"
  | "duplicate-request";

/** One node's directory. */
export interface DirectoryState {
  readonly self: NodeId;
  readonly settings: ClusterSettings;
  readonly timings: Timings;
  readonly rules: Rules;
  readonly random: Random;
  readonly barrier: Barrier;
  view: View | undefined;
  /** Ids of the members of the view. */
  members: ReadonlySet<NodeId>;
  selfJoin: Epoch | undefined;
  lease: LeaseStatus;
  /** Out for good: nothing is claimed, sent or started any more. */
  isFenced: boolean;
  readonly activations: Map<string, Activation>;
  readonly byPartition: Map<Partition, Map<string, Activation>>;
  /** Claims and starts under way. */
  startingCount: number;
  /** Configurations below which an acknowledgement counts no more. */
  readonly floors: Map<Partition, Epoch>;
  readonly ghosts: Map<string, Ghost>;
  readonly requests: Map<number, Request>;
  readonly remoteSpawns: Map<string, SpawnAnswered>;
  readonly resolving: Map<string, Resolving>;
  readonly wanted: Map<string, Wanted>;
  barrierUntil: Instant | undefined;
  isBarrierOpen: boolean;
  readonly duty: DutyRecords;
  readonly relocator: Relocator;
  departure: Departure | undefined;
  readonly due: DueQueue<Due>;
  readonly calls: EngineCalls;
  /** Messages of this node to itself. */
  readonly loopback: DirectoryMessage[];
  /** Members that may run a kind in a role, in the present view. */
  readonly eligibleOf: Map<string, readonly Member[]>;
  /** Counts operations, wake-ups and rounds. */
  counter: number;
  /** Choices in turn there were: a number of their own, or some nodes would never have one. */
  turns: number;
  readonly refused: Map<Refused, number>;
}

/** The directory of a node that has just started. */
export function createDirectory(options: DirectoryOptions): DirectoryState {
  return {
    ...options,
    view: undefined,
    members: new Set(),
    selfJoin: undefined,
    lease: "none",
    isFenced: false,
    activations: new Map(),
    byPartition: new Map(),
    startingCount: 0,
    floors: new Map(),
    ghosts: new Map(),
    requests: new Map(),
    remoteSpawns: new Map(),
    resolving: new Map(),
    wanted: new Map(),
    barrierUntil: undefined,
    isBarrierOpen: false,
    duty: dutyRecords(),
    relocator: relocator(),
    departure: undefined,
    due: dueQueue(),
    calls: engineCalls(),
    loopback: [],
    eligibleOf: new Map(),
    counter: 0,
    turns: 0,
    refused: new Map(),
  };
}

/** Whether new names may be claimed and claimed ones started. */
export function mayBegin(state: DirectoryState): boolean {
  return !state.isFenced && (state.lease === "held" || !state.rules.freezeAtExpiry);
}

/** Whether there is a lease at all. */
export function hasLease(state: DirectoryState): boolean {
  return !state.isFenced && (state.lease === "held" || state.lease === "soft" || !state.rules.freezeAtExpiry);
}

/** Puts something down to be looked at in `ms`. */
export function wakeIn(state: DirectoryState, now: Instant, ms: number, due: Due): void {
  putDue(state.due, after(now, ms), due);
}

/** Sends to a node; to itself by way of the end of the step. Nothing leaves a fenced node. */
export function send(state: DirectoryState, to: NodeId, message: DirectoryMessage, out: DirectoryEffect[]): void {
  if (state.isFenced) return;
  if (to === state.self) state.loopback.push(message);
  else out.push({ kind: "send", to, message });
}

/** Counts what was refused. */
export function refuse(state: DirectoryState, why: Refused): void {
  state.refused.set(why, (state.refused.get(why) ?? 0) + 1);
}

/** The next number of this directory. */
export function nextNumber(state: DirectoryState): number {
  return ++state.counter;
}

/** A new operation id: one attempt of one node. */
export function nextOperation(state: DirectoryState): string {
  return `${state.self}#${nextNumber(state)}`;
}

/** Whether a node is certainly out: its join is not newer than our view, and the view has it not. */
export function isLost(state: DirectoryState, id: NodeId, joinEpoch: Epoch): boolean {
  return state.view !== undefined && joinEpoch <= state.view.epoch && !state.members.has(id);
}

/** Whether an acknowledgement of this version still counts. */
export function isAboveFloor(state: DirectoryState, partition: Partition, version: Version): boolean {
  return !state.rules.floor || version.cfg >= (state.floors.get(partition) ?? 0);
}
