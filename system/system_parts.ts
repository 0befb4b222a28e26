/**
 * What a system on the main thread is made of: opened together, closed together. Touches threads, sockets and the store.
 *
 * One idea: what can refuse comes first, and each part is given those it needs; so a part that cannot be had is the only
 * one that failed, and what was opened before it is closed again.
 *
 * Invariant: when opening fails nothing is left running; closing never fails, whatever its parts do.
 *
 * @module
 */
import { toActorError } from "../core/failure.ts";
import type { ThreadIndex } from "../core/ids.ts";
import { seededRandom } from "../core/random.ts";
import { bootThread, threadClock, type ThreadProgram } from "../workers/thread_boot.ts";
import { WorkerPool } from "../workers/worker_pool.ts";
import { ClusteredActors } from "./clustered_actors.ts";
import { EventStream } from "./event_stream.ts";
import { type Health, healthOf } from "./health.ts";
import { LoneActors } from "./lone_actors.ts";
import { type NodeHttp, openNodeHttp, type ShownSystem } from "./node_http.ts";
import { NodeThreads } from "./node_threads.ts";
import { answerAll, shutDown } from "./shutdown.ts";
import { SpawnLedger } from "./spawn_ledger.ts";
import type { SystemActors } from "./system_actors.ts";
import type { openCluster, SystemCluster } from "./system_cluster.ts";
import { SystemLife } from "./system_life.ts";
import type { CheckedOptions } from "./system_options.ts";
import { loneGeneration, settingsOf } from "./system_program.ts";
import { WorkerLosses } from "./worker_losses.ts";

const MAIN = 0 as ThreadIndex;
/** Milliseconds that closing links and discovery takes at most. */
const CLUSTER_CLOSE_MS = 3_000;

/** The parts of a system. */
export interface SystemParts {
  readonly options: CheckedOptions;
  readonly life: SystemLife;
  readonly events: EventStream;
  /** None when the main thread runs the actors. */
  readonly pool: WorkerPool | undefined;
  readonly losses: WorkerLosses;
  readonly threads: NodeThreads;
  readonly actors: SystemActors;
  /** This node's part of a cluster; none when it is alone. */
  readonly cluster: SystemCluster | undefined;
  /** Health and metrics for others to see; none when it listens nowhere. */
  readonly http: NodeHttp | undefined;
}

/** Opens all, and in a cluster joins or founds it. Rejects with `start-failed`, `invalid-options`. */
export async function openParts(options: CheckedOptions, program: ThreadProgram): Promise<SystemParts> {
  // In a cluster the store is asked for the cluster's generation, once there is a cluster.
  const generation = options.cluster === undefined ? await loneGeneration(options) : 0;
  const life = new SystemLife(options.name);
  const events = new EventStream();
  const ledger = new SpawnLedger();
  const http = options.listen === undefined ? undefined : await openNodeHttp(options);
  const cluster = options.cluster === undefined
    ? undefined
    : await openClusterLater(options, options.cluster, events, http?.fetch);
  const pool = poolOf(options, generation, events, cluster, () => losses);
  const main = await bootThread(program, {
    thread: MAIN,
    lanes: pool?.mainLanes,
    tokens: { generation, configuration: 1 },
    clock: threadClock,
    runsActors: pool === undefined,
    report: (event) => events.publish(event),
    wantedEvents: () => events.wantedEvents(),
    // After the answer to its spawn, which came before it and is taken up by whoever awaits it only now.
    released: (key) => queueMicrotask(() => ledger.remove(key)),
    cluster: cluster && ((lanes) => cluster.threads.withLanes(lanes)),
  }).catch(async (failure) => {
    await Promise.all([cluster?.close(0), http?.close()]);
    throw failure;
  });
  main.loop.request();
  const { workers, partitionCount, askTimeoutMs, log } = options;
  const losses: WorkerLosses = new WorkerLosses({ main, ledger, cluster, events, log });
  const threads = new NodeThreads({ life, main, pool, workers, partitionCount });
  const actors = cluster === undefined
    ? new LoneActors(life, threads, ledger)
    : new ClusteredActors({ member: cluster.member, talk: cluster.talk, threads, askTimeoutMs });
  const parts = { options, life, events, pool, losses, threads, actors, cluster, http };
  http?.attach(shownOf(parts));
  await begin(parts);
  http?.started();
  return parts;
}

