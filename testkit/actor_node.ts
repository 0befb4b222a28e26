/**
 * One simulated process with actors in it: the real host of one thread, its part of the cluster, and a store, told one
 * input at a time. Mutable; runs user code.
 *
 * One idea: a step is what a real node does between two looks at its event loop: take one thing in, run one turn, let
 * out what came of it. Promises settle between steps.
 *
 * Invariant: nothing of a process that has ended reaches anybody: its port is dead, its answers never come.
 *
 * @module
 */
import type { TroupeEvent } from "../core/events.ts";
import { ActorError, fromFailureData } from "../core/failure.ts";
import type { HandlerContext } from "../core/handler_context.ts";
import { type ActorKey, after, type Instant, type NodeId, type ThreadIndex } from "../core/ids.ts";
import type { AnyKind } from "../core/kind.ts";
import { MESSAGES_PER_TURN } from "../core/limits.ts";
import type { Log, UserCode } from "../core/ports.ts";
import type { FencingToken } from "../core/store.ts";
import { isSameVersion, type Version } from "../cluster/engine.ts";
import type { StopReason as StopWord } from "../cluster/directory_protocol.ts";
import type { Arrived } from "../cluster/router_protocol.ts";
import type { Now } from "../cluster/time.ts";
import type { ClusterLetter, ClusterPort, LetterOutcome, Remains } from "../workers/cluster_port.ts";
import type { AskSubject } from "../workers/pending_asks.ts";
import { KindTable } from "../workers/kind_table.ts";
import { PartitionHost } from "../workers/partition_host.ts";
import { Persistence } from "../workers/persistence.ts";
import { PeerTalk } from "../system/peer_talk.ts";
import { bounceOf, letterOf, stopWordOf } from "../system/thread_words.ts";
import type { ActorFrame, ClusterEffect, ClusterInput, HostEffect, NodeCluster } from "./actor_cluster.ts";
import type { Birth, ProcessEffect, ProcessInput, SimulatedProcess } from "./process.ts";
import type { SimStore } from "./sim_store.ts";

/** A turn that is due: asked for by the host, or by somebody who waits outside. */
export interface ActorOperation {
  readonly kind: "turn";
}

/** What a node with actors is made of. */
export interface ActorNodeOptions {
  readonly birth: Birth;
  readonly kinds: readonly AnyKind[];
  readonly cluster: NodeCluster;
  readonly store: SimStore;
  readonly generation: () => number;
  /** The clocks of the host, now. */
  readonly clock: () => Now;
  /** Calls `go` after so many milliseconds of the world. */
  readonly later: (ms: number, go: () => void) => void;
  readonly resources: ReadonlyMap<string, unknown>;
  readonly askTimeoutMs: number;
  readonly watcher: NodeWatcher;
}

/** Who watches what actors do. */
export interface NodeWatcher {
  /** A handler or hook begins. */
  ran(node: ActorWitness, ctx: HandlerContext, token: FencingToken | undefined, payload: object | undefined): void;
  /** A message leaves; its payload travels by reference. */
  sent(payload: object, sender: ClusterLetter["sender"], target: string): void;
  event(node: ActorWitness, event: TroupeEvent): void;
  /** An ask ends with an error, on the side of who asked. */
  askFailed(node: ActorWitness, subject: AskSubject, error: ActorError): void;
  /** A message to another node that no handler will see, and of which nobody else is told. */
  lost(node: ActorWitness, target: string, reason: string): void;
  /** Its actors may run for the first time, may not any more, or may again. */
  lease(node: ActorWitness, change: LeaseChange): void;
  logged(node: ActorWitness, level: keyof Log, message: string): void;
}

/** What becomes of the right of one life of a node to run actors. */
export type LeaseChange = "first" | "out" | "again";

/** A node, as a watcher sees it. */
export interface ActorWitness {
  readonly id: NodeId;
  readonly host: number;
}

const MAIN = 0 as ThreadIndex;
/** Numbers one life may give to its runs of handlers and its asks: no two lives of one world share any. */
const INVOCATIONS_PER_LIFE = 2 ** 32;
const LIVES_PER_HOST = 1_024;
/** Inputs that one step may lead to; then something tells itself for ever. */
const INPUTS_PER_STEP_MAX = 100_000;
const SWEEP_CELLS = 1_024;

/** One process with actors. */
export class ActorNode implements SimulatedProcess<ActorFrame, ActorOperation, never> {
  readonly id: NodeId;
  readonly host: number;
  readonly actors: PartitionHost;
  /** Whether the process has ended: nothing gets out of it any more. */
  isGone = false;
  /** Whether something ran, or was answered, since somebody last looked: promises may be about to settle. */
  isTouched = false;
  readonly #options: ActorNodeOptions;
  readonly #inputs: ClusterInput[] = [];
  readonly #effects: ClusterEffect[] = [];
  readonly #done = new Map<number, (effect: Extract<HostEffect, { kind: "done" }>) => void>();
  readonly #stops = new Set<string>();
  readonly #talk: PeerTalk;
  #requestId = 0;
  #isRequested = false;
  #lease: "none" | "held" | "out" = "none";

