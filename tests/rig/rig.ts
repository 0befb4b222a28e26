/**
 * A node in one thread, for tests: as many real hosts as it has threads, joined by real rings, with a clock that stands
 * still, seeded chance, and turns that happen when the test says so. What production leaves to threads and timers is
 * a decision of the test here, so every test can be replayed.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import assert from "node:assert/strict";
import type { TroupeEvent } from "../../core/events.ts";
import { partitionOfKey, threadOf } from "../../core/hash.ts";
import type { ActorKey } from "../../core/ids.ts";
import type { AnyKind, Kind } from "../../core/kind.ts";
import { actorKey, grainKey } from "../../core/names.ts";
import type { ActorRef } from "../../core/ref.ts";
import type { StateStore } from "../../core/store.ts";
import { operate } from "../../workers/operations.ts";
import { lanesOf, makeThreadMemory, peerLanesOf, replaceThread, type ThreadMemory } from "../../workers/ring_layout.ts";
import type { Operation } from "../../workers/worker_protocol.ts";
import { type Asked, asked } from "./outcome.ts";
import { RigThread, type TurnLimits } from "./rig_thread.ts";

/** What a rig is made of. */
export interface RigOptions {
  readonly kinds: readonly AnyKind[];
  /** Worker threads; `0`, the default: one thread runs everything. */
  readonly workers?: number;
  readonly seed?: number;
  /** An open store, shared by all threads. */
  readonly store?: StateStore;
  readonly ringBytes?: number;
  readonly askTimeoutMs?: number;
  readonly asksMax?: number;
  readonly resources?: Readonly<Record<string, unknown>>;
  /** Owed records a lane keeps outside its ring. */
  readonly overflowRecordsMax?: number;
  /** Hears of every event as it happens. */
  readonly onEvent?: (event: TroupeEvent) => void;
}

const TURNS_MAX = 20_000;
const START_MS = 1_000;
/** Longer than an actor may take to end. */
const OPERATION_WAIT = { timeoutMs: 3_600_000 };

/** The node. */
export class Rig {
  /** Milliseconds of the clock; add to it, or call {@link advance}. */
  nowMs = START_MS;
  readonly threads: RigThread[] = [];
  /** Everything that was published, in order. */
  readonly events: TroupeEvent[] = [];
  /** What was logged, as `level: message`. */
  readonly logged: string[] = [];
  readonly #options: RigOptions;
  #memory: ThreadMemory | undefined;
  #lives: number[] = [];

