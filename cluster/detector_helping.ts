/**
 * Pings sent for others, who did not get an answer themselves. Pure; changes in place and belongs to one detector.
 *
 * One idea: the answer "it does not answer me either" is as useful as the other one. It tells the asker that the asker
 * is heard.
 *
 * Invariant: every request is answered once: `pongForward` when the target answered, else `pingNack`.
 *
 * @module
 */
import { after, type Instant, type NodeId } from "../core/ids.ts";
import type { DetectorEffect } from "./detector_protocol.ts";
import type { Timings } from "./settings.ts";
import type { Now } from "./time.ts";

/**
 * Requests under way: when half of a thousand nodes go at once, each of the others is asked some thirty times a round.
 * At the limit: `pingNack` at once, which claims no more than that we are here.
 */
export const HELPS_MAX = 256;

interface Help {
  readonly requester: NodeId;
  /** The requester's number. */
  readonly seq: number;
  readonly target: NodeId;
  readonly nackAt: Instant;
}

/** Requests under way, by the number of our own ping. All wait equally long, so the first in is the first due. */
export type Helping = Map<number, Help>;

/** Pings `target` for `requester`. Says whether there was room. */
export function help(
  helping: Helping,
  request: { readonly requester: NodeId; readonly seq: number; readonly target: NodeId },
  ownSeq: number,
  timings: Timings,
  now: Now,
  out: DetectorEffect[],
): boolean {
  const { requester, seq, target } = request;
  if (helping.size >= HELPS_MAX) {
    out.push({ kind: "send", to: requester, message: { kind: "pingNack", seq } });
    return false;
  }
  // A tick early: the nack must arrive within the timeout, the way there and back included.
  const nackAt = after(now.mono, Math.max(0, 0.8 * timings.probeTimeoutMs - timings.tickMs));
  helping.set(ownSeq, { requester, seq, target, nackAt });
  out.push({ kind: "send", to: target, message: { kind: "ping", seq: ownSeq, accused: false } });
  return true;
}

/** `from` answered a ping: if it was one for another node, tells that. */
export function forward(helping: Helping, from: NodeId, ownSeq: number, out: DetectorEffect[]): void {
  const found = helping.get(ownSeq);
  if (found === undefined || found.target !== from) return;
  helping.delete(ownSeq);
  out.push({ kind: "send", to: found.requester, message: { kind: "pongForward", seq: found.seq } });
}

/** Tells those who have waited long enough. Costs what is due. */
export function giveUp(helping: Helping, now: Now, out: DetectorEffect[]): void {
  for (const [ownSeq, { requester, seq, nackAt }] of helping) {
    if (now.mono < nackAt) return;
    helping.delete(ownSeq);
    out.push({ kind: "send", to: requester, message: { kind: "pingNack", seq } });
  }
}
