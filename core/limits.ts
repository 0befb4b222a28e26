/**
 * Every limit of the runtime in one place, with its unit, its reason, and what happens at it. The
 * defaults suit one service on one machine; options may change those marked *(option)*. Pure.
 *
 * @module
 */
import { assert } from "./assert.ts";

/** Characters of a name. Names are keys in rings, links and stores: short keeps all of them cheap. At the limit: `invalid-name`. */
export const NAME_CHARS_MAX = 255;
/** Characters of a whole path `parent/child/…`. At the limit: `invalid-name`. */
export const KEY_CHARS_MAX = 1024;
/** Kinds of one system; an index fits in 16 bits. At the limit: `invalid-options`. */
export const KINDS_MAX = 4096;
/** Handlers of one kind; an index fits in 16 bits. At the limit: `invalid-options`. */
export const HANDLERS_MAX = 4096;

/** User messages in one mailbox *(kind option)*. At the limit: refused, `mailbox-full`. */
export const MAILBOX_MESSAGES_DEFAULT = 1024;
/** The most a kind may ask for. */
export const MAILBOX_MESSAGES_MAX = 1 << 20;
/** Messages an actor may stash *(kind option)*. At the limit: `stash-full`. */
export const STASH_MESSAGES_DEFAULT = 1024;
/** Interleaved handlers of one actor *(kind option)*. At the limit: the next one waits in the mailbox. */
export const REENTRANT_HANDLERS_DEFAULT = 64;
/** Named timers of one actor. At the limit: `limit-reached`. */
export const TIMERS_PER_ACTOR_MAX = 1024;
/** Promises piped to one actor and not yet settled. At the limit: `limit-reached`. */
export const PIPES_PER_ACTOR_MAX = 1024;
/** Sleeps of one actor under way, in all its runs. At the limit: `limit-reached`. */
export const SLEEPS_PER_ACTOR_MAX = 1024;
/** Children of one actor. At the limit: `limit-reached`. */
export const CHILDREN_PER_ACTOR_MAX = 1 << 16;
/** Refs one actor may watch. At the limit: `limit-reached`. */
export const WATCHES_PER_ACTOR_MAX = 1 << 16;
/** Hops of one chain of asks A→B→C…; each hop is a waiting handler. At the limit: `call-chain-too-long`. */
export const CALL_CHAIN_HOPS_MAX = 64;

/** Bytes of one message between nodes, whatever the option says: what one frame of a link holds, and what stands around it. At the limit: `message-too-large`. */
export const NODE_MESSAGE_BYTES_MAX = 63 * 1024 * 1024;
/** Milliseconds an ask waits when its ref says nothing else *(option)*. */
export const ASK_TIMEOUT_MS_DEFAULT = 5_000;
/** Replies one thread waits for *(option)*. At the limit: `asks-full`. It also bounds the replies a lane may owe. */
export const ASKS_PER_THREAD_DEFAULT = 1 << 16;
/** Milliseconds any single wait may last: a day. Longer waits belong into stored state. */
export const WAIT_MS_MAX = 24 * 60 * 60 * 1000;
/** Milliseconds a grain stays idle before it is passivated *(kind option)*. */
export const GRAIN_IDLE_MS_DEFAULT = 120_000;
/** Milliseconds `start` waits for its workers *(option)*. At the limit: `start-failed`. */
export const START_TIMEOUT_MS_DEFAULT = 10_000;
/** Milliseconds `stop()` gives to draining *(option)*. At the limit: what is left is a dead letter. */
export const SHUTDOWN_TIMEOUT_MS_DEFAULT = 180_000;
/** Milliseconds a store may take for one load or save *(option)*. At the limit: `store-failed`, fate `unknown`. */
export const STORE_TIMEOUT_MS_DEFAULT = 5_000;
/** Milliseconds an actor waits for any store, whatever limits that has itself. At the limit: `store-failed`, fate `unknown`. */
export const STORE_ANSWER_MS_MAX = 15_000;

