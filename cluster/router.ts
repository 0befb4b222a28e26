/**
 * The message router of a node: user messages between the actors of a cluster, in order and at most once, wherever the
 * actors move. Pure.
 *
 * One idea: a router neither knows nor decides who holds a name. It sends to the place it was told of, and what
 * comes back is sent again, in its old order, to the place it is told of next.
 *
 * Invariants: messages of one activation to one key run in the order they were sent, each at most once. An ask ends with
 * exactly one reply or typed failure. A tell that is not run is a dead letter, unless it was lost with a link or a node.
 *
 * @module
 */
import { abortAsk, expireAsks, fenceAsks, unparkAsks } from "./router_asks.ts";
import { fenceLinks, linkLost, linkUp, readLocal, received, viewInstalled } from "./router_links.ts";
import {
  activationChanged,
  answered,
  fenceReceiving,
  flushReached,
  handedBack,
  refused,
  releaseReplies,
} from "./router_receiver.ts";
import type { RouterEffect, RouterInput } from "./router_protocol.ts";
import { fenceRoutes, forgetRoutes, resolved, send, settleAll, tickRoutes } from "./router_sender.ts";
import { hasLease, LOCAL_FRAMES_PER_STEP, type RouterState } from "./router_state.ts";
import type { LeaseStatus } from "./engine.ts";
import type { Now } from "./time.ts";

export { createRouter, type RouterCounts, type RouterState } from "./router_state.ts";

/**
 * Takes one input; what is to be done about it is appended to `out`, to be done in this order: all of it before
 * anything that a later step wants.
 */
export function stepRouter(state: RouterState, input: RouterInput, now: Now, out: RouterEffect[]): void {
  if (Number.isFinite(now.mono) && now.mono > state.now.mono) state.now = now;
  take(state, input, out);
  forgetRoutes(state, out);
  // What this node sends itself is handled before anything else comes: there is no way on which it could be late.
  for (let handled = 0; state.local.length > 0 && handled < LOCAL_FRAMES_PER_STEP;) {
    const frames = state.local;
    state.local = [];
    for (const frame of frames) readLocal(state, frame, out);
    handled += frames.length;
    forgetRoutes(state, out);
  }
}

function take(state: RouterState, input: RouterInput, out: RouterEffect[]) {
  switch (input.kind) {
    case "send":
      return send(state, input.letter, out);
    case "abortAsk":
      return abortAsk(state, input.askId);
    case "resolved":
    case "absent":
      return resolved(state, input, out);
    case "activation":
      return activationChanged(state, input);
    case "flushReached":
      return flushReached(state, input.arrived, out);
    case "refused":
      return refused(state, input.arrived, input.code, input.fate, out);
    case "answered":
      return answered(state, input.arrived, input.outcome, out);
    case "handedBack":
      return handedBack(state, input, out);
    case "linkUp":
      return linkUp(state, input.peer, input.generation, out);
    case "linkLost":
      return linkLost(state, input.peer, input.generation, out);
    case "received":
      return received(state, input.from, input.generation, input.message, out);
    case "view":
      return viewInstalled(state, input.view, out);
    case "lease":
      return leaseChanged(state, input.status, out);
    case "tick":
      expireAsks(state, out);
      return tickRoutes(state, out);
    default:
      input satisfies never;
  }
}

function leaseChanged(state: RouterState, status: LeaseStatus, out: RouterEffect[]) {
  if (state.lease === "fenced") return; // For this identity of the process there is no way back.
  state.lease = status;
  if (status === "fenced") {
    fenceRoutes(state, out);
    fenceAsks(state, out);
    fenceReceiving(state);
    fenceLinks(state, out);
    return;
  }
  if (!hasLease(state)) return;
  unparkAsks(state, out);
  releaseReplies(state, out);
  settleAll(state, undefined, out);
}
