/**
 * The worker threads of one simulated process, and the main thread's end of their rings. Mutable; outlives the identities
 * of the process, and ends with the process.
 *
 * One idea: the main thread does not ask the workers to stop when it loses its lease or its identity. It publishes that
 * in the gate, and whatever they have put into their rings by then it judges again when it takes it out.
 *
 * Invariant: of each activation the router hears at last that everything it gave it was seen, whether it found room in a
 * ring or not.
 *
 * @module
 */
import { hash32 } from "../core/hash.ts";
import { below, type Random, seededRandom } from "../core/random.ts";
import type { NodeEffect, NodeInput } from "../cluster/cluster_node.ts";
import { gateOf, shutGate } from "../core/lease_gate.ts";
import type { LeaseTerm } from "../cluster/lease.ts";
import type { Rules } from "../cluster/rules.ts";
import type { Timings } from "../cluster/settings.ts";
import type { Now } from "../cluster/time.ts";
import type { ClusterNote } from "./cluster_notes.ts";
import { tokenText } from "./simulated_message.ts";
import { SimulatedWorker, type WorkerActor } from "./simulated_worker.ts";
import type { GateSkips, SharedByThreads, Stamped, WorkerNews, WorkerOrder } from "./worker_records.ts";

/** How the threads of a process are made. */
export interface ThreadSettings {
  /** Worker threads of a process; `0`: the main thread runs the actors. */
  readonly workerCount: number;
  /** Records of one ring. */
  readonly recordsMax: number;
  /** Whether the main thread and its workers now and then stand still, each for itself. */
  readonly hasStalls: boolean;
  /** Whether many handlers wait for seconds, and now and then a ring does. */
  readonly isSlow: boolean;
  readonly skips: GateSkips;
}

/** Milliseconds the main thread stands still, at most. */
export const STALL_MS_MAX = 1_500;
/** One in so many ticks of the main thread takes that long, until so many have. */
const TICKS_PER_STALL = 150;
const STALLS_MAX = 20;
/** Numbers of asks of actors begin here: those of users are below. */
const ASKS_BEGIN = 2 ** 40;

/** Enqueues of one activation: the last number the router gave, and the last that found room in the ring. */
interface Given {
  last: number;
  offered: number;
}

/** All threads of one process but the main one. */
export class SimulatedThreads {
  readonly #shared: SharedByThreads;
  readonly #workers: readonly SimulatedWorker[];
  readonly #settings: ThreadSettings;
  readonly #timings: Timings;
  readonly #given: Map<string, Given> = new Map();
  /** The worker of each ask of an actor. */
  readonly #asks: Map<number, SimulatedWorker> = new Map();
  /** Counts the identities of this process. */
  #generation = 0;
  #stalledUntilMs = -Infinity;
  #stallCount = 0;

