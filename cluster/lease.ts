/**
 * This node's lease: what voters have granted, and how much of it is left. Pure; mutable, one per node.
 *
 * One idea: a grant counts from the moment its request was *sent*, by the holder's own clocks. The voter's promise
 * begins later, when the request arrives, and lasts longer; so whatever the network does, the holder stops first.
 *
 * Invariant: the lease never lasts longer than `leaseMs` after the sending of requests that voters with `need` votes of
 * the installed view have answered under it.
 *
 * @module
 */
import { after, type Instant, instant, type NodeId } from "../core/ids.ts";
import type { LeaseStatus } from "./engine.ts";
import type { Rules } from "./rules.ts";
import type { Timings } from "./settings.ts";
import { elapsedAtMost, type Now } from "./time.ts";
import { type View, votesOf } from "./view.ts";

/** Requests whose sending is remembered. An answer to an older one is worth nothing: its lease is over. */
const REQUESTS_KEPT_MAX = 64;

/** What a holder remembers. */
export interface Lease {
  /** When each of the last requests was sent. */
  readonly sentAt: Map<number, Now>;
  nextRequest: number;
  /** By voter: when the newest request that it has granted was sent. Kept across views, counted under the new one. */
  readonly grants: Map<NodeId, Now>;
  renewAt: Instant;
  isReleased: boolean;
}

/** Until when the lease lasts, by each of this node's clocks: it is over when the first of them says so. */
export interface LeaseTerm {
  readonly mono: Instant;
  readonly wall: number;
}

/** No lease. */
export function createLease(): Lease {
  return { sentAt: new Map(), nextRequest: 1, grants: new Map(), renewAt: instant(0), isReleased: false };
}

/** The number of a new request, if it is time for one. */
export function renew(lease: Lease, status: LeaseStatus, now: Now, timings: Timings): number | undefined {
  if (lease.isReleased || now.mono < lease.renewAt) return undefined;
  lease.renewAt = after(now.mono, status === "held" ? timings.renewMs : timings.softRenewMs);
  const request = lease.nextRequest++;
  lease.sentAt.set(request, now);
  lease.sentAt.delete(request - REQUESTS_KEPT_MAX);
  return request;
}

/** Voter `from` has granted `request`. Whether that was news. */
export function granted(lease: Lease, from: NodeId, request: number, rules: Rules): boolean {
  const sent = lease.sentAt.get(request);
  if (sent === undefined || (rules.releasedNeverCounts && lease.isReleased)) return false;
  const before = lease.grants.get(from);
  if (before !== undefined && before.mono >= sent.mono) return false;
  lease.grants.set(from, sent);
  return true;
}

/** A view was installed: ask its voters at once, and forget those who vote no more. */
export function viewChanged(lease: Lease, view: View, now: Now): void {
  lease.renewAt = now.mono;
  for (const id of lease.grants.keys()) if (votesOf(view, id) === 0) lease.grants.delete(id);
}

/** How the node stands, and until when. */
export function standing(
  lease: Lease,
  view: View,
  now: Now,
  timings: Timings,
): { readonly status: LeaseStatus; readonly until: LeaseTerm | undefined } {
  const counted: { readonly sent: Now; readonly elapsedMs: number; readonly weight: number }[] = [];
  for (const { id, weight } of view.voters) {
    const sent = lease.grants.get(id);
    if (sent !== undefined) counted.push({ sent, elapsedMs: elapsedAtMost(sent, now), weight });
  }
  counted.sort((one, other) => one.elapsedMs - other.elapsedMs);
  let votes = 0;
  let mono = Infinity;
  let wall = Infinity;
  for (const { sent, elapsedMs, weight } of counted) {
    votes += weight;
    mono = Math.min(mono, sent.mono);
    wall = Math.min(wall, sent.wall);
    if (votes < view.need) continue;
    const status = elapsedMs < timings.softAfterMs ? "held" : elapsedMs < timings.leaseMs ? "soft" : "frozen";
    return { status, until: { mono: after(instant(mono), timings.leaseMs), wall: wall + timings.leaseMs } };
  }
  return { status: "frozen", until: undefined };
}