function poolOf(
  options: CheckedOptions,
  generation: number,
  events: EventStream,
  cluster: SystemCluster | undefined,
  losses: () => WorkerLosses,
): WorkerPool | undefined {
  if (options.entry === undefined || options.workers === 0) return undefined;
  return new WorkerPool({
    system: options.name,
    entry: options.entry,
    workers: options.workers,
    ringBytes: options.ringBytes,
    startTimeoutMs: options.startTimeoutMs,
    heapMb: options.workerHeapMb,
    generation,
    settings: settingsOf(options),
    kinds: options.kinds.map(({ name }) => name),
    wanted: events.wanted,
    lease: cluster?.threads.leaseWord,
    random: seededRandom(Date.now()),
    lost: (index, lanes, reason) => losses().lost(index, lanes, reason),
    replaced: (index, respawned) => losses().replaced(index, respawned),
    respawn: (index) => losses().respawn(index),
  });
}

/** Sockets and discovery are loaded where they are used: a worker runs this file too, and needs none of them. */
async function openClusterLater(...given: Parameters<typeof openCluster>): Promise<SystemCluster> {
  const system = await import("./system_cluster.ts");
  return await system.openCluster(...given);
}

async function begin({ options, pool, cluster, http, threads }: SystemParts): Promise<void> {
  try {
    await pool?.start();
    await cluster?.begin({
      thread: threads.main,
      actorThreads: () => threads.ofActors,
      endWorker: (index) => void pool?.kill(index),
      listOn: (on, after, count) => threads.listOn(on, after, count),
    }, options.signal);
  } catch (failure) {
    await pool?.end(0);
    await cluster?.close(0);
    await http?.close();
    await threads.main.close();
    throw failure;
  }
}

/** Whether the system works, and whether it should be sent requests. */
export function healthOfParts({ life, cluster, http }: SystemParts): Health {
  const driver = cluster?.member.driver;
  return healthOf({ state: life.state, lagMs: driver?.lagMs ?? http?.lagMs ?? 0, cluster: driver });
}

function shownOf(parts: SystemParts): ShownSystem {
  const { cluster, losses, threads } = parts;
  return {
    health: () => healthOfParts(parts),
    lagMs: () => cluster?.member.driver.lagMs,
    threads: () => threads.all,
    isReady: (thread) => threads.isReady(thread),
    statsOf: (thread, timeoutMs) => threads.stats(thread, { timeoutMs }),
    workersLost: () => losses.count,
    cluster: cluster && { vitals: cluster.member.driver, tally: cluster.tally },
  };
}

/** Leaves the cluster, lets what is queued run, and closes all, within the time; then by force. Never rejects. */
export async function closeParts(parts: SystemParts, timeoutMs: number): Promise<void> {
  const { options, life, events, pool, threads, cluster, http } = parts;
  const { main } = threads;
  const { courier } = main.host;
  life.drain();
  courier.gate = "draining";
  const endMs = performance.now() + timeoutMs;
  await cluster?.leave(timeoutMs / 2);
  const failures = await shutDown({
    thread: main,
    pool,
    actorThreads: () => threads.ofActors.filter((thread) => threads.isReady(thread)),
    operate: (thread, operation, wait) => threads.operate(thread, operation, wait),
  }, Math.max(1, endMs - performance.now()));
  await cluster?.close(Math.max(1, Math.min(CLUSTER_CLOSE_MS, endMs - performance.now())));
  await http?.close();
  courier.gate = "closed";
  life.stop();
  answerAll(main);
  events.close();
  for (const failure of failures) {
    options.log.warn("the system did not stop cleanly", { reason: toActorError(failure).message });
  }
}
