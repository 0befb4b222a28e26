/**
 * Runs the cells of the partitions of one thread. It does not know whether it is in a worker, on the main
 * thread or in the simulator: clock, random source, store, lanes and the loop that calls it are given.
 * It performs what cells decide; it is also the courier of every ref on its thread. Mutable; one per thread.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { Cell } from "../core/cell.ts";
import { isIdle, run, settled } from "../core/cell_run.ts";
import { type AskHeader, Envelope, FLUSH, PASSIVATE } from "../core/envelope.ts";
import { type DeadLetterReason, type TroupeEvent } from "../core/events.ts";
import { ActorError, toActorError } from "../core/failure.ts";
import type { HandlerContext } from "../core/handler_context.ts";
import type { ActorKey, Instant, ThreadIndex } from "../core/ids.ts";
import { type AnyKind, idleMsOf } from "../core/kind.ts";
import type { StartReason, StopReason } from "../core/lifecycle.ts";
import {
  CHILDREN_PER_ACTOR_MAX,
  MESSAGE_BYTES_DEFAULT,
  MESSAGES_PER_CELL_TURN,
  MESSAGES_PER_CLOCK,
  NODE_MESSAGE_BYTES_MAX,
  TURN_MS_MAX,
} from "../core/limits.ts";
import { childKey, isGrainKey } from "../core/names.ts";
import type { CellPort, DueEntry, Log, Timers, UserCode, Watcher } from "../core/ports.ts";
import type { Random } from "../core/random.ts";
import type { ActorRef, Target } from "../core/ref.ts";
import type { RefCodec } from "../core/ref_data.ts";
import type { Resource } from "../core/resource.ts";
import { TimerWheel } from "../core/timer_wheel.ts";
import type { Topic } from "../core/topic.ts";
import { Abroad } from "./abroad.ts";
import { Aborts } from "./aborts.ts";
import type { ClusterPort, HostCluster } from "./cluster_port.ts";
import { type Absence, systemStopping, ThreadCourier } from "./courier.ts";
import type { Counters } from "./counters.ts";
import type { KindTable } from "./kind_table.ts";
import type { Outbound } from "./outbox.ts";
import { PendingAsks } from "./pending_asks.ts";
import type { Persistence, PersistenceThread } from "./persistence.ts";
import { Refs } from "./refs.ts";
import { Reports } from "./reports.ts";
import { RunQueue } from "./run_queue.ts";
import { Scope } from "./scope.ts";
import { Sleeps } from "./sleeps.ts";
import type { ThreadLease } from "./thread_lease.ts";
import { TopicTable } from "./topic_table.ts";
import { Watches, type WatchesOptions } from "./watches.ts";

/** What a host is given. */
export interface HostOptions {
  /** The system's name, for addresses. */
  readonly system: string;
  readonly thread: ThreadIndex;
  /** Worker threads of the node; `0`: this thread runs everything. */
  readonly workers: number;
  readonly partitionCount: number;
  readonly kinds: KindTable;
  readonly askTimeoutMs: number;
  readonly asksMax: number;
  /** Milliseconds of the process clock, monotonic, the same on all threads. */
  readonly clock: () => Instant;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly random: Random;
  /** The first invocation number: lives of threads must not share numbers. */
  readonly firstInvocation: number;
  readonly log: Log;
  readonly resources: ReadonlyMap<string, unknown>;
  /** Makes the way to other threads; none when there are no others. */
  readonly outbound: ((refs: RefCodec) => Outbound) | undefined;
  /** Opens the stored state; none when the system has no store. */
  readonly persistence: ((refs: RefCodec, thread: PersistenceThread) => Persistence) | undefined;
  /** Something is to be run, sent or timed: call `turn` soon. */
  readonly request: () => void;
  /** Takes an event somebody may want to see. */
  readonly report: (event: TroupeEvent) => void;
  /** A bit for each of {@link EVENT_TYPES} that somebody wants to see, now. */
  readonly wantedEvents: () => number;
  /** A top-level actor of this thread is gone for good. */
  readonly released: (key: ActorKey) => void;
  /** The cluster whose directory says which actors live here; none, and they live where their key says. */
  readonly cluster?: HostCluster;
  /** Bytes of one encoded message to another node. Default: that of the system. */
  readonly maxMessageBytes?: number;
  /** The lease under which actors of this thread run; none where somebody else freezes and thaws them. */
  readonly lease?: ThreadLease;
}

