/**
 * The lines in which a user reads what his actors did, and what befell their nodes. Writes to the function it is given;
 * one per world.
 *
 * One idea: one thing that happened, one line: when, on which node, what it did, to whom. So lines can be searched for an
 * actor, a node or a verb.
 *
 * Invariant: it is told, and tells nobody else. A world with it is the same world as one without.
 *
 * @module
 */
import type { TroupeEvent } from "../core/events.ts";
import type { ActorError } from "../core/failure.ts";
import type { SaveResult } from "../core/store.ts";
import type { LeaseChange } from "./actor_node.ts";
import type { AskSubject } from "../workers/pending_asks.ts";

/** Writes the lines of one world. */
export class ActorTrace {
  readonly #line: (line: string) => void;
  readonly #nowMs: () => number;

  constructor(line: (line: string) => void, nowMs: () => number) {
    this.#line = line;
    this.#nowMs = nowMs;
  }

  /** One line. `host` is `undefined` for what concerns the whole world. */
  say(host: number | undefined, text: string): void {
    const seconds = (this.#nowMs() / 1_000).toFixed(3).padStart(8);
    this.#line(`${seconds} s  ${(host === undefined ? "--" : `n${host}`).padEnd(3)} ${text}`.replaceAll("\n", " "));
  }

  /** A handler or hook begins. */
  runs(host: number, key: string, handler: string): void {
    this.say(host, `runs ${key} ${handler}`);
  }

  /** What the runtime of a node has to say of its actors. */
  event(host: number, event: TroupeEvent): void {
    const text = eventText(event);
    if (text !== undefined) this.say(host, text);
  }

  /** A message that no handler will see, of one node to another. */
  lost(host: number, target: string, reason: string): void {
    this.say(host, `loses a message to ${target}: ${reason}`);
  }

  /** A write has reached the store. `result` is `undefined` when it failed before it took effect. */
  saved(host: number, storeKey: string, result: SaveResult | undefined, isFailing: boolean): void {
    const key = storeKey.slice(storeKey.indexOf("@") + 1); // a spawned actor's key has its kind before it
    if (result === undefined) this.say(host, `does not save ${key}: the store fails`);
    else if (result.kind === "fenced") this.say(host, `does not save ${key}: fenced, another activation has saved it`);
    else this.say(host, `saves ${key}${isFailing ? ", but hears that the store fails" : ""}`);
  }

  /** What somebody waited for ends with an error: `what` is "ask of stock:pen take", "spawn of pen". */
  failed(host: number, what: string, error: unknown): void {
    this.say(host, `${what} ends: ${errorText(error)}`);
  }

  /** An ask of a handler ends with an error. Those of a test have a line of their own. */
  askFailed(host: number, { to, handler, waitingIn }: AskSubject, error: ActorError): void {
    if (waitingIn !== undefined) this.failed(host, `ask of ${to} ${handler} in ${waitingIn}`, error);
  }

  /** The right of a node to run actors has changed. */
  lease(host: number, change: LeaseChange): void {
    this.say(host, LEASE_TEXTS[change]);
  }
}

const LEASE_TEXTS: Readonly<Record<LeaseChange, string>> = {
  first: "is ready: it has a lease",
  out: "freezes: its lease is out",
  again: "goes on: it has a lease again",
};

/** `undefined` for what isn't about actors. */
function eventText(event: TroupeEvent): string | undefined {
  switch (event.type) {
    case "actorStarted":
      return `begins ${event.actor.key}: ${event.reason}`;
    case "actorStopped":
      return `ends ${event.actor.key}: ${event.reason}`;
    case "actorFailed":
      return `fails ${event.actor.key} ${event.handler}: ${errorText(event.error)}`;
    case "actorRestarting":
      return `restarts ${event.actor.key} in ${Math.round(event.delayMs)} ms`;
    case "deadLetter": // an ask ends with its error, which has a line
      return event.wasAsk ? undefined : `loses a message to ${event.to.key} ${event.handler}: ${event.reason}`;
    default:
      return undefined;
  }
}

function errorText(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return String(error);
  const { code, fate, message } = error as Pick<ActorError, "code" | "fate" | "message">;
  return `${code}, ${fate}: ${message}`;
}
