/**
 * What a node takes from its standard input, when it was told that somebody is there. Pure data.
 *
 * @module
 */

/** Has one of its workers killed. */
export const KILL_WORKER = "kill-worker";
