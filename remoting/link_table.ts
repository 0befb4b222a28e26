/**
 * Which links there are, and which of two wins: a pair of nodes has one link on each lane. Pure; mutable, for one owner.
 *
 * One idea: a node dials only while it has no link, so a newer socket of the same dialer means that it lost the older one.
 * Of two that crossed, the one dialed by the node with the lower id wins, on both sides, whoever learns of which first.
 *
 * Invariant: the generations of a pair and lane only grow, also after everything about the pair was forgotten.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import { GENERATIONS_KEPT_MAX } from "./link_limits.ts";
import type { Lane } from "./link_refusal.ts";

/** A link that asks for its place. */
export interface Candidate {
  readonly peer: NodeId;
  readonly lane: Lane;
  /** Who dialed it. */
  readonly dialer: NodeId;
  /** Which dial of the dialer's life it was. */
  readonly dialNumber: number;
}

/** A link in its place. */
export interface Row<L> extends Candidate {
  readonly generation: number;
  readonly link: L;
}

/** What becomes of a candidate. */
export type Verdict<L> =
  /** Its place is free, or was: `replaced` has lost it. */
  | { readonly kind: "wins"; readonly row: Row<L>; readonly replaced: Row<L> | undefined }
  /** `winner` stays, or is on its way. */
  | { readonly kind: "loses"; readonly winner: Row<L> | undefined };

/** Knows each link by its owner's object `L`, and nothing of it. */
export class LinkTable<L> {
  readonly #self: NodeId;
  /** Asked for each frame. */
  readonly #rows: Readonly<Record<Lane, Map<NodeId, Row<L>>>> = { control: new Map(), data: new Map() };
  /** Dials of ours that will have their place, unless they fail. */
  readonly #claims = new Map<string, L>();
  /** Moved to the end when used: the first is the one that was used longest ago. */
  readonly #generations = new Map<string, number>();
  #generationsForgotten = 0;

  /** An empty table of the node `self`. */
  constructor(self: NodeId) {
    this.#self = self;
  }

  /** The link in its place. */
  get(peer: NodeId, lane: Lane): Row<L> | undefined {
    return this.#rows[lane].get(peer);
  }

  /** All links in their places; may be changed meanwhile. */
  rows(): Row<L>[] {
    return [...this.#rows.control.values(), ...this.#rows.data.values()];
  }

  /**
   * Before the last words of a handshake: whether this candidate would have its place. A dial of ours that would claims
   * it, so that no second one goes on.
   */
  admits(candidate: Candidate, link: L): Verdict<L>["kind"] {
    const key = keyOf(candidate.peer, candidate.lane);
    if (candidate.dialer !== this.#self) return this.#loses(candidate) ? "loses" : "wins";
    if (this.get(candidate.peer, candidate.lane) !== undefined || this.#claims.has(key)) return "loses";
    this.#claims.set(key, link);
    return "wins";
  }

  /** The handshake is over. */
  install(candidate: Candidate, link: L): Verdict<L> {
    const key = keyOf(candidate.peer, candidate.lane);
    this.unclaim(candidate.peer, candidate.lane, link);
    const older = this.get(candidate.peer, candidate.lane);
    if (this.#loses(candidate)) return { kind: "loses", winner: older };
    const { peer, lane, dialer, dialNumber } = candidate;
    const row = { peer, lane, dialer, dialNumber, generation: this.#nextGeneration(key), link };
    this.#rows[lane].set(peer, row);
    return { kind: "wins", row, replaced: older };
  }

  /** The dial has failed. */
  unclaim(peer: NodeId, lane: Lane, link: L): void {
    const key = keyOf(peer, lane);
    if (this.#claims.get(key) === link) this.#claims.delete(key);
  }

  /** The link has ended. `false` when another has its place already. */
  remove({ peer, lane, generation }: Row<L>): boolean {
    return this.get(peer, lane)?.generation === generation && this.#rows[lane].delete(peer);
  }

  #loses(candidate: Candidate): boolean {
    const { peer, lane, dialer, dialNumber } = candidate;
    const older = this.get(peer, lane);
    const isOurDialComing = this.#claims.has(keyOf(peer, lane)) && dialer !== this.#self;
    if (older === undefined) return isOurDialComing && this.#self < peer;
    if (older.dialer === dialer) return dialNumber <= older.dialNumber;
    return older.dialer < dialer;
  }

  #nextGeneration(key: string): number {
    const generation = (this.#generations.get(key) ?? this.#generationsForgotten) + 1;
    this.#generations.delete(key);
    this.#generations.set(key, generation);
    for (const [oldest, last] of this.#generations) {
      if (this.#generations.size <= GENERATIONS_KEPT_MAX) break;
      this.#generations.delete(oldest);
      this.#generationsForgotten = Math.max(this.#generationsForgotten, last);
    }
    return generation;
  }
}

function keyOf(peer: NodeId, lane: Lane): string {
  return `${lane}/${peer}`;
}
