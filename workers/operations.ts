/**
 * What one thread does when another asks it to: spawn, stop, look up, count, end. The main thread asks
 * itself by the same functions. Touches promises of nobody: every operation answers through `answer`.
 *
 * @module
 */
import type { Cell } from "../core/cell.ts";
import { end, endFenced } from "../core/cell_life.ts";
import { DRAIN, Envelope } from "../core/envelope.ts";
import { ActorError, toActorError, toFailureData } from "../core/failure.ts";
import type { ActorKey } from "../core/ids.ts";
import type { CounterValues } from "./counters.ts";
import type { PartitionHost } from "./partition_host.ts";
import type { Operation, SpawnFailure } from "./worker_protocol.ts";

/** How an operation ends: exactly one of the two is called, once. */
export interface Answer {
  ok(value: unknown): void;
  failed(error: ActorError): void;
}

/** What `stats` answers. */
export interface ThreadStats {
  /** Index of the thread: 0 is the main thread. */
  readonly thread: number;
  /** Live actors of each kind. */
  readonly actors: Readonly<Record<string, number>>;
  /** What it has counted. */
  readonly counters: CounterValues;
  /** What waits there now. */
  readonly backlog: ThreadBacklog;
}

/** What waits on a thread, or for it. */
export interface ThreadBacklog {
  /** Messages in the mailboxes of the actors looked at. */
  readonly mailboxMessages: number;
  /** Messages in the fullest of these mailboxes. */
  readonly mailboxMessagesMax: number;
  /** Actors not looked at: only the mailboxes of the first 65,536 are. */
  readonly actorsSkipped: number;
  /** Replies the thread waits for, those of other threads to the runtime included. */
  readonly asks: number;
  /** Bytes it has sent to other threads that these have not read, by the index of the receiver. */
  readonly laneBytes: Readonly<Record<string, number>>;
}

/** Mailboxes one `stats` looks at: a scrape of a million actors must not be felt by them. */
export const BACKLOG_ACTORS_MAX: number = 1 << 16;

/** Performs one operation on `host`. Throws `ActorError` when it cannot even begin. */
export function operate(host: PartitionHost, operation: Operation, answer: Answer): void {
  switch (operation.op) {
    case "spawn":
      return spawn(host, operation, answer);
    case "stop":
      return stop(host, operation.key, operation.isDraining, answer);
    case "kindOf":
      return answer.ok(host.cells.get(operation.key)?.kind.name);
    case "actors":
      return answer.ok(actors(host, operation.after, operation.count));
    case "stats":
      return answer.ok(stats(host));
    case "activity": // asked only by a system that is stopping
      host.isDraining = true;
      return answer.ok(activity(host));
    case "endAll":
      return endAll(host, answer);
    default:
      return operation satisfies never;
  }
}

function spawn(
  host: PartitionHost,
  { kind: name, keys, init, reason }: Extract<Operation, { op: "spawn" }>,
  answer: Answer,
): void {
  const kind = host.kinds.named(name);
  if (kind === undefined) throw new ActorError("kind-unknown", `Cannot spawn: there is no kind ${name}`);
  const failures: SpawnFailure[] = [];
  let left = keys.length;
  const settle = (key: ActorKey, error: ActorError | undefined) => {
    if (error !== undefined) failures.push({ key, failure: toFailureData(error) });
    if (--left === 0) answer.ok(failures);
  };
  if (left === 0) return answer.ok(failures);
  for (const key of keys) {
    try {
      host.startWaiters.set(host.spawnHere(kind, key, init, reason), (error) => settle(key, error));
    } catch (thrown) {
      settle(key, toActorError(thrown));
    }
  }
}

function stop(host: PartitionHost, key: ActorKey, isDraining: boolean, answer: Answer): void {
  const cell = host.cells.get(key);
  if (cell === undefined) return answer.ok(false);
  const waiters = host.stopWaiters.get(key) ?? [];
  waiters.push(() => answer.ok(true));
  host.stopWaiters.set(key, waiters);
  if (!isDraining) return end(cell, "stop");
  cell.mailbox.push(new Envelope(DRAIN, [], undefined, undefined));
  host.wake(cell);
}

function actors(
  host: PartitionHost,
  from: ActorKey | undefined,
  count: number,
): readonly { kind: string; key: string }[] {
  // Sorted pages: actors come and go between two of them, yet none that stays is missed or shown twice.
  const keys = [...host.cells.keys()].filter((key) => from === undefined || key > from).sort().slice(0, count);
  return keys.map((key) => ({ kind: host.cells.get(key)?.kind.name ?? "?", key }));
}

function stats(host: PartitionHost): ThreadStats {
  const counts: Record<string, number> = {};
  for (const { kind } of host.cells.values()) counts[kind.name] = (counts[kind.name] ?? 0) + 1;
  const counters = host.counters.values(host.outbound?.refusedElsewhere());
  return { thread: host.thread, actors: counts, counters, backlog: backlog(host) };
}

function backlog(host: PartitionHost): ThreadBacklog {
  let looked = 0;
  let mailboxMessages = 0;
  let mailboxMessagesMax = 0;
  for (const { mailbox: { size } } of host.cells.values()) {
    if (looked === BACKLOG_ACTORS_MAX) break;
    looked++;
    mailboxMessages += size;
    if (size > mailboxMessagesMax) mailboxMessagesMax = size;
  }
  return {
    mailboxMessages,
    mailboxMessagesMax,
    actorsSkipped: host.cells.size - looked,
    asks: host.asks.count,
    laneBytes: host.outbound?.bytesQueued?.() ?? {},
  };
}

/** The host's own answer, and also whether messages wait for an actor that starts or restarts. */
function activity(host: PartitionHost): { readonly isQuiet: boolean; readonly ran: number } {
  const { isQuiet, ran } = host.activity();
  // Without a lease nothing runs, however long one waits.
  if (host.isFrozen) return { isQuiet: true, ran };
  return { isQuiet: isQuiet && !host.cells.values().some(({ mailbox }) => mailbox.size > 0), ran };
}

function endAll(host: PartitionHost, answer: Answer): void {
  host.isEnding = true;
  const roots = [...host.cells.values()].filter((cell: Cell) => cell.parent === undefined);
  let left = roots.length;
  if (left === 0) return answer.ok(undefined);
  for (const root of roots) {
    const waiters = host.stopWaiters.get(root.key) ?? [];
    waiters.push(() => {
      left--;
      if (left === 0) answer.ok(undefined);
    });
    host.stopWaiters.set(root.key, waiters);
  }
  for (const root of roots) {
    if (host.isFrozen) endFenced(root);
    else end(root, "system-stopping");
  }
}

/**
 * Answers everybody who still waits for an actor of this thread with `error`; what is queued goes nowhere. The thread
 * runs no more turns after this: an actor that did not end in time never will.
 */
export function abandonAll(host: PartitionHost, error: ActorError): void {
  for (const cell of host.cells.values()) {
    for (const run of [cell.current, ...cell.extras?.interleaved ?? []]) {
      if (run?.ask !== undefined) host.refuse(run.ask, error);
    }
    for (const queue of [cell.mailbox, cell.extras?.stash]) {
      for (let waiting = queue?.shift(); waiting !== undefined; waiting = queue?.shift()) {
        if (waiting.ask !== undefined) host.refuse(waiting.ask, error);
        if (waiting.handler >= 0) host.deadLetter(cell, waiting, "system-stopping");
      }
    }
  }
}
