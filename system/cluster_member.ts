/**
 * This node as a member of a cluster, for the system above: what users ask of the cluster becomes the machine's input, and
 * its answers become refs, errors and events. Lives on the main thread; mutable; one per system.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";
import { setTimeout as delay } from "node:timers/promises";
import { encodeToBytes } from "../core/codec.ts";
import type { ClusterFact, NodeInfo } from "../core/events.ts";
import { ActorError } from "../core/failure.ts";
import type { ActorKey, NodeId } from "../core/ids.ts";
import type { AnyKind } from "../core/kind.ts";
import { isGrainKey } from "../core/names.ts";
import type { Log } from "../core/ports.ts";
import type { RefPlace } from "../core/ref.ts";
import type { RefCodec } from "../core/ref_data.ts";
import { seededRandom } from "../core/random.ts";
import type { NodeEffect } from "../cluster/cluster_node.ts";
import type { Claim, Creation, DirectoryFailure, DirectoryResult } from "../cluster/directory_protocol.ts";
import type { Entry } from "../cluster/engine.ts";
import { memberOf, type View } from "../cluster/view.ts";
import type { Placement } from "../cluster/placement.ts";
import { type OpenDiscovery, openDiscovery } from "../discovery/open_discovery.ts";
import { createLinks } from "../remoting/links.ts";
import type { Listener } from "../remoting/listener.ts";
import type { SecurityOptions } from "../remoting/security.ts";
import { ClusterDriver } from "./cluster_driver.ts";
import { factOf, infoOf } from "./cluster_facts.ts";
import type { CheckedClusterOptions } from "./cluster_options.ts";
import type { ClusterThreads } from "./cluster_threads.ts";
import type { DriverWatcher } from "./driver_options.ts";

/** What {@link ClusterMember} is given. */
export interface MemberOptions {
  readonly cluster: CheckedClusterOptions;
  readonly system: string;
  readonly kinds: readonly AnyKind[];
  readonly listener: Listener;
  readonly security: SecurityOptions;
  readonly threads: ClusterThreads;
  readonly log: Log;
  readonly storeGeneration: (clusterId: string) => Promise<number>;
  readonly flush: () => void;
  readonly fact: (fact: ClusterFact) => void;
  readonly deadLetter: (effect: Extract<NodeEffect, { kind: "deadLetter" }>) => void;
  readonly peers: Pick<DriverWatcher, "view" | "peerWord" | "peerLink">;
}

/** What is asked of a placed actor. */
export interface PlacedSpawn {
  readonly key: ActorKey;
  readonly kind: AnyKind;
  readonly init: unknown;
  readonly placement: Placement;
  readonly role: string;
  readonly relocation: "eager" | "none";
  readonly idempotencyKey: string;
  readonly timeoutMs: number;
}

/** What a grain, and an actor without an `init`, need to begin. */
const NOTHING = new Uint8Array();
/** Milliseconds one look for other nodes may take, and opening the provider. */
const FIND_MS = 3_000;
/** Milliseconds a node that has left waits for the view that says so. */
const GONE_MS = 3_000;
/** Leases that may pass beyond the time for finding a cluster: those of an earlier life must be over before one begins. */
const LEASES_TO_BEGIN = 4;
/** Looks at whether anybody is left to hand over to; after so many in a row that found nobody, a leaver goes. */
const LOOK_MS = 100;
const HOPELESS_LOOKS = 10;

/** The member. */
export class ClusterMember {
  readonly driver: ClusterDriver;
  readonly #options: MemberOptions;
  readonly #kinds: ReadonlyMap<string, AnyKind>;
  #discovery: OpenDiscovery | undefined = undefined;
  #isLeaving = false;

  constructor(options: MemberOptions) {
    this.#options = options;
    const { cluster, kinds, listener, threads, log, peers } = options;
    this.#kinds = new Map(kinds.map((kind) => [kind.name, kind]));
    const { settings } = cluster;
    this.driver = new ClusterDriver({
      address: listener.address,
      zone: cluster.zone,
      roles: cluster.roles,
      kinds: kinds.map(({ name }) => name),
      capacity: cluster.capacity,
      settings,
      timings: cluster.timings,
      tableBytes: cluster.tableBytes,
      barrier: cluster.barrier,
      creationOf: (key, kind) => this.#creationOf(key as ActorKey, kind),
      threads,
      log,
      links: (id, events) =>
        createLinks({
          self: { id, address: listener.address },
          clusterName: options.system,
          settings: agreedOf(cluster),
          security: options.security,
          listener,
          events,
          clock: () => performance.now(),
          random: seededRandom(Math.floor(performance.now() * 1_000) ^ Date.now()),
          log,
        }),
      find: () => this.#find(),
      storeGeneration: options.storeGeneration,
      flush: options.flush,
      watcher: {
        ...peers,
        event: (event) => this.#event(event),
        deadLetter: options.deadLetter,
      },
    });
  }

