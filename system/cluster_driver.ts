/**
 * Runs the machine of one clustered node in the real world: clocks, links, discovery, and the host of its actors. Lives on
 * the main thread; mutable; outlives the identities of its process.
 *
 * One idea: everything that happens becomes an input in one queue, and whatever the machine answers is done in the order
 * it was said. No decision is made here, so what is simulated is what runs.
 *
 * Invariant: the gate of the lease is published before anything that follows from its change; and after an identity is
 * over, nothing of it leaves by any link, lane or promise.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";
import { ActorError, toActorError } from "../core/failure.ts";
import { after, epoch, type Instant, instant, type NodeId } from "../core/ids.ts";
import type { Log } from "../core/ports.ts";
import { seededRandom } from "../core/random.ts";
import type { Frame } from "../cluster/cluster_core.ts";
import {
  type ClusterEvent,
  type ClusterNode,
  createNode,
  type NodeEffect,
  type NodeInput,
  type NodeOptions,
  stepNode,
} from "../cluster/cluster_node.ts";
import { frameDecoder, isFrameProblem } from "../cluster/decode_frame.ts";
import { FRAME_LIMITS } from "../cluster/decode_values.ts";
import type { DirectoryResult } from "../cluster/directory_protocol.ts";
import { isSameVersion, type LeaseStatus, type Version } from "../cluster/engine.ts";
import { decodeFrameBytes, encodeFrame } from "../cluster/frame_bytes.ts";
import type { LeaseTerm } from "../cluster/lease.ts";
import { settledPlace } from "../cluster/router_routes.ts";
import { ALL_RULES } from "../cluster/rules.ts";
import type { ClusterSettings, Timings } from "../cluster/settings.ts";
import type { Now } from "../cluster/time.ts";
import { isMember, memberOf, type View } from "../cluster/view.ts";
import type { Lane, LinkCounters, LinkEvents, LinkRefusal, LinkReport, Links } from "../remoting/links.ts";
import type { ClusterThreads } from "./cluster_threads.ts";
import { newNodeId } from "./node_id.ts";
import { isPeerWord } from "./peer_words.ts";

/** Copies of entries in one message of a transfer, and changes an owner keeps for backups that lag. */
const CHUNK_ENTRIES = 256;
const CHANGES_KEPT = 4_096;
/** Inputs that are taken at one reading of the clocks, which costs as much as some of them do. */
const INPUTS_PER_READING = 8;
/** Inputs taken before the event loop is let in. */
const INPUTS_PER_PUMP = 4_096;
/** Milliseconds between two looks for other nodes: while this one is in no good cluster, and otherwise. */
const DISCOVERY_MS = 500;
const DISCOVERY_CALM_MS = 10_000;
const SWEEP_MS = 1_000;
/** Refused handshakes that a report remembers. */
const REFUSALS_KEPT = 16;
/** Milliseconds between two events about one foreign cluster, and how many of those are remembered. */
const FOREIGN_AGAIN_MS = 60_000;
const FOREIGN_KEPT = 256;
/** Milliseconds links get to send what they hold at the end of an identity. */
const LINKS_CLOSE_MS = 1_000;
/** Why a data link ends that finds no room for what is owed. */
const NO_ROOM = "its queue is full: the peer reads too slowly";

/** What {@link ClusterDriver} is given. */
export interface DriverOptions {
  readonly address: string;
  readonly zone: string;
  readonly roles: readonly string[];
  readonly kinds: readonly string[];
  readonly capacity: number;
  readonly settings: ClusterSettings;
  readonly timings: Timings;
  readonly tableBytes: number;
  readonly barrier: NodeOptions["barrier"];
  readonly creationOf: NodeOptions["creationOf"];
  readonly threads: ClusterThreads;
  readonly log: Log;
  /** Opens the links of a new identity. */
  readonly links: (id: NodeId, events: LinkEvents) => Links;
  /** Where other nodes may be found. Rejects when that cannot be said now. */
  readonly find: () => Promise<readonly string[]>;
  /** The store's number for a cluster. */
  readonly storeGeneration: (clusterId: string) => Promise<number>;
  /** Flushes this thread's lanes. */
  readonly flush: () => void;
  readonly watcher: DriverWatcher;
}

