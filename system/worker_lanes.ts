/**
 * The lanes of a clustered node's main thread to its workers, as the cluster uses them: orders, messages and answers, each
 * under the present identity. Touches the lanes; mutable; one per node.
 *
 * One idea: an order is owed and a message may be refused. A worker that reads so little that there is no room for what is
 * owed is as good as lost, and is given up.
 *
 * @module
 */
import type { ByteWriter } from "../core/byte_writer.ts";
import { ActorError } from "../core/failure.ts";
import type { ThreadIndex } from "../core/ids.ts";
import { type ClusterOrder, writeWord } from "../workers/cluster_records.ts";
import { type LaneWriter, OVERFLOW_BYTES_DEFAULT } from "../workers/lane.ts";
import type { LaneSet } from "../workers/lane_set.ts";

/** Bytes that may wait for one worker outside of its ring, and records. Above, messages are refused, never words. */
const LANE_BYTES_MAX = 1 << 24;
const LANE_RECORDS_MAX = 1 << 15;
/** Bytes a worker's lane may keep before further answers are dropped for a short failure: half of what it keeps at all. */
export const OUTCOME_BYTES_QUEUED_MAX: number = OVERFLOW_BYTES_DEFAULT / 2;

/** What {@link WorkerLanes} is given. */
export interface WorkerLanesOptions {
  /** A worker has read nothing for so long that its lane can keep no more. */
  readonly stuck: (thread: ThreadIndex) => void;
  /** Something was put into a lane. */
  readonly sent: () => void;
}

/** See the module. */
export class WorkerLanes {
  /** The identity of the process that every record bears. */
  identity = 0;
  readonly #options: WorkerLanesOptions;
  #lanes: LaneSet | undefined = undefined;

  constructor(options: WorkerLanesOptions) {
    this.#options = options;
  }

  /** Where the lanes come from; none without workers. */
  attach(lanes: LaneSet | undefined): void {
    this.#lanes = lanes;
  }

  /** Whether something waits for a worker outside of its ring. */
  get isCongested(): boolean {
    return this.#lanes?.peers.some(({ writer }) => writer.overflowRecords > 0) === true;
  }

  /** Whether there is room for a message to a worker. */
  hasRoom(thread: ThreadIndex): boolean {
    const lane = this.#lanes?.writerTo(thread);
    return lane !== undefined && lane.bytesQueued <= LANE_BYTES_MAX && lane.overflowRecords <= LANE_RECORDS_MAX;
  }

  /** Whether there is room for whole answers to the asks of a worker: who takes much and reads little must not end this thread. */
  hasRoomForOutcomes(thread: ThreadIndex): boolean {
    return (this.#lanes?.writerTo(thread).bytesQueued ?? 0) <= OUTCOME_BYTES_QUEUED_MAX;
  }

  /** Gives an order to one worker. */
  order(thread: ThreadIndex, order: ClusterOrder): void {
    this.write(thread, (writer, identity) => writeWord(writer, identity, order));
  }

  /** Gives an order to all workers. */
  orderAll(order: ClusterOrder): void {
    for (const { index } of this.#lanes?.peers ?? []) this.order(index as ThreadIndex, order);
  }

  /** Writes a record; what `write` throws, and then the lane is as it was. */
  write(thread: ThreadIndex, write: (writer: ByteWriter, identity: number) => void): void {
    const lane = this.#lanes?.writerTo(thread);
    if (lane === undefined) return;
    const writer = this.#beginOwed(thread, lane);
    if (writer === undefined) return;
    try {
      write(writer, this.identity);
      lane.end();
    } catch (error) {
      lane.abandon();
      throw error;
    }
    this.#options.sent();
  }

  #beginOwed(thread: ThreadIndex, lane: LaneWriter): ByteWriter | undefined {
    try {
      return lane.beginOwed();
    } catch (thrown) {
      if (!(thrown instanceof ActorError)) throw thrown;
      this.#options.stuck(thread); // Whatever it was given is lost with it, and everybody who waits is told.
      return undefined;
    }
  }
}
