/**
 * The life of an activation as the directory of its node sees it: from the claim of its name to the release of it.
 * Data, and a table of moves.
 *
 * One idea: a name is held longer than its actor lives. It is claimed before the actor starts and released after it
 * has stopped, so between any two actors of one name lies an acknowledged write.
 *
 * Invariant: towards a registry that is built anew an activation holds its name until its actor has stopped. From then on
 * it has let go of it, whatever the registry says.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { Instant, NodeId, Partition } from "../core/ids.ts";
import type { Claim, PublicStatus } from "./directory_protocol.ts";
import type { Expected, RegistryRecord, Version } from "./engine.ts";

/** Where an activation stands. */
export type ActivationStatus =
  /** Its compare-and-set is under way, and repeated under one operation id until its fate is known. */
  | "claiming"
  /** The name is ours; its `onStart` runs, or waits for the lease. */
  | "starting"
  | "live"
  /** Live, but the lease is soft or out: memory is kept, nothing runs. */
  | "paused"
  /** Stopping, or stopped, to go on with another node, which is asked to take the name. */
  | "handing"
  | "stopping"
  /** Stopped; the release is repeated until it is acknowledged. */
  | "releasing"
  /** Stopping without a name: fenced, or the registry names another. */
  | "lost";

/** Who may follow whom. An activation ends (is forgotten) from `claiming`, `handing`, `releasing` and `lost`. */
export const ACTIVATION_MOVES: Readonly<Record<ActivationStatus, readonly ActivationStatus[]>> = {
  claiming: ["starting", "releasing"],
  starting: ["live", "paused", "handing", "stopping", "releasing", "lost"],
  live: ["paused", "handing", "stopping", "releasing", "lost"],
  paused: ["live", "handing", "stopping", "releasing", "lost"],
  handing: ["stopping", "releasing", "lost"],
  stopping: ["releasing", "lost"],
  releasing: ["lost"],
  lost: [],
};

/** Who is told what becomes of a claim. */
export type Waiter =
  | { readonly kind: "request"; readonly requestId: number }
  | { readonly kind: "remote"; readonly from: NodeId; readonly requestId: number }
  | { readonly kind: "handoff"; readonly from: NodeId; readonly version: Version }
  | { readonly kind: "hint"; readonly from: NodeId; readonly expect: Expected };

/** How far a handoff has come. */
export interface Handing {
  snapshot: Uint8Array | undefined;
  target: NodeId | undefined;
  /** Sends to the present target. */
  sends: number;
  readonly refusedBy: Set<NodeId>;
}

/** One activation of this node. Changes in place; one directory has it. */
export interface Activation {
  readonly key: string;
  readonly partition: Partition;
  readonly claim: Claim;
  status: ActivationStatus;
  /** Names the attempt that claims, or claimed, the name. */
  opId: string;
  expect: Expected;
  /** What it was first asked to replace. */
  readonly origin: Expected;
  /** What the acknowledged claim wrote, and the version of it: the fencing token. */
  record: RegistryRecord | undefined;
  token: Version | undefined;
  /** Handed along by the last holder. */
  snapshot: Uint8Array | undefined;
  /** A request to the engine about it is out. */
  isCalling: boolean;
  /** Some attempt under this operation id may still take effect although it was not acknowledged. */
  isUncertain: boolean;
  /** The host was told to start it. */
  isStartSent: boolean;
  /** The host was told to stop it. */
  isStopSent: boolean;
  /** The host said that it has stopped, or it never started. */
  isStopped: boolean;
  /** When a claim that is not acknowledged is given up. */
  giveUpAt: Instant;
  /** What the receiver of messages was told last. */
  told: PublicStatus;
  /** Distinguishes the last wake-up that was put down for it from earlier ones. */
  wake: number;
  readonly waiters: Waiter[];
  /** Who waits for its end. */
  readonly stopWaiters: Waiter[];
  handing: Handing | undefined;
}

/** Moves an activation on. */
export function moveTo(activation: Activation, status: ActivationStatus): void {
  assert(
    ACTIVATION_MOVES[activation.status].includes(status),
    `an activation that is ${activation.status} never becomes ${status}`,
  );
  activation.status = status;
}

/** Whether it holds its name, and is not on its way out. */
export function isHolding(activation: Activation): boolean {
  return activation.status === "starting" || activation.status === "live" || activation.status === "paused";
}

/**
 * Whether nobody else may have its name yet, should the registry be built anew: its actor runs, will run, or has not
 * stopped. One that has stopped may live elsewhere already, by a handoff whose answer was lost.
 */
export function mayStillRun(activation: Activation): boolean {
  if (isHolding(activation)) return true;
  return (activation.status === "handing" || activation.status === "stopping") && !activation.isStopped;
}

/** What the receiver of messages is told. */
export function publicStatus(activation: Activation): PublicStatus {
  const { status } = activation;
  switch (status) {
    case "starting":
    case "live":
    case "paused":
      return status;
    case "handing":
      return activation.isStopped ? "gone" : "handing";
    case "stopping":
    case "lost":
      return activation.isStopped ? "gone" : "stopping";
    case "claiming":
    case "releasing":
      return "gone";
    default:
      return status satisfies never;
  }
}
