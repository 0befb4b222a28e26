/**
 * What the threads of a node say to each other beside user messages: operations that are answered, notices
 * that are not, and how both are decoded. A peer thread runs our own code, but what comes out of a ring is
 * checked like anything else. Pure.
 *
 * @module
 */
import { type StartReason, STOP_REASONS, type StopReason } from "../core/lifecycle.ts";
import type { TroupeEvent } from "../core/events.ts";
import { EVENT_TYPES } from "../core/events.ts";
import type { ActorKey, ThreadIndex } from "../core/ids.ts";
import { decodeFailure, type FailureData } from "../core/failure.ts";
import { isKey } from "../core/names.ts";
import { malformed } from "../core/byte_reader.ts";

/** Asked of the thread that runs, or would run, an actor. Answered like an ask. */
export type Operation =
  /** Answered, when all of them run or have failed, with those that failed: {@link SpawnFailure}. */
  | {
    readonly op: "spawn";
    readonly keys: readonly ActorKey[];
    readonly kind: string;
    readonly init: unknown;
    readonly reason: StartReason;
  }
  | { readonly op: "stop"; readonly key: ActorKey; readonly isDraining: boolean }
  | { readonly op: "kindOf"; readonly key: ActorKey }
  | { readonly op: "actors"; readonly after: ActorKey | undefined; readonly count: number }
  | { readonly op: "stats" }
  /** Whether anything is queued or waits there. */
  | { readonly op: "activity" }
  /** End every actor; answered when all are gone. */
  | { readonly op: "endAll" };

/** One actor of a spawn that does not run, and why. */
export interface SpawnFailure {
  readonly key: ActorKey;
  readonly failure: FailureData;
}

/** Decodes the answer to `spawn`; throws `malformed-bytes`. */
export function decodeSpawnFailures(raw: unknown): readonly SpawnFailure[] {
  if (!Array.isArray(raw)) throw malformed("a list of failures is expected");
  return raw.map((item) => {
    const { key, failure } = fieldsOf(item);
    const decoded = decodeFailure(failure);
    if (decoded === undefined) throw malformed("a failure is expected");
    return { key: keyOf(key), failure: decoded };
  });
}

/** Said once; not answered. */
export type Notice =
  | {
    readonly notice: "watch" | "unwatch";
    readonly watcher: ActorKey;
    readonly thread: ThreadIndex;
    readonly key: ActorKey;
    readonly kind: string;
  }
  | {
    readonly notice: "ended";
    readonly watcher: ActorKey;
    readonly key: ActorKey;
    readonly kind: string;
    readonly reason: StopReason;
  }
  | { readonly notice: "event"; readonly event: TroupeEvent }
  /** A spawned actor has ended for good: its name is free. */
  | { readonly notice: "released"; readonly key: ActorKey }
  | { readonly notice: "published"; readonly topic: string; readonly value: unknown }
  | { readonly notice: "interest"; readonly topic: string; readonly isInterested: boolean };

/** Decodes an operation; throws `malformed-bytes`. */
export function decodeOperation(raw: unknown): Operation {
  const fields = fieldsOf(raw);
  switch (fields.op) {
    case "spawn":
      return {
        op: "spawn",
        keys: keysOf(fields.keys),
        kind: textOf(fields.kind),
        init: fields.init,
        reason: startReasonOf(fields.reason),
      };
    case "stop":
      return { op: "stop", key: keyOf(fields.key), isDraining: fields.isDraining === true };
    case "kindOf":
      return { op: "kindOf", key: keyOf(fields.key) };
    case "actors":
      return {
        op: "actors",
        after: fields.after === undefined ? undefined : keyOf(fields.after),
        count: countOf(fields.count),
      };
    case "stats":
    case "activity":
    case "endAll":
      return { op: fields.op };
    default:
      throw malformed("there is no such operation");
  }
}

/** Decodes a notice; throws `malformed-bytes`. */
export function decodeNotice(raw: unknown): Notice {
  const fields = fieldsOf(raw);
  switch (fields.notice) {
    case "watch":
    case "unwatch":
      return {
        notice: fields.notice,
        watcher: keyOf(fields.watcher),
        thread: countOf(fields.thread) as ThreadIndex,
        key: keyOf(fields.key),
        kind: textOf(fields.kind),
      };
    case "ended":
      return {
        notice: "ended",
        watcher: keyOf(fields.watcher),
        key: keyOf(fields.key),
        kind: textOf(fields.kind),
        reason: stopReasonOf(fields.reason),
      };
    case "event":
      return { notice: "event", event: eventOf(fields.event) };
    case "released":
      return { notice: "released", key: keyOf(fields.key) };
    case "published":
      return { notice: "published", topic: textOf(fields.topic), value: fields.value };
    case "interest":
      return { notice: "interest", topic: textOf(fields.topic), isInterested: fields.isInterested === true };
    default:
      throw malformed("there is no such notice");
  }
}

function fieldsOf(raw: unknown): Readonly<Record<string, unknown>> {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    throw malformed("an operation or notice is an object");
  }
  return raw as Readonly<Record<string, unknown>>;
}

function keyOf(raw: unknown): ActorKey {
  if (!isKey(raw)) throw malformed("a key is expected");
  return raw;
}

function keysOf(raw: unknown): readonly ActorKey[] {
  if (!Array.isArray(raw)) throw malformed("a list of keys is expected");
  return raw.map(keyOf);
}

function textOf(raw: unknown): string {
  if (typeof raw !== "string") throw malformed("a text is expected");
  return raw;
}

function countOf(raw: unknown): number {
  if (typeof raw !== "number" || !Number.isSafeInteger(raw) || raw < 0) throw malformed("a count is expected");
  return raw;
}

function startReasonOf(raw: unknown): StartReason {
  if (raw === "spawn" || raw === "activation" || raw === "restart" || raw === "worker-lost") return raw;
  throw malformed("there is no such reason to start");
}

function stopReasonOf(raw: unknown): StopReason {
  const reason = STOP_REASONS.find((known) => known === raw);
  if (reason === undefined) throw malformed("there is no such reason to stop");
  return reason;
}

// Events are for people: beyond the type, what a thread of ours put into one is shown as it is.
function eventOf(raw: unknown): TroupeEvent {
  const fields = fieldsOf(raw);
  if (EVENT_TYPES.every((type) => type !== fields.type)) throw malformed("there is no such event");
  return raw as TroupeEvent;
}
