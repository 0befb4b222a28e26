/**
 * The system as a program sees it: the composition root of one node. On the main thread it owns the
 * workers, the names and the events; in a worker `start` turns into that worker and never returns. Lives on
 * the main thread.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { encodeToBytes } from "../core/codec.ts";
import type { DeadLetter, EventType, TroupeEvent } from "../core/events.ts";
import { assert } from "../core/assert.ts";
import { ActorError, fromFailureData, toActorError } from "../core/failure.ts";
import { partitionOfKey, threadOf } from "../core/hash.ts";
import type { ActorKey, Partition, ThreadIndex } from "../core/ids.ts";
import type { AnyKind, Kind } from "../core/kind.ts";
import { SPAWN_TIMEOUT_MS_DEFAULT, STOP_TIMEOUT_MS_DEFAULT } from "../core/limits.ts";
import { actorKey, grainKey } from "../core/names.ts";
import { seededRandom } from "../core/random.ts";
import type { ActorRef, AnyRef, WaitOptions } from "../core/ref.ts";
import {
  routeeNames,
  ROUTEES_MAX,
  ROUTER_STRATEGIES,
  routerKey,
  routerSpecOf,
  type RouterStrategy,
} from "../core/router_pool.ts";
import { OptionsCheck } from "../core/options_check.ts";
import { directiveFor } from "../core/supervision.ts";
import type { Topic } from "../core/topic.ts";
import { operate } from "../workers/operations.ts";
import {
  bootThread,
  openStore,
  type Thread,
  threadClock,
  type ThreadProgram,
  type ThreadSettings,
} from "../workers/thread_boot.ts";
import { runWorker, type SpawnRecord, workerPlace } from "../workers/worker_main.ts";
import { WorkerPool } from "../workers/worker_pool.ts";
import { decodeSpawnFailures, type Operation, type SpawnFailure } from "../workers/worker_protocol.ts";
import { EventStream } from "./event_stream.ts";
import { answerAll, shutDown } from "./shutdown.ts";
import { SpawnLedger } from "./spawn_ledger.ts";
import { Subscription, type SubscriptionOptions } from "./subscription.ts";
import { type CheckedOptions, checkOptions, type SystemOptions } from "./system_options.ts";
import { decodeActors, decodeStats, type SystemStats, totalsOf } from "./system_stats.ts";

const MAIN = 0 as ThreadIndex;
/** Actors one page of `actors()` holds. */
const PAGE_ACTORS = 512;

/** The life of a system. */
export type SystemState = "running" | "draining" | "stopped";

/** Options of one spawn. */
export interface SpawnOptions<Init> {
  /** What the kind's `state` is made from. Must be able to travel. */
  readonly init: Init;
  /** Milliseconds to wait until it runs, `1` to a day; default 5,000. */
  readonly timeoutMs?: number;
}

/** `init` is needed when the kind's `state` takes something; `undefined` is asked of the whole type, so that a union stays one. */
export type SpawnArguments<Init> = undefined extends Init ? [options?: Partial<SpawnOptions<Init>>]
  : [options: SpawnOptions<Init>];

/** Options of stopping one actor. */
export interface StopActorOptions extends Pick<WaitOptions, "timeoutMs"> {
  /**
   * Let it take first what its mailbox holds. Default `false`: what is queued becomes dead letters, or, of a grain,
   * is taken by its next activation.
   */
  readonly drain?: boolean;
}

/** Options of a router. */
export interface RouterOptions {
  /** How a routee is chosen. */
  readonly strategy: RouterStrategy;
  /** How many routees, `1` to 1024. */
  readonly size: number;
}

/** A running actor system. */
export class ActorSystem implements AsyncDisposable {
  readonly #options: CheckedOptions;
  readonly #events: EventStream;
  readonly #ledger: SpawnLedger;
  #pool: WorkerPool | undefined = undefined;
  #thread: Thread;
  #state: SystemState = "running";
  #stopping: Promise<void> | undefined = undefined;

  private constructor(options: CheckedOptions, events: EventStream, ledger: SpawnLedger, thread: Thread) {
    this.#options = options;
    this.#events = events;
    this.#ledger = ledger;
    this.#thread = thread;
  }