/** Milliseconds between two looks at a lease that is out: nobody has to tell a thread that it is back. */
const LEASE_LOOK_MS = 50;

/** The cells of one thread, and everything they need. */
export class PartitionHost implements CellPort {
  readonly thread: ThreadIndex;
  readonly random: Random;
  readonly reports: Reports;
  readonly courier: ThreadCourier;
  readonly refs: Refs;
  readonly watches: Watches;
  readonly kinds: KindTable;
  readonly asks: PendingAsks;
  readonly topics: TopicTable;
  readonly timers: Timers;
  readonly outbound: Outbound | undefined;
  /** The way to and from other nodes, when there is a cluster. */
  readonly abroad: Abroad | undefined;
  /** Every live actor of this thread by its key. */
  readonly cells: Map<ActorKey, Cell> = new Map();
  /** Told once when the cell of a key has started, failed to start, or stopped. */
  readonly startWaiters: Map<Cell, (error: ActorError | undefined) => void> = new Map();
  readonly stopWaiters: Map<ActorKey, (() => void)[]> = new Map();
  /** Told of ends whose watcher is on another node; set on the main thread of a clustered one. */
  watcherElsewhere:
    | ((watcher: ActorKey, key: ActorKey, kind: string, reason: StopReason) => void)
    | undefined = undefined;
  /** Whether the system is on its way out: what is queued still runs, timers do not. */
  isDraining = false;
  /** Whether no actor may begin any more. */
  isEnding = false;

  readonly #options: HostOptions;
  readonly #persistence: Persistence | undefined;
  readonly #scope = new Scope();
  readonly #aborts: Aborts;
  readonly #sleeps: Sleeps;
  readonly #wheel: TimerWheel<DueEntry>;
  readonly #queue = new RunQueue();
  readonly #kindsIdling: boolean;
  #turnAt: Instant | undefined = undefined;
  #invocation: number;
  /** The runs that wait for a promise and still matter. */
  readonly #followed = new Set<HandlerContext>();
  #ran = 0;
  #sweep: Iterator<Cell> | undefined = undefined;
  /** What the lease lets actors of this thread do. Without a cluster: everything. */
  #lease: "open" | "closing" | "shut" = "open";
  /** What waits for the lease. */
  #parked: (() => void)[] = [];

