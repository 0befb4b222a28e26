/**
 * The asks this node waits for, and how each ends. Pure; mutable, for one owner.
 *
 * One idea: the asker's node keeps the deadline, so an ask ends whatever becomes of everybody else. While the lease is
 * out, the ends of asks of clustered actors are parked: telling them would run their code.
 *
 * Invariant: each ask taken ends with exactly one `reply` or `failed`, unless it is aborted. What comes later is counted.
 *
 * @module
 */
import type { Fate } from "../core/failure.ts";
import { WAIT_MS_MAX } from "../core/limits.ts";
import { after, type Instant, type NodeId } from "../core/ids.ts";
import type { TimerEntry, TimerWheel } from "../core/timer_wheel.ts";
import type { AskOutcome, Letter, RouterEffect } from "./router_protocol.ts";
import { hasLease, type RouterState } from "./router_state.ts";

/** Asks of one node that wait for their end, parked ones included. At the limit: `asks-full`. */
export const NODE_ASKS_MAX: number = 1 << 20;

/** An ask that has not ended. */
export interface PendingAsk extends TimerEntry {
  readonly id: number;
  readonly deadline: Instant;
  /** Whether a clustered actor asks: then its end waits for the lease. */
  readonly isClustered: boolean;
  /** The node that has its message; `undefined` while the message waits here. */
  to: NodeId | undefined;
}

type AskEnd = Extract<RouterEffect, { readonly kind: "reply" | "failed" }>;

/** All asks of a node. */
export interface PendingAsks {
  readonly pending: Map<number, PendingAsk>;
  readonly wheel: TimerWheel<PendingAsk>;
  /** Ends that are told when the lease returns, by ask. */
  readonly parked: Map<number, AskEnd>;
}

/** No asks. */
export function createPendingAsks(wheel: TimerWheel<PendingAsk>): PendingAsks {
  return { pending: new Map(), wheel, parked: new Map() };
}

/** Begins to wait; the code it is refused with otherwise. */
export function takeAsk(state: RouterState, letter: Letter): "ask-id-taken" | "asks-full" | undefined {
  const { ask } = letter;
  if (ask === undefined) return undefined;
  const { pending, parked, wheel } = state.asks;
  if (pending.has(ask.id) || parked.has(ask.id)) return "ask-id-taken";
  if (pending.size + parked.size >= NODE_ASKS_MAX) return "asks-full";
  const present = state.now.mono;
  // A deadline that is none, or years away, is a caller's mistake: it waits for nothing, or for the longest wait.
  const waitMs = ask.deadline - present > 0 ? Math.min(ask.deadline - present, WAIT_MS_MAX) : 0;
  const entry: PendingAsk = {
    id: ask.id,
    deadline: after(present, waitMs),
    isClustered: letter.sender !== undefined,
    to: undefined,
    dueMs: 0,
    wheelNext: undefined,
    wheelPrevious: undefined,
  };
  pending.set(ask.id, entry);
  wheel.schedule(entry, entry.deadline);
  return undefined;
}

/** Ends an ask with what its handler said. Only the node that has its message can know. */
export function replyArrived(
  state: RouterState,
  from: NodeId,
  askId: number,
  outcome: AskOutcome,
  out: RouterEffect[],
): void {
  const ask = state.asks.pending.get(askId);
  if (ask === undefined || ask.to !== from) state.counts.lateReplies++;
  else end(state, ask, { kind: "reply", askId, outcome }, out);
}

/** Ends an ask otherwise. Nothing happens when it has ended already. */
export function failAsk(state: RouterState, askId: number, code: string, fate: Fate, out: RouterEffect[]): void {
  const ask = state.asks.pending.get(askId);
  if (ask !== undefined) end(state, ask, { kind: "failed", askId, code, fate }, out);
}

/** Forgets an ask: its caller waits no more. */
export function abortAsk(state: RouterState, askId: number): void {
  const { pending, wheel, parked } = state.asks;
  const ask = pending.get(askId);
  if (ask !== undefined) wheel.cancel(ask);
  pending.delete(askId);
  parked.delete(askId);
}

/** Ends the asks whose message a node has: whether it ran is not known. */
export function failAsksAt(state: RouterState, node: NodeId, code: string, out: RouterEffect[]): void {
  for (const ask of [...state.asks.pending.values()]) {
    if (ask.to === node) end(state, ask, { kind: "failed", askId: ask.id, code, fate: "unknown" }, out);
  }
}

/** Ends the asks whose deadline has come. A message that waits here has certainly not run. */
export function expireAsks(state: RouterState, out: RouterEffect[]): void {
  state.asks.wheel.advance(state.now.mono, (ask) => {
    const fate = ask.to === undefined ? "not-delivered" : "unknown";
    end(state, ask, { kind: "failed", askId: ask.id, code: "ask-timeout", fate }, out);
  });
}

/** Tells what was parked, in order. */
export function unparkAsks(state: RouterState, out: RouterEffect[]): void {
  for (const parked of state.asks.parked.values()) out.push(parked);
  state.asks.parked.clear();
}

/** Ends all asks of a node that is out of the cluster. */
export function fenceAsks(state: RouterState, out: RouterEffect[]): void {
  const { pending, parked, wheel } = state.asks;
  for (const [askId, parkedEnd] of parked) {
    // Whoever asked is dropped with its activation: a reply is for nobody any more.
    if (parkedEnd.kind === "failed") out.push(parkedEnd);
    else out.push({ kind: "failed", askId, code: "fenced", fate: "unknown" });
  }
  parked.clear();
  for (const ask of pending.values()) {
    wheel.cancel(ask);
    out.push({
      kind: "failed",
      askId: ask.id,
      code: "fenced",
      fate: ask.to === undefined ? "not-delivered" : "unknown",
    });
  }
  pending.clear();
}

function end(state: RouterState, ask: PendingAsk, effect: AskEnd, out: RouterEffect[]) {
  state.asks.pending.delete(ask.id);
  state.asks.wheel.cancel(ask);
  if (ask.isClustered && state.rules.parkWhileFrozen && !hasLease(state)) state.asks.parked.set(ask.id, effect);
  else out.push(effect);
}
