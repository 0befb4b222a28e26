/**
 * Every limit of links in one place, with its unit and what happens at it. Pure.
 *
 * One idea: a limit of a link is a promise about memory. What one peer can make this node keep is its queue on each
 * lane, one window and one frame on the data lane, and one batch of each on the way, whatever that peer does.
 *
 * @module
 */
import { WAIT_MS_MAX } from "../core/limits.ts";
import type { OptionsCheck } from "../core/options_check.ts";

/** Bytes of one WebSocket message of a peer that has not proven who it is. At the limit: closed, `malformed`. */
export const HANDSHAKE_BYTES_MAX = 4096;
/** Bytes of a frame that travels in one piece; a longer one is cut into chunks of so many. */
export const CHUNK_BYTES = 1 << 16;
/** Bytes of one batch, which is one WebSocket message: a chunk, and small frames beside it. At the limit: the next batch. */
export const BATCH_BYTES_MAX = 1 << 17;
/** Bytes that any frame costs at least, in a queue and of credit: what it takes to keep one, however short. */
export const FRAME_COST_MIN = 64;
/** Pairs and lanes whose last generation is known; of those that were forgotten, the highest is. */
export const GENERATIONS_KEPT_MAX = 4096;

/**
 * What the limits of a node's links are. The two sides of a link needn't agree, but on the length of frames: one over the
 * limit of its receiver ends the link.
 */
export interface LinkLimits {
  /** Milliseconds from the first byte of a link until both sides are sure of each other. At the limit: closed, `handshake-timeout`. */
  readonly handshakeMs: number;
  /** Bytes of one control frame. At the limit: a sender's `message-too-large`; of a peer: closed, `frame-too-large`. */
  readonly controlFrameBytesMax: number;
  /** Bytes of one data frame. At the limit: as above. */
  readonly dataFrameBytesMax: number;
  /** Bytes of control frames that wait for one peer; twice as many with those that are owed. At the limit: `full`. */
  readonly controlQueueBytesMax: number;
  /** As above, of data frames; passed only by a frame of more than half of it. At the limit: `full`. */
  readonly dataQueueBytesMax: number;
  /** Bytes of data frames a peer may have sent that nobody has consumed; passed by one frame at most. At the limit: the peer's queue fills. */
  readonly windowBytes: number;
  /** Frames a second of one peer that no credit bounds; for a moment, twice as many. At the limit: closed, `too-many-frames`. */
  readonly framesPerSecondMax: number;
  /** Milliseconds without a sign of a peer after which it is asked for one, and again. */
  readonly pingAfterMs: number;
  /** Milliseconds without a sign of a peer after which its link is lost, `silent`. */
  readonly silenceMs: number;
  /** Milliseconds without a frame after which the link to a node that is no member is closed, `idle`. */
  readonly idleMs: number;
  /** Milliseconds before a lost link is dialed again; doubles up to the next. */
  readonly redialMsMin: number;
  /** Milliseconds between two dials at most. */
  readonly redialMsMax: number;
  /** Milliseconds after which the node with the higher id dials as well, if the lower has not come. */
  readonly otherDialsAfterMs: number;
  /** Control frames that wait for one address that is being dialed. At the limit: lost, and counted. */
  readonly greetFramesMax: number;
  /** Bytes of such frames, for all addresses together. At the limit: as above. */
  readonly greetBytesMax: number;
  /** Addresses that are dialed for greetings at once. At the limit: as above. */
  readonly greetAddressesMax: number;
}

/** The defaults. */
export const LINK_LIMITS: LinkLimits = {
  handshakeMs: 3_000,
  controlFrameBytesMax: 4 << 20,
  dataFrameBytesMax: 64 << 20,
  controlQueueBytesMax: 16 << 20,
  dataQueueBytesMax: 16 << 20,
  windowBytes: 8 << 20,
  framesPerSecondMax: 20_000,
  pingAfterMs: 5_000,
  silenceMs: 15_000,
  idleMs: 60_000,
  redialMsMin: 50,
  redialMsMax: 2_000,
  otherDialsAfterMs: 3_000,
  greetFramesMax: 64,
  greetBytesMax: 4 << 20,
  greetAddressesMax: 256,
};

const BYTES_MAX = 1 << 30;
const COUNT_MAX = 1 << 20;

/** Adds what is wrong with `limits` to `check`. */
export function checkLimits(check: OptionsCheck, limits: Partial<LinkLimits> | undefined): void {
  check.unknownKeys("limits", limits, Object.keys(LINK_LIMITS));
  for (const [name, value] of Object.entries(limits ?? {})) {
    if (!Object.hasOwn(LINK_LIMITS, name)) continue;
    const max = name.endsWith("Ms") || name.startsWith("redialMs") ? WAIT_MS_MAX : maxOf(name);
    check.wholeNumber(`limits.${name}`, value, { min: 1, max, optional: true });
  }
  const { redialMsMin, redialMsMax, pingAfterMs, silenceMs } = limitsOf(limits);
  if (redialMsMin > redialMsMax) {
    check.problem("limits.redialMsMin", redialMsMin, `at most redialMsMax, ${redialMsMax}`);
  }
  if (pingAfterMs >= silenceMs) check.problem("limits.pingAfterMs", pingAfterMs, `less than silenceMs, ${silenceMs}`);
}

/** `limits` with every default in place. */
export function limitsOf(limits: Partial<LinkLimits> | undefined): LinkLimits {
  const given = Object.entries(limits ?? {}).filter(([, value]) => value !== undefined);
  return { ...LINK_LIMITS, ...Object.fromEntries(given) };
}

function maxOf(name: string): number {
  return name.includes("Bytes") ? BYTES_MAX : COUNT_MAX;
}
