/**
 * The receiver's side of the message router: which messages go into the mailboxes of this node's activations, and which
 * go back. Pure.
 *
 * One idea: after one bounce everything on the same route bounces until its flush has come, so what is sent again
 * never overtakes what is still on its way; and while an activation may still hand its mailbox back, everything for it
 * goes through that mailbox, so what comes back comes back in order.
 *
 * Invariant: what is bounced was never run here and never will be.
 *
 * @module
 */
import type { Fate } from "../core/failure.ts";
import type { NodeId } from "../core/ids.ts";
import type { PublicStatus } from "./directory_protocol.ts";
import { isSameVersion, type Version } from "./engine.ts";
import type {
  Arrived,
  AskOutcome,
  BounceReason,
  FlushFrame,
  Place,
  RouterEffect,
  RouterInput,
  RouterMessage,
  UserFrame,
} from "./router_protocol.ts";
import { bury, failureOf, generationTo, hasLease, HELD_REPLIES_MAX, post, type RouterState } from "./router_state.ts";

/** Routes of one peer that bounce. At the limit messages fail where they would be bounced. */
export const BOUNCING_ROUTES_MAX = 100_000;

/** An activation of this node that takes messages. */
interface Receiver {
  readonly token: Version;
  status: PublicStatus;
  /** Messages given to its mailbox so far. */
  enqueued: number;
  /** It has stopped and begun to hand its mailbox back; what is still on its way there will be handed back too. */
  isReturning: boolean;
}

/** What the receiving side remembers. */
export interface Receiving {
  /** By key. Two at a time only while the older one is handing back. */
  readonly receivers: Map<string, Receiver[]>;
  /** By peer: the keys whose route bounces. Ends with the link. */
  readonly bouncing: Map<NodeId, Set<string>>;
  /** Replies made while the lease was out. */
  heldReplies: { readonly arrived: Arrived; readonly outcome: AskOutcome }[];
}

/** Nothing runs here. */
export function createReceiving(): Receiving {
  return { receivers: new Map(), bouncing: new Map(), heldReplies: [] };
}

/** A message has arrived for an actor that is, was, or should be here. */
export function userArrived(
  state: RouterState,
  from: NodeId,
  generation: number,
  frame: UserFrame,
  out: RouterEffect[],
): void {
  const { rules } = state;
  const arrived: Arrived = { from, generation, at: state.now.mono, frame };
  const receiver = receiverFor(state, frame);
  if (receiver?.isReturning === true) return enqueue(frame, receiver, arrived, out);
  if (rules.stickyBounce && state.receiving.bouncing.get(from)?.has(frame.target) === true) {
    return bounce(state, arrived, frame, "moved", undefined, out);
  }
  if (receiver === undefined) return bounce(state, arrived, frame, "not-here", undefined, out);
  const isFrozen = receiver.status === "paused" || !hasLease(state);
  const isTaking = (rules.frozenEnqueues || !isFrozen) && (rules.handingEnqueues || receiver.status !== "handing");
  if (isTaking) enqueue(frame, receiver, arrived, out);
  else bounce(state, arrived, frame, "moved", undefined, out);
}

/** A flush has arrived: it follows the messages before it, as far as they got. */
export function flushArrived(
  state: RouterState,
  from: NodeId,
  generation: number,
  frame: FlushFrame,
  out: RouterEffect[],
): void {
  const arrived: Arrived = { from, generation, at: state.now.mono, frame };
  // For an activation that is not here every message since the last flush has bounced already.
  const receiver = receiverFor(state, frame);
  if (receiver !== undefined && state.rules.flushThroughMailbox) enqueue(frame, receiver, arrived, out);
  else flushReached(state, arrived, out);
}

/** A flush is through: the sender may use another place, and its messages are welcome here again. */
export function flushReached(state: RouterState, { from, generation, frame }: Arrived, out: RouterEffect[]): void {
  if (frame.kind !== "flush" || generationTo(state, from) !== generation) {
    state.counts.refused++; // The end of its link has flushed it.
    return;
  }
  setBouncing(state, from, frame.target, false);
  post(state, from, generation, { kind: "flushAck", flushId: frame.flushId }, out);
}

/** An activation of this node has changed. */
export function activationChanged(
  state: RouterState,
  { key, token, status }: Extract<RouterInput, { kind: "activation" }>,
): void {
  const { receivers } = state.receiving;
  const known = receivers.get(key) ?? [];
  const receiver = known.find((one) => isSameVersion(one.token, token));
  switch (status) {
    case "gone":
      // What its thread has not seen yet still comes back through it.
      if (receiver?.isReturning === false) drop(state, key, receiver);
      return;
    case "starting":
    case "live":
    case "paused":
    case "handing":
    case "stopping":
      if (receiver !== undefined) receiver.status = status;
      else receivers.set(key, [...known, { token, status, enqueued: 0, isReturning: false }]);
      return;
    default:
      status satisfies never;
  }
}

