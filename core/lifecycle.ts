/**
 * The life of a cell as a table, and the words for why a life begins and ends. Pure.
 *
 * @module
 */
import { assert } from "./assert.ts";

/**
 * - `created`: waits for its first turn; messages wait.
 * - `starting`: its state is being loaded or its `onStart` runs; messages wait.
 * - `running`: takes messages.
 * - `awaiting`: a handler waits for a promise; only reentrant handlers may start.
 * - `restarting`: failed, waits for its children to end and its backoff to pass; messages wait.
 * - `stopping`: takes no more; its children end, then its `onStop` runs.
 * - `stopped`: gone; the name is free.
 */
export type CellStatus = "created" | "starting" | "running" | "awaiting" | "restarting" | "stopping" | "stopped";

/** Why a life begins. */
export type StartReason = "spawn" | "activation" | "restart" | "worker-lost";

/**
 * Why a life ends.
 *
 * - `stop`: it was asked to, or asked itself.
 * - `passivated`: it was idle; a grain comes back with its next message.
 * - `failed`: its supervision said stop.
 * - `restart-budget-spent`: it failed more often than its supervision allows.
 * - `start-failed`: it never ran.
 * - `fenced`: another activation wrote its stored state under a higher token, or has its name in the cluster.
 * - `moved`: it goes on at another node.
 * - `parent-stopped`, `system-stopping`, `worker-lost`: what it lived on ended.
 * - `node-lost`: the node it ran on was removed from the cluster (told to who watches it); it may begin again elsewhere.
 * - `not-found`: there was no such actor (told to who watches it).
 */
export type StopReason =
  | "stop"
  | "passivated"
  | "failed"
  | "restart-budget-spent"
  | "start-failed"
  | "fenced"
  | "moved"
  | "parent-stopped"
  | "system-stopping"
  | "worker-lost"
  | "node-lost"
  | "not-found";

/** Every reason, for decoding. */
export const STOP_REASONS: readonly StopReason[] = [
  "stop",
  "passivated",
  "failed",
  "restart-budget-spent",
  "start-failed",
  "fenced",
  "moved",
  "parent-stopped",
  "system-stopping",
  "worker-lost",
  "node-lost",
  "not-found",
];

/** Every move a cell may make. A pair missing here is a bug, not an event. */
const ALLOWED: Readonly<Record<CellStatus, readonly CellStatus[]>> = {
  created: ["starting", "stopping"],
  starting: ["running", "restarting", "stopping"],
  running: ["awaiting", "restarting", "stopping"],
  awaiting: ["running", "restarting", "stopping"],
  restarting: ["starting", "stopping"],
  stopping: ["stopped"],
  stopped: [],
};

/** Checks one move of a cell and returns its new status. */
export function moved(from: CellStatus, to: CellStatus): CellStatus {
  assert(ALLOWED[from].includes(to), `a cell may go from ${from} to ${to}`);
  return to;
}