  constructor(
    settings: ThreadSettings,
    rules: Rules,
    timings: Timings,
    targets: readonly string[],
    random: Random,
    now: Now,
  ) {
    const { recordsMax, skips, hasStalls, isSlow } = settings;
    this.#settings = settings;
    this.#timings = timings;
    this.#shared = {
      gate: shutGate(0),
      rules,
      skips,
      random: seededRandom(random.u32()),
      targets,
      hasStalls,
      isSlow,
      recordsMax,
      askCount: ASKS_BEGIN,
    };
    this.#workers = Array.from({ length: settings.workerCount }, () => new SimulatedWorker(this.#shared, now));
  }

  /** The activations of this identity. For looking at. */
  get actors(): ReadonlyMap<string, WorkerActor> {
    const all = this.#workers.flatMap(({ actors }) => [...actors]);
    return new Map(all.filter(([, { generation }]) => generation === this.#generation));
  }

  /** Whether nothing is under way. */
  get isQuiet(): boolean {
    return this.#asks.size === 0 && this.#workers.every(({ isQuiet }) => isQuiet);
  }

  /** Whether the main thread stands still. */
  isStalled(now: Now): boolean {
    return now.mono < this.#stalledUntilMs;
  }

  /** Perhaps the main thread stands still from now on. */
  mayStall(now: Now): void {
    const { random } = this.#shared;
    if (!this.#settings.hasStalls || this.#stallCount >= STALLS_MAX || below(random, TICKS_PER_STALL) > 0) return;
    this.#stallCount++;
    this.#stalledUntilMs = now.mono + 100 + below(random, STALL_MS_MAX - 100);
  }

  // --- the main thread --------------------------------------------------------------------------------

  /** A new identity of the process: nothing of an older one counts. */
  begin(): void {
    this.#generation = this.#shared.gate.generation + 1;
    this.#shared.gate = shutGate(this.#generation);
    this.#given.clear();
    this.#asks.clear();
  }

  /** The lease lasts until then. */
  publish(until: LeaseTerm | undefined): void {
    this.#shared.gate = gateOf(this.#generation, until, this.#timings);
  }

  /** This identity is over. Nothing of it passes from now on; the next one has another number. */
  retire(): void {
    this.#shared.gate = shutGate(this.#generation);
  }

  start(effect: NodeEffect & { readonly kind: "start" }, now: Now, note: (note: ClusterNote) => void): void {
    const { key, token } = effect;
    note({ kind: "acked", key, token, opId: tokenText(token) });
    this.#given.set(givenKey(key, tokenText(token)), { last: 0, offered: 0 });
    this.#worker(key).inbox.owe(this.#stamped<WorkerOrder>(effect), now.mono);
  }

  stop(effect: NodeEffect & { readonly kind: "stop" }, now: Now): void {
    this.#worker(effect.key).inbox.owe(this.#stamped<WorkerOrder>(effect), now.mono);
  }

  enqueue(effect: NodeEffect & { readonly kind: "enqueue" }, now: Now, feed: (input: NodeInput) => void): void {
    const { key, token, number, arrived } = effect;
    const { inbox } = this.#worker(key);
    const given = this.#given.get(givenKey(key, tokenText(token)));
    if (given !== undefined) given.last = number;
    const record = this.#stamped<WorkerOrder>(effect);
    if (arrived.frame.kind === "flush") inbox.owe(record, now.mono);
    else if (!inbox.offer(record, now.mono)) {
      return feed({ kind: "refused", arrived, code: "buffer-full", fate: "not-delivered" });
    }
    if (given !== undefined) given.offered = number;
  }

  /** An ask has ended. Whether it was one of an actor. */
  askEnded(askId: number, now: Now): boolean {
    const worker = this.#asks.get(askId);
    if (worker === undefined) return false;
    this.#asks.delete(askId);
    worker.inbox.owe(this.#stamped<WorkerOrder>({ kind: "askEnded", askId }), now.mono);
    return true;
  }

  /** A grain that nobody needs ends, if it is not busy. */
  passivate(index: number): void {
    const grains = [...this.actors.values()].filter(({ isGrain, status }) => isGrain && status === "running");
    const actor = grains[index % Math.max(1, grains.length)];
    if (actor !== undefined) this.#worker(actor.key).passivate(actor.key);
  }

  /** The main thread takes what has come through the rings, as far as it still counts. */
  drain(now: Now, feed: (input: NodeInput) => void): void {
    for (const worker of this.#workers) {
      worker.answerClock(now);
      for (let news = worker.outbox.take(now.mono); news !== undefined; news = worker.outbox.take(now.mono)) {
        if (this.#counts(news)) feed(this.#understood(news.record, worker));
      }
    }
  }

  // --- the workers ------------------------------------------------------------------------------------

  /** Lets the workers do what they can do now. */
  look(now: Now, note: (note: ClusterNote) => void): void {
    for (const worker of this.#workers) worker.look(now, note);
  }

  /** The identity only: of the lease the router asks, with the clocks of that moment. */
  #counts({ generation }: Stamped<WorkerNews>): boolean {
    const { rules, skips } = this.#shared;
    return generation === this.#generation || !rules.generationGate || skips.drain;
  }

  #understood(news: WorkerNews, worker: SimulatedWorker): NodeInput {
    if (news.kind === "send" && news.letter.ask !== undefined) this.#asks.set(news.letter.ask.id, worker);
    if (news.kind === "abortAsk") this.#asks.delete(news.askId);
    if (news.kind !== "handedBack") return news;
    const name = givenKey(news.key, tokenText(news.token));
    const given = this.#given.get(name);
    if (given === undefined || news.through < given.offered) return news;
    this.#given.delete(name);
    // What was refused for want of room is not on its way, so nothing after it is to be waited for.
    return { ...news, through: given.last };
  }

  #worker(key: string): SimulatedWorker {
    const worker = this.#workers[hash32(key) % this.#workers.length];
    if (worker === undefined) throw new RangeError("Cannot give an actor to a worker: there is none");
    return worker;
  }

  #stamped<T>(record: T): Stamped<T> {
    return { generation: this.#generation, record };
  }
}

function givenKey(key: string, token: string): string {
  return `${key} ${token}`;
}