/** An activation has stopped and gives back what it did not run. */
export function handedBack(
  state: RouterState,
  { key, token, items, through, reason, hint }: Extract<RouterInput, { kind: "handedBack" }>,
  out: RouterEffect[],
): void {
  const receiver = state.receiving.receivers.get(key)?.find((one) => isSameVersion(one.token, token));
  for (const arrived of items) {
    const { frame } = arrived;
    if (frame.kind === "flush") flushReached(state, arrived, out);
    else bounce(state, arrived, frame, reason, hint, out);
  }
  if (receiver === undefined) return;
  receiver.isReturning = true;
  if (!(through < receiver.enqueued)) drop(state, key, receiver);
}

/** The host does not take a message. It fails; bounced, it would only come again. */
export function refused(state: RouterState, arrived: Arrived, code: string, fate: Fate, out: RouterEffect[]): void {
  const { frame } = arrived;
  if (frame.kind === "flush") flushReached(state, arrived, out);
  else failHere(state, arrived, frame, code, fate, out);
}

/** A handler has answered. While the lease is out nothing leaves: the answer waits with it. */
export function answered(state: RouterState, arrived: Arrived, outcome: AskOutcome, out: RouterEffect[]): void {
  if (state.rules.freezeAtExpiry && !hasLease(state)) {
    if (state.receiving.heldReplies.length < HELD_REPLIES_MAX) state.receiving.heldReplies.push({ arrived, outcome });
    else state.counts.lostReplies++;
    return;
  }
  const { from, generation, frame } = arrived;
  if (frame.kind !== "user" || frame.askId === undefined) {
    state.counts.refused++;
    return;
  }
  // By another link it would come after that link's end has ended the ask.
  if (generationTo(state, from) === generation) {
    post(state, from, generation, { kind: "reply", askId: frame.askId, outcome }, out);
  } else state.counts.lostReplies++;
}

/** The lease is back: the answers made meanwhile leave. */
export function releaseReplies(state: RouterState, out: RouterEffect[]): void {
  const held = state.receiving.heldReplies;
  state.receiving.heldReplies = [];
  for (const { arrived, outcome } of held) answered(state, arrived, outcome, out);
}

/** Forgets what belongs to a link that has ended. */
export function receivingLinkEnded(state: RouterState, peer: NodeId): void {
  state.receiving.bouncing.delete(peer);
}

/** Ends everything: this node is out of the cluster, and its activations are dropped. */
export function fenceReceiving(state: RouterState): void {
  state.counts.lostReplies += state.receiving.heldReplies.length;
  state.receiving.heldReplies = [];
  state.receiving.receivers.clear();
  state.receiving.bouncing.clear();
}

/** A message of a peer that is not handled here at all. */
export function refuseMessage(state: RouterState, message: RouterMessage, reason: string, out: RouterEffect[]): void {
  state.counts.refused++;
  if (message.kind === "user") bury(state, message, reason, out);
  // The ask of a bounced one ends by itself: with its link, its node, or its deadline.
  if (message.kind === "bounced" && message.frame.askId === undefined) bury(state, message.frame, reason, out);
}

function receiverFor(state: RouterState, frame: UserFrame | FlushFrame): Receiver | undefined {
  const known = state.receiving.receivers.get(frame.target);
  return state.rules.tokenAtDelivery ? known?.find((one) => isSameVersion(one.token, frame.token)) : known?.at(-1);
}

function enqueue(frame: UserFrame | FlushFrame, receiver: Receiver, arrived: Arrived, out: RouterEffect[]) {
  receiver.enqueued++;
  out.push({ kind: "enqueue", key: frame.target, token: receiver.token, number: receiver.enqueued, arrived });
}

function bounce(
  state: RouterState,
  arrived: Arrived,
  frame: UserFrame,
  reason: BounceReason,
  hint: Place | undefined,
  out: RouterEffect[],
) {
  const { from } = arrived;
  const generation = generationTo(state, from);
  const isOld = generation !== arrived.generation;
  if (generation === undefined || (isOld && state.rules.oldLinkNeverBounces)) {
    return bury(state, frame, "old-link", out);
  }
  if (!isOld && !setBouncing(state, from, frame.target, true)) {
    return failHere(state, arrived, frame, "buffer-full", "not-delivered", out);
  }
  post(state, from, generation, { kind: "bounced", frame, reason, hint }, out);
}

/** Fails a message here: its asker is told, a tell is a dead letter. */
function failHere(
  state: RouterState,
  arrived: Arrived,
  frame: UserFrame,
  code: string,
  fate: Fate,
  out: RouterEffect[],
) {
  if (frame.askId === undefined) bury(state, frame, code, out);
  else answered(state, arrived, failureOf(code, fate, frame.target), out);
}

/** Whether it is noted. */
function setBouncing(state: RouterState, peer: NodeId, key: string, isOn: boolean): boolean {
  const { bouncing } = state.receiving;
  const keys = bouncing.get(peer);
  if (!isOn) {
    keys?.delete(key);
    if (keys?.size === 0) bouncing.delete(peer);
    return true;
  }
  if (keys === undefined) bouncing.set(peer, new Set([key]));
  else if (keys.size >= BOUNCING_ROUTES_MAX && !keys.has(key)) return false;
  else keys.add(key);
  return true;
}

function drop(state: RouterState, key: string, receiver: Receiver) {
  const { receivers } = state.receiving;
  const left = (receivers.get(key) ?? []).filter((one) => one !== receiver);
  if (left.length === 0) receivers.delete(key);
  else receivers.set(key, left);
}