  /** Opens discovery, begins, and waits until this node may run actors. Rejects with `bootstrap-timeout`. */
  async begin(signal: AbortSignal | undefined): Promise<void> {
    const { system, listener, log, cluster } = this.#options;
    if (signal?.aborted === true) throw new ActorError("start-failed", "Cannot start: the caller gave up");
    const wait = { timeoutMs: cluster.timings.bootstrapTimeoutMs, signal };
    this.#discovery = await openDiscovery(cluster.discovery, { system, self: listener.address, log, wait });
    this.driver.begin();
    const { promise: givenUp, reject } = Promise.withResolvers<never>();
    const onAbort = () => reject(new ActorError("start-failed", "Cannot start: the caller gave up"));
    signal?.addEventListener("abort", onAbort, { once: true });
    const { bootstrapTimeoutMs, leaseMs } = cluster.timings;
    const limitMs = bootstrapTimeoutMs + LEASES_TO_BEGIN * leaseMs;
    const late = setTimeout(() => reject(this.driver.notReady(limitMs)), limitMs);
    try {
      await Promise.race([this.driver.whenReady(), givenUp]);
    } finally {
      clearTimeout(late);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Hands everything over and leaves, within the time; whether the others have let it go. There is nobody to hand over to
   * for one that is alone, has no lease, or leaves together with all others: it goes as it is.
   */
  async leave(timeoutMs: number): Promise<boolean> {
    this.#isLeaving = true;
    this.driver.willNotReturn();
    if (!this.#canHandOver()) return false;
    const left = this.driver.request((requestId, deadlineIn) => ({
      kind: "leave",
      requestId,
      deadline: deadlineIn(timeoutMs),
    }));
    const result = await Promise.race([left, this.#nobodyTakes()]);
    if (result?.kind !== "left" || !result.isComplete) return false;
    await Promise.race([this.driver.whenGone(), delay(GONE_MS, undefined, { ref: false })]);
    return true;
  }

  #canHandOver(): boolean {
    const { view } = this;
    return view !== undefined && view.members.length > 1 && this.driver.leaseLeftMs > 0 &&
      view.members.some(({ id, status }) => id !== this.driver.id && status === "up");
  }

  /** Resolves when it has been so for a while that nobody is left to take anything. */
  async #nobodyTakes(): Promise<undefined> {
    for (let looks = 0; looks < HOPELESS_LOOKS && !this.driver.isOver;) {
      await delay(LOOK_MS, undefined, { ref: false });
      looks = this.#canHandOver() ? 0 : looks + 1;
    }
    return undefined;
  }

  /** Ends: discovery, links, machine. */
  async close(timeoutMs: number): Promise<void> {
    await Promise.allSettled([this.#discovery?.close(timeoutMs), this.driver.close()]);
  }

  // --- who is there -------------------------------------------------------------------------------

  get view(): View | undefined {
    return this.driver.view;
  }

  /** This node. */
  get self(): NodeInfo {
    const { self } = this.driver.node.options;
    return infoOf((this.view && memberOf(this.view, self.id)) ?? self);
  }

  /** All members, the oldest first; empty while this node is in no cluster. */
  get members(): readonly NodeInfo[] {
    return this.view?.members.map(infoOf) ?? [];
  }

  /** The leader, if there is one. */
  get leader(): NodeInfo | undefined {
    const leader = this.view?.leader;
    const member = leader === undefined ? undefined : this.view && memberOf(this.view, leader);
    return member && infoOf(member);
  }

  /** Whether this node leads, and has a lease to do so. */
  get isLeader(): boolean {
    return this.view?.leader === this.driver.id && this.driver.leaseLeftMs > 0;
  }

  // --- what users ask -----------------------------------------------------------------------------

  /** Spawns an actor on the node that its placement chooses. */
  async spawn(spawn: PlacedSpawn, refs: RefCodec): Promise<RefPlace> {
    const { key, placement, timeoutMs } = spawn;
    const claim = this.#claimOf("actor", spawn, refs);
    const result = await this.driver.request((requestId, deadlineIn) => ({
      kind: "spawn",
      requestId,
      key,
      claim,
      placement,
      deadline: deadlineIn(timeoutMs),
    }));
    return this.#spawned(`spawn ${key}`, result);
  }

  /** The one of its name in the cluster, begun if there is none. */
  async singleton(spawn: PlacedSpawn, refs: RefCodec): Promise<RefPlace> {
    const { key, timeoutMs } = spawn;
    const claim = this.#claimOf("singleton", spawn, refs);
    const result = await this.driver.request((requestId, deadlineIn) => ({
      kind: "singleton",
      requestId,
      key,
      claim,
      deadline: deadlineIn(timeoutMs),
    }));
    return this.#spawned(`begin singleton ${key}`, result);
  }

  /** Who has a name now: its kind and its place; `undefined` when nobody has, or its node is gone. */
  async locate(
    key: ActorKey,
    timeoutMs: number,
  ): Promise<{ readonly kind: string; readonly place: RefPlace } | undefined> {
    const entry = await this.#entryOf(key, timeoutMs);
    if (entry === undefined || this.view === undefined || memberOf(this.view, entry.record.holder) === undefined) {
      return undefined;
    }
    return { kind: entry.record.kind, place: this.#placeOf(entry.record.holder) };
  }

  /** The node that holds a name in the registry, also when it is out of the cluster and has no successor yet. */
  async holderOf(key: ActorKey, timeoutMs: number): Promise<NodeId | undefined> {
    return (await this.#entryOf(key, timeoutMs))?.record.holder;
  }

  async #entryOf(key: ActorKey, timeoutMs: number): Promise<Entry | undefined> {
    const result = await this.driver.request((requestId, deadlineIn) => ({
      kind: "locate",
      requestId,
      key,
      deadline: deadlineIn(timeoutMs),
    }));
    if (result.kind === "failed") throw failureOf(`look up ${key}`, result.failure, this.view);
    return result.kind === "located" ? result.entry : undefined;
  }

  /** Stops an actor wherever it is; `false` when nobody has its name. */
  async stop(key: ActorKey, timeoutMs: number): Promise<boolean> {
    const result = await this.driver.request((requestId, deadlineIn) => ({
      kind: "stop",
      requestId,
      key,
      deadline: deadlineIn(timeoutMs),
    }));
    if (result.kind !== "failed") return true;
    if (result.failure.code === "actor-not-found") return false;
    throw failureOf(`stop ${key}`, result.failure, this.view);
  }

  // ------------------------------------------------------------------------------------------------

  async #find(): Promise<readonly string[]> {
    return await this.#discovery?.find({ timeoutMs: FIND_MS }) ?? [];
  }

  #creationOf(key: ActorKey, kindName: string): Creation | undefined {
    if (!isGrainKey(key)) return undefined;
    const kind = this.#kinds.get(kindName);
    const claim: Claim = {
      type: "grain",
      kind: kindName,
      spec: NOTHING,
      isRelocatable: true,
      isEager: this.#options.cluster.isRelocating && kind?.relocation === "eager",
      role: kind?.role ?? "",
      idempotencyKey: "",
    };
    return { claim, placement: { kind: kind?.placement ?? "random" } };
  }

  #claimOf(type: "actor" | "singleton", spawn: PlacedSpawn, refs: RefCodec): Claim {
    const { kind, init, role, relocation, idempotencyKey } = spawn;
    return {
      type,
      kind: kind.name,
      spec: init === undefined ? NOTHING : encodeToBytes(init, refs),
      isRelocatable: type === "singleton" || (this.#options.cluster.isRelocating && relocation !== "none"),
      isEager: true,
      role: role === "" ? kind.role : role,
      idempotencyKey,
    };
  }

  #spawned(what: string, result: DirectoryResult): RefPlace {
    if (result.kind === "spawned") return this.#placeOf(result.holder);
    if (result.kind === "failed") throw failureOf(what, result.failure, this.view);
    throw new ActorError("start-failed", `Cannot ${what}: the cluster answered something else`, { fate: "unknown" });
  }

  #placeOf(node: NodeId): RefPlace {
    return { node, isLocal: node === this.driver.id };
  }

  #event(event: Parameters<DriverWatcher["event"]>[0]): void {
    const fact = factOf(event, (id) => this.view && memberOf(this.view, id));
    if (fact === undefined) return;
    if (this.#isLeaving && (fact.type === "nodeFenced" || fact.type === "leaseFrozen")) return;
    this.#options.fact(fact);
  }
}

/** What both ends of a link must agree on; each difference is named when they do not. */
function agreedOf({ settings }: CheckedClusterOptions): Readonly<Record<string, string | number>> {
  const { partitionCount, replicaCount, writeQuorum, readQuorum, rule } = settings;
  const quorum = rule.kind === "seeds" ? `seeds ${rule.seeds.join(" ")}` : rule.kind;
  return { partitionCount, replicaCount, writeQuorum, readQuorum, quorum, hash: "troupe-1" };
}

function failureOf(
  what: string,
  { code, fate, holder, reason }: DirectoryFailure,
  view: View | undefined,
): ActorError {
  const words = WORDS[code] ?? code;
  const place = holder === undefined ? undefined : (view && memberOf(view, holder)?.address) ?? holder;
  const text = `Cannot ${what}: ${words}${place === undefined ? "" : ` on ${place}`}${
    reason === "" ? "" : `: ${reason}`
  }`;
  return new ActorError(code, text, { fate, details: { holder, reason } });
}

const WORDS: Readonly<Record<DirectoryFailure["code"], string>> = {
  "name-taken": "an actor has the name already,",
  "no-eligible-node": "no node may have it",
  "lease-lost": "this node has no lease",
  "partition-unavailable": "the registry did not answer in time",
  "start-failed": "it did not start",
  "actor-not-found": "nobody has the name",
  "system-stopping": "the node is leaving",
  "limit-reached": "too much is under way",
};
