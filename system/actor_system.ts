/**
 * The system as a program sees it. On the main thread it is what its parts are asked through; in a worker `start` turns
 * into that worker and never returns. Lives on the main thread.
 *
 * One idea: here is what users call, and what they are promised. How a name becomes an actor is different with a cluster
 * and without, and is behind one interface.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import type { DeadLetter, EventType, NodeInfo, TroupeEvent } from "../core/events.ts";
import { ActorError } from "../core/failure.ts";
import { partitionOfKey } from "../core/hash.ts";
import type { ActorKey, NodeId, Partition } from "../core/ids.ts";
import type { AnyKind, Kind } from "../core/kind.ts";
import { actorKey, grainKey } from "../core/names.ts";
import { OptionsCheck } from "../core/options_check.ts";
import type { ActorRef, AnyRef, WaitOptions } from "../core/ref.ts";
import {
  routeeNames,
  ROUTEES_MAX,
  ROUTER_STRATEGIES,
  routerKey,
  routerSpecOf,
  type RouterStrategy,
} from "../core/router_pool.ts";
import type { Topic } from "../core/topic.ts";
import { runWorker, workerPlace } from "../workers/worker_main.ts";
import type { Health } from "./health.ts";
import type { SingletonArguments, SpawnArguments, SpawnOnArguments } from "./spawn_options.ts";
import { Subscription, type SubscriptionOptions } from "./subscription.ts";
import type { ActorPlace, StopActorOptions } from "./system_actors.ts";
import type { SystemState } from "./system_life.ts";
import { checkOptions, type SystemOptions } from "./system_options.ts";
import { closeParts, healthOfParts, openParts, type SystemParts } from "./system_parts.ts";
import { programOf } from "./system_program.ts";
import { type SystemStats, totalsOf } from "./system_stats.ts";

/** Options of a router. */
export interface RouterOptions {
  /** How a routee is chosen. */
  readonly strategy: RouterStrategy;
  /** How many routees, `1` to 1024. */
  readonly size: number;
}

/** A running actor system. */
export class ActorSystem implements AsyncDisposable {
  readonly #parts: SystemParts;
  #stopping: Promise<void> | undefined = undefined;

  private constructor(parts: SystemParts) {
    this.#parts = parts;
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
    return new ActorSystem(await openParts(checked, program));
  }

  /** The system's name. */
  get name(): string {
    return this.#parts.options.name;
  }

  /** What it is doing. */
  get state(): SystemState {
    return this.#parts.life.state;
  }

  /** Whether it accepts work. */
  get isRunning(): boolean {
    return this.state === "running";
  }

  /** Whether this system is a node of a cluster, and in it now: it has a view. Says nothing of its lease: see {@link health}. */
  get inCluster(): boolean {
    return this.#parts.cluster?.member.view !== undefined;
  }

  /** `host:port` where others reach this node, also for health and metrics; `undefined` when it listens nowhere. */
  get address(): string | undefined {
    const { cluster, http } = this.#parts;
    return cluster?.listener.address ?? http?.address;
  }

  /** This node, as others see it; `undefined` without a cluster. Its id changes when it was removed and comes back. */
  get node(): NodeInfo | undefined {
    return this.#parts.cluster?.member.self;
  }

  /** The members of the cluster as this node knows them, the oldest first; empty without a cluster. */
  members(): readonly NodeInfo[] {
    return this.#parts.cluster?.member.members ?? [];
  }

  /** The oldest member that is up: it proposes views, and is the home of singletons without a role. */
  leader(): NodeInfo | undefined {
    return this.#parts.cluster?.member.leader;
  }

  /** Whether this node leads now. Another one may a moment later: nothing that must happen once may hang on it alone. */
  isLeader(): boolean {
    return this.#parts.cluster?.member.isLeader ?? false;
  }