  constructor(options: HostOptions) {
    this.#options = options;
    this.thread = options.thread;
    this.random = options.random;
    this.kinds = options.kinds;
    this.#invocation = options.firstInvocation;
    const wheel = new TimerWheel<DueEntry>(options.clock());
    this.#wheel = wheel;
    this.timers = {
      schedule: (entry, dueMs) => {
        wheel.schedule(entry, dueMs);
        this.#request();
      },
      cancel: (entry) => wheel.cancel(entry),
    };
    this.reports = new Reports(options);
    this.asks = new PendingAsks(options.asksMax, this.timers);
    this.courier = new ThreadCourier({
      ...options,
      scope: this.#scope,
      asks: this.asks,
      reports: this.reports,
      now: () => this.now(),
      outbound: () => this.outbound,
      abroad: () => this.abroad,
      find: (kind, key) => this.#find(kind, key),
      request: () => this.#request(),
    });
    this.refs = new Refs({ ...options, courier: this.courier, isClustered: options.cluster !== undefined });
    this.watches = new Watches({
      ...options,
      cells: this.cells,
      refs: this.refs,
      outbound: () => this.#abroad(),
      isAbroad: (key) => this.isClustered && !this.cells.has(key),
      watchAbroad: watchOf(options.cluster?.port),
      elsewhere: (watcher, key, kind, reason) => this.watcherElsewhere?.(watcher, key, kind, reason),
    });
    this.#aborts = new Aborts(this.timers);
    this.#sleeps = new Sleeps(this.timers, options.clock);
    this.outbound = options.outbound?.(this.refs);
    this.#persistence = options.persistence?.(this.refs, {
      timers: this.timers,
      now: () => this.now(),
      changed: () => this.#request(),
      tokenOf: (cell) => this.abroad?.tokenOf(cell),
      isClustered: options.cluster !== undefined,
      mayLeave: () => options.lease?.mayLeave() ?? true,
      whenThawed: () => this.#lease !== "shut" ? undefined : new Promise((go) => this.whenThawed(go)),
    });
    this.abroad = options.cluster && new Abroad({
      ...options.cluster,
      kinds: options.kinds,
      refs: this.refs,
      courier: this.courier,
      asks: this.asks,
      reports: this.reports,
      cells: this.cells,
      place: (kind, key, init, reason, heard) => this.#beginAbroad(kind, key, init, reason, heard),
      whenThawed: (go) => this.#whenOpen(go),
      letterBytesMax: Math.min(options.maxMessageBytes ?? MESSAGE_BYTES_DEFAULT, NODE_MESSAGE_BYTES_MAX),
    });
    this.topics = new TopicTable(options.thread, options.workers + 1, this.outbound, (cell, envelope, refusal) => {
      this.deadLetter(cell, envelope, refusal);
    });
    this.#kindsIdling = options.kinds.all.some((kind) => idleMsOf(kind, true) !== Infinity);
  }

  /** What this thread has counted. */
  get counters(): Counters {
    return this.reports.counters;
  }

  // --- the turn -------------------------------------------------------------------------------

  /** Fires what is due. Call at the beginning of a turn, after {@link enter}. */
  fireDue(): void {
    if (this.#lease !== "open") return;
    this.#wheel.advance(this.now(), (entry) => entry.due());
  }

  /** Runs up to about `limit` messages; whether more could run at once. */
  runCells(limit: number): boolean {
    if (this.#lease !== "open") return false;
    const endsAt = this.now() + TURN_MS_MAX;
    let sinceClock = 0;
    for (let left = limit; left > 0;) {
      const cell = this.#queue.begin();
      if (cell === undefined) return false;
      const ran = this.#runCell(cell, endsAt);
      if (!this.#mayBegin()) break;
      left -= ran === 0 ? 1 : ran;
      sinceClock += ran + 1;
      if (sinceClock < MESSAGES_PER_CLOCK) continue;
      if (this.#options.clock() >= endsAt) break;
      sinceClock = 0;
    }
    return this.#queue.size > 0;
  }

  /** Runs one cell until it has nothing more, has had its share, or the time of the turn or the lease is over. */
  #runCell(cell: Cell, endsAt: number): number {
    // Handlers may be long, and the margin of the lease is for one of them: it is asked before each.
    const share = this.#options.lease === undefined ? MESSAGES_PER_CLOCK : 1;
    let ran = 0;
    let slice = 0;
    do {
      slice = run(cell, share);
      ran += slice;
    } while (
      slice === share && ran < MESSAGES_PER_CELL_TURN && this.#options.clock() < endsAt && this.#mayBegin()
    );
    this.#queue.end(cell, slice === share);
    this.#ran += ran;
    return ran;
  }

  /** Whether the lease lets something more begin in this turn. */
  #mayBegin(): boolean {
    const { lease } = this.#options;
    return lease === undefined || lease.verdict() === "open";
  }

  /** Begins a turn: its instant is the present until {@link leave}. */
  enter(): void {
    this.#turnAt = this.#options.clock();
    this.lookAtLease();
  }

  /** Ends a turn. */
  leave(): void {
    this.#turnAt = undefined;
  }

  /** When {@link fireDue} has something to do next; never late. */
  nextDueMs(): number | undefined {
    if (this.#lease === "open") return this.#wheel.nextDueMs();
    return this.#options.lease === undefined ? undefined : this.now() + LEASE_LOOK_MS;
  }

  /** Whether no cell is queued and no handler waits here, and a number that changes with everything that runs or arrives. */
  activity(): { readonly isQuiet: boolean; readonly ran: number } {
    return {
      isQuiet: this.#queue.size === 0 && this.#followed.size === 0,
      ran: this.#ran + this.counters.messagesLocal,
    };
  }

  /** Looks at up to `count` actors and passivates the idle ones; `true` when it has come around. */
  sweepIdle(count: number): boolean {
    if (!this.#kindsIdling) return true;
    this.#sweep ??= this.cells.values();
    const nowMs = this.now();
    for (let looked = 0; looked < count; looked++) {
      const { value: cell, done } = this.#sweep.next();
      if (done) {
        this.#sweep = undefined;
        return true;
      }
      if (nowMs - cell.activeMs >= idleMsOf(cell.kind, cell.isGrain) && cell.mailbox.size === 0 && isIdle(cell)) {
        cell.mailbox.push(new Envelope(PASSIVATE, [], undefined, undefined));
        this.wake(cell);
      }
    }
    return false;
  }

  // --- the lease --------------------------------------------------------------------------------

  /** Whether no actor may run: the node has no lease. */
  get isFrozen(): boolean {
    return this.#lease === "shut";
  }

  /**
   * Until {@link thaw} no actor runs: messages, replies, timers, sleeps and the store's answers wait. What waits for a promise
   * that isn't ours goes on when that settles, and is stopped at whatever it wants from here.
   */
  freeze(): void {
    this.#lease = "shut";
  }

  /** Actors run again, from where they were: first what came meanwhile, then what has come due. */
  thaw(): void {
    this.#lease = "open";
    const parked = this.#parked;
    this.#parked = [];
    for (const go of parked) go();
    this.#request();
  }

  /** Runs `go` now, or in its turn once this node has a lease again. */
  whenThawed(go: () => void): void {
    if (this.#lease === "shut") this.#parked.push(go);
    else go();
  }

  /** Runs `go` now, or in its turn once something may begin again. */
  #whenOpen(go: () => void): void {
    if (this.#lease === "open") go();
    else this.#parked.push(go);
  }

  /** A thread asks for itself, each turn: the main thread may stand still while the lease ends. */
  lookAtLease(): void {
    const { lease } = this.#options;
    if (lease === undefined) return;
    let verdict = lease.verdict();
    if (verdict === "over") {
      this.abroad?.fenceAll();
      lease.adopt();
      verdict = lease.verdict();
    }
    if (verdict === "open") {
      if (this.#lease !== "open") this.thaw();
    } else if (verdict === "closing") {
      if (this.#lease === "open") this.#lease = "closing";
    } else this.freeze();
  }

  // --- what cells decide ------------------------------------------------------------------------

  now(): Instant {
    return this.#turnAt ?? this.#options.clock();
  }

  clockNow(): Instant {
    return this.#options.clock();
  }

  wallMs(): number {
    return this.#options.wallClock();
  }

  nextInvocation(): number {
    return this.#invocation++;
  }

  /** The handler that runs now, also behind its awaits. */
  get current(): HandlerContext | undefined {
    return this.#scope.current();
  }

  /** The runs that wait for a promise and still matter. */
  get waitingRuns(): ReadonlySet<HandlerContext> {
    return this.#followed;
  }

  call(ctx: HandlerContext, code: UserCode, args: readonly unknown[], isAsync: boolean): unknown {
    return this.#scope.run(ctx, code, args, isAsync);
  }

  follow(ctx: HandlerContext, promise: PromiseLike<unknown>): void {
    if (ctx.isLive) this.#followed.add(ctx);
    // A promise of our own in between: what a foreign `then` does wrong (settle twice, throw) happens once here.
    Promise.resolve(promise).then(
      (value) => this.#settle(ctx, true, value),
      (thrown) => this.#settle(ctx, false, thrown),
    );
  }

  signalOf(ctx: HandlerContext): AbortSignal {
    return this.#aborts.signalOf(ctx);
  }

  abort(ctx: HandlerContext, error: ActorError): void {
    if (ctx.isAbandoned) this.#followed.delete(ctx);
    this.#aborts.abort(ctx, error);
  }

  sleep(ctx: HandlerContext, ms: number): Promise<void> {
    return this.#sleeps.begin(ctx, ms);
  }

  endSleeps(ctx: HandlerContext): void {
    const { key, handler } = ctx;
    this.#sleeps.endAll(
      ctx,
      new ActorError("context-ended", `Cannot sleep any longer in ${key}.${handler}: its run has ended`),
    );
  }

  /** Whether a run waits for time to pass. */
  isSleeping(ctx: HandlerContext): boolean {
    return this.#sleeps.has(ctx);
  }

  reply(ask: AskHeader, value: unknown): void {
    this.courier.reply(ask, value);
  }

  refuse(ask: AskHeader, error: ActorError): void {
    this.courier.refuse(ask, error);
  }

  deadLetter(cell: Cell, envelope: Envelope, reason: DeadLetterReason): void {
    this.reports.deadLetter(cell.kind, cell.key, envelope, reason);
  }

  publishEvent(event: TroupeEvent): void {
    this.reports.event(event);
  }

  wake(cell: Cell): void {
    if (this.#queue.add(cell)) this.#request();
  }

  load(cell: Cell): void {
    assert(this.#persistence !== undefined, "start refuses stored kinds without a store");
    this.#persistence.load(cell);
  }

  save(ctx: HandlerContext): Promise<void> {
    if (this.#persistence !== undefined) return this.#persistence.save(ctx);
    return Promise.reject(new ActorError("store-missing", `Cannot save ${ctx.key}: the system has no store`));
  }

  pipe(cell: Cell, promise: PromiseLike<unknown>, onValue: number, onFailure: number | undefined): void {
    const settle = (handler: number | undefined, outcome: unknown) => {
      const { extras } = cell;
      if (extras !== undefined) extras.pipes--;
      const envelope = new Envelope(handler ?? 0, [outcome], cell, undefined);
      if (handler === undefined) return this.deadLetter(cell, envelope, "pipe-unhandled");
      if (cell.status === "stopped") return this.deadLetter(cell, envelope, "actor-stopped");
      if (cell.mailbox.push(envelope)) return this.wake(cell);
      this.deadLetter(cell, envelope, "mailbox-full");
    };
    Promise.resolve(promise).then(
      (value) => settle(onValue, value),
      (thrown) => settle(onFailure, toActorError(thrown)),
    );
  }

  started(cell: Cell, reason: StartReason): void {
    this.counters.actorsStarted++;
    this.#answerStart(cell, undefined);
    if (this.reports.isWanted("actorStarted")) {
      this.reports.event({ type: "actorStarted", actor: placeOf(cell), reason });
    }
  }

  startFailed(cell: Cell, error: ActorError): void {
    this.#answerStart(cell, error);
    if (!cell.isGrain && !this.isClustered) return;
    // The first messages of a grain wait for exactly this start: they hear why it failed.
    for (let waiting = cell.mailbox.shift(); waiting !== undefined; waiting = cell.mailbox.shift()) {
      if (waiting.handler === FLUSH) this.flushReached(waiting);
      if (waiting.handler < 0) continue; // a word of the runtime is nobody's message
      if (waiting.ask !== undefined) this.refuse(waiting.ask, error);
      this.deadLetter(cell, waiting, "actor-stopped");
    }
  }

  get isClustered(): boolean {
    return this.abroad !== undefined;
  }

  flushReached(envelope: Envelope): void {
    this.abroad?.flushReached(envelope);
  }

  stopped(cell: Cell, reason: StopReason): void {
    this.counters.actorsStopped++;
    this.cells.delete(cell.key);
    if (this.startWaiters.has(cell)) this.#answerStart(cell, stoppedBeforeStart(cell, reason));
    for (const resolve of this.stopWaiters.get(cell.key) ?? []) resolve();
    this.stopWaiters.delete(cell.key);
    if (cell.parent === undefined && this.abroad !== undefined) return this.abroad.ended(cell, reason);
    if (cell.parent === undefined && !cell.isGrain) this.#options.released(cell.key);
    if (cell.mailbox.size > 0) this.#activateAgain(cell);
  }

  spawnChild(parent: Cell, name: string, kind: AnyKind, init: unknown): Cell {
    this.kinds.indexOf(kind);
    const key = childKey(parent.key, name);
    const children = parent.more.children ??= new Map();
    if (children.has(key)) throw nameTaken(key);
    if (children.size >= CHILDREN_PER_ACTOR_MAX) {
      throw new ActorError(
        "limit-reached",
        `Cannot spawn ${key}: the actor has its limit of ${CHILDREN_PER_ACTOR_MAX} children`,
      );
    }
    const cell = this.#place(new Cell(this, kind, key, parent, init, "spawn"));
    children.set(key, cell);
    return cell;
  }

  watch(watcher: Cell, target: Target): void {
    this.watches.watch(watcher, target);
  }

  unwatch(watcher: Cell, target: Target): void {
    this.watches.unwatch(watcher, target);
  }

  tellWatcher(watcher: Watcher, ended: Cell, reason: StopReason): void {
    this.watches.tell(watcher, ended.key, ended.kind.name, reason);
  }

  refTo(target: Target): ActorRef {
    return this.refs.refTo(target);
  }

  refByKey(kind: AnyKind, key: ActorKey): ActorRef {
    return this.refs.refByKey(kind, key);
  }

  resource<T>(resource: Resource<T>): T {
    if (this.#options.resources.has(resource.name)) return this.#options.resources.get(resource.name) as T;
    throw new ActorError(
      "resource-unknown",
      `Cannot use resource ${resource.name}: start was not given one of that name`,
    );
  }

  publish<T>(topic: Topic<T>, value: T): void {
    this.counters.eventsUnsent += this.topics.publish(topic.name, value);
    this.#request();
  }

  subscribe<T>(cell: Cell, topic: Topic<T>, handler: number): void {
    cell.more.hasSubscriptions = true;
    this.topics.subscribe(topic.name, cell, handler);
  }

  unsubscribe<T>(cell: Cell, topic: Topic<T> | undefined): void {
    this.topics.unsubscribe(topic?.name, cell);
  }

  logOf(cell: Cell): Log {
    const { log } = this.#options;
    const named = (fields: object | undefined) => ({ actor: cell.key, kind: cell.kind.name, ...fields });
    return {
      debug: (message, fields) => log.debug(message, named(fields)),
      info: (message, fields) => log.info(message, named(fields)),
      warn: (message, fields) => log.warn(message, named(fields)),
      error: (message, fields) => log.error(message, named(fields)),
    };
  }

  // --- for operations and notices -----------------------------------------------------------------

  /** Puts a new top-level actor in place. Throws `name-taken`. */
  spawnHere(kind: AnyKind, key: ActorKey, init: unknown, reason: StartReason): Cell {
    if (this.isEnding) throw systemStopping(key);
    if (this.cells.has(key)) throw nameTaken(key);
    return this.#place(new Cell(this, kind, key, undefined, init, reason));
  }

  /**
   * A thread is gone: what waited for it or watched it is told. How many asks were lost. `unreadRecords`: what this
   * thread had sent it and nobody will read.
   */
  threadLost(thread: ThreadIndex, reason: string, unreadRecords: number = 0): number {
    this.counters.deadLetter("worker-lost", unreadRecords);
    const asksLost = this.asks.loseThread(thread, reason);
    this.watches.threadLost(thread);
    this.topics.threadReplaced(thread);
    this.#request();
    return asksLost;
  }

  // ------------------------------------------------------------------------------------------------

  /** Something is to be run or sent: a turn will come. */
  requestTurn(): void {
    this.#request();
  }

  #request(): void {
    if (this.#turnAt === undefined) this.#options.request();
  }

  #abroad(): Outbound {
    assert(this.outbound !== undefined, "a system with one thread sends to no other");
    return this.outbound;
  }

  #settle(ctx: HandlerContext, isOk: boolean, value: unknown): void {
    if (this.#lease === "shut") return this.whenThawed(() => this.#settle(ctx, isOk, value));
    this.#followed.delete(ctx);
    this.#aborts.forget(ctx);
    settled(ctx, isOk, value);
    this.wake(ctx.cell);
  }

  #find(kind: AnyKind, key: ActorKey): Cell | Absence {
    const cell = this.cells.get(key);
    if (this.abroad !== undefined) return this.abroad.find(kind, key);
    if (cell !== undefined) return cell.kind === kind ? cell : "actor-not-found";
    if (this.isEnding) return "system-stopping";
    if (!isGrainKey(key)) return "actor-not-found";
    return this.#place(new Cell(this, kind, key, undefined, undefined, "activation"));
  }

  /** What a passivated grain had still queued goes to its next activation. */
  #activateAgain(ended: Cell): void {
    if (this.isEnding) return this.#refuseQueued(ended);
    const cell = new Cell(this, ended.kind, ended.key, undefined, undefined, "activation");
    cell.mailbox = ended.mailbox;
    this.#place(cell);
  }

  #refuseQueued({ kind, key, mailbox }: Cell): void {
    for (let envelope = mailbox.shift(); envelope !== undefined; envelope = mailbox.shift()) {
      if (envelope.handler < 0) continue;
      if (envelope.ask !== undefined) this.refuse(envelope.ask, systemStopping(key));
      this.reports.deadLetter(kind, key, envelope, "system-stopping");
    }
  }

  /** The directory wants an activation here. */
  #beginAbroad(
    kind: AnyKind,
    key: ActorKey,
    init: unknown,
    reason: StartReason,
    heard: (error: ActorError | undefined) => void,
  ): Cell {
    if (this.isEnding) throw systemStopping(key);
    const cell = this.#place(new Cell(this, kind, key, undefined, init, reason));
    this.startWaiters.set(cell, heard);
    return cell;
  }

  #place(cell: Cell): Cell {
    this.cells.set(cell.key, cell);
    this.wake(cell);
    return cell;
  }

  #answerStart(cell: Cell, error: ActorError | undefined): void {
    const answer = this.startWaiters.get(cell);
    if (answer === undefined) return;
    this.startWaiters.delete(cell);
    answer(error);
  }
}

function watchOf(port: ClusterPort | undefined): WatchesOptions["watchAbroad"] {
  if (port?.watch === undefined) return undefined;
  return (watcher, key, kind, isOn) => port.watch?.(watcher, key, kind, isOn);
}

function placeOf(cell: Cell): { kind: string; key: string; thread: number } {
  return { kind: cell.kind.name, key: cell.key, thread: cell.thread };
}

function stoppedBeforeStart({ key }: Cell, reason: StopReason): ActorError {
  return new ActorError("actor-stopped", `Cannot start ${key}: it was stopped (${reason})`);
}

function nameTaken(key: ActorKey): ActorError {
  return new ActorError("name-taken", `Cannot spawn ${key}: an actor of that name is running`, { details: { key } });
}
