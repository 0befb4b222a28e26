/**
 * The actors of a system without a cluster: a name belongs to a thread of this node, which is asked. On the main thread;
 * mutable; one per system.
 *
 * One idea: what was spawned on a worker is remembered here, for the worker may die. Whether a spawn whose answer is lost
 * has begun is not known; it is remembered too, and its end is told like any other.
 *
 * Invariant: what is remembered as spawned runs, or will be told to have ended.
 *
 * @module
 */
import { encodeToBytes } from "../core/codec.ts";
import { fromFailureData, toActorError } from "../core/failure.ts";
import type { ActorKey, NodeId, ThreadIndex } from "../core/ids.ts";
import type { AnyKind } from "../core/kind.ts";
import { SPAWN_TIMEOUT_MS_DEFAULT, STOP_TIMEOUT_MS_DEFAULT } from "../core/limits.ts";
import type { WaitOptions } from "../core/ref.ts";
import { decodeSpawnFailures, type SpawnFailure } from "../workers/worker_protocol.ts";
import type { ListedActor } from "./actor_pages.ts";
import type { NodeThreads } from "./node_threads.ts";
import type { SpawnLedger } from "./spawn_ledger.ts";
import type { SpawnOptions } from "./spawn_options.ts";
import type { StopActorOptions, SystemActors } from "./system_actors.ts";
import type { SystemLife } from "./system_life.ts";

/** Keys one spawn operation holds: a page of names, not a ring full of them. */
const BATCH_KEYS = 1024;

/** See the module. */
export class LoneActors implements SystemActors {
  readonly #life: SystemLife;
  readonly #threads: NodeThreads;
  readonly #ledger: SpawnLedger;

  constructor(life: SystemLife, threads: NodeThreads, ledger: SpawnLedger) {
    this.#life = life;
    this.#threads = threads;
    this.#ledger = ledger;
  }

  async spawn(
    keys: readonly ActorKey[],
    kind: AnyKind,
    options: Partial<SpawnOptions<unknown>>,
  ): Promise<readonly undefined[]> {
    const batches = batchesOf(keys, (key) => this.#threads.threadOf(key));
    const spawned = await Promise.allSettled(
      batches.map((batch) => this.#spawnOn(batch.thread, batch.keys, kind, options)),
    );
    for (const result of spawned) {
      if (result.status === "rejected") throw result.reason;
    }
    return keys.map(() => undefined);
  }

  /** There is one node, and it is this. */
  async spawnOn(key: ActorKey, kind: AnyKind, options: Partial<SpawnOptions<unknown>>): Promise<undefined> {
    await this.spawn([key], kind, options);
  }

  async singleton(key: ActorKey, kind: AnyKind, options: Partial<SpawnOptions<unknown>>): Promise<undefined> {
    if ((await this.find(key, undefined))?.kind === kind.name) return;
    this.#life.checkRunning(); // It may have begun to stop meanwhile.
    await this.spawn([key], kind, options);
  }

  async find(
    key: ActorKey,
    wait: WaitOptions | undefined,
  ): Promise<{ readonly kind: string; readonly place: undefined } | undefined> {
    const kind = await this.#threads.operate(this.#threads.threadOf(key), { op: "kindOf", key }, wait);
    return typeof kind === "string" ? { kind, place: undefined } : undefined;
  }

  async stop(key: ActorKey, { drain = false, timeoutMs }: StopActorOptions): Promise<boolean> {
    const wait = { timeoutMs: timeoutMs ?? STOP_TIMEOUT_MS_DEFAULT };
    const operation = { op: "stop", key, isDraining: drain } as const;
    return await this.#threads.operate(this.#threads.threadOf(key), operation, wait) === true;
  }

  /** No node has an id here: of a node that has one, there is nothing. */
  async *list(node: NodeId | undefined): AsyncGenerator<ListedActor & { readonly place: undefined }> {
    if (node !== undefined) return;
    for await (const { kind, key } of this.#threads.list()) yield { kind, key, place: undefined };
  }

  async #spawnOn(
    thread: ThreadIndex,
    keys: readonly ActorKey[],
    kind: AnyKind,
    { init, timeoutMs = SPAWN_TIMEOUT_MS_DEFAULT }: Partial<SpawnOptions<unknown>>,
  ): Promise<void> {
    const operation = { op: "spawn", keys, kind: kind.name, init, reason: "spawn" } as const;
    let failures: readonly SpawnFailure[] = [];
    try {
      failures = decodeSpawnFailures(await this.#threads.operate(thread, operation, { timeoutMs }));
    } catch (thrown) {
      const error = toActorError(thrown);
      // They may begin yet, and then are to begin again like any other; if one does not, its end will say so.
      if (error.code === "ask-timeout") this.#remember(thread, keys, kind, init);
      throw error;
    }
    this.#remember(thread, begunOf(keys, failures), kind, init);
    const [first] = failures;
    if (first !== undefined) throw fromFailureData(first.failure);
  }

  /** Remembers what runs on a worker by now, to begin it again should the worker die. */
  #remember(thread: ThreadIndex, keys: readonly ActorKey[], kind: AnyKind, init: unknown): void {
    if (!this.#threads.hasWorkers || keys.length === 0) return;
    const encoded = encodeToBytes(init, this.#threads.main.host.refs);
    for (const key of keys) this.#ledger.add(thread, { key, kind: kind.name, init: encoded });
  }
}

/** What of `keys` runs now. A name given twice has begun once, and failed once. */
function begunOf(keys: readonly ActorKey[], failures: readonly SpawnFailure[]): readonly ActorKey[] {
  const counts = new Map<ActorKey, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const { key } of failures) counts.set(key, (counts.get(key) ?? 0) - 1);
  return [...counts].flatMap(([key, count]) => count > 0 ? [key] : []);
}

function batchesOf(
  keys: readonly ActorKey[],
  threadOf: (key: ActorKey) => ThreadIndex,
): readonly { readonly thread: ThreadIndex; readonly keys: readonly ActorKey[] }[] {
  return [...Map.groupBy(keys, threadOf)].flatMap(([thread, members]) => {
    const count = Math.ceil(members.length / BATCH_KEYS);
    return Array.from(
      { length: count },
      (_, page) => ({ thread, keys: members.slice(page * BATCH_KEYS, (page + 1) * BATCH_KEYS) }),
    );
  });
}