  /**
   * Starts a system. In a worker this call runs the worker and never resolves, so everything above it in the
   * entry file should be declarations.
   *
   * @throws {ActorError} `invalid-options` with every problem listed; `start-failed` when a worker, the store
   * or a resource cannot be had. Nothing is left running then.
   *
   * @example
   * ```ts
   * await using system = await ActorSystem.start({ name: "demo", entry: import.meta.url, kinds: [Counter] });
   * ```
   */
  static async start(options: SystemOptions): Promise<ActorSystem> {
    const checked = checkOptions(options);
    const program = programOf(checked);
    const place = workerPlace(checked.name);
    if (place !== undefined) return await runWorker(program, place);
    return await startMain(checked, program);
  }

  /** The system's name. */
  get name(): string {
    return this.#options.name;
  }

  /** What it is doing. */
  get state(): SystemState {
    return this.#state;
  }

  /** Whether it accepts work. */
  get isRunning(): boolean {
    return this.#state === "running";
  }

  /** A grain by name: no I/O, activated by its first message. Throws `invalid-name`, `kind-unknown`. */
  grain<P, Init>(kind: Kind<P, Init>, name: string): ActorRef<P> {
    return this.#thread.host.refByKey(kind, grainKey(kind.name, name)) as ActorRef<P>;
  }

  /** An actor by name: no I/O, whether or not it runs. Throws `invalid-name`, `kind-unknown`. */
  actor<P, Init>(kind: Kind<P, Init>, name: string): ActorRef<P> {
    return this.#thread.host.refByKey(kind, actorKey(name)) as ActorRef<P>;
  }

  /**
   * Starts an actor under a name of its own; resolves when its `onStart` is done.
   *
   * @throws {ActorError} `name-taken`, `invalid-name`, `kind-unknown`, `start-failed`, `system-stopping`:
   * it does not run. `ask-timeout`, `worker-lost`: unknown; spawning again says `name-taken` if it does.
   */
  async spawn<P, Init>(name: string, kind: Kind<P, Init>, ...options: SpawnArguments<Init>): Promise<ActorRef<P>> {
    const [ref] = await this.spawnMany([name], kind, ...options);
    assert(ref !== undefined, "one name makes one actor");
    return ref;
  }