/** Worker threads of one node. One lane a pair of threads: the square must stay reasonable. */
export const WORKERS_MAX = 64;
/**
 * Milliseconds an ending actor waits for a handler under way, and again for its `onStop`. At the limit: the
 * run is abandoned, its caller answered, and its context refuses everything it still tries.
 */
export const HOOK_GRACE_MS = 5_000;
/** Milliseconds a stop waits for one actor, unless it says otherwise: a grace for its handler, one for its `onStop`, and as much again for its children. At the limit: `ask-timeout`, fate `unknown`. */
export const STOP_TIMEOUT_MS_DEFAULT: number = 4 * HOOK_GRACE_MS;
/** Milliseconds a spawn waits for the actor to run, unless it says otherwise. At the limit: `ask-timeout`, fate `unknown`. */
export const SPAWN_TIMEOUT_MS_DEFAULT = 5_000;

/** Bytes of one ring *(option)*. Memory is committed by the operating system as it is touched. */
export const RING_BYTES_DEFAULT = 1 << 20;
/** The smallest ring: two of the largest unsplit records must fit. */
export const RING_BYTES_MIN = 1 << 16;
/** The largest ring: 32-bit counters must tell a full ring from an empty one. */
export const RING_BYTES_MAX = 1 << 28;
/** Bytes of one encoded message *(option)*. At the limit: `message-too-large`. */
export const MESSAGE_BYTES_DEFAULT = 16 << 20;
/** The largest message any option may allow. */
export const MESSAGE_BYTES_MAX = 256 << 20;
/** Bytes of one encoded state in a store. At the limit: `message-too-large`. */
export const STATE_BYTES_MAX = 64 << 20;
/** Nesting of arrays, maps and objects in one message. Deeper input is refused, so that no decoder recursion overflows. */
export const VALUE_DEPTH_MAX = 64;

/** Messages one cell runs before the next cell has its turn: fairness between actors of a thread. */
export const MESSAGES_PER_CELL_TURN = 512;
/** Messages one cell runs before the clock is asked whether the turn has lasted long enough. */
export const MESSAGES_PER_CLOCK = 32;
/** Messages one thread runs before it looks at its lanes again. */
export const MESSAGES_PER_TURN = 1024;
/** Milliseconds a thread keeps running turns before it lets timers and sockets in. */
export const TURN_MS_MAX = 5;

/** Partitions of the name space *(option)*: prime, so that a multiple of the worker count never lines up with it. */
export const PARTITION_COUNT_DEFAULT = 271;
/** Events a subscriber's buffer holds *(option)*. At the limit: the oldest is dropped and an `events-lost` event says how many. */
export const EVENTS_BUFFER_DEFAULT = 1024;
/** Subscribers of one stream on one thread. At the limit: `limit-reached`. */
export const SUBSCRIBERS_MAX = 1 << 12;

/** Restarts an actor may need within {@link RESTART_WINDOW_MS_DEFAULT} *(kind option)*. At the limit: it is stopped. */
export const RESTARTS_DEFAULT = 10;
/** Milliseconds of the restart window *(kind option)*. */
export const RESTART_WINDOW_MS_DEFAULT = 60_000;
/** Milliseconds before the first restart *(kind option)*; doubles up to {@link BACKOFF_MS_MAX_DEFAULT}. */
export const BACKOFF_MS_MIN_DEFAULT = 100;
/** Milliseconds between restarts at most *(kind option)*. */
export const BACKOFF_MS_MAX_DEFAULT = 30_000;

assert(RING_BYTES_MIN >= 1 << 16, "a ring holds two unsplit records of a quarter of its size each");
assert(MESSAGE_BYTES_DEFAULT <= MESSAGE_BYTES_MAX, "the default message fits the largest");
assert(MESSAGES_PER_CELL_TURN <= MESSAGES_PER_TURN, "one cell does not use up a thread's turn");
