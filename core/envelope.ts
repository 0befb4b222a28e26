/**
 * A message on its way to one cell, and what an ask carries beside it. Pure data.
 *
 * @module
 */
import type { ActorKey, Instant, ThreadIndex } from "./ids.ts";
import type { Target } from "./ref.ts";
import type { ActorTimer } from "./actor_timers.ts";

/** In place of a handler index: end the actor if it is still idle. */
export const PASSIVATE = -1;
/** In place of a handler index: end the actor when everything before this has run. */
export const DRAIN = -2;

/** In place of a handler index: say that everything before this has begun. Its one argument is whom to tell. */
export const FLUSH = -3;

/** One message. Same thread: `args` are the sender's own values, by reference. */
export class Envelope {
  /** Index of the handler, or {@link PASSIVATE}, {@link DRAIN} or {@link FLUSH}. */
  readonly handler: number;
  readonly args: readonly unknown[];
  /** The actor that sent it, if one did. */
  readonly sender: Target | undefined;
  /** What its sender waits with, if it waits. */
  readonly ask: AskHeader | undefined;
  /** The timer that made it, if one did. */
  readonly timer: ActorTimer | undefined;
  /** The trace it belongs to, as a `traceparent` (W3C Trace Context), if whoever began it named one. */
  readonly trace: string | undefined;

  constructor(
    handler: number,
    args: readonly unknown[],
    sender: Target | undefined,
    ask: AskHeader | undefined,
    timer?: ActorTimer,
    trace?: string,
  ) {
    this.handler = handler;
    this.args = args;
    this.sender = sender;
    this.ask = ask;
    this.timer = timer;
    this.trace = trace;
  }
}

/** Who waits for a reply, until when, and through which handlers. */
export interface AskHeader {
  /** Unique among the asks of the thread that waits. */
  readonly id: number;
  /** The thread that waits. */
  readonly thread: ThreadIndex;
  /** After this nobody waits: the message is dropped when it is dequeued. */
  readonly deadline: Instant;
  /** The handlers that wait for this ask, the nearest first. */
  readonly chain: ChainLink | undefined;
}

/** One waiting handler in a chain of asks A→B→C. */
export interface ChainLink {
  /** Which run of the handler: unique in the process. */
  readonly invocation: number;
  readonly key: ActorKey;
  readonly handler: string;
  /** Links from here to the beginning, this one included. */
  readonly hops: number;
  readonly previous: ChainLink | undefined;
}

/** Whether the run `invocation` waits somewhere in `chain`. */
export function isInChain(chain: ChainLink | undefined, invocation: number): boolean {
  for (let link = chain; link !== undefined; link = link.previous) {
    if (link.invocation === invocation) return true;
  }
  return false;
}

/** The chain as text, the first caller first: `["account:a.debit", "account:b.credit"]`. */
export function chainPath(chain: ChainLink | undefined): readonly string[] {
  const path: string[] = [];
  for (let link = chain; link !== undefined; link = link.previous) path.push(`${link.key}.${link.handler}`);
  return path.reverse();
}