  /**
   * Starts many actors of one kind at once, all from the same `init`; the refs are in the order of the names.
   * All are tried; the first failure is thrown then, and the others run.
   *
   * @throws {ActorError} as {@link spawn}.
   */
  async spawnMany<P, Init>(
    names: Iterable<string>,
    kind: Kind<P, Init>,
    ...[options]: SpawnArguments<Init>
  ): Promise<ActorRef<P>[]> {
    this.#checkRunning();
    const refs = Array.from(names, (name) => this.actor(kind, name));
    const batches = batchesOf(refs, (ref) => this.#threadOf(ref.key));
    const spawned = await Promise.allSettled(
      batches.map(({ thread, keys }) => this.#spawn(thread, keys, kind, options)),
    );
    for (const result of spawned) {
      if (result.status === "rejected") throw result.reason;
    }
    return refs;
  }

  /** The running actor of this name, or `undefined`. A name that another kind has taken is not found. */
  async actorOf<P, Init>(name: string, kind: Kind<P, Init>, wait?: WaitOptions): Promise<ActorRef<P> | undefined> {
    const ref = this.actor(kind, name);
    return await this.#kindOf(ref.key, wait) === kind.name ? ref : undefined;
  }

  /** Whether an actor of this name runs. */
  async actorExists(name: string, wait?: WaitOptions): Promise<boolean> {
    return await this.#kindOf(actorKey(name), wait) !== undefined;
  }

  /** Every running actor, thread by thread, in the order of their keys; those that come or go meanwhile may be missing. */
  async *actors(filter: { readonly kind?: AnyKind } = {}): AsyncGenerator<AnyRef> {
    for (const thread of this.#actorThreads()) {
      let after: ActorKey | undefined = undefined;
      for (;;) {
        const page = decodeActors(await this.#operate(thread, { op: "actors", after, count: PAGE_ACTORS }, undefined));
        for (const { kind, key } of page) {
          const known = this.#thread.host.kinds.named(kind);
          if (known !== undefined && (filter.kind ?? known) === known) yield this.#thread.host.refByKey(known, key);
        }
        if (page.length < PAGE_ACTORS) break;
        after = page.at(-1)?.key;
      }
    }
  }

  /**
   * Starts a pool of actors `name-0`, `name-1`, … and gives one ref for all of them. The ref chooses the routee
   * itself and travels like any other.
   *
   * @throws {ActorError} as {@link spawn}, and `invalid-options`.
   */
  async router<P, Init>(
    name: string,
    kind: Kind<P, Init>,
    options: RouterOptions,
    ...spawnOptions: SpawnArguments<Init>
  ): Promise<ActorRef<P>> {
    const check = new OptionsCheck();
    check.oneOf("strategy", options.strategy, ROUTER_STRATEGIES);
    check.wholeNumber("size", options.size, { min: 1, max: ROUTEES_MAX });
    check.throwIfAny(`make router ${name}`);
    const spec = { name, ...options };
    const key = routerKey(spec);
    await this.spawnMany(routeeNames(spec), kind, ...spawnOptions);
    return this.#thread.host.refByKey(kind, key) as ActorRef<P>;
  }

  /** What happens in the system, live: see {@link TroupeEvent}. */
  events(options: SubscriptionOptions & { readonly types?: readonly EventType[] } = {}): Subscription<TroupeEvent> {
    return this.#events.subscribe(options.types, options);
  }

  /** Messages that no handler will see, live. Counted in `stats()` whether or not anybody looks. */
  deadLetters(options: SubscriptionOptions = {}): Subscription<DeadLetter> {
    return this.#events.deadLetters(options);
  }

  /** Sends a value to all subscribers of a topic: at most once to each, in the order of each publisher. */
  publish<T>(topic: Topic<T>, value: T): void {
    this.#checkRunning();
    this.#thread.host.publish(topic, value);
  }

  /** The values of a topic from now on, live. */
  subscribe<T>(topic: Topic<T>, options: SubscriptionOptions = {}): Subscription<T> {
    const { topics } = this.#thread.host;
    let leave = () => {};
    const subscription: Subscription<T> = new Subscription<T>(options, undefined, () => leave());
    if (this.#events.isClosed) subscription.close();
    if (subscription.isClosed) return subscription;
    const unlisten = topics.listen(topic.name, (value) => subscription.offer(value as T));
    const close = () => subscription.close();
    this.#events.onClose(close);
    leave = () => {
      unlisten();
      this.#events.offClose(close);
      this.#thread.loop.request();
    };
    this.#thread.loop.request();
    return subscription;
  }

  /** Counters of every thread and their sums. */
  async stats(wait?: WaitOptions): Promise<SystemStats> {
    const threads = await Promise.all(this.#threads().map((thread) => this.#operate(thread, { op: "stats" }, wait)));
    return totalsOf(threads.map(decodeStats));
  }

  /** The partition of a name: a pure function of it. */
  partitionOf(ref: AnyRef): Partition {
    return partitionOfKey(ref.key, this.#options.partitionCount);
  }

  /** Stops one actor; `false` when there is none. Its name is free when this resolves. Of a router, all routees. */
  stop(actor: string | AnyRef, options?: StopActorOptions): Promise<boolean>;
  /**
   * Stops the system: refuses new work, lets what is queued run, ends all actors (`onStop`), closes stores,
   * resources and workers; all within `timeoutMs` (default `shutdownTimeoutMs`), then by force. Safe to repeat.
   */
  stop(options?: { readonly timeoutMs?: number }): Promise<void>;
  stop(
    what?: string | AnyRef | { readonly timeoutMs?: number },
    options: StopActorOptions = {},
  ): Promise<boolean | void> {
    if (typeof what === "string") return this.#stopActor(actorKey(what), options);
    if (what !== undefined && "key" in what) return this.#stopRef(what, options);
    return this.#stopping ??= this.#stopAll(what?.timeoutMs ?? this.#options.shutdownTimeoutMs);
  }

  /** Stops the system: see {@link stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** For `startMain` only: what the pool tells of its workers. */
  static async boot(options: CheckedOptions, program: ThreadProgram, generation: number): Promise<ActorSystem> {
    const events = new EventStream();
    const ledger = new SpawnLedger();
    const pool = options.entry === undefined || options.workers === 0 ? undefined : new WorkerPool({
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
      random: seededRandom(Date.now()),
      lost: (index, lanes, reason) => system.#workerLost(index, lanes, reason),
      replaced: (index, actorsRestarted) => events.publish({ type: "workerReplaced", thread: index, actorsRestarted }),
      respawn: (index) => system.#respawn(index),
    });
    const thread = await bootThread(program, {
      thread: MAIN,
      lanes: pool?.mainLanes,
      tokens: { generation, configuration: 1 },
      clock: threadClock,
      runsActors: pool === undefined,
      report: (event) => events.publish(event),
      wantedEvents: () => events.wantedEvents(),
      // After the answer to its spawn, which came before it and is taken up by whoever awaits it only now.
      released: (key) => queueMicrotask(() => ledger.remove(key)),
    });
    const system: ActorSystem = new ActorSystem(options, events, ledger, thread);
    thread.loop.request();
    system.#pool = pool;
    await pool?.start().catch(async (failure) => {
      await thread.close();
      throw failure;
    });
    return system;
  }

  // ------------------------------------------------------------------------------------------------

  #checkRunning(): void {
    if (this.#state !== "running") throw notRunning(this);
  }

  #threads(): readonly ThreadIndex[] {
    return Array.from(
      { length: (this.#pool === undefined ? 0 : this.#options.workers) + 1 },
      (_, index) => index as ThreadIndex,
    );
  }

  #actorThreads(): readonly ThreadIndex[] {
    return this.#pool === undefined ? [MAIN] : this.#threads().slice(1);
  }

  #threadOf(key: ActorKey): ThreadIndex {
    const partition = partitionOfKey(key, this.#options.partitionCount);
    return threadOf(partition, this.#pool === undefined ? 0 : this.#options.workers);
  }

  #operate(thread: ThreadIndex, operation: Operation, wait: WaitOptions | undefined): Promise<unknown> {
    if (this.#state === "stopped") return Promise.reject(notRunning(this));
    const { host } = this.#thread;
    return host.courier.operate(thread, operation.op, wait, (ask) => {
      if (thread !== MAIN) {
        host.outbound?.operate(thread, operation, ask);
      } else {
        operate(host, operation, { ok: (value) => host.reply(ask, value), failed: (error) => host.refuse(ask, error) });
      }
    });
  }

  async #spawn<Init>(
    thread: ThreadIndex,
    keys: readonly ActorKey[],
    kind: AnyKind,
    options: Partial<SpawnOptions<Init>> | undefined,
  ): Promise<void> {
    const { init, timeoutMs = SPAWN_TIMEOUT_MS_DEFAULT } = options ?? {};
    const operation = { op: "spawn", keys, kind: kind.name, init, reason: "spawn" } as const;
    let failures: readonly SpawnFailure[] = [];
    try {
      failures = decodeSpawnFailures(await this.#operate(thread, operation, { timeoutMs }));
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
    if (this.#pool === undefined || keys.length === 0) return;
    const encoded = encodeToBytes(init, this.#thread.host.refs);
    for (const key of keys) this.#ledger.add(thread, { key, kind: kind.name, init: encoded });
  }

  async #kindOf(key: ActorKey, wait: WaitOptions | undefined): Promise<unknown> {
    return await this.#operate(this.#threadOf(key), { op: "kindOf", key }, wait);
  }

  async #stopActor(key: ActorKey, { drain = false, timeoutMs }: StopActorOptions): Promise<boolean> {
    const wait = { timeoutMs: timeoutMs ?? STOP_TIMEOUT_MS_DEFAULT };
    return await this.#operate(this.#threadOf(key), { op: "stop", key, isDraining: drain }, wait) === true;
  }

  async #stopRef({ key }: AnyRef, options: StopActorOptions): Promise<boolean> {
    const router = routerSpecOf(key);
    if (router === undefined) return await this.#stopActor(key, options);
    const stopped = await Promise.all(routeeNames(router).map((name) => this.#stopActor(actorKey(name), options)));
    return stopped.includes(true);
  }

  async #stopAll(timeoutMs: number): Promise<void> {
    const { courier } = this.#thread.host;
    this.#state = "draining";
    courier.gate = "draining";
    const failures = await shutDown({
      thread: this.#thread,
      pool: this.#pool,
      actorThreads: () => this.#actorThreads().filter((thread) => this.#pool?.isReady(thread) ?? true),
      operate: (thread, operation, wait) => this.#operate(thread, operation, wait),
    }, timeoutMs);
    courier.gate = "closed";
    this.#state = "stopped";
    answerAll(this.#thread);
    this.#events.close();
    for (const failure of failures) {
      this.#options.log.warn("the system did not stop cleanly", { reason: toActorError(failure).message });
    }
  }

  #workerLost(index: ThreadIndex, lanes: Parameters<NonNullable<Thread["lanes"]>["replace"]>[1], reason: string): void {
    const old = this.#thread.lanes?.replace(index, lanes);
    if (old !== undefined) this.#thread.loop.drainLast(old.reader);
    const asksLost = this.#thread.host.threadLost(index, reason, old?.writer.countUnread() ?? 0);
    this.#options.log.error("a worker ended and is replaced", { thread: index, reason, asksLost });
    this.#events.publish({ type: "workerLost", thread: index, reason, asksLost });
  }

  /** What begins again on a replaced worker: all whose supervision does not say otherwise. */
  #respawn(index: ThreadIndex): readonly SpawnRecord[] {
    const lost = new ActorError("worker-lost", `Cannot go on: worker ${index} ended`);
    return this.#ledger.of(index).filter(({ key, kind }) => {
      const supervision = this.#thread.host.kinds.named(kind)?.supervision;
      const directive = supervision === undefined ? "stop" : directiveFor(supervision, lost);
      if (directive === "stop" || directive === "escalate") {
        this.#ledger.remove(key);
        return false;
      }
      return true;
    });
  }
}

function notRunning({ name, state }: ActorSystem): ActorError {
  return new ActorError("system-stopping", `Cannot begin anything: system ${name} is ${state}`);
}

async function startMain(options: CheckedOptions, program: ThreadProgram): Promise<ActorSystem> {
  return await ActorSystem.boot(options, program, await generationOf(options));
}

/** A node without a cluster is a cluster of one, with a new id in every process. */
async function generationOf({ store }: CheckedOptions): Promise<number> {
  if (store === undefined) return 0;
  const opened = await openStore(store);
  try {
    return await opened.generationOf(randomUUID());
  } catch (thrown) {
    const cause = toActorError(thrown);
    throw new ActorError("start-failed", `Cannot have a generation from the ${store.kind} store: ${cause.message}`, {
      cause,
    });
  } finally {
    await opened.close().catch(() => {}); // Nothing was written that could be lost.
  }
}

/** What of `keys` runs now. A name given twice has begun once, and failed once. */
function begunOf(keys: readonly ActorKey[], failures: readonly SpawnFailure[]): readonly ActorKey[] {
  const counts = new Map<ActorKey, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const { key } of failures) counts.set(key, (counts.get(key) ?? 0) - 1);
  return [...counts].flatMap(([key, count]) => count > 0 ? [key] : []);
}

/** Keys one spawn operation holds: a page of names, not a ring full of them. */
const BATCH_KEYS = 1024;

function batchesOf(
  refs: readonly AnyRef[],
  threadOf: (ref: AnyRef) => ThreadIndex,
): readonly { readonly thread: ThreadIndex; readonly keys: readonly ActorKey[] }[] {
  const byThread = Map.groupBy(refs.map((ref) => ({ thread: threadOf(ref), key: ref.key })), ({ thread }) => thread);
  return [...byThread].flatMap(([thread, members]) => {
    const keys = members.map(({ key }) => key);
    const count = Math.ceil(keys.length / BATCH_KEYS);
    return Array.from(
      { length: count },
      (_, page) => ({ thread, keys: keys.slice(page * BATCH_KEYS, (page + 1) * BATCH_KEYS) }),
    );
  });
}

function programOf(options: CheckedOptions): ThreadProgram {
  return {
    system: options.name,
    kinds: options.kinds,
    store: options.store,
    resources: options.resources,
    log: options.log,
    ...settingsOf(options),
  };
}

function settingsOf(options: CheckedOptions): ThreadSettings {
  const { workers, partitionCount, askTimeoutMs, asksMax, maxMessageBytes } = options;
  return { workers, partitionCount, askTimeoutMs, asksMax, maxMessageBytes };
}
