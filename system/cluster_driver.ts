/**
 * Runs the machine of one clustered node in the real world: clocks, links, discovery, and the host of its actors. Lives on
 * the main thread; mutable; outlives the identities of its process.
 *
 * One idea: everything that happens becomes an input in one queue, and is taken in the order it came. No decision is made
 * here, so what is simulated is what runs.
 *
 * Invariant: after an identity is over, nothing of it leaves by any link, lane or promise.
 *
 * @module
 */
import { type ActorError, toActorError } from "../core/failure.ts";
import { after, type Instant, instant, type NodeId } from "../core/ids.ts";
import type { ClusterEvent, ClusterNode, NodeInput } from "../cluster/cluster_node.ts";
import { frameDecoder } from "../cluster/decode_frame.ts";
import { FRAME_LIMITS } from "../cluster/decode_values.ts";
import type { DirectoryResult } from "../cluster/directory_protocol.ts";
import type { LeaseStatus, Version } from "../cluster/engine.ts";
import { decodeFrameBytes } from "../cluster/frame_bytes.ts";
import type { Now } from "../cluster/time.ts";
import type { View } from "../cluster/view.ts";
import type { LinkCounters, LinkReport } from "../remoting/links.ts";
import { type DriverOptions, machineOf } from "./driver_options.ts";
import { InputQueue } from "./input_queue.ts";
import { MachineRequests } from "./machine_requests.ts";
import { newNodeId } from "./node_id.ts";
import { type DriverCounts, NodeIdentity } from "./node_identity.ts";
import { PeerFinder } from "./peer_finder.ts";
import { Readiness } from "./readiness.ts";
import { StoreGeneration } from "./store_generation.ts";
import { Ticker } from "./ticker.ts";
import { ToldLately } from "./told_lately.ts";

/** The driver of one node. */
export class ClusterDriver {
  readonly counts: DriverCounts = {
    framesReceived: 0,
    framesSent: 0,
    framesMalformed: 0,
    framesUnsent: 0,
    odd: 0,
  };
  readonly #options: DriverOptions;
  readonly #processStartedAt: Now;
  readonly #decode: (bytes: Uint8Array) => ReturnType<typeof decodeFrameBytes>;
  readonly #queue: InputQueue;
  readonly #ticker: Ticker;
  readonly #finder: PeerFinder;
  readonly #store: StoreGeneration;
  readonly #readiness: Readiness;
  readonly #requests = new MachineRequests();
  readonly #foreign = new ToldLately();
  #identity: NodeIdentity;
  /** Whether an earlier identity was a member of a cluster. */
  #wasMember = false;
  #isClosed = false;
  #mayReturn = true;

