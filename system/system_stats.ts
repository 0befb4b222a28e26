/**
 * What the threads of a system answer to the main thread, decoded, and their sums. Pure.
 *
 * @module
 */
import { malformed } from "../core/byte_reader.ts";
import { DEAD_LETTER_REASONS, type DeadLetterReason } from "../core/events.ts";
import type { ActorKey } from "../core/ids.ts";
import { isKey } from "../core/names.ts";
import type { CounterValues } from "../workers/counters.ts";
import type { ThreadBacklog, ThreadStats } from "../workers/operations.ts";

/** Counters of a whole system. */
export interface SystemStats {
  /** Each thread's own, the main thread first. */
  readonly threads: readonly ThreadStats[];
  /** Live actors of each kind. */
  readonly actors: Readonly<Record<string, number>>;
  /** Messages that no handler saw, by reason. */
  readonly deadLetters: Readonly<Partial<Record<DeadLetterReason, number>>>;
  /** All of them. */
  readonly deadLetterCount: number;
  /** Messages and replies that crossed from one thread to another. */
  readonly recordsAcross: number;
  /** Messages that stayed on their thread. */
  readonly messagesLocal: number;
}

/** Sums the threads up. */
export function totalsOf(threads: readonly ThreadStats[]): SystemStats {
  const deadLetters = sumByKey(threads.map(({ counters }) => counters.deadLetters));
  return {
    threads,
    actors: sumByKey(threads.map(({ actors }) => actors)),
    deadLetters,
    deadLetterCount: Object.values(deadLetters).reduce((sum, count) => sum + count, 0),
    recordsAcross: threads.reduce((sum, { counters }) => sum + counters.recordsSent, 0),
    messagesLocal: threads.reduce((sum, { counters }) => sum + counters.messagesLocal, 0),
  };
}

/** Decodes the answer to `stats`; throws `malformed-bytes`. */
export function decodeStats(raw: unknown): ThreadStats {
  const { thread, actors, counters, backlog = {} } = recordOf(raw);
  return {
    thread: countOf(thread),
    actors: countsOf(actors),
    counters: decodeCounters(counters),
    backlog: decodeBacklog(backlog),
  };
}

/** Decodes the answer to `activity`; throws `malformed-bytes`. */
export function decodeActivity(raw: unknown): { readonly isQuiet: boolean; readonly ran: number } {
  const { isQuiet, ran } = recordOf(raw);
  return { isQuiet: isQuiet === true, ran: countOf(ran) };
}

/** Decodes the answer to `actors`; throws `malformed-bytes`. */
export function decodeActors(raw: unknown): readonly { readonly kind: string; readonly key: ActorKey }[] {
  if (!Array.isArray(raw)) throw malformed("a list of actors is expected");
  return raw.map((item) => {
    const { kind, key } = recordOf(item);
    if (typeof kind !== "string" || !isKey(key)) throw malformed("an actor has a kind and a key");
    return { kind, key };
  });
}

function decodeCounters(raw: unknown): CounterValues {
  const counters = recordOf(raw);
  const count = (name: keyof CounterValues) => countOf(counters[name]);
  const known = new Set<string>(DEAD_LETTER_REASONS);
  const deadLetters = Object.entries(countsOf(counters.deadLetters)).filter(([reason]) => known.has(reason));
  return {
    messagesLocal: count("messagesLocal"),
    recordsSent: count("recordsSent"),
    recordsReceived: count("recordsReceived"),
    tellsRefused: count("tellsRefused"),
    refusedElsewhere: count("refusedElsewhere"),
    asks: count("asks"),
    failures: count("failures"),
    actorsStarted: count("actorsStarted"),
    actorsStopped: count("actorsStopped"),
    restarts: count("restarts"),
    eventsUnsent: count("eventsUnsent"),
    deadLetters: Object.fromEntries(deadLetters),
  };
}

/** What is missing is nothing: a host without lanes or mailboxes of its own has no such numbers. */
function decodeBacklog(raw: unknown): ThreadBacklog {
  const { mailboxMessages = 0, mailboxMessagesMax = 0, actorsSkipped = 0, asks = 0, laneBytes = {} } = recordOf(raw);
  return {
    mailboxMessages: countOf(mailboxMessages),
    mailboxMessagesMax: countOf(mailboxMessagesMax),
    actorsSkipped: countOf(actorsSkipped),
    asks: countOf(asks),
    laneBytes: countsOf(laneBytes),
  };
}

function sumByKey(counts: readonly Readonly<Record<string, number | undefined>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const count of counts) {
    for (const [key, value] of Object.entries(count)) sums[key] = (sums[key] ?? 0) + (value ?? 0);
  }
  return sums;
}

function recordOf(raw: unknown): Readonly<Record<string, unknown>> {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) throw malformed("an object is expected");
  return raw as Readonly<Record<string, unknown>>;
}

function countsOf(raw: unknown): Record<string, number> {
  return Object.fromEntries(Object.entries(recordOf(raw)).map(([name, value]) => [name, countOf(value)]));
}

function countOf(raw: unknown): number {
  if (typeof raw !== "number" || !Number.isSafeInteger(raw) || raw < 0) throw malformed("a count is expected");
  return raw;
}
