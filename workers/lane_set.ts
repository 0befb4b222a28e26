/**
 * All lanes of one thread: its writers to and readers from every other thread of the node, and its own
 * doorbell. Touches shared memory; mutable; owned by its thread.
 *
 * The one idea: a thread's turn is `drain`, run, `flush`, and between turns `park` with `hasWork`, which looks at
 * everything another thread may have done. Readers are drained from a different one on each turn, so that a
 * busy lane never keeps a quiet one waiting for more than a turn.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { Doorbell, type DoorbellOptions } from "./doorbell.ts";
import { type LaneOptions, LaneReader, LaneWriter, type RecordSink } from "./lane.ts";
import type { PeerLanes, ThreadLanes } from "./ring_layout.ts";

/** Settings of all lanes of a thread and of its doorbell. */
export interface LaneSetOptions extends LaneOptions, DoorbellOptions {}

/** Both ends that one thread has towards one other. */
export interface Peer {
  /** The other thread. */
  readonly index: number;
  /** The lane to it. */
  readonly writer: LaneWriter;
  /** The lane from it. */
  readonly reader: LaneReader;
}

/** The lanes of one thread. */
export class LaneSet {
  /** This thread. */
  readonly index: number;
  /** This thread's own doorbell: `park` on it, or `ring` it from a timer or a promise that made work. */
  readonly doorbell: Doorbell;
  /**
   * The parking check: whether a lane has something to drain, or room for something that waits. A property, so that
   * it can be handed to `doorbell.park` as it is. Call it after `flush`.
   */
  readonly hasWork: () => boolean;

  readonly #options: LaneSetOptions;
  readonly #peers: (Peer | undefined)[] = [];
  #list: Peer[] = [];
  #firstDrained = 0;

  /** Opens this thread's end of every lane in `lanes`, which is of `lanesOf`. */
  constructor(lanes: ThreadLanes, options: LaneSetOptions = {}) {
    this.index = lanes.index;
    this.doorbell = new Doorbell(lanes.doorbell, options);
    this.hasWork = () => this.#hasWork();
    this.#options = options;
    lanes.peers.forEach((peer, index) => {
      if (peer !== undefined) this.#peers[index] = this.#open(index, peer);
    });
    this.#list = this.#peers.filter((peer) => peer !== undefined);
  }

  /** Both ends towards every other thread. */
  get peers(): readonly Peer[] {
    return this.#list;
  }

  /** The lane to thread `index`, another thread of the node. */
  writerTo(index: number): LaneWriter {
    return this.#peer(index).writer;
  }

  /** The lane from thread `index`, another thread of the node. */
  readerFrom(index: number): LaneReader {
    return this.#peer(index).reader;
  }

  /** Drains up to `recordsMax` records from each lane; answers how many in all. Throws as `LaneReader.drain`. */
  drain(recordsMax: number, sink: RecordSink): number {
    const list = this.#list;
    const count = list.length;
    if (count === 0) return 0;
    // Moved on before the first record, so that a lane whose record throws does not come first again.
    const first = this.#firstDrained;
    this.#firstDrained = (first + 1) % count;
    let drained = 0;
    for (let step = 0; step < count; step++) {
      const reader = list[(first + step) % count]?.reader;
      if (reader !== undefined && !reader.isEmpty()) drained += reader.drain(recordsMax, sink);
    }
    return drained;
  }

  /** Flushes every lane: once a turn, before parking. `true` when nothing waits outside the rings. */
  flush(): boolean {
    let isMoved = true;
    for (const { writer } of this.#list) {
      if (!writer.flush()) isMoved = false;
    }
    return isMoved;
  }

  /**
   * Switches to the fresh lanes of a thread that was replaced (see `replaceThread`) and answers the old ends. What the
   * dead thread published before it died can still be drained from the old reader; what the old writer holds is lost.
   * The successor may have written already: run a turn afterwards, its ring went to a thread that did not look there.
   */
  replace(index: number, lanes: PeerLanes): Peer {
    const old = this.#peer(index);
    this.#peers[index] = this.#open(index, lanes);
    this.#list = this.#peers.filter((peer) => peer !== undefined);
    return old;
  }

  #open(index: number, lanes: PeerLanes): Peer {
    const doorbell = new Doorbell(lanes.doorbell);
    return {
      index,
      writer: new LaneWriter(lanes.outgoing, doorbell, this.#options),
      reader: new LaneReader(lanes.incoming, index, doorbell, this.#options),
    };
  }

  #peer(index: number): Peer {
    const peer = this.#peers[index];
    assert(peer !== undefined, "lanes go to other threads of the node");
    return peer;
  }

  #hasWork(): boolean {
    for (const { reader, writer } of this.#list) {
      if (!reader.isEmpty() || writer.canMove()) return true;
    }
    return false;
  }
}