/** Who is told what the driver sees. */
export interface DriverWatcher {
  event(event: ClusterEvent | { readonly kind: "nodeFenced"; readonly node: NodeId; readonly reason: string }): void;
  view(view: View): void;
  /** A word of a peer's system, not of its machine. Its sender is a member. */
  peerWord(from: NodeId, bytes: Uint8Array): void;
  /** A data link to a member has come, or is gone. */
  peerLink(peer: NodeId, isUp: boolean): void;
  deadLetter(effect: Extract<NodeEffect, { kind: "deadLetter" }>): void;
}

/** What is wrong with what came from outside, counted. */
export interface DriverCounts {
  framesReceived: number;
  framesSent: number;
  framesMalformed: number;
  framesUnsent: number;
  odd: number;
}

interface DataLink {
  readonly generation: number;
}

/** The driver of one node. */
export class ClusterDriver {
  readonly counts: DriverCounts = {
    framesReceived: 0,
    framesSent: 0,
    framesMalformed: 0,
    framesUnsent: 0,
    odd: 0,
  };
  /** Handshakes that failed lately, the newest last. */
  readonly refusals: LinkRefusal[] = [];
  /** Why discovery last failed; `undefined` when it last did not. */
  discoveryFailure: string | undefined = undefined;
  /** Addresses discovery last named. */
  discovered: readonly string[] = [];
  /** Milliseconds the event loop was late at its last tick, and at most in the last while. */
  lagMs = 0;
  readonly #options: DriverOptions;
  readonly #processStartedAt: Now;
  readonly #decode: (bytes: Uint8Array) => ReturnType<typeof decodeFrameBytes>;
  /** Who was there when the time for beginning was last over. */
  #seen: readonly string[] = [];
  /** When each foreign cluster at each address was last told of. */
  readonly #foreign = new Map<string, number>();
  readonly #requests = new Map<number, (result: DirectoryResult) => void>();
  readonly #dataLinks = new Map<NodeId, DataLink>();
  readonly #owedCredit: { readonly peer: NodeId; readonly generation: number; bytes: number }[] = [];
  readonly #readyWaiters = new Set<{ readonly ready: () => void; readonly failed: (error: ActorError) => void }>();
  #inputs: (NodeInput | (() => void))[] = [];
  #isPumping = false;
  #isPumpDue = false;
  #node: ClusterNode;
  #links: Links | undefined = undefined;
  #wasMember = false;
  #rebirth: string | undefined = undefined;
  #requestId = 0;
  #ticker: ReturnType<typeof setTimeout> | undefined = undefined;
  #tickDueMs = 0;
  #sweepDueMs = 0;
  #finder: ReturnType<typeof setTimeout> | undefined = undefined;
  #leaseTerm: LeaseTerm | undefined = undefined;
  #clusterId = "";
  #hasGeneration = false;
  #storeAsker: ReturnType<typeof setTimeout> | undefined = undefined;
  #isClosed = false;
  /** Whether the last identity is over: nothing answers any more. */
  #isGone = false;
  #mayReturn = true;
  readonly #gone = Promise.withResolvers<void>();

  constructor(options: DriverOptions) {
    this.#options = options;
    const decoder = frameDecoder({ ...FRAME_LIMITS, partitionCount: options.settings.partitionCount });
    this.#decode = (bytes) => decodeFrameBytes(bytes, decoder);
    this.#processStartedAt = { mono: instant(0), wall: Date.now() - performance.now() };
    this.#node = this.#nodeOf(newNodeId());
  }

  /** This node's id now. */
  get id(): NodeId {
    return this.#node.options.self.id;
  }

  /** The view that is installed. */
  get view(): View | undefined {
    return this.#node.view;
  }

  /** How this node stands with its lease. */
  get lease(): LeaseStatus {
    return this.#node.lease;
  }

