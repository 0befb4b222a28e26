/**
 * An ask that came from another node, or out of this one and back. Immutable.
 *
 * @module
 */
import type { AskHeader, ChainLink } from "../core/envelope.ts";
import type { Instant, ThreadIndex } from "../core/ids.ts";

/** The thread of who is on no thread of this node. */
export const NO_THREAD = -1 as ThreadIndex;

/** An ask whose answer goes out through the cluster's port. */
export class ForeignAsk implements AskHeader {
  readonly id: number;
  readonly thread: ThreadIndex = NO_THREAD;
  readonly deadline: Instant;
  readonly chain: ChainLink | undefined;
  /** What the port gets back with the answer. */
  readonly origin: unknown;

  constructor(id: number, deadline: Instant, chain: ChainLink | undefined, origin: unknown) {
    this.id = id;
    this.deadline = deadline;
    this.chain = chain;
    this.origin = origin;
  }
}