  constructor(options: DriverOptions) {
    this.#options = options;
    const { log, threads, settings, timings } = options;
    const decoder = frameDecoder({ ...FRAME_LIMITS, partitionCount: settings.partitionCount });
    this.#decode = (bytes) => decodeFrameBytes(bytes, decoder);
    this.#processStartedAt = { mono: instant(0), wall: Date.now() - performance.now() };
    this.#identity = this.#newIdentity();
    this.#queue = new InputQueue({
      now: () => this.#now(),
      take: (input, now) => this.#identity.step(input, now),
      broke: (thrown) => this.#broken(thrown),
      pumped: () => this.#pumped(),
    });
    this.#ticker = new Ticker({
      tickMs: timings.tickMs,
      tick: (lateMs) => this.#tick(lateMs),
      sweep: () => {
        this.#queue.push(() => {
          threads.sweep();
          threads.goOn();
        });
      },
    });
    this.#finder = new PeerFinder({
      find: options.find,
      found: (addresses) => this.tell({ kind: "discovered", addresses }),
      isCalm: () => this.#readiness.isReady,
      log,
    });
    this.#store = new StoreGeneration({
      ask: options.storeGeneration,
      known: (generation) => this.#generationKnown(generation),
      log,
    });
    const { address, timings: { bootstrapTimeoutMs } } = options;
    this.#readiness = new Readiness({ address, settings, bootstrapTimeoutMs, node: this });
  }

  /** This node's id now. */
  get id(): NodeId {
    return this.#identity.id;
  }

  /** The view that is installed. */
  get view(): View | undefined {
    return this.node.view;
  }

  /** How this node stands with its lease. */
  get lease(): LeaseStatus {
    return this.node.lease;
  }

  /** Milliseconds that are left of the lease by the monotonic clock; 0 without one. */
  get leaseLeftMs(): number {
    return Math.max(0, (this.#identity.leaseTerm?.mono ?? -Infinity) - this.#now().mono);
  }

  /** Whether the store has said which generation this cluster is: before that no actor begins here. */
  get hasGeneration(): boolean {
    return this.#store.isKnown;
  }

  /** Why discovery last failed; `undefined` when it last did not. */
  get discoveryFailure(): string | undefined {
    return this.#finder.failure;
  }

  /** Addresses discovery last named. */
  get discovered(): readonly string[] {
    return this.#finder.addresses;
  }

  /** Milliseconds the event loop was late at its last tick, and at most in the last while. */
  get lagMs(): number {
    return this.#ticker.lagMs;
  }

  /** Inputs that wait for the machine. */
  get inputCount(): number {
    return this.#queue.length;
  }

  /** The machine's state, for looking at. */
  get node(): ClusterNode {
    return this.#identity.node;
  }

  /** What the links hold and have carried. */
  get links(): readonly LinkReport[] {
    return this.#identity.links?.report ?? [];
  }

  /** What has happened to the links of this identity; `undefined` between two of them. */
  get linkCounters(): LinkCounters | undefined {
    return this.#identity.links?.counters;
  }

  /** Begins: opens links, looks for others, ticks. */
  begin(): void {
    this.#openIdentity();
    this.#ticker.begin();
  }

  /** Resolves when this node is in a view and has a lease; rejects when it founded or found no cluster in time. */
  whenReady(): Promise<void> {
    return this.#readiness.untilReady();
  }

  /** Why this node may not run actors yet, as the failure of whoever waits no longer. */
  notReady(waitedMs: number): ActorError {
    return this.#readiness.whyNot(waitedMs);
  }

  /** Hands an input to the machine, soon: never from inside of this call. */
  tell(input: NodeInput): void {
    this.#queue.push(input);
  }

  /** Calls back when every input told so far was taken. Not at all when this identity ends before. */
  afterInputs(go: () => void): void {
    this.#queue.push(go);
  }

  /** Whether the router has one place for a key, which is this activation here, and nothing that waits for it. */
  isSettledHere(key: string, token: Version): boolean {
    return this.#identity.isSettledHere(key, token);
  }

  /** Asks the machine something that ends with `done`. */
  request(make: (requestId: number, deadlineIn: (ms: number) => Instant) => NodeInput): Promise<DirectoryResult> {
    return this.#requests.request((requestId) => this.tell(make(requestId, (ms) => after(this.#now().mono, ms))));
  }

  /**
   * Sends a word of this system to a peer's; whether it is on its way. At most once, in order while a link lasts. One that
   * is owed and finds no room ends the link.
   */
  sendPeer(to: NodeId, bytes: Uint8Array, isOwed: boolean): boolean {
    return this.#identity.links?.sendWord(to, bytes, isOwed) ?? false;
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
    return this.#requests.untilGone();
  }

  /** Stops without a word to anybody. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#queue.close();
    this.#ticker.end();
    this.#finder.end();
    this.#store.end();
    this.#options.threads.publish(undefined);
    this.#readiness.close();
    this.#requests.close();
    await this.#identity.links?.close();
  }

  // --- identities -----------------------------------------------------------------------------------

  #newIdentity(): NodeIdentity {
    const { links, threads, watcher, log } = this.#options;
    const life = { bornAt: this.#now(), processStartedAt: this.#processStartedAt, wasMember: this.#wasMember };
    const identity: NodeIdentity = new NodeIdentity(machineOf(newNodeId(), this.#options, life), {
      links,
      decode: this.#decode,
      threads,
      watcher,
      log,
      counts: this.counts,
      isHeard: () => !this.#isClosed && identity === this.#identity,
      tell: (input) => this.tell(input),
      afterInputs: (go) => this.afterInputs(go),
      done: (requestId, result) => this.#requests.done(requestId, result),
      event: (event) => this.#event(event),
      joined: (clusterId) => this.#store.joined(clusterId),
      changed: () => this.#readiness.look(),
      refused: (refusal) => this.#readiness.refused(refusal),
      // Not now: it is in the middle of something.
      ending: (reason) => queueMicrotask(() => this.#reborn(reason)),
    });
    return identity;
  }

  #openIdentity(): void {
    this.#store.begin();
    this.#options.threads.begin();
    this.#identity.open();
    this.#finder.begin();
  }

  /** This identity is over. The process goes on as a new node. */
  #reborn(reason: string): void {
    const { log, watcher } = this.#options;
    const { id: was, wasMember } = this.#identity;
    this.#wasMember ||= wasMember;
    this.#queue.drop();
    this.#identity.end().catch((thrown) => {
      log.warn("the links of an old identity did not close", { reason: toActorError(thrown).message });
    });
    this.#requests.fenced();
    watcher.event({ kind: "nodeFenced", node: was, reason });
    if (this.#isClosed || !this.#mayReturn) return this.#requests.gone();
    this.#identity = this.#newIdentity();
    log.warn("this node was out of the cluster and begins anew", { reason, was, is: this.id });
    this.#openIdentity();
  }

  #broken(thrown: unknown): void {
    const { code, message, stack } = toActorError(thrown);
    this.#options.log.error("the cluster's machine failed, and this node begins anew", {
      code,
      reason: message,
      stack,
    });
    this.#queue.drop();
    this.#identity.broke(`its machine failed: ${message}`);
  }

  // --- inputs ---------------------------------------------------------------------------------------

  #now(): Now {
    return { mono: instant(performance.now()), wall: Date.now() };
  }

  /** What was passed on to the workers is room for the next: not before, or a slow worker would fill this thread. */
  #pumped(): void {
    this.#options.flush();
    if (this.#queue.length === 0 && !this.#options.threads.isCongested) this.#identity.links?.grantCredit();
  }

  #tick(lateMs: number): void {
    if (lateMs > this.#options.timings.tickMs) this.tell({ kind: "lag", ms: lateMs });
    this.tell({ kind: "tick" });
  }

  #event(event: ClusterEvent): void {
    const isToTell = event.kind !== "foreignCluster" ||
      this.#foreign.isDue(`${event.clusterId} ${event.address}`, performance.now());
    if (!isToTell) return;
    this.#options.watcher.event(event);
    if (event.kind === "bootstrapTimedOut") this.#readiness.timedOut(event.seen, event.reason);
  }

  /** The store has said how this cluster's tokens compare with those of earlier ones; before that nothing was begun. */
  #generationKnown(generation: number): void {
    this.#options.threads.storeGeneration(generation);
    this.#options.flush();
    this.#readiness.look();
  }
}
