/**
 * The system as a program sees it: the composition root of one node. On the main thread it owns the
 * workers, the names and the events; in a worker `start` turns into that worker and never returns. Lives on
 * the main thread.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { encodeToBytes } from "../core/codec.ts";
import type { DeadLetter, EventType, NodeInfo, TroupeEvent } from "../core/events.ts";
import { assert } from "../core/assert.ts";
import { ActorError, fromFailureData, toActorError } from "../core/failure.ts";
import { partitionOfKey, threadOf } from "../core/hash.ts";
import type { ActorKey, NodeId, Partition, ThreadIndex } from "../core/ids.ts";
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
import { type Health, healthOf } from "./health.ts";
import { type NodeHttp, openNodeHttp, type ShownSystem } from "./node_http.ts";
import { answerAll, shutDown } from "./shutdown.ts";
import { SpawnLedger } from "./spawn_ledger.ts";
import type { ListedActor, openCluster, SystemCluster } from "./system_cluster.ts";
import {
  placedSpawn,
  placementOf,
  type SingletonArguments,
  type SpawnArguments,
  type SpawnOnArguments,
  type SpawnOptions,
} from "./spawn_options.ts";
import { Subscription, type SubscriptionOptions } from "./subscription.ts";
import { type CheckedOptions, checkOptions, type SystemOptions } from "./system_options.ts";
import { decodeActors, decodeStats, type SystemStats, totalsOf } from "./system_stats.ts";

const MAIN = 0 as ThreadIndex;
/** Actors one page of `actors()` holds. */
const PAGE_ACTORS = 512;