  constructor(options: ActorNodeOptions) {
    this.#options = options;
    const { birth } = options;
    this.id = birth.id;
    this.host = birth.host;
    this.actors = this.#host();
    this.actors.asks.failed = (subject, error) => options.watcher.askFailed(this, subject, error);
    this.#talk = this.#talkOf(logTo((level, message) => options.watcher.logged(this, level, message)));
    this.#talk.attach(this.actors);
  }

  /** Whether it would go on at once if it were let. */
  get wantsStep(): boolean {
    return !this.isGone && (this.#isRequested || this.#inputs.length > 0);
  }

  step(input: ProcessInput<ActorFrame, ActorOperation>, now: Now, out: ProcessEffect<ActorFrame, never>[]): void {
    if (input.kind !== "operation") this.#inputs.push(input);
    this.#pump(now, out);
    const dueMs = this.actors.nextDueMs();
    if (this.#isRequested || (dueMs !== undefined && dueMs <= now.mono) || input.kind === "tick") {
      this.#turn(input.kind === "tick");
      this.#pump(now, out);
    }
  }

  /** Asks the cluster for a new actor; `done` is told how that ended. */
  spawn(
    input: Omit<Extract<ClusterInput, { kind: "spawn" }>, "kind" | "requestId" | "deadline">,
    waitMs: number,
    done: (effect: Extract<HostEffect, { kind: "done" }>) => void,
  ): void {
    const requestId = ++this.#requestId;
    this.#done.set(requestId, done);
    const deadline = after(this.#options.clock().mono, waitMs);
    this.#inputs.push({ ...input, kind: "spawn", requestId, deadline });
  }

  /** Asks the cluster to end an actor, wherever it is. */
  stop(key: ActorKey, waitMs: number, done: (effect: Extract<HostEffect, { kind: "done" }>) => void): void {
    const requestId = ++this.#requestId;
    this.#done.set(requestId, done);
    this.#inputs.push({ kind: "stop", requestId, key, deadline: after(this.#options.clock().mono, waitMs) });
  }

  /** The handler that runs now, also behind its awaits. */
  get runningHandler(): HandlerContext | undefined {
    try {
      return this.actors.current;
    } catch {
      return undefined; // It was given up: whatever it does next is refused there.
    }
  }

  /** A handler that waits for something that is not of this world. Not one of `patient`. */
  waitsOutside(patient: WeakSet<HandlerContext>): HandlerContext | undefined {
    const { actors } = this;
    if (actors.waitingRuns.size === 0 || actors.isFrozen || this.isGone) return undefined;
    const asking = new Set<number>();
    for (const { chain } of actors.asks.abroad) if (chain !== undefined) asking.add(chain.invocation);
    for (const ctx of actors.waitingRuns) {
      if (patient.has(ctx) || asking.has(ctx.invocation) || actors.isSleeping(ctx) || this.#waitsForStore(ctx)) {
        continue;
      }
      return ctx;
    }
    return undefined;
  }

  #waitsForStore({ cell: { key, kind } }: HandlerContext): boolean {
    const { store } = this.#options;
    return store.isBusy(key) || store.isBusy(`${kind.name}@${key}`);
  }

  describe(): unknown {
    const activations = this.actors.abroad?.activations ?? [];
    const held = activations.map(({ key, token }) => `${key} ${token.cfg}.${token.seq}`);
    return { ...this.#options.cluster.describe(), held };
  }

  /** Why nobody may be sent to from here yet. */
  unready(): string | undefined {
    return this.#options.cluster.unready();
  }

  // ------------------------------------------------------------------------------------------------

  /** Tells the cluster all that waits, and does what it wants, until neither has anything more. */
  #pump(now: Now, out: ProcessEffect<ActorFrame, never>[]): void {
    const effects = this.#effects;
    for (let taken = 0; this.#inputs.length > 0; taken++) {
      if (taken > INPUTS_PER_STEP_MAX) throw new Error(`A step led to over ${INPUTS_PER_STEP_MAX} inputs`);
      const input = this.#inputs.shift();
      if (input === undefined) return;
      this.#options.cluster.step(input, now, effects);
      for (const effect of effects.splice(0)) {
        if (effect.kind === "network") out.push(effect.effect);
        else this.#perform(effect.effect, now);
      }
    }
  }

  #turn(isSweeping: boolean): void {
    const { actors } = this;
    this.#isRequested = false;
    actors.enter();
    actors.fireDue();
    if (isSweeping && !actors.isFrozen) actors.sweepIdle(SWEEP_CELLS);
    const before = actors.activity().ran;
    const hasMore = actors.runCells(MESSAGES_PER_TURN);
    actors.leave();
    if (hasMore) this.#isRequested = true;
    if (actors.activity().ran !== before || actors.waitingRuns.size > 0) this.isTouched = true;
  }