  constructor(options: RigOptions) {
    this.#options = options;
    const workers = options.workers ?? 0;
    this.#memory = workers === 0
      ? undefined
      : makeThreadMemory({ threads: workers + 1, ringBytes: options.ringBytes ?? 1 << 16 });
    for (let index = 0; index <= workers; index++) {
      this.#lives.push(1);
      this.threads.push(this.#boot(index));
    }
  }

  /** The first thread: where asks from outside of actors are made. */
  get main(): RigThread {
    return this.thread(0);
  }

  thread(index: number): RigThread {
    const thread = this.threads[index];
    assert.ok(thread !== undefined, `the rig has no thread ${index}`);
    return thread;
  }

  /** A grain, seen from the thread `from`. */
  grain<P, Init>(kind: Kind<P, Init>, name: string, from = 0): ActorRef<P> {
    return this.thread(from).host.refByKey(kind, grainKey(kind.name, name)) as ActorRef<P>;
  }

  /** An actor or a child by its key, seen from the thread `from`. */
  actor<P, Init>(kind: Kind<P, Init>, key: string, from = 0): ActorRef<P> {
    return this.thread(from).host.refByKey(kind, key as ActorKey) as ActorRef<P>;
  }

  /** Puts an actor in place, on the thread of its name; it starts in that thread's next turn. */
  spawn<P, Init>(kind: Kind<P, Init>, name: string, ...init: Init extends void ? [] : [init: Init]): ActorRef<P> {
    const key = actorKey(name);
    this.thread(this.threadOf(key)).host.spawnHere(kind, key, init[0], "spawn");
    return this.actor(kind, name);
  }

  /** As {@link spawn}; the outcome is that of its start. */
  starting<P, Init>(kind: Kind<P, Init>, name: string, ...init: Init extends void ? [] : [init: Init]): Asked {
    const key = actorKey(name);
    const { host } = this.thread(this.threadOf(key));
    const cell = host.spawnHere(kind, key, init[0], "spawn");
    return asked(
      new Promise((resolve, reject) => {
        host.startWaiters.set(cell, (error) => error === undefined ? resolve("started") : reject(error));
      }),
    );
  }

  /** Asks the thread of `key` to do something, as the main thread would. */
  operate(key: string, operation: Operation): Asked {
    const { host } = this.main;
    const thread = this.thread(this.threadOf(key as ActorKey));
    return asked(host.courier.operate(thread.index, operation.op, OPERATION_WAIT, (ask) => {
      if (thread !== this.main) return host.outbound?.operate(thread.index, operation, ask);
      operate(host, operation, { ok: (value) => host.reply(ask, value), failed: (error) => host.refuse(ask, error) });
    }));
  }

  /** Which thread runs the actor of a key. */
  threadOf(key: ActorKey): number {
    return threadOf(partitionOfKey(key, 271), this.#options.workers ?? 0);
  }

  /** The first of `prefix0`, `prefix1`, … whose grain of `kind` (or actor, without a kind) lives on `thread`. */
  nameOn(thread: number, prefix: string, kind?: AnyKind): string {
    for (let index = 0; index < 10_000; index++) {
      const name = `${prefix}${index}`;
      const key = kind === undefined ? actorKey(name) : grainKey(kind.name, name);
      if (this.threadOf(key) === thread) return name;
    }
    throw new Error(`no name for thread ${thread}`);
  }

  /** What a cell is doing, `absent` when there is none of that key. */
  statusOf(key: string): string {
    return this.thread(this.threadOf(key as ActorKey)).host.cells.get(key as ActorKey)?.status ?? "absent";
  }

  /** One turn of one thread, then everything its promises lead to. */
  async turn(index = 0, limits: TurnLimits = {}): Promise<void> {
    this.thread(index).turn(limits);
    await settle();
  }

  /** Runs turns where the real loop would, until no thread wants one at this instant. */
  async run(): Promise<void> {
    await settle();
    for (let turns = 0; turns < TURNS_MAX; turns++) {
      const wanting = this.threads.filter((thread) => thread.wantsTurn);
      if (wanting.length === 0) return;
      for (const thread of wanting) thread.turn();
      await settle();
    }
    throw new Error(`The rig does not come to rest in ${TURNS_MAX} turns`);
  }

  /** Lets time pass, stopping wherever something is due. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    await this.run();
    for (;;) {
      const dueMs = Math.min(...this.threads.map(({ host }) => host.nextDueMs() ?? Infinity));
      if (dueMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, dueMs);
      await this.run();
    }
    this.nowMs = untilMs;
    await this.run();
  }

  /** Looks once at every actor and passivates those that are idle. */
  async sweep(): Promise<void> {
    for (const thread of this.threads) {
      thread.host.enter();
      while (!thread.host.sweepIdle(1024));
      thread.host.leave();
      thread.isRequested = true;
    }
    await this.run();
  }

  /** The thread dies with everything in it; a new one takes its place, and the others are told, one by one. */
  loseThread(index: number, reason = "the test says so"): void {
    assert.ok(this.#memory !== undefined && index > 0, "only workers are lost");
    const memory = replaceThread(this.#memory, index);
    this.#memory = memory;
    this.#lives[index] = (this.#lives[index] ?? 0) + 1;
    this.threads[index] = this.#boot(index);
    for (const other of this.threads) {
      if (other.index !== index) this.#tellLost(other, index, reason, memory);
    }
  }

  /** The types of what happened, with the actor's key and the reason: `actorStopped a passivated`. */
  history(...types: TroupeEvent["type"][]): readonly string[] {
    return this.events.filter(({ type }) => types.length === 0 || types.includes(type)).map(lineOf);
  }

  /** Forgets what was published so far. */
  clearEvents(): void {
    this.events.length = 0;
  }

  /** How often dead letters of this reason were counted, on all threads. */
  deadLetters(reason: string): number {
    const counts = this.threads.map(({ host }) => Object.entries(host.counters.values().deadLetters));
    return counts.flat().reduce((sum, [known, count]) => known === reason ? sum + count : sum, 0);
  }

  #tellLost(other: RigThread, index: number, reason: string, memory: ThreadMemory): void {
    const old = other.lanes?.replace(index, peerLanesOf(memory, other.index, index));
    other.host.enter();
    while ((old?.reader.drain(1024, other.inbox) ?? 0) > 0);
    other.host.leave();
    other.host.threadLost(index as RigThread["index"], reason);
    other.isRequested = true;
  }

  #boot(index: number): RigThread {
    const { kinds, workers = 0, seed = 1, askTimeoutMs = 5_000, asksMax = 1 << 16, resources = {} } = this.#options;
    return new RigThread({
      index,
      life: this.#lives[index] ?? 1,
      workers,
      kinds,
      lanes: this.#memory === undefined ? undefined : lanesOf(this.#memory, index),
      store: this.#options.store,
      clock: () => this.nowMs,
      seed,
      askTimeoutMs,
      asksMax,
      resources: new Map(Object.entries(resources)),
      overflowRecordsMax: this.#options.overflowRecordsMax,
      event: (event) => {
        this.events.push(event);
        this.#options.onEvent?.(event);
      },
      log: (line) => this.logged.push(line),
    });
  }
}

/** Lets every promise that can settle do so, and everything that follows from it. No time passes in the rig. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function lineOf(event: TroupeEvent): string {
  switch (event.type) {
    case "actorStarted":
    case "actorStopped":
      return `${event.type} ${event.actor.key} ${event.reason}`;
    case "actorFailed":
      return `${event.type} ${event.actor.key} ${event.handler} ${event.error.code}`;
    case "actorRestarting":
      return `${event.type} ${event.actor.key} ${event.delayMs}`;
    case "deadLetter":
      return `${event.type} ${event.to.key}.${event.handler} ${event.reason}`;
    default:
      return event.type;
  }
}