  /** Milliseconds that are left of the lease by the monotonic clock; 0 without one. */
  get leaseLeftMs(): number {
    return Math.max(0, (this.#leaseTerm?.mono ?? -Infinity) - this.#now().mono);
  }

  /** Whether the store has said which generation this cluster is: before that no actor begins here. */
  get hasGeneration(): boolean {
    return this.#hasGeneration;
  }

  /** Inputs that wait for the machine. */
  get inputCount(): number {
    return this.#inputs.length;
  }

  /** The machine's state, for looking at. */
  get node(): ClusterNode {
    return this.#node;
  }

  /** What the links hold and have carried. */
  get links(): readonly LinkReport[] {
    return this.#links?.report() ?? [];
  }

  /** What has happened to the links of this identity; `undefined` between two of them. */
  get linkCounters(): LinkCounters | undefined {
    return this.#links?.counters();
  }

  /** Begins: opens links, looks for others, ticks. */
  begin(): void {
    this.#openIdentity();
    this.#tickDueMs = performance.now();
    this.#tick();
    this.#discover();
  }

  /** Resolves when this node is in a view and has a lease; rejects when it founded or found no cluster in time. */
  whenReady(): Promise<void> {
    if (this.#isReady()) return Promise.resolve();
    return new Promise((ready, failed) => this.#readyWaiters.add({ ready, failed }));
  }

  /** Why this node may not run actors yet, as the failure of whoever waits no longer. */
  notReady(waitedMs: number): ActorError {
    const { view } = this;
    if (view === undefined) return this.#bootstrapFailure(this.#seen, "no cluster has let this node in");
    if (!this.#hasGeneration && this.leaseLeftMs > 0) {
      return new ActorError(
        "bootstrap-timeout",
        `Cannot begin: the store has not said in ${waitedMs} ms which generation this cluster is`,
        { details: { epoch: view.epoch, clusterId: view.clusterId } },
      );
    }
    const voters = view.voters.map(({ id }) => memberOf(view, id)?.address ?? id).join(", ");
    return new ActorError(
      "bootstrap-timeout",
      `Cannot begin: this node is in view ${view.epoch}, and has had no lease in ${waitedMs} ms: ` +
        `it does not reach enough of the voters, which are ${voters}`,
      { details: { epoch: view.epoch, voters } },
    );
  }

  /** Hands an input to the machine, soon: never from inside of this call. */
  tell(input: NodeInput): void {
    this.#push(input);
  }

  #push(input: NodeInput | (() => void)): void {
    this.#inputs.push(input);
    if (this.#isPumping || this.#isPumpDue) return;
    this.#isPumpDue = true;
    queueMicrotask(() => this.#pump());
  }

  /** Calls back when every input told so far was taken. Not at all when this identity ends before. */
  afterInputs(go: () => void): void {
    this.#push(go);
  }

  /** Whether the router has one place for a key, which is this activation here, and nothing that waits for it. */
  isSettledHere(key: string, token: Version): boolean {
    const place = settledPlace(this.#node.router, key);
    return place?.node === this.id && isSameVersion(place.token, token);
  }

  /** Asks the machine something that ends with `done`. */
  request(make: (requestId: number, deadlineIn: (ms: number) => Instant) => NodeInput): Promise<DirectoryResult> {
    const requestId = ++this.#requestId;
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(stopped());
      if (this.#isGone) return resolve(endedWith("fenced"));
      this.#requests.set(requestId, resolve);
      this.tell(make(requestId, (ms) => after(this.#now().mono, ms)));
    });
  }

  /**
   * Sends a word of this system to a peer's; whether it is on its way. At most once, in order while a link lasts. One that
   * is owed and finds no room ends the link.
   */
  sendPeer(to: NodeId, bytes: Uint8Array, isOwed: boolean): boolean {
    const link = this.#dataLinks.get(to);
    if (link === undefined) return false;
    const sent = this.#trySend(to, "data", link.generation, () => bytes, isOwed);
    if (sent === "full" && isOwed) this.#links?.closeLink(to, "data", link.generation, NO_ROOM);
    return sent === "taken";
  }

  /** Whether this driver does nothing any more. */
  get isOver(): boolean {
    return this.#isClosed;
  }

  /** This node is on its way out: when its identity is over, no other takes its place. */
  willNotReturn(): void {
    this.#mayReturn = false;
  }

  /** Resolves when the identity is over for good. Only after {@link willNotReturn}. */
  whenGone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Stops without a word to anybody. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#ticker);
    clearTimeout(this.#finder);
    clearTimeout(this.#storeAsker);
    this.#options.threads.publish(undefined);
    for (const { failed } of this.#readyWaiters) failed(stopped());
    for (const resolve of this.#requests.values()) resolve(endedWith("system-stopping"));
    this.#requests.clear();
    await this.#links?.close(LINKS_CLOSE_MS);
  }

  // --- identities -----------------------------------------------------------------------------------

  #nodeOf(id: NodeId): ClusterNode {
    const { address, zone, roles, kinds, capacity, settings, timings, tableBytes, barrier, creationOf } = this.#options;
    const seed = new Uint32Array(1);
    crypto.getRandomValues(seed);
    return createNode({
      self: { id, address, zone, roles, kinds, joinEpoch: epoch(0), status: "up", capacity },
      settings,
      timings,
      rules: ALL_RULES,
      random: seededRandom(seed[0] ?? 0),
      bornAt: this.#now(),
      processStartedAt: this.#processStartedAt,
      wasMember: this.#wasMember,
      chunkEntries: CHUNK_ENTRIES,
      changesKept: CHANGES_KEPT,
      tableBytes,
      barrier,
      creationOf,
    });
  }

  #openIdentity(): void {
    this.#clusterId = "";
    this.#hasGeneration = false;
    clearTimeout(this.#storeAsker);
    this.#dataLinks.clear();
    this.#owedCredit.length = 0;
    this.#options.threads.begin();
    const { id } = this;
    const ifMine = (go: () => void) => {
      if (!this.#isClosed && id === this.id) go();
    };
    this.#links = this.#options.links(id, {
      frame: (from, lane, generation, frame) => ifMine(() => this.#received(from, lane, generation, frame)),
      linkUp: (peer, lane, generation) => ifMine(() => this.#linkUp(peer, lane, generation)),
      linkLost: (peer, lane, generation) => ifMine(() => this.#linkLost(peer, lane, generation)),
      room: () => this.#push(() => this.#options.threads.goOn()),
      refused: (refusal) => this.#refused(refusal),
    });
  }

  /** This identity is over. The process goes on as a new node. */
  #reborn(reason: string): void {
    const { id } = this;
    const links = this.#links;
    this.#links = undefined;
    this.#inputs = [];
    this.#leaseTerm = undefined;
    this.#options.threads.publish(undefined);
    for (const resolve of this.#requests.values()) resolve(endedWith("fenced"));
    this.#requests.clear();
    links?.close(LINKS_CLOSE_MS).catch((thrown) => {
      this.#options.log.warn("the links of an old identity did not close", { reason: toActorError(thrown).message });
    });
    this.#options.watcher.event({ kind: "nodeFenced", node: id, reason });
    if (this.#isClosed || !this.#mayReturn) {
      this.#isGone = true;
      return this.#gone.resolve();
    }
    this.#node = this.#nodeOf(newNodeId());
    this.#options.log.warn("this node was out of the cluster and begins anew", { reason, was: id, is: this.id });
    this.#openIdentity();
    this.#discover();
  }

  // --- inputs ---------------------------------------------------------------------------------------

  #now(): Now {
    return { mono: instant(performance.now()), wall: Date.now() };
  }

  #pump(): void {
    this.#isPumpDue = false;
    if (this.#isPumping || this.#isClosed) return;
    this.#isPumping = true;
    try {
      for (let count = 0; this.#inputs.length > 0 && count < INPUTS_PER_PUMP;) {
        const inputs = this.#inputs;
        this.#inputs = [];
        count += inputs.length;
        let now = this.#now();
        for (let index = 0; index < inputs.length; index++) {
          const input = inputs[index];
          if (index > 0 && index % INPUTS_PER_READING === 0) now = this.#now();
          if (typeof input === "function") input();
          else if (input !== undefined) this.#step(input, now);
        }
      }
    } catch (thrown) {
      this.#broken(thrown);
    } finally {
      this.#isPumping = false;
    }
    this.#options.flush();
    this.#giveCredit();
    if (this.#inputs.length > 0) {
      this.#isPumpDue = true;
      setTimeout(() => this.#pump(), 0);
    }
  }

  #step(input: NodeInput, now: Now): void {
    // What is left of an identity's inputs when it ends in the middle of them is nobody's.
    if (this.#rebirth !== undefined) return;
    const effects: NodeEffect[] = [];
    stepNode(this.#node, input, now, effects);
    for (const effect of effects) this.#perform(effect);
    if (this.#rebirth !== undefined) this.#endIdentity(this.#rebirth);
  }

  #endIdentity(reason: string): void {
    queueMicrotask(() => {
      this.#rebirth = undefined;
      this.#reborn(reason);
    });
  }

  /** Something was half done, and nobody knows which half: this identity runs nothing more, and another takes its place. */
  #broken(thrown: unknown): void {
    const { code, message, stack } = toActorError(thrown);
    this.#options.log.error("the cluster's machine failed, and this node begins anew", {
      code,
      reason: message,
      stack,
    });
    this.#options.threads.publish(undefined);
    this.#inputs = [];
    this.#wasMember ||= this.view !== undefined;
    if (this.#rebirth !== undefined) return; // It is ending already.
    this.#rebirth = `its machine failed: ${message}`;
    this.#endIdentity(this.#rebirth);
  }

  #tick(): void {
    const nowMs = performance.now();
    const { tickMs } = this.#options.timings;
    const lateMs = nowMs - this.#tickDueMs;
    this.lagMs = Math.max(lateMs, this.lagMs * 0.9);
    if (lateMs > tickMs) this.tell({ kind: "lag", ms: lateMs });
    this.tell({ kind: "tick" });
    if (nowMs >= this.#sweepDueMs) {
      this.#sweepDueMs = nowMs + SWEEP_MS;
      this.#push(() => {
        this.#options.threads.sweep();
        this.#options.threads.goOn();
      });
    }
    this.#tickDueMs = nowMs + tickMs;
    this.#ticker = setTimeout(() => this.#tick(), tickMs);
  }

  #discover(): void {
    clearTimeout(this.#finder);
    if (this.#isClosed) return;
    const { id } = this;
    this.#options.find().then(
      (addresses) => {
        this.discoveryFailure = undefined;
        this.discovered = addresses;
        if (id === this.id) this.tell({ kind: "discovered", addresses });
      },
      (thrown) => {
        this.discoveryFailure = toActorError(thrown).message;
        this.#options.log.debug("discovery failed", { reason: this.discoveryFailure });
      },
    ).finally(() => {
      if (this.#isClosed || id !== this.id) return;
      const waitMs = this.#isReady() ? DISCOVERY_CALM_MS : DISCOVERY_MS;
      clearTimeout(this.#finder);
      this.#finder = setTimeout(() => this.#discover(), waitMs);
    });
  }

  // --- links ----------------------------------------------------------------------------------------

  #received(from: NodeId, lane: Lane, generation: number, bytes: Uint8Array): void {
    this.counts.framesReceived++;
    if (lane === "data") this.#owe(from, generation, bytes.length);
    if (isPeerWord(bytes)) {
      return this.#push(() => this.#heard(from, lane, generation, bytes));
    }
    const frame = this.#decode(bytes);
    if (isFrameProblem(frame)) {
      this.counts.framesMalformed++;
      this.#options.log.warn("a peer sent what is no frame", { from, lane, problem: frame.problem });
      this.#links?.closeLink(from, lane, generation, "malformed frame");
      return;
    }
    this.tell({ kind: "frame", from, lane, generation: lane === "data" ? generation : 0, frame });
  }

  /** A word that cannot be taken, because a worker reads nothing for example, ends the link it came by. */
  #heard(from: NodeId, lane: Lane, generation: number, word: Uint8Array): void {
    if (this.view === undefined || !isMember(this.view, from)) return;
    try {
      this.#options.watcher.peerWord(from, word);
    } catch (thrown) {
      const { code, message } = toActorError(thrown);
      this.#options.log.warn("a peer's word could not be taken", { from, code, reason: message });
      this.#links?.closeLink(from, lane, generation, "its word could not be taken");
    }
  }

  #linkUp(peer: NodeId, lane: Lane, generation: number): void {
    if (lane === "control") return;
    this.#dataLinks.set(peer, { generation });
    this.tell({ kind: "linkUp", peer, generation });
    this.#options.watcher.peerLink(peer, true);
  }

  #linkLost(peer: NodeId, lane: Lane, generation: number): void {
    if (lane === "data") {
      const link = this.#dataLinks.get(peer);
      if (link !== undefined && link.generation === generation) this.#dataLinks.delete(peer);
      this.#options.watcher.peerLink(peer, false);
    }
    this.tell({ kind: "linkLost", peer, lane, generation });
  }

  #refused(refusal: LinkRefusal): void {
    this.refusals.push(refusal);
    if (this.refusals.length > REFUSALS_KEPT) this.refusals.shift();
  }

  #owe(peer: NodeId, generation: number, bytes: number): void {
    const last = this.#owedCredit.at(-1);
    if (last !== undefined && last.peer === peer && last.generation === generation) last.bytes += bytes;
    else this.#owedCredit.push({ peer, generation, bytes });
  }

  /** What was passed on to the workers is room for the next: not before, or a slow worker would fill this thread. */
  #giveCredit(): void {
    if (this.#owedCredit.length === 0 || this.#inputs.length > 0 || this.#options.threads.isCongested) return;
    for (const { peer, generation, bytes } of this.#owedCredit.splice(0)) {
      this.#links?.consumed(peer, generation, bytes);
    }
  }

  #send(effect: Extract<NodeEffect, { kind: "send" }>): void {
    const { to, lane, frame } = effect;
    if (to === this.id) {
      this.tell({ kind: "frame", from: to, lane: "control", generation: 0, frame });
      return;
    }
    const generation = lane === "data" ? effect.generation : 0;
    const sent = this.#trySend(to, lane, generation, () => encodeFrame(frame), !isMessage(frame));
    if (sent === "taken") this.counts.framesSent++;
    else this.#unsent(effect, sent);
  }

  /** A frame that is too large, or that cannot travel, is like one that was lost: whoever meant it has bounded it already. */
  #trySend(
    to: NodeId,
    lane: Lane,
    generation: number,
    bytes: () => Uint8Array,
    isOwed: boolean,
  ): "taken" | "full" | "no-link" {
    try {
      return this.#links?.send(to, lane, generation, bytes(), isOwed) ?? "no-link";
    } catch (thrown) {
      this.#options.log.error("a frame cannot be sent", { to, lane, reason: toActorError(thrown).message });
      return "full";
    }
  }

  /**
   * The control lane may lose frames. On the data lane a message that finds no room fails, and its senders are held back;
   * whatever else finds none, where there is always some, ends the link, and the machine knows.
   */
  #unsent(effect: Extract<NodeEffect, { kind: "send" }>, why: "full" | "no-link"): void {
    this.counts.framesUnsent++;
    if (effect.lane === "control" || why === "no-link") return;
    const { message } = effect.frame;
    if (effect.frame.part !== "router" || message.kind !== "user") {
      this.#links?.closeLink(effect.to, "data", effect.generation, NO_ROOM);
      return;
    }
    const { target, sender, askId, payload } = message;
    this.#options.threads.holdBack(target);
    if (askId === undefined) {
      const reason = "buffer-full";
      return this.#options.watcher.deadLetter({ kind: "deadLetter", target, sender, askId, payload, reason });
    }
    this.tell({ kind: "abortAsk", askId });
    this.#options.threads.perform({ kind: "failed", askId, code: "buffer-full", fate: "not-delivered" });
  }

  // --- effects --------------------------------------------------------------------------------------

  #perform(effect: NodeEffect): void {
    const { threads, watcher } = this.#options;
    switch (effect.kind) {
      case "send":
        return this.#send(effect);
      case "greet":
        return this.#links?.greet(effect.address, encodeFrame(effect.frame));
      case "start":
      case "stop":
      case "enqueue":
      case "reply":
      case "failed":
        return threads.perform(effect);
      case "deadLetter":
        if (effect.reason === "buffer-full") threads.holdBack(effect.target);
        return watcher.deadLetter(effect);
      case "closeLink":
        return this.#links?.closeLink(effect.peer, "data", effect.generation, effect.reason);
      case "done":
        return this.#done(effect.requestId, effect.result);
      case "event":
        return this.#event(effect.event);
      case "view":
        return this.#viewInstalled(effect.view);
      case "leaseTerm":
        this.#leaseTerm = effect.until;
        return threads.publish(effect.until);
      case "lease":
        threads.leaseChanged();
        return this.#lookWhetherReady();
      case "retire":
        this.#wasMember ||= effect.wasMember;
        this.#rebirth = effect.reason;
        return;
      case "voted":
        return;
      case "odd":
        this.counts.odd++;
        return this.#options.log.debug("a peer sent what makes no sense here", {
          from: effect.from,
          reason: effect.reason,
        });
      default:
        return effect satisfies never;
    }
  }

  #done(requestId: number, result: DirectoryResult): void {
    const resolve = this.#requests.get(requestId);
    this.#requests.delete(requestId);
    resolve?.(result);
  }

  #event(event: ClusterEvent): void {
    if (event.kind === "foreignCluster" && this.#isKnownForeign(`${event.clusterId} ${event.address}`)) return;
    this.#options.watcher.event(event);
    if (event.kind !== "bootstrapTimedOut" || this.#readyWaiters.size === 0) return;
    this.#seen = event.seen;
    const error = this.#bootstrapFailure(event.seen, event.reason);
    for (const { failed } of this.#readyWaiters) failed(error);
    this.#readyWaiters.clear();
  }

  /** The machine says it at every look; a person wants to hear it once, and again if it lasts. */
  #isKnownForeign(name: string): boolean {
    const nowMs = performance.now();
    const toldMs = this.#foreign.get(name) ?? -Infinity;
    if (nowMs - toldMs < FOREIGN_AGAIN_MS) return true;
    if (this.#foreign.size >= FOREIGN_KEPT) this.#foreign.clear();
    this.#foreign.set(name, nowMs);
    return false;
  }

  #viewInstalled(view: View): void {
    this.#wasMember = true;
    const peers = view.members.filter(({ id }) => id !== this.id).map(({ id, address }) => [id, address] as const);
    this.#links?.setPeers(new Map(peers));
    if (view.clusterId !== this.#clusterId) this.#joined(view.clusterId);
    this.#options.watcher.view(view);
    this.#lookWhetherReady();
  }

  /** The store says how this cluster's tokens compare with those of earlier ones; before that nothing is begun. */
  #joined(clusterId: string): void {
    this.#clusterId = clusterId;
    const { id } = this;
    const ask = (waitMs: number) => {
      this.#options.storeGeneration(clusterId).then(
        (generation) => {
          if (id !== this.id || this.#isClosed) return;
          this.#hasGeneration = true;
          this.#options.threads.storeGeneration(generation);
          this.#options.flush();
          this.#lookWhetherReady();
        },
        (thrown) => {
          this.#options.log.error("the store does not say which generation this cluster is", {
            reason: toActorError(thrown).message,
          });
          if (id !== this.id || this.#isClosed) return;
          this.#storeAsker = setTimeout(() => ask(Math.min(2 * waitMs, 5_000)), waitMs);
        },
      );
    };
    ask(100);
  }

  #isReady(): boolean {
    return this.#hasGeneration && this.view !== undefined && (this.lease === "held" || this.lease === "soft");
  }

  #lookWhetherReady(): void {
    if (!this.#isReady()) return;
    for (const { ready } of this.#readyWaiters) ready();
    this.#readyWaiters.clear();
  }

  #bootstrapFailure(seen: readonly string[], reason: string): ActorError {
    const { settings: { minimumPeersQuorum, rule }, timings: { bootstrapTimeoutMs }, address } = this.#options;
    const others = seen.filter((one) => one !== address);
    const known = rule.kind === "seeds" ? rule.seeds : [...new Set([address, ...this.discovered])];
    const here = known.filter((one) => one === address || others.includes(one)).length;
    const asked = rule.kind === "seeds" ? "seeds" : "addresses";
    const missing = Math.max(0, minimumPeersQuorum - 1 - others.length);
    const handshakes = [
      ...new Set(this.refusals.map(({ address: at, code, words: why }) => `${at}: ${code} (${why})`)),
    ];
    const parts = [
      `Cannot join or found a cluster in ${bootstrapTimeoutMs} ms: ${reason}`,
      `discovery named ${listed(this.discovered)}${
        this.discoveryFailure === undefined ? "" : ` (${this.discoveryFailure})`
      }`,
      `seen ${listed(others)}${missing === 0 ? "" : `, and minimumPeersQuorum asks for ${missing} more`}`,
      ...(2 * here > known.length ? [] : [`${here} of ${known.length} ${asked} are here, and more than half must be`]),
      ...(handshakes.length === 0 ? [] : [`failed handshakes: ${handshakes.join("; ")}`]),
    ];
    return new ActorError("bootstrap-timeout", parts.join("; "), {
      details: { seen: others, missing, discovered: this.discovered, handshakes, reason },
    });
  }
}

/** Whether a frame is a message of somebody who can be told that there is no room. Everything else was promised. */
function isMessage({ part, message }: Frame): boolean {
  return part === "router" && message.kind === "user";
}

function listed(addresses: readonly string[]): string {
  return addresses.length === 0 ? "nobody" : addresses.join(", ");
}

function stopped(): ActorError {
  return new ActorError("system-stopping", "Cannot wait for the cluster: the system has stopped", { fate: "unknown" });
}

function endedWith(code: "fenced" | "system-stopping"): DirectoryResult {
  const failure = { code: "lease-lost", fate: "unknown", holder: undefined, reason: code } as const;
  return { kind: "failed", failure };
}
