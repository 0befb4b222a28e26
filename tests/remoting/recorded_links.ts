/**
 * Writes down what links tell their node, and holds them to what they promise about it.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { NodeId } from "../../core/ids.ts";
import type { LinkEvents } from "../../remoting/links.ts";
import type { Lane, LinkRefusal } from "../../remoting/link_refusal.ts";

/** A frame that came. */
export interface RecordedFrame {
  readonly from: NodeId;
  readonly lane: Lane;
  readonly generation: number;
  readonly frame: Uint8Array;
}

/** What the links of one node told. */
export class RecordedEvents implements LinkEvents {
  readonly frames: RecordedFrame[] = [];
  readonly refusals: LinkRefusal[] = [];
  /** `up b control 1`, `lost b control 1 silent`, in order. */
  readonly lines: string[] = [];
  readonly rooms: NodeId[] = [];
  /** Called after each event; may do anything. */
  then: () => void = () => {};
  /** Called for each frame. */
  onFrame: (frame: RecordedFrame) => void = () => {};

  readonly #up = new Map<string, number>();
  readonly #last = new Map<string, number>();

  frame(from: NodeId, lane: Lane, generation: number, frame: Uint8Array): void {
    assert.equal(this.#up.get(`${from} ${lane}`), generation, "a frame comes by the link that is up, and by no other");
    const recorded = { from, lane, generation, frame };
    this.frames.push(recorded);
    this.onFrame(recorded);
  }

  linkUp(peer: NodeId, lane: Lane, generation: number): void {
    const key = `${peer} ${lane}`;
    assert.equal(this.#up.get(key), undefined, `${key} was lost before another is up`);
    assert.ok(generation > (this.#last.get(key) ?? 0), `generations of ${key} only grow`);
    this.#up.set(key, generation);
    this.#last.set(key, generation);
    this.lines.push(`up ${key} ${generation}`);
    this.then();
  }

  linkLost(peer: NodeId, lane: Lane, generation: number, reason: string): void {
    const key = `${peer} ${lane}`;
    assert.equal(this.#up.get(key), generation, `${key} ${generation} was up before it is lost`);
    this.#up.delete(key);
    this.lines.push(`lost ${key} ${generation} ${reason.split(":")[0]}`);
    this.then();
  }

  room(peer: NodeId): void {
    this.rooms.push(peer);
    this.then();
  }

  refused(refusal: LinkRefusal): void {
    this.refusals.push(refusal);
    this.then();
  }

  /** The generation of the link that is up now. */
  generation(peer: NodeId, lane: Lane): number | undefined {
    return this.#up.get(`${peer} ${lane}`);
  }

  /** Links that are up now. */
  get upCount(): number {
    return this.#up.size;
  }

  /** The first byte of every frame, as text: what came, in order. */
  get said(): string {
    return this.frames.map(({ frame }) => String.fromCharCode(frame[0] ?? 0x2e)).join("");
  }
}

/** The frame of one letter, with `length` bytes. */
export function letter(word: string, length: number = 1): Uint8Array {
  return new Uint8Array(length).fill(word.charCodeAt(0));
}