  #perform(effect: HostEffect, now: Now): void {
    const abroad = this.actors.abroad;
    if (abroad === undefined) return;
    this.isTouched = true;
    switch (effect.kind) {
      case "enqueue":
        return this.#enqueue(effect, now);
      case "reply":
        return abroad.answered(effect.askId, effect.outcome as LetterOutcome);
      case "failed": {
        const { askId, code, fate } = effect;
        const failure = { code, fate, message: "", details: {} }; // Who asked knows what for, and makes the words.
        return abroad.answered(askId, { kind: "failed", failure });
      }
      case "deadLetter":
        // Whoever asked hears of it with the ask's error.
        if (effect.askId === undefined) this.#options.watcher.lost(this, effect.target, effect.reason);
        return;
      case "start": {
        const { key, token, record } = effect;
        const init = record.type === "grain" || record.spec.length === 0 ? undefined : record.spec;
        return abroad.begin({ key: key as ActorKey, kind: record.kind, token, init, isAgain: false });
      }
      case "stop":
        return this.#stop(effect.key as ActorKey, effect.token, effect.reason);
      case "done":
        this.#done.get(effect.requestId)?.(effect);
        this.#done.delete(effect.requestId);
        return;
      case "view":
        return this.#talk.viewInstalled(effect.view);
      case "peerLink":
        return this.#talk.link(effect.peer, effect.isUp);
      case "word":
        return this.#talk.received(effect.from, effect.word);
      case "lease":
        return this.#setLease(effect.status === "held" || effect.status === "soft");
      default:
        return effect satisfies never;
    }
  }

  #setLease(isHeld: boolean): void {
    const before = this.#lease;
    if (isHeld) this.actors.thaw();
    else this.actors.freeze();
    if (isHeld) this.#lease = "held";
    else if (before === "held") this.#lease = "out";
    if (this.#lease === before) return;
    const begun = before === "none" ? "first" : "again";
    this.#options.watcher.lease(this, isHeld ? begun : "out");
  }

  /** What the systems of two nodes have to do with each other beside their machines. */
  #talkOf(log: Log): PeerTalk {
    const { cluster } = this.#options;
    return new PeerTalk({
      self: () => this.id,
      view: () => cluster.view,
      send: (to, word) => {
        if (this.isGone || !cluster.isLinked(to)) return false;
        this.#inputs.push({ kind: "word", to, word });
        return true;
      },
      locate: (key) => this.#locate(key),
      threadOf: () => MAIN,
      list: () => Promise.resolve([]), // Nobody lists the actors of a simulated world.
      later: (ms, go) => {
        let isOff = false;
        this.#options.later(ms, () => {
          if (!isOff && !this.isGone) go();
        });
        return () => void (isOff = true);
      },
      log,
    });
  }

  #locate(key: ActorKey): Promise<NodeId | undefined> {
    const requestId = ++this.#requestId;
    const { clock, askTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      this.#done.set(requestId, (effect) => {
        const { result } = effect;
        const error = failureOfDone(effect);
        if (error !== undefined) reject(error);
        else resolve(result.kind === "located" ? result.entry?.record.holder : undefined);
      });
      this.#inputs.push({ kind: "locate", requestId, key, deadline: after(clock().mono, askTimeoutMs) });
    });
  }

  #enqueue({ key, token, number, arrived }: Extract<HostEffect, { kind: "enqueue" }>, now: Now): void {
    const { frame } = arrived;
    if (frame.kind === "flush") return this.actors.abroad?.flush(key as ActorKey, token, number, arrived);
    const deadline = frame.remainingMs === undefined ? undefined : after(now.mono, frame.remainingMs);
    const { target, actorKind, payload } = frame;
    this.actors.abroad?.deliver({
      target: target as ActorKey,
      token,
      actorKind,
      number,
      deadline,
      payload,
      origin: arrived,
    });
  }

  #stop(key: ActorKey, token: Version, reason: StopWord): void {
    const { abroad } = this.actors;
    this.#stops.add(nameOf(key, token));
    if (abroad?.activations.some((live) => live.key === key && isSameVersion(live.token, token)) !== true) {
      this.#ended({ key, token, reason: "not-found", origins: [], letters: [], through: 0 });
      return;
    }
    abroad.stop(key, token, stopWordOf(reason));
  }

  #ended({ key, token, reason, origins, letters, through }: Remains): void {
    const items = origins as readonly Arrived[];
    this.#inputs.push({
      kind: "handedBack",
      key,
      token,
      items,
      through,
      reason: bounceOf(key, reason),
      hint: undefined,
    });
    for (const letter of letters) {
      this.#inputs.push({ kind: "send", letter: letterOf(letter) });
    }
    if (this.#stops.delete(nameOf(key, token))) {
      this.#inputs.push({ kind: "stoppedFor", key, token, snapshot: undefined });
    } else {
      this.#inputs.push({ kind: "ended", key, token });
    }
  }

  #host(): PartitionHost {
    const { kinds, birth, store, clock, resources, askTimeoutMs, watcher, generation } = this.#options;
    const witness = { id: birth.id, host: birth.host };
    const life = birth.host * LIVES_PER_HOST + birth.life % LIVES_PER_HOST;
    return new WatchedHost({
      system: "simulation",
      thread: MAIN,
      workers: 0,
      partitionCount: 271,
      kinds: new KindTable(kinds),
      askTimeoutMs,
      asksMax: 1 << 16,
      clock: (): Instant => clock().mono,
      wallClock: () => clock().wall,
      random: birth.random,
      firstInvocation: (1 + life) * INVOCATIONS_PER_LIFE % Number.MAX_SAFE_INTEGER,
      log: logTo((level, message) => watcher.logged(witness, level, message)),
      resources,
      outbound: undefined,
      persistence: (refs, thread) => new Persistence(store, { generation: 1, configuration: 0 }, refs, thread),
      request: () => {
        this.#isRequested = true;
      },
      report: (event) => watcher.event(witness, event),
      wantedEvents: () => -1,
      released: () => {},
      cluster: { port: this.#port(), generation },
    }, (ctx, origin) => {
      watcher.ran(witness, ctx, this.actors.abroad?.tokenOf(ctx.cell), payloadOf(origin));
    });
  }

  #port(): ClusterPort {
    const tell = (input: ClusterInput): void => {
      if (!this.isGone) this.#inputs.push(input);
    };
    return {
      send: (letter) => {
        this.#options.watcher.sent(letter.payload, letter.sender, letter.target);
        tell({ kind: "send", letter: letterOf(letter) });
        return this.isGone ? "system-stopping" : undefined;
      },
      abortAsk: (askId) => tell({ kind: "abortAsk", askId }),
      answered: (origin, outcome) => tell({ kind: "answered", arrived: origin as Arrived, outcome }),
      refused: (origin, code, fate) => tell({ kind: "refused", arrived: origin as Arrived, code, fate }),
      flushReached: (origin) => tell({ kind: "flushReached", arrived: origin as Arrived }),
      started: (key, token, error) => tell({ kind: "started", key, token, error: error?.message }),
      watch: (watcher, key, kind, isOn) => {
        if (!this.isGone) this.#talk.watch(MAIN, watcher, key, kind, isOn);
      },
      ended: (remains) => {
        if (!this.isGone) this.#ended(remains);
      },
    };
  }
}

