/**
 * The cluster of one system, put together: listener, member, and what its threads need. Lives on the main thread.
 *
 * @module
 */
import type { DeadLetterReason } from "../core/events.ts";
import { DEAD_LETTER_REASONS } from "../core/events.ts";
import { ActorError } from "../core/failure.ts";
import { directiveFor } from "../core/supervision.ts";
import { performance } from "node:perf_hooks";
import { type ActorKey, instant, type ThreadIndex } from "../core/ids.ts";
import { NODE_MESSAGE_BYTES_MAX } from "../core/limits.ts";
import type { RefCodec } from "../core/ref_data.ts";
import type { NodeEffect } from "../cluster/cluster_node.ts";
import { listen, type Listener } from "../remoting/listener.ts";
import { decodeLetter } from "../workers/letter.ts";
import { openStore, type Thread } from "../workers/thread_boot.ts";
import type { ListedActor } from "./actor_pages.ts";
import { ClusterMember } from "./cluster_member.ts";
import type { CheckedClusterOptions } from "./cluster_options.ts";
import { ClusterThreads } from "./cluster_threads.ts";
import { PeerTalk } from "./peer_talk.ts";
import type { EventStream } from "./event_stream.ts";
import { ClusterTally } from "./metric_tally.ts";
import type { CheckedOptions } from "./system_options.ts";

/** Reasons of dead letters that the thread of the receiver has counted itself. */
const COUNTED_BY_HOSTS: ReadonlySet<string> = new Set(
  [
    "mailbox-full",
    "actor-stopped",
    "ask-expired",
    "call-cycle",
  ] satisfies DeadLetterReason[],
);

/** The system a cluster is part of. */
export interface ClusteredSystem {
  readonly thread: Thread;
  readonly actorThreads: () => readonly ThreadIndex[];
  /** Ends a worker at once; another takes its place. */
  readonly endWorker: (thread: ThreadIndex) => void;
  /** The actors of one thread behind `after`, in the order of keys. */
  readonly listOn: (
    thread: ThreadIndex,
    after: ActorKey | undefined,
    count: number,
  ) => Promise<readonly ListedActor[]>;
}

/** What a system has of its cluster. */
export class SystemCluster {
  readonly member: ClusterMember;
  readonly threads: ClusterThreads;
  readonly listener: Listener;
  readonly talk: PeerTalk;
  /** What has happened, by number. */
  readonly tally = new ClusterTally();
  #system: ClusteredSystem | undefined = undefined;
  #isBegun = false;

  constructor(options: CheckedOptions, cluster: CheckedClusterOptions, listener: Listener, events: EventStream) {
    const { log } = options;
    this.listener = listener;
    this.threads = new ClusterThreads({
      workers: options.workers,
      partitionCount: options.partitionCount,
      messageBytesMax: Math.min(options.maxMessageBytes, NODE_MESSAGE_BYTES_MAX),
      timings: cluster.timings,
      clock: () => instant(performance.now()),
      wallClock: Date.now,
      tell: (input) => {
        this.tally.input(input.kind);
        this.member.driver.tell(input);
      },
      afterInputs: (go) => this.member.driver.afterInputs(go),
      isSettledHere: (key, token) => this.member.driver.isSettledHere(key, token),
      beginsAgain: (kind) => beginsAgain(options, kind),
      stuck: (thread) => this.#system?.endWorker(thread),
      sent: () => this.#system?.thread.loop.request(),
      watch: (thread, watcher, key, kind, isOn) => this.talk.watch(thread, watcher, key, kind, isOn),
    });
    this.talk = new PeerTalk({
      self: () => this.member.driver.id,
      view: () => this.member.view,
      send: (to, bytes, isOwed) => this.member.driver.sendPeer(to, bytes, isOwed),
      locate: (key) => this.member.holderOf(key, options.askTimeoutMs),
      threadOf: (key) => this.threads.threadOf(key),
      list: (after, count) => this.#list(after, count),
      log,
    });
    this.member = new ClusterMember({
      cluster,
      system: options.name,
      kinds: options.kinds,
      listener,
      security: options.security,
      threads: this.threads,
      log,
      storeGeneration: (clusterId) => generationOf(options, clusterId),
      flush: () => this.#flush(),
      fact: (fact) => {
        this.tally.fact(fact);
        if (fact.type === "nodeFenced") this.talk.endAll();
        logFact(options, fact);
        events.publish(fact);
      },
      deadLetter: (effect) => this.#deadLetter(effect),
      peers: {
        view: (view) => this.talk.viewInstalled(view),
        peerWord: (from, bytes) => this.talk.received(from, bytes),
        peerLink: (peer, isUp) => this.talk.link(peer, isUp),
      },
    });
    for (const warning of cluster.warnings) log.warn(warning);
    if (options.store?.isShared === false) {
      log.warn("each node keeps a state of its own: the store is in its memory, and an actor that moves begins empty");
    }
  }

