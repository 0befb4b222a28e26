/**
 * What arrives over links, and in which order it is read. Pure.
 *
 * One idea: on a new link, and before the first message under each later view, a node names the epoch of its view. Who
 * is behind keeps what follows the mark until it has that view too, so it never hears a new holder before it has stopped
 * listening to the old one.
 *
 * Invariant: of each pair of nodes one link is read, the newest; it is read in order, from its first mark on, and only
 * while the node at its other end is a member.
 *
 * @module
 */
import { type Epoch, epoch, type NodeId } from "../core/ids.ts";
import { replyArrived } from "./router_asks.ts";
import { flushArrived, receivingLinkEnded, refuseMessage, userArrived } from "./router_receiver.ts";
import type { RouterEffect, RouterMessage } from "./router_protocol.ts";
import { bounced, flushAcked, peerEnded, settleAll } from "./router_sender.ts";
import { HELD_BYTES_MAX, HELD_FRAMES_MAX, mark, type RouterLink, type RouterState, saneBytes } from "./router_state.ts";
import type { View } from "./view.ts";

/** A link is up; it takes the place of any older one of its pair. */
export function linkUp(state: RouterState, peer: NodeId, generation: number, out: RouterEffect[]): void {
  const older = state.links.get(peer);
  if (peer === state.self || (older !== undefined && !(generation > older.generation))) {
    state.counts.refused++;
    return;
  }
  if (older !== undefined) endLink(state, peer, older, "link-lost", out);
  const link: RouterLink = {
    generation,
    mark: epoch(0),
    marked: epoch(0),
    held: [],
    heldBytes: 0,
    isClosing: false,
  };
  state.links.set(peer, link);
  if (state.epoch > 0) mark(state, peer, link, out);
  settleAll(state, peer, out);
}

/** A link has ended. */
export function linkLost(state: RouterState, peer: NodeId, generation: number, out: RouterEffect[]): void {
  const link = state.links.get(peer);
  if (link?.generation === generation) endLink(state, peer, link, "link-lost", out);
}

/** A view is installed: what waited for it is read. */
export function viewInstalled(state: RouterState, view: View, out: RouterEffect[]): void {
  if (!(view.epoch > state.epoch)) return;
  const before = state.members;
  state.epoch = view.epoch;
  state.members = new Set(view.members.map(({ id }) => id));
  for (const peer of before) {
    if (state.members.has(peer)) continue;
    const link = state.links.get(peer);
    if (link !== undefined) endLink(state, peer, link, "node-lost", out);
    else peerEnded(state, peer, "node-lost", out);
  }
  settleAll(state, undefined, out);
  for (const [peer, link] of [...state.links]) readHeld(state, peer, link, out);
}

/** A frame has arrived. */
export function received(
  state: RouterState,
  from: NodeId,
  generation: number,
  message: RouterMessage,
  out: RouterEffect[],
): void {
  const link = state.links.get(from);
  if (link?.generation !== generation || link.isClosing) {
    if (message.kind === "user" && !state.rules.linkGeneration) userArrived(state, from, generation, message, out);
    else refuseMessage(state, message, "old-link", out);
    return;
  }
  if (message.kind === "epochMark" && message.epoch > state.epoch) {
    out.push({ kind: "viewWanted", from, epoch: message.epoch });
  }
  if (link.held.length > 0 || link.mark > state.epoch) hold(state, from, link, message, out);
  else read(state, from, link, message, out);
}

/** Ends all links: this node is out of the cluster. */
export function fenceLinks(state: RouterState, out: RouterEffect[]): void {
  for (const [peer, link] of [...state.links]) endLink(state, peer, link, "node-lost", out);
}

/** A frame of this node to itself: there is no link, and nothing to wait for. */
export function readLocal(state: RouterState, message: RouterMessage, out: RouterEffect[]): void {
  dispatch(state, state.self, 0, message, out);
}

function read(state: RouterState, from: NodeId, link: RouterLink, message: RouterMessage, out: RouterEffect[]) {
  if (message.kind === "epochMark") {
    if (state.rules.epochMarks || link.mark === 0) link.mark = laterOf(link.mark, message.epoch, state);
  } else if (link.mark === 0 || !state.members.has(from)) refuseMessage(state, message, "sender-gone", out);
  else dispatch(state, from, link.generation, message, out);
}

function dispatch(state: RouterState, from: NodeId, generation: number, message: RouterMessage, out: RouterEffect[]) {
  switch (message.kind) {
    case "user":
      return userArrived(state, from, generation, message, out);
    case "flush":
      return flushArrived(state, from, generation, message, out);
    case "bounced":
      return bounced(state, from, message, out);
    case "flushAck":
      return flushAcked(state, from, message.flushId, out);
    case "reply":
      return replyArrived(state, from, message.askId, message.outcome, out);
    case "epochMark":
      return;
    default:
      message satisfies never;
  }
}

/** Without its rule a mark only says that the other end has a view. */
function laterOf(one: Epoch, other: Epoch, { rules, epoch: installed }: RouterState): Epoch {
  if (!rules.epochMarks) return installed;
  return other > one ? other : one;
}

function hold(state: RouterState, from: NodeId, link: RouterLink, message: RouterMessage, out: RouterEffect[]) {
  const bytes = bytesOf(message);
  if (link.held.length < HELD_FRAMES_MAX && link.heldBytes + bytes <= HELD_BYTES_MAX) {
    link.held.push(message);
    link.heldBytes += bytes;
    return;
  }
  refuseMessage(state, message, "old-link", out);
  refuseHeld(state, link, out);
  link.isClosing = true;
  out.push({ kind: "closeLink", peer: from, generation: link.generation, reason: "too many frames wait for a view" });
}

function readHeld(state: RouterState, from: NodeId, link: RouterLink, out: RouterEffect[]) {
  const { held } = link;
  let next = 0;
  while (next < held.length && !(link.mark > state.epoch)) {
    const message = held[next++];
    if (message === undefined) break;
    link.heldBytes -= bytesOf(message);
    read(state, from, link, message, out);
  }
  link.held = held.slice(next);
}

function refuseHeld(state: RouterState, link: RouterLink, out: RouterEffect[]) {
  for (const message of link.held) refuseMessage(state, message, "old-link", out);
  link.held = [];
  link.heldBytes = 0;
}

function endLink(
  state: RouterState,
  peer: NodeId,
  link: RouterLink,
  code: "link-lost" | "node-lost",
  out: RouterEffect[],
) {
  state.links.delete(peer);
  refuseHeld(state, link, out);
  receivingLinkEnded(state, peer);
  peerEnded(state, peer, code, out);
}

function bytesOf(message: RouterMessage): number {
  if (message.kind === "user") return saneBytes(message.bytes);
  return message.kind === "bounced" ? saneBytes(message.frame.bytes) : 0;
}