/** The real host, with somebody who sees each run begin. */
class WatchedHost extends PartitionHost {
  readonly #ran: (ctx: HandlerContext, origin: unknown) => void;

  constructor(options: ConstructorParameters<typeof PartitionHost>[0], ran: typeof WatchedHost.prototype.seen) {
    super(options);
    this.#ran = ran;
  }

  seen(_ctx: HandlerContext, _origin: unknown): void {}

  override call(ctx: HandlerContext, code: UserCode, args: readonly unknown[], isAsync: boolean): unknown {
    const { envelope } = ctx;
    this.#ran(ctx, envelope && this.abroad?.originOf(envelope));
    return super.call(ctx, code, args, isAsync);
  }
}

/** The error of whoever waits for something of a node that is no more. */
export function nodeLost(what: string): ActorError {
  return new ActorError("node-lost", `Cannot tell what became of ${what}: its node is gone`, { fate: "unknown" });
}

/** The error that a directory's answer means. */
export function failureOfDone(effect: Extract<HostEffect, { kind: "done" }>): ActorError | undefined {
  const { result } = effect;
  if (result.kind !== "failed") return undefined;
  const { code, fate, reason } = result.failure;
  return fromFailureData({ code, fate, message: reason === "" ? code : reason, details: {} });
}

function payloadOf(origin: unknown): object | undefined {
  const frame = (origin as Arrived | undefined)?.frame;
  return frame?.kind === "user" && frame.payload instanceof Uint8Array ? frame.payload : undefined;
}

function nameOf(key: string, { cfg, seq }: Version): string {
  return `${key} ${cfg}.${seq}`;
}

function logTo(write: (level: keyof Log, message: string) => void): Log {
  return {
    debug: (message) => write("debug", message),
    info: (message) => write("info", message),
    warn: (message) => write("warn", message),
    error: (message) => write("error", message),
  };
}
