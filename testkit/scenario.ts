/**
 * What is put into a world and who watches it: scenarios, checkers, and what checkers see. Pure types, and the error a
 * checker throws.
 *
 * One idea: a checker knows everything at once, the real time, all processes, who is cut off from whom. What no node can
 * know is exactly what has to be checked.
 *
 * Invariant: checkers watch. A run with them is the same run as one without, until one of them throws.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import type { Now } from "../cluster/time.ts";
import type { FaultPlan } from "./fault_plan.ts";
import type { ProcessInput, SimulatedProcess, Subject } from "./process.ts";

/** One host with the process that runs on it. */
export interface WorldNode<P> {
  /** Index of the host, from 0. */
  readonly host: number;
  readonly address: string;
  /** Whether a process of the operating system runs. It may be without identity for some milliseconds. */
  readonly isUp: boolean;
  /** Whether it is paused or suspended at the moment. */
  readonly isStill: boolean;
  /** Whether it stays down for the rest of the run. */
  readonly isGone: boolean;
  /** The present process; the last one of a host that is down is not here. */
  readonly process: P | undefined;
}

/** How a process ended. */
export type ProcessEnd = "crash" | "retire";

/** Where a run is: faults may happen; all is mended and the cluster has to become well; it has, or has not. */
export type Phase = "chaos" | "healed" | "over";

/** What checkers and scenarios may look at. */
export interface World<O, P> {
  /** Real simulated milliseconds since the run began. */
  readonly nowMs: number;
  readonly phase: Phase;
  readonly plan: FaultPlan<O>;
  /** All hosts, by index. */
  readonly nodes: readonly WorldNode<P>[];
  /** What the clocks of a host show now. */
  clockOf(node: WorldNode<P>): Now;
  /** How fast the clocks of a host run: `1` is exact. */
  rateOf(node: WorldNode<P>): number;
  /** The host on which a process with this id lives now. */
  nodeOf(id: NodeId): WorldNode<P> | undefined;
  /** Whether nothing gets from one host to another at the moment. */
  isBlocked(fromHost: number, toHost: number): boolean;
}

/** Watches a run, and throws a {@link SimulationViolation} when a promise is broken. */
export interface Checker<F, O, N, P> {
  readonly name: string;
  onBorn?(world: World<O, P>, node: WorldNode<P>, newborn: P): void;
  onEnded?(world: World<O, P>, node: WorldNode<P>, ended: P, end: ProcessEnd): void;
  onNote?(world: World<O, P>, node: WorldNode<P>, note: N): void;
  /** After each step, when its effects are performed. */
  onStep?(world: World<O, P>, node: WorldNode<P>, input: ProcessInput<F, O>): void;
  /** When everything has been mended. */
  onHealed?(world: World<O, P>): void;
  /** After the cluster has become well. */
  onEnd?(world: World<O, P>): void;
}

/** Who plays in one run: made anew for each. */
export interface Cast<F, O, N, P extends SimulatedProcess<F, O, N>> {
  readonly subject: Subject<F, O, N, P>;
  readonly checkers: readonly Checker<F, O, N, P>[];
  /** After the healing: why the cluster is not well yet; `undefined` when it is. Without it none has to become well. */
  converged?(world: World<O, P>): string | undefined;
  /** Asked once when everything has been mended: what users ask for then. */
  operationsWhenHealed?(world: World<O, P>): readonly { readonly host: number; readonly operation: O }[];
}

/** Makes the cast for a plan. */
export interface Scenario<F, O, N, P extends SimulatedProcess<F, O, N>> {
  readonly name: string;
  begin(plan: FaultPlan<O>): Cast<F, O, N, P>;
}

/** A broken promise. */
export class SimulationViolation extends Error {
  override readonly name = "SimulationViolation";
  /** Which checker, or part of the simulator, says so. */
  readonly checker: string;
  /** Simulated milliseconds; `-1` until the run fills it in. */
  atMs = -1;

  constructor(checker: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.checker = checker;
  }
}
