/**
 * What a worker thread does: boots, says that it is ready, and runs its loop until it is told to end. The
 * program's entry file was run again to get here; `start` never returns in a worker. Touches the thread.
 *
 * @module
 */
import process from "node:process";
import { setInterval } from "node:timers";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { assert } from "../core/assert.ts";
import { decodeFromBytes } from "../core/codec.ts";
import { ActorError, decodeFailure, type FailureData, toActorError, toFailureData } from "../core/failure.ts";
import { type ActorKey, instant, type ThreadIndex } from "../core/ids.ts";
import { UNMEASURED } from "../core/lease_gate.ts";
import type { LaneSet } from "./lane_set.ts";
import { LeaseWord } from "./lease_word.ts";
import type { PartitionHost } from "./partition_host.ts";
import type { PeerLanes, ThreadLanes } from "./ring_layout.ts";
import {
  bootThread,
  type Thread,
  threadClock,
  type ThreadCluster,
  type ThreadProgram,
  type ThreadSettings,
  wallAheadMs,
} from "./thread_boot.ts";
import { ThreadLease } from "./thread_lease.ts";
import { WorkerCluster } from "./worker_cluster.ts";
import type { TroupeEvent } from "../core/events.ts";

/** Says that a worker was started by us, and not by the program for itself. */
export const WORKER_MARK = "troupe/worker-1";

/** What the main thread gives a worker. Sent by ourselves to ourselves: one process, one version. */
export interface WorkerPlace {
  readonly mark: typeof WORKER_MARK;
  readonly system: string;
  readonly lanes: ThreadLanes;
  /** One word: the events somebody wants to see, a bit each. */
  readonly wanted: SharedArrayBuffer;
  /** The main thread's settings: what a worker computes from its own arguments or environment may differ. */
  readonly settings: ThreadSettings;
  /** The names of the kinds, in the main thread's order: an index on a ring must mean the same everywhere. */
  readonly kinds: readonly string[];
  readonly generation: number;
  /** Which life of its thread this is, from 1. */
  readonly life: number;
  /** The main thread's {@link wallAheadMs}. */
  readonly wallAheadMs: number;
  /** Actors that were spawned on this thread's earlier life. */
  readonly respawn: readonly SpawnRecord[];
  /** The lease of a clustered node, as {@link LeaseWord} reads it. */
  readonly lease: SharedArrayBuffer | undefined;
}

/** A top-level actor as it was spawned. */
export interface SpawnRecord {
  readonly key: ActorKey;
  readonly kind: string;
  /** Its encoded `init`. */
  readonly init: Uint8Array;
}

/** What a worker says to the main thread beside its lane. */
export type WorkerWord =
  | { readonly word: "ready" }
  | { readonly word: "failed"; readonly failure: FailureData }
  | { readonly word: "ended"; readonly failure: FailureData | undefined };

/** Decodes a worker's word; `undefined` when it is something else that the program posted from there. */
export function decodeWorkerWord(raw: unknown): WorkerWord | undefined {
  if (typeof raw !== "object" || raw === null || !("word" in raw)) return undefined;
  const failure = "failure" in raw ? decodeFailure(raw.failure) : undefined;
  switch (raw.word) {
    case "ready":
      return { word: "ready" };
    case "failed":
      return failure === undefined ? undefined : { word: "failed", failure };
    case "ended":
      return { word: "ended", failure };
    default:
      return undefined;
  }
}

/** What the main thread says to a worker beside its lane. */
export type MainWord =
  | { readonly word: "replaced"; readonly thread: ThreadIndex; readonly lanes: PeerLanes; readonly reason: string }
  | { readonly word: "end" };

let hasBegun = false;

/**
 * The place of this thread if it is a worker of the system `name`; `undefined` on a thread that is no worker of ours.
 *
 * @throws {ActorError} `not-supported` in a worker of another system, or of this one for the second time. It would
 * start a whole system in every worker, and those would do the same.
 */
export function workerPlace(name: string): WorkerPlace | undefined {
  if (isMainThread || typeof workerData !== "object" || workerData === null) return undefined;
  const place = workerData as Partial<WorkerPlace>;
  if (place.mark !== WORKER_MARK) return undefined;
  if (place.system === name && !hasBegun) return place as WorkerPlace;
  throw new ActorError(
    "not-supported",
    `Cannot start system ${name}: this thread is a worker of system ${place.system}; ` +
      "every system has an entry file of its own, and no system starts inside another",
    { details: { system: place.system } },
  );
}