/** The life of a system. */
export type SystemState = "running" | "draining" | "stopped";

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
  /** This node's part of a cluster; none when it is alone. */
  #cluster: SystemCluster | undefined = undefined;
  #pool: WorkerPool | undefined = undefined;
  /** Health and metrics for others to see; none when it listens nowhere. */
  #http: NodeHttp | undefined = undefined;
  #workersLost = 0;
  /** By thread: actors of the cluster that begin again with its successor. */
  readonly #begunAgain = new Map<ThreadIndex, number>();
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

  /** Whether this system is a node of a cluster, and in it now: it has a view. Says nothing of its lease: see {@link health}. */
  get inCluster(): boolean {
    return this.#cluster?.member.view !== undefined;
  }

  /** `host:port` where others reach this node, also for health and metrics; `undefined` when it listens nowhere. */
  get address(): string | undefined {
    return this.#cluster?.listener.address ?? this.#http?.address;
  }

  /** This node, as others see it; `undefined` without a cluster. Its id changes when it was removed and comes back. */
  get node(): NodeInfo | undefined {
    return this.#cluster?.member.self;
  }

  /** The members of the cluster as this node knows them, the oldest first; empty without a cluster. */
  members(): readonly NodeInfo[] {
    return this.#cluster?.member.members ?? [];
  }

  /** The oldest member that is up: it proposes views, and is the home of singletons without a role. */
  leader(): NodeInfo | undefined {
    return this.#cluster?.member.leader;
  }

  /** Whether this node leads now. Another one may a moment later: nothing that must happen once may hang on it alone. */
  isLeader(): boolean {
    return this.#cluster?.member.isLeader ?? false;
  }

  /** Whether this node works, and whether it should be sent requests; if not, why. */
  health(): Health {
    const driver = this.#cluster?.member.driver;
    return healthOf({ state: this.#state, lagMs: driver?.lagMs ?? this.#http?.lagMs ?? 0, cluster: driver });
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
    if (this.#cluster !== undefined) return await this.#spawnInCluster(refs, kind, options, this.#cluster);
    const batches = batchesOf(refs, (ref) => this.#threadOf(ref.key));
    const spawned = await Promise.allSettled(
      batches.map(({ thread, keys }) => this.#spawn(thread, keys, kind, options)),
    );
    for (const result of spawned) {
      if (result.status === "rejected") throw result.reason;
    }
    return refs;
  }

  /**
   * Starts an actor on a node of the cluster that `placement` chooses; resolves when its `onStart` is done there. Without
   * a cluster, or with nobody else in it, here.
   *
   * @throws {ActorError} as {@link spawn}, and `no-eligible-node`; `partition-unavailable`, `lease-lost` of either fate.
   */
  async spawnOn<P, Init>(
    name: string,
    kind: Kind<P, Init>,
    ...[options]: SpawnOnArguments<Init>
  ): Promise<ActorRef<P>> {
    if (this.#cluster === undefined) return await this.spawn(name, kind, ...[options] as SpawnArguments<Init>);
    this.#checkRunning();
    const { key } = this.actor(kind, name);
    const { init, timeoutMs, role = "", placement = "round-robin", idempotencyKey = "" } = options ?? {};
    const spawn = placedSpawn(key, kind, init, timeoutMs, placementOf(placement), role, idempotencyKey);
    const place = await this.#cluster.member.spawn(spawn, this.#thread.host.refs);
    return this.#thread.host.refs.refByKey(kind, key, place) as ActorRef<P>;
  }

  /**
   * The one actor of this name in the cluster: begun on the oldest node with the role (by default the leader) if it does
   * not run, and again on the next one when that node is lost or leaves. Safe to repeat, on every node.
   *
   * @throws {ActorError} `name-taken` when an actor of another kind has the name; otherwise as {@link spawnOn}.
   */
  async singleton<P, Init>(
    name: string,
    kind: Kind<P, Init>,
    ...[options]: SingletonArguments<Init>
  ): Promise<ActorRef<P>> {
    this.#checkRunning();
    const { key } = this.actor(kind, name);
    const { init, timeoutMs, role = "" } = options ?? {};
    if (this.#cluster === undefined) {
      if (await this.#kindOf(key, undefined) === kind.name) return this.actor(kind, name);
      return await this.spawn(name, kind, ...[{ init, timeoutMs }] as SpawnArguments<Init>);
    }
    const spawn = placedSpawn(key, kind, init, timeoutMs, { kind: "local" }, role, "");
    const place = await this.#cluster.member.singleton(spawn, this.#thread.host.refs);
    return this.#thread.host.refs.refByKey(kind, key, place) as ActorRef<P>;
  }

  /** The running actor of this name, or `undefined`. A name that another kind has taken is not found. */
  async actorOf<P, Init>(name: string, kind: Kind<P, Init>, wait?: WaitOptions): Promise<ActorRef<P> | undefined> {
    const ref = this.actor(kind, name);
    if (this.#cluster === undefined) return await this.#kindOf(ref.key, wait) === kind.name ? ref : undefined;
    const found = await this.#cluster.member.locate(ref.key, waitMsOf(wait, this.#options.askTimeoutMs));
    if (found?.kind !== kind.name) return undefined;
    return this.#thread.host.refs.refByKey(kind, ref.key, found.place) as ActorRef<P>;
  }

  /**
   * The running actor of this name on another node, or `undefined`.
   *
   * @throws {ActorError} `actor-is-local` when it runs here.
   */
  async remoteActor<P, Init>(name: string, kind: Kind<P, Init>, wait?: WaitOptions): Promise<ActorRef<P> | undefined> {
    const ref = await this.actorOf(name, kind, wait);
    if (ref === undefined || ref.isLocal === false) return ref;
    throw new ActorError("actor-is-local", `Cannot give ${name} as a remote actor: it runs on this node`, {
      details: { key: ref.key },
    });
  }

  /** Whether an actor of this name runs. */
  async actorExists(name: string, wait?: WaitOptions): Promise<boolean> {
    if (this.#cluster === undefined) return await this.#kindOf(actorKey(name), wait) !== undefined;
    return await this.#cluster.member.locate(actorKey(name), waitMsOf(wait, this.#options.askTimeoutMs)) !== undefined;
  }

  /**
   * Every running actor, of all nodes of the cluster: node by node, this one first, in the order of their keys. Those that
   * come, go or move meanwhile may be missing or come twice. Kinds that this node does not know are left out.
   *
   * @throws {ActorError} `link-lost`, `ask-timeout`: a node did not answer; its actors are missing.
   */
  async *actors(filter: { readonly kind?: AnyKind; readonly node?: NodeId } = {}): AsyncGenerator<AnyRef> {
    for (const node of this.#nodes()) {
      if (filter.node !== undefined && filter.node !== node) continue;
      for await (const { kind, key } of this.#actorsOf(node)) {
        const known = this.#thread.host.kinds.named(kind);
        if (known === undefined || (filter.kind ?? known) !== known) continue;
        const place = node === undefined ? undefined : { node, isLocal: node === this.node?.id };
        yield this.#thread.host.refs.refByKey(known, key, place);
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
    const http = options.listen === undefined ? undefined : await openNodeHttp(options);
    const cluster = options.cluster === undefined
      ? undefined
      : await openClusterLater(options, options.cluster, events, http?.fetch);
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
      lease: cluster?.threads.leaseWord,
      random: seededRandom(Date.now()),
      lost: (index, lanes, reason) => system.#workerLost(index, lanes, reason),
      replaced: (index, respawned) => {
        const actorsRestarted = respawned + (system.#begunAgain.get(index) ?? 0);
        events.publish({ type: "workerReplaced", thread: index, actorsRestarted });
      },
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
      cluster: cluster && ((lanes) => cluster.threads.withLanes(lanes)),
    }).catch(async (failure) => {
      await Promise.all([cluster?.close(0), http?.close()]);
      throw failure;
    });
    const system: ActorSystem = new ActorSystem(options, events, ledger, thread);
    thread.loop.request();
    system.#pool = pool;
    system.#cluster = cluster;
    system.#http = http;
    http?.attach(system.#shown());
    try {
      await pool?.start();
      await cluster?.begin({
        thread,
        actorThreads: () => system.#actorThreads(),
        endWorker: (index) => void pool?.kill(index),
        listOn: async (on, after, count) =>
          decodeActors(await system.#operate(on, { op: "actors", after, count }, undefined)),
      }, options.signal);
    } catch (failure) {
      await pool?.end(0);
      await cluster?.close(0);
      await http?.close();
      await thread.close();
      throw failure;
    }
    http?.started();
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

  #shown(): ShownSystem {
    const cluster = this.#cluster;
    return {
      health: () => this.health(),
      lagMs: () => cluster?.member.driver.lagMs,
      threads: () => this.#threads(),
      isReady: (thread) => thread === MAIN || this.#pool?.isReady(thread) === true,
      statsOf: async (thread, timeoutMs) => decodeStats(await this.#operate(thread, { op: "stats" }, { timeoutMs })),
      workersLost: () => this.#workersLost,
      cluster: cluster && { vitals: cluster.member.driver, tally: cluster.tally },
    };
  }

  #actorThreads(): readonly ThreadIndex[] {
    return this.#pool === undefined ? [MAIN] : this.#threads().slice(1);
  }

  #threadOf(key: ActorKey): ThreadIndex {
    const partition = partitionOfKey(key, this.#options.partitionCount);
    return threadOf(partition, this.#pool === undefined ? 0 : this.#options.workers);
  }

  /** The nodes there are actors on, this one first; `undefined` stands for it without a cluster. */
  #nodes(): readonly (NodeId | undefined)[] {
    const self = this.node?.id;
    return [self, ...this.members().map(({ id }) => id).filter((id) => id !== self)];
  }

  async *#actorsOf(node: NodeId | undefined): AsyncGenerator<ListedActor> {
    if (this.#cluster !== undefined && node !== undefined && node !== this.node?.id) {
      const { talk } = this.#cluster;
      yield* paged((after) => talk.listOf(node, after, PAGE_ACTORS, this.#options.askTimeoutMs));
      return;
    }
    for (const thread of this.#actorThreads()) {
      yield* paged(async (after) =>
        decodeActors(await this.#operate(thread, { op: "actors", after, count: PAGE_ACTORS }, undefined))
      );
    }
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
    if (this.#cluster !== undefined) {
      if (drain) throw new ActorError("not-supported", `Cannot drain ${key}: actors of a cluster are stopped at once`);
      return await this.#cluster.member.stop(key, timeoutMs ?? STOP_TIMEOUT_MS_DEFAULT);
    }
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
    const endMs = performance.now() + timeoutMs;
    await this.#cluster?.leave(timeoutMs / 2);
    const failures = await shutDown({
      thread: this.#thread,
      pool: this.#pool,
      actorThreads: () => this.#actorThreads().filter((thread) => this.#pool?.isReady(thread) ?? true),
      operate: (thread, operation, wait) => this.#operate(thread, operation, wait),
    }, Math.max(1, endMs - performance.now()));
    await this.#cluster?.close(Math.max(1, Math.min(CLUSTER_CLOSE_MS, endMs - performance.now())));
    await this.#http?.close();
    courier.gate = "closed";
    this.#state = "stopped";
    answerAll(this.#thread);
    this.#events.close();
    for (const failure of failures) {
      this.#options.log.warn("the system did not stop cleanly", { reason: toActorError(failure).message });
    }
  }

  async #spawnInCluster<P, Init>(
    refs: readonly ActorRef<P>[],
    kind: Kind<P, Init>,
    options: Partial<SpawnOptions<Init>> | undefined,
    { member }: SystemCluster,
  ): Promise<ActorRef<P>[]> {
    const { host } = this.#thread;
    const results = await Promise.allSettled(refs.map(async ({ key }) => {
      const spawn = placedSpawn(key, kind, options?.init, options?.timeoutMs, { kind: "local" }, "", "");
      return host.refs.refByKey(kind, key, await member.spawn(spawn, host.refs)) as ActorRef<P>;
    }));
    return results.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
  }

  #workerLost(index: ThreadIndex, lanes: Parameters<NonNullable<Thread["lanes"]>["replace"]>[1], reason: string): void {
    const old = this.#thread.lanes?.replace(index, lanes);
    if (old !== undefined) this.#thread.loop.drainLast(old.reader);
    const asksLost = this.#thread.host.threadLost(index, reason, old?.writer.countUnread() ?? 0);
    if (this.#cluster !== undefined) this.#begunAgain.set(index, this.#cluster.workerLost(index));
    this.#workersLost++;
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

async function* paged(
  pageBehind: (after: ActorKey | undefined) => Promise<readonly ListedActor[]>,
): AsyncGenerator<ListedActor> {
  for (let after: ActorKey | undefined = undefined;;) {
    const page: readonly ListedActor[] = await pageBehind(after);
    yield* page;
    if (page.length < PAGE_ACTORS) return;
    after = page.at(-1)?.key;
  }
}

/** Milliseconds that closing links and discovery takes at most. */
const CLUSTER_CLOSE_MS = 3_000;

function waitMsOf(wait: WaitOptions | undefined, defaultMs: number): number {
  return wait?.timeoutMs ?? defaultMs;
}

function notRunning({ name, state }: ActorSystem): ActorError {
  return new ActorError("system-stopping", `Cannot begin anything: system ${name} is ${state}`);
}

/** Sockets and discovery are loaded where they are used: a worker runs this file too, and needs none of them. */
async function openClusterLater(...parts: Parameters<typeof openCluster>): Promise<SystemCluster> {
  const system = await import("./system_cluster.ts");
  return await system.openCluster(...parts);
}

async function startMain(options: CheckedOptions, program: ThreadProgram): Promise<ActorSystem> {
  // In a cluster the store is asked for the cluster's generation, once there is a cluster.
  return await ActorSystem.boot(options, program, options.cluster === undefined ? await generationOf(options) : 0);
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
