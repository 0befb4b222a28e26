/**
 * Control frames for addresses behind which nobody is known yet: they wait while the address is dialed, and are lost when
 * nobody answers. Pure; mutable, for one owner.
 *
 * The invariant: what waits is within the limits of frames, bytes and addresses; what doesn't fit is counted.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";

/** How much may wait; as `LinkLimits` has it. */
export interface GreetingLimits {
  readonly greetFramesMax: number;
  readonly greetBytesMax: number;
  readonly greetAddressesMax: number;
}

interface Burst {
  readonly frames: Uint8Array[];
  /** Who answered, when another link to it is on its way. */
  peer: NodeId | undefined;
}

/** What waits, by address. */
export class Greetings {
  /** Frames that reached nobody. */
  lostFrames = 0;

  readonly #limits: GreetingLimits;
  readonly #bursts = new Map<string, Burst>();
  #bytes = 0;

  /** Nothing waits yet. */
  constructor(limits: GreetingLimits) {
    this.#limits = limits;
  }

  /** Keeps a frame for `address`. `dial`: it is the first; the address has to be dialed now. */
  add(address: string, frame: Uint8Array): "dial" | "waits" | "lost" {
    const known = this.#bursts.get(address);
    if (known === undefined && this.#bursts.size >= this.#limits.greetAddressesMax) return this.#lose();
    const burst: Burst = known ?? { frames: [], peer: undefined };
    // The first of all is taken whatever its length is: the limit of a frame is checked before.
    const isTooMuch = this.#bursts.size > 0 && this.#bytes + frame.length > this.#limits.greetBytesMax;
    if (isTooMuch || burst.frames.length >= this.#limits.greetFramesMax) return this.#lose();
    burst.frames.push(frame);
    this.#bytes += frame.length;
    this.#bursts.set(address, burst);
    return known === undefined ? "dial" : "waits";
  }

  /** The node behind `address` is `peer`, to whom another link is on its way: wait for that one. */
  bind(address: string, peer: NodeId): void {
    const burst = this.#bursts.get(address);
    if (burst !== undefined) burst.peer = peer;
  }

  /** Takes what waits for a peer that has a link now, in the order of the addresses. */
  takeFor(peer: NodeId, addresses: readonly string[]): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (const [address, burst] of this.#bursts) {
      if (burst.peer !== peer && !addresses.includes(address)) continue;
      frames.push(...burst.frames);
      this.#delete(address, burst);
    }
    return frames;
  }

  /** Nobody has answered at `address`. */
  dropAddress(address: string): void {
    const burst = this.#bursts.get(address);
    if (burst === undefined) return;
    this.lostFrames += burst.frames.length;
    this.#delete(address, burst);
  }

  /** The link to `peer` that was on its way has failed. */
  dropPeer(peer: NodeId): void {
    for (const [address, burst] of this.#bursts) if (burst.peer === peer) this.dropAddress(address);
  }

  /** A frame that nobody was to be dialed for. */
  loseOne(): void {
    this.lostFrames++;
  }

  /** Nobody will be greeted any more. */
  clear(): void {
    for (const address of [...this.#bursts.keys()]) this.dropAddress(address);
  }

  #delete(address: string, { frames }: Burst): void {
    this.#bursts.delete(address);
    for (const { length } of frames) this.#bytes -= length;
  }

  #lose(): "lost" {
    this.lostFrames++;
    return "lost";
  }
}