/** Runs this thread as a worker. Never resolves. */
export async function runWorker(program: ThreadProgram, place: WorkerPlace): Promise<never> {
  const port = parentPort;
  if (port === null) throw new Error("Cannot run as a worker: this thread has no parent");
  hasBegun = true;
  const say = (word: WorkerWord) => port.postMessage(word);
  const waiting: MainWord[] = [];
  let thread: Thread | undefined;
  // The listener also keeps the thread alive: a pending doorbell does not.
  port.on("message", (word: MainWord) => thread === undefined ? waiting.push(word) : obey(thread, word, say));
  try {
    thread = await boot(program, place);
  } catch (thrown) {
    say({ word: "failed", failure: toFailureData(toActorError(thrown)) });
    return await new Promise<never>(() => {});
  }
  for (const word of waiting) obey(thread, word, say);
  say({ word: "ready" });
  thread.loop.request();
  return await new Promise<never>(() => {});
}

async function boot(ownProgram: ThreadProgram, place: WorkerPlace): Promise<Thread> {
  const program = { ...ownProgram, ...place.settings };
  const kinds = program.kinds.map(({ name }) => name);
  if (kinds.join() !== place.kinds.join()) {
    throw new ActorError(
      "invalid-options",
      `Cannot run: this thread has the kinds ${kinds.join(", ")}, the main thread has ${place.kinds.join(", ")}`,
    );
  }
  const aheadMs = wallAheadMs() - place.wallAheadMs;
  const wanted = new Int32Array(place.wanted);
  const thread: Thread = await bootThread(program, {
    thread: place.lanes.index as ThreadIndex,
    lanes: place.lanes,
    tokens: { generation: place.generation, configuration: place.life },
    clock: () => instant(threadClock() + aheadMs),
    runsActors: true,
    report: (event: TroupeEvent) => report(thread, event),
    wantedEvents: () => Atomics.load(wanted, 0),
    released: (key) => thread.host.outbound?.notice(MAIN, { notice: "released", key }),
    cluster: place.lease === undefined ? undefined : clusterOf(place.lease),
  });
  for (const { key, kind, init } of place.respawn) {
    const known = thread.host.kinds.named(kind);
    if (known !== undefined) thread.host.spawnHere(known, key, decodeFromBytes(init, thread.host.refs), "worker-lost");
  }
  return thread;
}

const MAIN = 0 as ThreadIndex;
/** Milliseconds between two measurements of this thread's clock against the main thread's. */
const MEASURE_MS = 10_000;

function clusterOf(word: SharedArrayBuffer): (lanes: LaneSet | undefined) => ThreadCluster {
  return (lanes) => {
    assert(lanes !== undefined, "a worker has lanes");
    const lease = new ThreadLease(new LeaseWord(word), { mono: threadClock, wall: Date.now }, UNMEASURED);
    const cluster = new WorkerCluster(lanes, lease);
    queueMicrotask(() => cluster.measure());
    setInterval(() => cluster.measure(), MEASURE_MS).unref();
    return cluster;
  };
}

function report({ host }: Thread, event: TroupeEvent): void {
  if (!isSent(host, event) && !isSent(host, withoutDetails(event))) host.counters.eventsUnsent++;
}

/** Whether the main thread will see it. An event is never worth a worker: what cannot travel is not sent. */
function isSent({ outbound }: PartitionHost, event: TroupeEvent): boolean {
  try {
    return outbound?.offerNotice(MAIN, { notice: "event", event }) ?? false;
  } catch {
    return false;
  }
}

/** Details may hold anything a user put there; code, text and fate always travel. */
function withoutDetails(event: TroupeEvent): TroupeEvent {
  if (event.type !== "actorFailed") return event;
  const { code, message, fate } = event.error;
  return { ...event, error: { code, message, fate, details: {} } };
}

function obey(thread: Thread, word: MainWord, say: (word: WorkerWord) => void): void {
  switch (word.word) {
    case "replaced": {
      const old = thread.lanes?.replace(word.thread, word.lanes);
      if (old !== undefined) thread.loop.drainLast(old.reader);
      thread.host.threadLost(word.thread, word.reason, old?.writer.countUnread() ?? 0);
      return thread.loop.request();
    }
    case "end":
      thread.close().then(
        () => say({ word: "ended", failure: undefined }),
        (thrown) => say({ word: "ended", failure: toFailureData(toActorError(thrown)) }),
      ).finally(() => process.exit(0));
      return;
    default:
      return word satisfies never;
  }
}