  /** Joins or founds the cluster; resolves when this node may run actors. */
  async begin(system: ClusteredSystem, signal: AbortSignal | undefined): Promise<void> {
    this.#system = system;
    this.talk.attach(system.thread.host);
    this.#isBegun = true;
    await this.member.begin(signal);
  }

  /** A worker is gone, and its lanes are new. How many actors begin again on its successor. */
  workerLost(thread: ThreadIndex): number {
    this.talk.workerLost(thread);
    return this.threads.workerLost(thread);
  }

  /** Hands everything over and leaves. */
  async leave(timeoutMs: number): Promise<void> {
    if (!this.#isBegun) return;
    await this.member.leave(timeoutMs);
    // Without a lease nothing here will ever run again: it is dropped, as it is where a node was removed.
    if (this.member.driver.leaseLeftMs === 0) this.threads.begin();
    this.#flush();
  }

  /** Ends discovery, links and listener. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#isBegun) await this.member.close(timeoutMs);
    this.talk.close();
    await this.listener.close();
  }

  #flush(): void {
    this.#system?.thread.lanes?.flush();
    this.#system?.thread.loop.request();
  }

  /** A page over all threads: each gives as many as there may be, the first of all of them are the page. */
  async #list(after: ActorKey | undefined, count: number): Promise<readonly ListedActor[]> {
    const system = this.#system;
    if (system === undefined) return [];
    const pages = await Promise.all(system.actorThreads().map((thread) => system.listOn(thread, after, count)));
    return pages.flat().sort((one, other) => one.key < other.key ? -1 : 1).slice(0, count);
  }

  #deadLetter(
    { target, actorKind, reason, sender, askId, payload }: Extract<NodeEffect, { kind: "deadLetter" }>,
  ): void {
    const known = DEAD_LETTER_REASONS.find((one) => one === reason) ?? "undeliverable";
    if (COUNTED_BY_HOSTS.has(known)) return;
    const host = this.#system?.thread.host;
    if (host === undefined) return;
    const to = { kind: actorKind, key: target };
    host.reports.lostLetter(to, () => handlerOf(payload, host.refs), known, sender?.key, askId !== undefined);
  }
}

/** The handler a message was for; `?` when its bytes don't say. */
function handlerOf(payload: unknown, refs: RefCodec): string {
  try {
    return decodeLetter(payload, refs).handler;
  } catch {
    return "?"; // A letter of a ref to a kind that isn't here, or no letter: it is reported all the same.
  }
}

/** Listens, and puts the cluster together; `fetch` answers what is no link. Rejects with `start-failed`, `invalid-options`. */
export async function openCluster(
  options: CheckedOptions,
  cluster: CheckedClusterOptions,
  events: EventStream,
  fetch: ((request: Request) => Response | Promise<Response>) | undefined,
): Promise<SystemCluster> {
  const { host = "127.0.0.1", port = 0, advertise, allowedOrigins } = options.listen ?? {};
  const listener = await listen({
    host,
    port,
    advertise,
    tls: options.security.tls,
    allowedOrigins,
    fetch,
  });
  return new SystemCluster(options, cluster, listener, events);
}

/** The store's number for this cluster; 0 without a store. Opened for this question only: actors have their own. */
async function generationOf({ store }: CheckedOptions, clusterId: string): Promise<number> {
  if (store === undefined) return 0;
  const opened = await openStore(store);
  try {
    return await opened.generationOf(clusterId);
  } finally {
    await opened.close().catch(() => {}); // Nothing was written that could be lost.
  }
}

/** As where there is no cluster: all kinds do whose supervision does not say otherwise. */
function beginsAgain({ kinds }: CheckedOptions, name: string): boolean {
  const kind = kinds.find((one) => one.name === name);
  const directive = kind &&
    directiveFor(kind.supervision, new ActorError("worker-lost", "Cannot go on: its worker ended"));
  return directive !== undefined && directive !== "stop" && directive !== "escalate";
}

function logFact({ log }: CheckedOptions, fact: { readonly type: string }): void {
  const level = QUIET.has(fact.type) ? "debug" : LOUD.has(fact.type) ? "warn" : "info";
  log[level](`cluster: ${fact.type}`, { ...fact });
}

const QUIET: ReadonlySet<string> = new Set(["relocationProgress"]);
const LOUD: ReadonlySet<string> = new Set([
  "leaseFrozen",
  "nodeFenced",
  "partitionDataLoss",
  "foreignCluster",
  "relocationBlocked",
  "claimLost",
]);
