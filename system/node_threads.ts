/**
 * The threads of one node as its main thread asks them, itself among them. On the main thread; touches the lanes.
 *
 * One idea: an operation is the same whoever carries it out: a worker is sent it, this thread does it.
 *
 * @module
 */
import { partitionOfKey, threadOf } from "../core/hash.ts";
import type { ActorKey, ThreadIndex } from "../core/ids.ts";
import type { WaitOptions } from "../core/ref.ts";
import { operate, type ThreadStats } from "../workers/operations.ts";
import type { Thread } from "../workers/thread_boot.ts";
import type { WorkerPool } from "../workers/worker_pool.ts";
import type { Operation } from "../workers/worker_protocol.ts";
import { type ListedActor, paged } from "./actor_pages.ts";
import type { SystemLife } from "./system_life.ts";
import { decodeActors, decodeStats } from "./system_stats.ts";

const MAIN = 0 as ThreadIndex;

/** What {@link NodeThreads} is given. */
export interface NodeThreadsOptions {
  readonly life: SystemLife;
  readonly main: Thread;
  /** None when the main thread runs the actors. */
  readonly pool: WorkerPool | undefined;
  readonly workers: number;
  readonly partitionCount: number;
}

/** See the module. */
export class NodeThreads {
  /** The main thread. */
  readonly main: Thread;
  /** All threads, the main thread first. */
  readonly all: readonly ThreadIndex[];
  /** Those that run actors. */
  readonly ofActors: readonly ThreadIndex[];
  readonly #life: SystemLife;
  readonly #pool: WorkerPool | undefined;
  readonly #partitionCount: number;

  constructor({ life, main, pool, workers, partitionCount }: NodeThreadsOptions) {
    this.main = main;
    this.#life = life;
    this.#pool = pool;
    this.#partitionCount = partitionCount;
    const count = pool === undefined ? 0 : workers;
    this.all = Array.from({ length: count + 1 }, (_, index) => index as ThreadIndex);
    this.ofActors = pool === undefined ? [MAIN] : this.all.slice(1);
  }

  /** Whether actors run on workers. */
  get hasWorkers(): boolean {
    return this.#pool !== undefined;
  }

  /** Whether a thread can be asked now. */
  isReady(thread: ThreadIndex): boolean {
    return thread === MAIN || this.#pool?.isReady(thread) === true;
  }

  /** The thread that would run an actor of this node. */
  threadOf(key: ActorKey): ThreadIndex {
    return threadOf(partitionOfKey(key, this.#partitionCount), this.all.length - 1);
  }

  /** Asks a thread. Rejects as the operation does, and with `system-stopping` once the system has stopped. */
  operate(thread: ThreadIndex, operation: Operation, wait: WaitOptions | undefined): Promise<unknown> {
    if (this.#life.state === "stopped") return Promise.reject(this.#life.refusal());
    const { host } = this.main;
    return host.courier.operate(thread, operation.op, wait, (ask) => {
      if (thread !== MAIN) {
        host.outbound?.operate(thread, operation, ask);
      } else {
        operate(host, operation, { ok: (value) => host.reply(ask, value), failed: (error) => host.refuse(ask, error) });
      }
    });
  }

  /** The counters of a thread. */
  async stats(thread: ThreadIndex, wait: WaitOptions | undefined): Promise<ThreadStats> {
    return decodeStats(await this.operate(thread, { op: "stats" }, wait));
  }

  /** A page of the actors of one thread. */
  async listOn(
    thread: ThreadIndex,
    after: ActorKey | undefined,
    count: number,
  ): Promise<readonly ListedActor[]> {
    return decodeActors(await this.operate(thread, { op: "actors", after, count }, undefined));
  }

  /** All actors of this node, thread by thread. */
  async *list(): AsyncGenerator<ListedActor> {
    for (const thread of this.ofActors) yield* paged((after, count) => this.listOn(thread, after, count));
  }
}
