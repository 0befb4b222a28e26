/**
 * What a message router remembers, and the few ways in which anything leaves it. Pure; mutable, for one owner.
 *
 * One idea: one state for both sides of the router, because a message to an actor of this node takes the same way as
 * any other: it is posted, received, enqueued or bounced, only without a link between.
 *
 * Invariant: whatever can grow here has a limit below, and whoever meets it is told.
 *
 * @module
 */
import type { Fate } from "../core/failure.ts";
import { type Epoch, epoch, type NodeId } from "../core/ids.ts";
import { TimerWheel } from "../core/timer_wheel.ts";
import type { LeaseStatus } from "./engine.ts";
import { createPendingAsks, type PendingAsks } from "./router_asks.ts";
import { createRoutes, type Routes } from "./router_routes.ts";
import { createReceiving, type Receiving } from "./router_receiver.ts";
import type {
  AskOutcome,
  DeadLetterReason,
  Letter,
  RouterEffect,
  RouterMessage,
  UserFrame,
} from "./router_protocol.ts";
import type { Rules } from "./rules.ts";
import type { Now } from "./time.ts";

/** Frames of one link that wait for a view. At the limit the link is closed: what it carried ends as with any lost link. */
export const HELD_FRAMES_MAX = 4_096;
/** Bytes of messages of one link that wait for a view. At the limit as {@link HELD_FRAMES_MAX}. */
export const HELD_BYTES_MAX: number = 16 << 20;
/** Replies of handlers that wait for the lease to return. At the limit the reply is lost, and its asker times out. */
export const HELD_REPLIES_MAX: number = 1 << 14;
/** Frames to this node itself that one step handles, so that it ends; the rest is left to the next. */
export const LOCAL_FRAMES_PER_STEP: number = 1 << 16;

/** One link that is up, as the router sees it. */
export interface RouterLink {
  readonly generation: number;
  /** The last epoch its other end has named; `0` before the first. Nothing counts before. */
  mark: Epoch;
  /** The last epoch this end has named; `0` before the first. */
  marked: Epoch;
  /** What came after a mark this node has not reached, in order. */
  held: RouterMessage[];
  heldBytes: number;
  /** Nothing more is read from it: it was told to close. */
  isClosing: boolean;
}

/** How often what should be rare has happened. */
export interface RouterCounts {
  /** Replies to asks that had ended. */
  lateReplies: number;
  /** Replies whose asker cannot be reached by the link the ask came by, or that did not fit. */
  lostReplies: number;
  /** Messages that came back, from anywhere. */
  bounces: number;
  /** … of asks that had ended. */
  lateBounces: number;
  /** Messages that nothing here is responsible for: old links, strangers, answers nobody waits for. */
  refused: number;
  deadLetters: number;
}

/** The state of a router. Made by `createRouter`, changed by `stepRouter`. */
export interface RouterState {
  readonly self: NodeId;
  readonly rules: Rules;
  now: Now;
  lease: LeaseStatus;
  epoch: Epoch;
  members: ReadonlySet<NodeId>;
  readonly links: Map<NodeId, RouterLink>;
  readonly asks: PendingAsks;
  readonly routes: Routes;
  readonly receiving: Receiving;
  /** Frames from this node to itself, until the step ends. */
  local: RouterMessage[];
  readonly counts: RouterCounts;
}

/** A router that knows no view and has no lease. */
export function createRouter(self: NodeId, rules: Rules, now: Now): RouterState {
  return {
    self,
    rules,
    now,
    lease: "none",
    epoch: epoch(0),
    members: new Set(),
    links: new Map(),
    asks: createPendingAsks(new TimerWheel(now.mono)),
    routes: createRoutes(),
    receiving: createReceiving(),
    local: [],
    counts: { lateReplies: 0, lostReplies: 0, bounces: 0, lateBounces: 0, refused: 0, deadLetters: 0 },
  };
}

/** Whether clustered actors of this node may run and send. */
export function hasLease(state: RouterState): boolean {
  return state.lease === "held" || state.lease === "soft";
}

/** The generation of the link to a node by which messages may go now; `0` for this node itself. */
export function generationTo(state: RouterState, node: NodeId): number | undefined {
  if (node === state.self) return 0;
  const link = state.links.get(node);
  return link === undefined || link.isClosing || !state.members.has(node) ? undefined : link.generation;
}

/**
 * Sends by the present link, after a mark when the view has changed since the last message. The caller has asked
 * {@link generationTo}. An idle link needs no mark: in a cluster of a thousand all would tell all of every view.
 */
export function post(
  state: RouterState,
  to: NodeId,
  generation: number,
  message: RouterMessage,
  out: RouterEffect[],
): void {
  if (to === state.self) return void state.local.push(message);
  const link = state.links.get(to);
  if (link?.generation === generation && link.marked !== state.epoch) mark(state, to, link, out);
  out.push({ kind: "transmit", to, generation, message });
}

/** Names the installed view on a link. */
export function mark(state: RouterState, to: NodeId, link: RouterLink, out: RouterEffect[]): void {
  link.marked = state.epoch;
  out.push({
    kind: "transmit",
    to,
    generation: link.generation,
    message: { kind: "epochMark", epoch: state.epoch },
  });
}

/** Says that a message will be seen by no handler. */
export function bury(
  state: RouterState,
  frame: UserFrame | Letter,
  reason: DeadLetterReason,
  out: RouterEffect[],
): void {
  state.counts.deadLetters++;
  const askId = "ask" in frame ? frame.ask?.id : frame.askId;
  const { target, actorKind, sender, payload } = frame;
  out.push({ kind: "deadLetter", target, actorKind, sender, askId, payload, reason });
}

/** A failure for an asker, as it travels. */
export function failureOf(code: string, fate: Fate, target: string): AskOutcome {
  const message = `Cannot deliver to ${target}: ${code}`;
  return { kind: "failed", failure: { code, message, fate, details: {} } };
}

/** A size that can be added up, whatever was said. */
export function saneBytes(bytes: number): number {
  return Number.isFinite(bytes) && bytes > 0 ? Math.ceil(bytes) : 0; // Whole, so that sums stay exact.
}
