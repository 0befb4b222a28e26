/**
 * Puts one thread together: host, lanes, store, resources and loop, the same on the main thread and in a
 * worker. What differs between them is given. Touches everything a thread touches.
 *
 * @module
 */
import { performance } from "node:perf_hooks";
import { getRandomValues } from "node:crypto";
import type { TroupeEvent } from "../core/events.ts";
import { ActorError, toActorError } from "../core/failure.ts";
import { type ActorKey, type Instant, instant, type ThreadIndex } from "../core/ids.ts";
import { type AnyKind, idleMsOf } from "../core/kind.ts";
import type { Log } from "../core/ports.ts";
import { type Random, seededRandom } from "../core/random.ts";
import type { ProvidedResource } from "../core/resource.ts";
import type { StateStore, StoreProvider } from "../core/store.ts";
import type { HostCluster } from "./cluster_port.ts";
import { type ClusterSink, Inbox } from "./inbox.ts";
import { SPIN_US_DEFAULT } from "./doorbell.ts";
import { LaneSet } from "./lane_set.ts";
import { KindTable } from "./kind_table.ts";
import { Outbox } from "./outbox.ts";
import { PartitionHost } from "./partition_host.ts";
import { Persistence, type TokenSource } from "./persistence.ts";
import type { ThreadLanes } from "./ring_layout.ts";
import type { ThreadLease } from "./thread_lease.ts";
import { ThreadLoop } from "./thread_loop.ts";

/** Plain settings of a system: the main thread's count, and are sent to its workers. */
export interface ThreadSettings {
  readonly workers: number;
  readonly partitionCount: number;
  readonly askTimeoutMs: number;
  readonly asksMax: number;
  readonly maxMessageBytes: number;
}

/** What every thread of a system is told by the program itself, which all of them run. */
export interface ThreadProgram extends ThreadSettings {
  readonly system: string;
  readonly kinds: readonly AnyKind[];
  readonly store: StoreProvider | undefined;
  readonly resources: readonly ProvidedResource[];
  readonly log: Log;
}

/** What makes one thread different from the others. */
export interface ThreadPlace {
  readonly thread: ThreadIndex;
  /** The lanes to the other threads; none when there are none. */
  readonly lanes: ThreadLanes | undefined;
  readonly tokens: TokenSource;
  readonly clock: () => Instant;
  /** Whether this thread runs actors: then it opens the store and makes the resources. */
  readonly runsActors: boolean;
  readonly report: (event: TroupeEvent) => void;
  readonly wantedEvents: () => number;
  readonly released: (key: ActorKey) => void;
  /** This thread's part of a cluster, made once its lanes are there; none without a cluster. */
  readonly cluster?: (lanes: LaneSet | undefined) => ThreadCluster;
}

/** A thread's part of a cluster. */
export interface ThreadCluster extends ClusterSink {
  readonly forHost: HostCluster;
  readonly lease: ThreadLease;
  /** The host it belongs to: comes before the first turn. */
  attach(host: PartitionHost): void;
}

/** A thread that runs. */
export interface Thread {
  readonly host: PartitionHost;
  readonly lanes: LaneSet | undefined;
  readonly loop: ThreadLoop;
  /** Runs no more turns, closes the store, disposes of the resources. Rejects with the first failure, after trying all. */
  close(): Promise<void>;
}

/** Numbers one life of a thread may give to its runs of handlers before another life's begin. */
const INVOCATIONS_PER_LIFE = 2 ** 40;

/** What stands around the payload of a message between threads of a clustered node, at most. */
const CLUSTER_RECORD_BYTES = 8_192;

