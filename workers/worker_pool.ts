/**
 * The workers of one node, seen from the main thread: starts them, notices when one dies, puts another in
 * its place with fresh lanes, and ends them. Touches threads; lives on the main thread.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";
import { backoffMs } from "../core/backoff.ts";
import type { ActorError } from "../core/failure.ts";
import type { ThreadIndex } from "../core/ids.ts";
import type { Random } from "../core/random.ts";
import {
  lanesOf,
  makeThreadMemory,
  type PeerLanes,
  peerLanesOf,
  replaceThread,
  type ThreadLanes,
  type ThreadMemory,
} from "./ring_layout.ts";
import { threadClock, type ThreadSettings, wallAheadMs } from "./thread_boot.ts";
import { WorkerLife } from "./worker_life.ts";
import { type MainWord, type SpawnRecord, WORKER_MARK, type WorkerPlace } from "./worker_main.ts";

/** A worker that dies again within this time waits longer and longer for its next life. */
const CALM_MS = 60_000;
const BACKOFF = { minMs: 10, maxMs: 10_000, jitter: 0.2 };

/** What the pool is given. */
export interface PoolOptions {
  readonly system: string;
  /** The program's entry file. */
  readonly entry: URL;
  readonly workers: number;
  readonly ringBytes: number;
  readonly startTimeoutMs: number;
  /** Mebibytes of heap one worker may use. */
  readonly heapMb: number;
  readonly generation: number;
  readonly settings: ThreadSettings;
  readonly kinds: readonly string[];
  readonly wanted: SharedArrayBuffer;
  /** The lease of a clustered node. */
  readonly lease: SharedArrayBuffer | undefined;
  readonly random: Random;
  /** A worker died: its lanes, made anew, for the main thread's own use. */
  readonly lost: (thread: ThreadIndex, lanes: PeerLanes, reason: string) => void;
  /** Its successor runs. */
  readonly replaced: (thread: ThreadIndex, respawned: number) => void;
  /** What was spawned on a thread, for its successor. */
  readonly respawn: (thread: ThreadIndex) => readonly SpawnRecord[];
}

/** The pool of one system. */
export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #workers: (WorkerLife | undefined)[] = [];
  readonly #deaths: number[][] = [];
  /** Lives that are about to begin. */
  readonly #delays = new Set<ReturnType<typeof setTimeout>>();
  #memory: ThreadMemory;
  #isEnding = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#memory = makeThreadMemory({ threads: options.workers + 1, ringBytes: options.ringBytes });
  }

  /** The main thread's own lanes. */
  get mainLanes(): ThreadLanes {
    return lanesOf(this.#memory, 0);
  }

  /** Whether worker `thread` runs, and can be asked. */
  isReady(thread: number): boolean {
    return this.#workers[thread]?.isRunning ?? false;
  }

  /** Starts all workers; resolves when all are ready, rejects with `start-failed` when one is not in time. */
  async start(): Promise<void> {
    const threads = Array.from({ length: this.#options.workers }, (_, index) => index + 1);
    const results = await Promise.allSettled(threads.map(async (thread) => await this.#begin(thread, 1).ready));
    const failed = results.find((result) => result.status === "rejected");
    if (failed === undefined) return;
    await this.end(0);
    throw failed.reason;
  }

  /** Asks all workers to end, and ends those that have not within `timeoutMs`. What failed while they closed. */
  async end(timeoutMs: number): Promise<readonly ActorError[]> {
    this.#isEnding = true;
    for (const delay of this.#delays) clearTimeout(delay);
    const lives = this.#workers.filter((life) => life !== undefined);
    if (timeoutMs > 0) {
      for (const { worker } of lives) worker.postMessage({ word: "end" } satisfies MainWord);
      await withDeadline(Promise.all(lives.map(({ exited }) => exited)), timeoutMs);
    }
    await Promise.all(lives.map(({ worker }) => worker.terminate()));
    return lives.flatMap(({ failure }) => failure === undefined ? [] : [failure]);
  }

  /** Ends one worker at once, as a crash would. For tests and demonstrations of what happens then. */
  async kill(thread: number): Promise<void> {
    await this.#workers[thread]?.worker.terminate();
  }

  #begin(thread: number, number: number): WorkerLife {
    const { system, entry, generation, settings, kinds, wanted, lease, heapMb, startTimeoutMs } = this.#options;
    const respawn = number === 1 ? [] : this.#options.respawn(thread as ThreadIndex);
    const place: WorkerPlace = {
      mark: WORKER_MARK,
      system,
      lanes: lanesOf(this.#memory, thread),
      wanted,
      lease,
      generation,
      settings,
      kinds,
      life: number,
      wallAheadMs: wallAheadMs(),
      respawn,
    };
    const life = new WorkerLife(entry, place, heapMb, startTimeoutMs);
    this.#workers[thread] = life;
    life.ready.then(
      () => number > 1 && this.#options.replaced(thread as ThreadIndex, respawn.length),
      () => life.worker.terminate(),
    );
    life.exited.then((reason) => this.#exited(thread, number, life, reason));
    return life;
  }

  #exited(thread: number, number: number, life: WorkerLife, reason: string): void {
    if (this.#isEnding || this.#workers[thread] !== life || (number === 1 && !life.isReady)) return;
    this.#memory = replaceThread(this.#memory, thread);
    for (const [index, other] of this.#workers.entries()) {
      if (other === undefined || index === thread) continue;
      const lanes = peerLanesOf(this.#memory, index, thread);
      other.worker.postMessage({ word: "replaced", thread: thread as ThreadIndex, lanes, reason } satisfies MainWord);
    }
    this.#options.lost(thread as ThreadIndex, peerLanesOf(this.#memory, 0, thread), reason);
    this.#beginLater(thread, number + 1);
  }

  #beginLater(thread: number, number: number): void {
    const delay = setTimeout(() => {
      this.#delays.delete(delay);
      try {
        this.#begin(thread, number);
      } catch {
        this.#beginLater(thread, number); // The system refuses a thread today; it did not when the node started.
      }
    }, this.#waitMs(thread));
    this.#delays.add(delay);
  }

  #waitMs(thread: number): number {
    const nowMs = threadClock();
    const recent = (this.#deaths[thread] ?? []).filter((atMs) => nowMs - atMs < CALM_MS);
    this.#deaths[thread] = [...recent, nowMs];
    return recent.length === 0 ? 0 : backoffMs(recent.length - 1, BACKOFF, this.#options.random);
  }
}

function withDeadline(done: Promise<unknown>, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve) => {
    const late = setTimeout(resolve, timeoutMs, undefined);
    done.finally(() => {
      clearTimeout(late);
      resolve(undefined);
    });
  });
}