  /** Whether this node works, and whether it should be sent requests; if not, why. */
  health(): Health {
    return healthOfParts(this.#parts);
  }

  /** A grain by name: no I/O, activated by its first message. Throws `invalid-name`, `kind-unknown`. */
  grain<P, Init>(kind: Kind<P, Init>, name: string): ActorRef<P> {
    return this.#refOf(kind, grainKey(kind.name, name));
  }

  /** An actor by name: no I/O, whether or not it runs. Throws `invalid-name`, `kind-unknown`. */
  actor<P, Init>(kind: Kind<P, Init>, name: string): ActorRef<P> {
    return this.#refOf(kind, actorKey(name));
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
    this.#parts.life.checkRunning();
    const keys = Array.from(names, (name) => this.actor(kind, name).key);
    const places = await this.#parts.actors.spawn(keys, kind, options ?? {});
    return keys.map((key, index) => this.#refOf(kind, key, places[index]));
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
    this.#parts.life.checkRunning();
    const { key } = this.actor(kind, name);
    return this.#refOf(kind, key, await this.#parts.actors.spawnOn(key, kind, options ?? {}));
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
    this.#parts.life.checkRunning();
    const { key } = this.actor(kind, name);
    return this.#refOf(kind, key, await this.#parts.actors.singleton(key, kind, options ?? {}));
  }

  /** The running actor of this name, or `undefined`. A name that another kind has taken is not found. */
  async actorOf<P, Init>(name: string, kind: Kind<P, Init>, wait?: WaitOptions): Promise<ActorRef<P> | undefined> {
    const { key } = this.actor(kind, name);
    const found = await this.#parts.actors.find(key, wait);
    return found?.kind === kind.name ? this.#refOf(kind, key, found.place) : undefined;
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
    return await this.#parts.actors.find(actorKey(name), wait) !== undefined;
  }

  /**
   * Every running actor, of all nodes of the cluster: node by node, this one first, in the order of their keys. Those that
   * come, go or move meanwhile may be missing or come twice. Kinds that this node does not know are left out.
   *
   * @throws {ActorError} `link-lost`, `ask-timeout`: a node did not answer; its actors are missing.
   */
  async *actors(filter: { readonly kind?: AnyKind; readonly node?: NodeId } = {}): AsyncGenerator<AnyRef> {
    const { actors, threads: { main: { host } } } = this.#parts;
    for await (const { kind, key, place } of actors.list(filter.node)) {
      const known = host.kinds.named(kind);
      if (known === undefined || (filter.kind ?? known) !== known) continue;
      yield host.refs.refByKey(known, key, place);
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
    return this.#refOf(kind, key);
  }

  /** What happens in the system, live: see {@link TroupeEvent}. */
  events(options: SubscriptionOptions & { readonly types?: readonly EventType[] } = {}): Subscription<TroupeEvent> {
    return this.#parts.events.subscribe(options.types, options);
  }

  /** Messages that no handler will see, live. Counted in `stats()` whether or not anybody looks. */
  deadLetters(options: SubscriptionOptions = {}): Subscription<DeadLetter> {
    return this.#parts.events.deadLetters(options);
  }

  /** Sends a value to all subscribers of a topic: at most once to each, in the order of each publisher. */
  publish<T>(topic: Topic<T>, value: T): void {
    this.#parts.life.checkRunning();
    this.#parts.threads.main.host.publish(topic, value);
  }

  /** The values of a topic from now on, live. */
  subscribe<T>(topic: Topic<T>, options: SubscriptionOptions = {}): Subscription<T> {
    const { events, threads: { main } } = this.#parts;
    let leave = () => {};
    const subscription: Subscription<T> = new Subscription<T>(options, undefined, () => leave());
    if (events.isClosed) subscription.close();
    if (subscription.isClosed) return subscription;
    const unlisten = main.host.topics.listen(topic.name, (value) => subscription.offer(value as T));
    const close = () => subscription.close();
    events.onClose(close);
    leave = () => {
      unlisten();
      events.offClose(close);
      main.loop.request();
    };
    main.loop.request();
    return subscription;
  }

  /** Counters of every thread and their sums. */
  async stats(wait?: WaitOptions): Promise<SystemStats> {
    const { threads } = this.#parts;
    return totalsOf(await Promise.all(threads.all.map((thread) => threads.stats(thread, wait))));
  }

  /** The partition of a name: a pure function of it. */
  partitionOf(ref: AnyRef): Partition {
    return partitionOfKey(ref.key, this.#parts.options.partitionCount);
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
    if (typeof what === "string") return this.#parts.actors.stop(actorKey(what), options);
    if (what !== undefined && "key" in what) return this.#stopRef(what, options);
    return this.#stopping ??= closeParts(this.#parts, what?.timeoutMs ?? this.#parts.options.shutdownTimeoutMs);
  }

  /** Stops the system: see {@link stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  // ------------------------------------------------------------------------------------------------

  #refOf<P, Init>(kind: Kind<P, Init>, key: ActorKey, place?: ActorPlace): ActorRef<P> {
    return this.#parts.threads.main.host.refs.refByKey(kind, key, place) as ActorRef<P>;
  }

  async #stopRef({ key }: AnyRef, options: StopActorOptions): Promise<boolean> {
    const { actors } = this.#parts;
    const router = routerSpecOf(key);
    if (router === undefined) return await actors.stop(key, options);
    const stopped = await Promise.all(routeeNames(router).map((name) => actors.stop(actorKey(name), options)));
    return stopped.includes(true);
  }
}