/** Boots the calling thread. Rejects with `start-failed` when its store or a resource cannot be had. */
export async function bootThread(program: ThreadProgram, place: ThreadPlace): Promise<Thread> {
  const { store, resources } = place.runsActors ? await openAll(program) : NOTHING_OPENED;
  const lanes = place.lanes === undefined ? undefined : new LaneSet(place.lanes, {
    messageBytesMax: program.maxMessageBytes + (place.cluster === undefined ? 0 : CLUSTER_RECORD_BYTES),
    spinUs: place.runsActors ? SPIN_US_DEFAULT : 0,
  });
  const kinds = new KindTable(program.kinds);
  const cluster = place.cluster?.(lanes);
  const host: PartitionHost = new PartitionHost({
    system: program.system,
    thread: place.thread,
    workers: program.workers,
    partitionCount: program.partitionCount,
    kinds,
    askTimeoutMs: program.askTimeoutMs,
    asksMax: program.asksMax,
    clock: place.clock,
    wallClock: Date.now,
    random: threadRandom(),
    firstInvocation: (place.tokens.configuration * 64 + place.thread) * INVOCATIONS_PER_LIFE % Number.MAX_SAFE_INTEGER,
    log: program.log,
    resources: new Map(resources.map(({ name, thing }) => [name, thing])),
    outbound: lanes === undefined ? undefined : (refs) => new Outbox(lanes, kinds, refs),
    persistence: store === undefined ? undefined : (refs, thread) => new Persistence(store, place.tokens, refs, thread),
    request: () => loop.request(),
    report: place.report,
    wantedEvents: place.wantedEvents,
    released: place.released,
    maxMessageBytes: program.maxMessageBytes,
    cluster: cluster?.forHost,
    // A thread without actors has nothing to freeze: whoever waits on it is told in time also without a lease.
    lease: place.runsActors ? cluster?.lease : undefined,
  });
  cluster?.attach(host);
  const inbox = new Inbox(host, { event: ({ event }) => place.report(event), released: place.released, cluster });
  const loop = new ThreadLoop(host, lanes, inbox, place.clock, shortestIdleMs(program.kinds));
  const close = async () => {
    loop.end();
    lanes?.doorbell.ring(); // Or a wait that nobody ends would keep the rings for as long as the process lives.
    await closeAll({ store, resources });
  };
  return { host, lanes, loop, close };
}

/** Opens a store for the calling thread. Rejects with `start-failed`, whatever the provider throws. */
export async function openStore(provider: StoreProvider): Promise<StateStore> {
  try {
    return await provider.open();
  } catch (thrown) {
    const cause = toActorError(thrown);
    throw new ActorError("start-failed", `Cannot open the ${provider.kind} store: ${cause.message}`, { cause });
  }
}

/** Milliseconds of this thread's own monotonic clock. */
export function threadClock(): Instant {
  return instant(performance.now());
}

/**
 * How far the wall clock is ahead of this thread's monotonic clock. Two threads that take it at nearly the
 * same time can read each other's monotonic clock, to about a millisecond.
 */
export function wallAheadMs(): number {
  return Date.now() - performance.now();
}

/** What a thread has opened for its actors. */
interface Opened {
  readonly store: StateStore | undefined;
  readonly resources: readonly MadeResource[];
}

const NOTHING_OPENED: Opened = { store: undefined, resources: [] };

interface MadeResource {
  readonly name: string;
  readonly thing: unknown;
  readonly dispose: ProvidedResource["dispose"];
}

async function openAll({ resources: provided, store }: ThreadProgram): Promise<Opened> {
  const resources: MadeResource[] = [];
  try {
    for (const one of provided) resources.push(await makeResource(one));
    return { store: store === undefined ? undefined : await openStore(store), resources };
  } catch (failure) {
    await closeAll({ store: undefined, resources }).catch(() => {}); // The first failure is the one that tells why.
    throw failure;
  }
}

async function makeResource({ name, make, dispose }: ProvidedResource): Promise<MadeResource> {
  try {
    return { name, thing: await make(), dispose };
  } catch (thrown) {
    const cause = toActorError(thrown);
    throw new ActorError("start-failed", `Cannot make resource ${name}: ${cause.message}`, { cause });
  }
}

/** Closes everything, whatever fails meanwhile; then rejects with the first failure. */
async function closeAll({ store, resources }: Opened): Promise<void> {
  const closings = [() => store?.close(), ...resources.map(({ thing, dispose }) => () => dispose(thing))];
  const failures: unknown[] = [];
  for (const close of closings) {
    try {
      await close();
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  if (failures.length > 0) throw failures[0];
}

function shortestIdleMs(kinds: readonly AnyKind[]): number {
  return Math.min(...kinds.flatMap((kind) => [idleMsOf(kind, true), idleMsOf(kind, false)]));
}

function threadRandom(): Random {
  const seed = new Uint32Array(1);
  getRandomValues(seed);
  return seededRandom(seed[0] ?? 0);
}
