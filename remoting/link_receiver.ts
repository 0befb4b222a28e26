/**
 * The receiving half of a link that is up: what a peer's bytes mean, and whether it may send them. Mutable; pure otherwise.
 *
 * One idea: whatever a peer may send without end is bounded by something: frames of data by credit, everything else by
 * its number in a second.
 *
 * Invariant: nothing is passed on after the first fault.
 *
 * @module
 */
import { ReceiveCredit } from "./credit.ts";
import type { LinkLimits } from "./link_limits.ts";
import type { Lane } from "./link_refusal.ts";
import { RateLimit } from "./rate_limit.ts";
import { type WireFault, type WireItem, WireReader } from "./wire_reader.ts";

/** What the other half of the link, and its owner, do about what arrives. */
export interface ReceiverSetup {
  readonly lane: Lane;
  readonly limits: LinkLimits;
  /** The peer grants credit. */
  readonly granted: (bytes: number) => void;
  /** The peer wants a sign of life. */
  readonly pinged: () => void;
  /** A frame. */
  readonly frame: (frame: Uint8Array) => void;
  /** Whether there is anybody left to pass anything on to: what is passed on may end the link. */
  readonly isOver: () => boolean;
}

/** See the module. */
export class LinkReceiver {
  /** Frames that were passed on, and their bytes. */
  receivedFrames = 0;
  receivedBytes = 0;

  readonly #setup: ReceiverSetup;
  readonly #reader: WireReader;
  readonly #rate: RateLimit;
  readonly #credit: ReceiveCredit | undefined;

  /** The link is up since `nowMs`. */
  constructor(setup: ReceiverSetup, nowMs: number) {
    const { lane, limits } = setup;
    this.#setup = setup;
    this.#reader = new WireReader(lane === "data" ? limits.dataFrameBytesMax : limits.controlFrameBytesMax);
    this.#rate = new RateLimit(limits.framesPerSecondMax, nowMs);
    this.#credit = lane === "data" ? new ReceiveCredit(limits.windowBytes) : undefined;
  }

  /** Bytes that were passed on and that nobody has consumed, and of the frame that is being put together. */
  get unconsumedBytes(): number {
    return (this.#credit?.outBytes ?? 0) + this.#reader.pendingBytes;
  }

  /** Bytes to grant to the peer now; `0` for none. */
  takeGrant(): number {
    return this.#credit?.takeGrant() ?? 0;
  }

  /** So many bytes of frames have been consumed. Whether there is something to grant now. */
  consumed(bytes: number): boolean {
    this.#credit?.consume(bytes);
    return this.#credit?.isGrantDue === true;
  }

  /** Takes a batch of the peer; what is wrong with it, if anything is. */
  read(batch: Uint8Array, nowMs: number): WireFault | undefined {
    const { items, fault } = this.#reader.read(batch);
    if (!this.#rate.pass(countedOf(this.#setup.lane, items), nowMs)) {
      return { reason: "too-many-frames", words: `over ${this.#setup.limits.framesPerSecondMax} frames a second` };
    }
    for (const item of items) {
      const found = this.#take(item);
      if (found !== undefined) return found;
      if (this.#setup.isOver()) return undefined;
    }
    return fault;
  }

  #take(item: WireItem): WireFault | undefined {
    switch (item.kind) {
      case "frame": {
        const overrun = this.#charge(item.frame.length);
        return overrun ?? this.#passOn(item.frame);
      }
      case "chunked":
        return this.#charge(item.frameBytes);
      case "chunked-frame":
        return this.#passOn(item.frame);
      case "credit":
        if (this.#credit === undefined) return { reason: "malformed", words: "credit on the control lane" };
        return void this.#setup.granted(item.bytes);
      case "ping":
        return void this.#setup.pinged();
      case "pong":
      case "chunk":
      case "ignored":
        return undefined;
      default:
        return item satisfies never;
    }
  }

  #charge(frameBytes: number): WireFault | undefined {
    if (this.#credit === undefined || this.#credit.begin(frameBytes)) return undefined;
    return { reason: "credit-overrun", words: `a frame of ${frameBytes} bytes without credit` };
  }

  #passOn(frame: Uint8Array): undefined {
    this.#credit?.passOn(frame.length);
    this.receivedFrames++;
    this.receivedBytes += frame.length;
    this.#setup.frame(frame);
  }
}

/** How many of these neither credit bounds nor, as it does chunks, their length. */
function countedOf(lane: Lane, items: readonly WireItem[]): number {
  let count = 0;
  for (const item of items) {
    const isLong = item.kind === "chunk" || item.kind === "chunked-frame" || item.kind === "chunked";
    const isPaid = isLong || (item.kind === "frame" && item.frame.length > 0);
    if (lane === "control" ? item.kind !== "chunk" && item.kind !== "chunked-frame" : !isPaid) count++;
  }
  return count;
}
