/**
 * What one thread has to say about its actors: counts everything, logs what nobody meant, and sends events
 * on only when somebody wants to see them. Touches the log it is given; one per thread.
 *
 * @module
 */
import type { Envelope } from "../core/envelope.ts";
import { type ActorPlace, type DeadLetterReason, EVENT_TYPES, type TroupeEvent } from "../core/events.ts";
import type { ActorKey, ThreadIndex } from "../core/ids.ts";
import type { AnyKind } from "../core/kind.ts";
import type { Log } from "../core/ports.ts";
import { Counters } from "./counters.ts";

/** What {@link Reports} is given. */
export interface ReportsOptions {
  readonly thread: ThreadIndex;
  readonly log: Log;
  /** Takes an event somebody wants to see. */
  readonly report: (event: TroupeEvent) => void;
  /** A bit for each of {@link EVENT_TYPES} that somebody wants to see, now. */
  readonly wantedEvents: () => number;
}

/** The counters and events of one thread. */
export class Reports {
  readonly counters: Counters = new Counters();
  readonly #options: ReportsOptions;

  constructor(options: ReportsOptions) {
    this.#options = options;
  }

  /** Whether making an event of this type is worth it. */
  isWanted(type: TroupeEvent["type"]): boolean {
    return (this.#options.wantedEvents() & (1 << EVENT_TYPES.indexOf(type))) !== 0;
  }

  /** Sends an event to those who want it. */
  event(event: TroupeEvent): void {
    if (event.type === "actorFailed") this.#failed(event);
    else if (event.type === "actorRestarting") this.counters.restarts++;
    if (this.isWanted(event.type)) this.#options.report(event);
  }

  /** A message that no handler will see. */
  deadLetter(kind: AnyKind, key: ActorKey, envelope: Envelope, reason: DeadLetterReason): void {
    this.counters.deadLetter(reason);
    if (!this.isWanted("deadLetter")) return;
    this.#options.report({
      type: "deadLetter",
      to: { kind: kind.name, key, thread: this.#options.thread },
      handler: kind.handlers[envelope.handler]?.name ?? "?",
      from: envelope.sender?.key,
      reason,
      wasAsk: envelope.ask !== undefined,
    });
  }

  /** A message between nodes that no handler will see. Its inside is bytes here: `handler` reads them, if somebody looks. */
  lostLetter(
    { kind, key }: Pick<ActorPlace, "kind" | "key">,
    handler: () => string,
    reason: DeadLetterReason,
    from: string | undefined,
    wasAsk: boolean,
  ): void {
    this.counters.deadLetter(reason);
    if (!this.isWanted("deadLetter")) return;
    const to = { kind, key, thread: this.#options.thread };
    this.#options.report({ type: "deadLetter", to, handler: handler(), from, reason, wasAsk });
  }

  #failed({ actor, handler, error }: Extract<TroupeEvent, { type: "actorFailed" }>): void {
    this.counters.failures++;
    // A refusal is an answer, not a fault: only what the actor did not mean to throw is worth a line.
    const level = error.code === "handler-failed" || error.code === "start-failed" ? "warn" : "debug";
    this.#options.log[level](`${actor.key}.${handler} failed`, { code: error.code, message: error.message });
  }
}
