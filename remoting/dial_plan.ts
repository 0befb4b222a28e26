/**
 * Whom to dial, and when: every member has its links, and what is lost is dialed again. Pure; mutable, for one owner.
 *
 * One idea: the node with the lower id dials, so that two don't cross at every beginning. The other one dials too when
 * nothing has come for a while, because a way between two nodes may lead in one direction only.
 *
 * Invariant: each link of each member is linked, being dialed, or due at some instant; never nothing.
 *
 * @module
 */
import { type Backoff, backoffMs } from "../core/backoff.ts";
import type { NodeId } from "../core/ids.ts";
import type { Random } from "../core/random.ts";
import type { Lane } from "./link_refusal.ts";

/** The waits of a plan, in milliseconds; as `LinkLimits` has them. */
export interface DialTimes {
  readonly redialMsMin: number;
  readonly redialMsMax: number;
  readonly otherDialsAfterMs: number;
}

/** A dial that is due. */
export interface DueDial {
  readonly peer: NodeId;
  readonly address: string;
  readonly lane: Lane;
}

interface Want {
  readonly peer: NodeId;
  readonly lane: Lane;
  address: string;
  state: "linked" | "dialing" | "waiting";
  /** When it is to be dialed, while it waits. */
  dueMs: number;
  /** Since when it is linked, while it is. */
  upMs: number;
  /** Dials in a row that gave no link that lasted. */
  retryCount: number;
}

const LANES: readonly Lane[] = ["control", "data"];
/** The part of a wait before a dial that is left to chance. */
const JITTER = 0.5;

/** The dials of one node. */
export class DialPlan {
  readonly #self: NodeId;
  readonly #times: DialTimes;
  readonly #backoff: Backoff;
  readonly #random: Random;
  readonly #wants = new Map<string, Want>();

  /** Nobody is wanted yet. */
  constructor(self: NodeId, times: DialTimes, random: Random) {
    this.#self = self;
    this.#times = times;
    this.#backoff = { minMs: times.redialMsMin, maxMs: times.redialMsMax, jitter: JITTER };
    this.#random = random;
  }

  /** Whether links to `peer` are kept up. */
  has(peer: NodeId): boolean {
    return this.#wants.has(keyOf(peer, "control"));
  }

  /** These are wanted from now on, at these addresses. `isLinked` says what is there already. Answers who isn't any more. */
  want(
    peers: ReadonlyMap<NodeId, string>,
    nowMs: number,
    isLinked: (peer: NodeId, lane: Lane) => boolean,
  ): ReadonlySet<NodeId> {
    const removed = new Set<NodeId>();
    for (const [key, { peer }] of this.#wants) {
      if (peers.has(peer) && peer !== this.#self) continue;
      removed.add(peer);
      this.#wants.delete(key);
    }
    for (const [peer, address] of peers) {
      if (peer === this.#self) continue;
      for (const lane of LANES) this.#wantLane(peer, lane, address, nowMs, isLinked(peer, lane));
    }
    return removed;
  }

  /** There is a link. */
  linked(peer: NodeId, lane: Lane, nowMs: number): void {
    const want = this.#wants.get(keyOf(peer, lane));
    if (want === undefined) return;
    want.state = "linked";
    want.upMs = nowMs;
  }

  /** The link is lost, and there is no other. */
  lost(peer: NodeId, lane: Lane, nowMs: number): void {
    const want = this.#wants.get(keyOf(peer, lane));
    if (want === undefined) return;
    // A link that ends as soon as it is up was none: else two nodes that disagree would dial each other as fast as they can.
    if (nowMs - want.upMs >= this.#times.redialMsMax) want.retryCount = 0;
    if (this.#self < peer) this.#waitToRetry(want, nowMs);
    else this.#waitForOther(want, nowMs);
  }

  /** A dial that was due has given no link. */
  failed(peer: NodeId, lane: Lane, nowMs: number): void {
    const want = this.#wants.get(keyOf(peer, lane));
    if (want?.state === "dialing") this.#waitToRetry(want, nowMs);
  }

  /** The dials that are due. Each must end as `linked` or `failed`. */
  takeDue(nowMs: number): readonly DueDial[] {
    const due: DueDial[] = [];
    for (const want of this.#wants.values()) {
      if (want.state !== "waiting" || want.dueMs > nowMs) continue;
      want.state = "dialing";
      due.push({ peer: want.peer, address: want.address, lane: want.lane });
    }
    return due;
  }

  /** When the next dial is due. */
  get nextDueMs(): number {
    let nextMs = Infinity;
    for (const { state, dueMs } of this.#wants.values()) if (state === "waiting") nextMs = Math.min(nextMs, dueMs);
    return nextMs;
  }

  #wantLane(peer: NodeId, lane: Lane, address: string, nowMs: number, isLinked: boolean): void {
    const key = keyOf(peer, lane);
    const known = this.#wants.get(key);
    if (known !== undefined) {
      known.address = address;
      return;
    }
    const want: Want = { peer, lane, address, state: "waiting", dueMs: nowMs, upMs: nowMs, retryCount: 0 };
    this.#wants.set(key, want);
    if (isLinked) want.state = "linked";
    else if (this.#self > peer) this.#waitForOther(want, nowMs);
  }

  #waitToRetry(want: Want, nowMs: number): void {
    want.state = "waiting";
    want.dueMs = nowMs + backoffMs(want.retryCount++, this.#backoff, this.#random);
  }

  #waitForOther(want: Want, nowMs: number): void {
    want.state = "waiting";
    want.dueMs = nowMs + this.#times.otherDialsAfterMs;
  }
}

function keyOf(peer: NodeId, lane: Lane): string {
  return `${lane}/${peer}`;
}
