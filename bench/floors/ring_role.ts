/**
 * What the two ends of the bare-ring floor share: the words they wake each other with. Pure data.
 *
 * @module
 */

/** What the reading thread is given. */
export interface RingRole {
  readonly ring: SharedArrayBuffer;
  readonly state: Int32Array;
  /** Whether each record is copied out into new bytes. */
  readonly keeps: boolean;
}

/** Changes at every publication. */
export const PUBLISHED_WORD = 0;
/** Records ever read. */
export const COUNTED_WORD = 32;
/** Bytes of the words, each on cache lines of its own. */
export const STATE_BYTES = 256;
/** Looks before a thread blocks: on a busy machine the other one may need this core. */
export const LOOKS_BEFORE_WAIT = 500;
/** Milliseconds of one blocking wait at most. */
export const WAIT_MS = 1;
