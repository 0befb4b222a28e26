/**
 * What /metrics says: asks the threads what they have counted, and makes a text for Prometheus of whatever has come in
 * time. On the main thread; mutable; one per system, with a registry of its own.
 *
 * One idea: a scrape waits for the threads, never the other way round. All that scrape at once share one look at the
 * node; the next look comes only when the last one is a small part of the time that has passed; and a thread that owes an
 * answer is not asked again.
 *
 * Invariant: a scrape ends within its limit, however many threads are stuck, and each thread has at most one question of
 * ours waiting.
 *
 * @module
 */
import process from "node:process";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ThreadIndex } from "../core/ids.ts";
import type { ThreadStats } from "../workers/operations.ts";
import { type NodeVitals, type ProcessVitals, samplesOf, type ThreadReport } from "./metric_samples.ts";
import { METRICS, type MetricSpec, type Sample } from "./metric_table.ts";

/** Milliseconds a scrape waits for the threads. At the limit it goes without those that have not answered. */
export const SCRAPE_MS = 1_000;
/**
 * Milliseconds one question to a thread stays open: a stuck thread finds one of them for each minute when it comes to.
 * At the limit it counts as not asked.
 */
const QUESTION_MS = 60_000;
/** How many times as long as it took a look at the node is good for, and for how many milliseconds at most. */
const REST_FACTOR = 9;
const REST_MS_MAX = 1_000;

/** Seconds: below, nobody cares; from the last one on, /livez says so. */
const LAG_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** What {@link SystemMetrics} looks at. */
export interface MetricsSource {
  /** All threads, the main thread first. */
  readonly threads: () => readonly ThreadIndex[];
  /** Whether a thread runs, and can be asked. */
  readonly isReady: (thread: ThreadIndex) => boolean;
  /** What a thread has counted. Rejects when it does not say within `timeoutMs`. */
  readonly statsOf: (thread: ThreadIndex, timeoutMs: number) => Promise<ThreadStats>;
  /** What the main thread knows. */
  readonly vitals: () => NodeVitals;
  readonly isClustered: boolean;
}

/** The clock and the timer of {@link SystemMetrics}. */
export interface MetricsTime {
  /** Monotonic, in milliseconds. */
  readonly clock: () => number;
  /** Calls `run` after `ms`, unless cancelled by the answer. */
  readonly later: (run: () => void, ms: number) => () => void;
}

/** What a scrape answers. */
export interface Scrape {
  readonly contentType: string;
  readonly text: string;
}

/** See the module. */
export class SystemMetrics {
  readonly #source: MetricsSource;
  readonly #time: MetricsTime;
  readonly #registry = new Registry();
  readonly #values = new Map<string, Gauge | Counter>();
  readonly #lag: Histogram;
  /** What each thread was asked and has not answered. */
  readonly #questions = new Map<ThreadIndex, Promise<ThreadStats | undefined>>();
  #underWay: Promise<Scrape> | undefined = undefined;
  #last: { readonly scrape: Scrape; readonly untilMs: number } | undefined = undefined;

  constructor(source: MetricsSource, time: MetricsTime) {
    this.#source = source;
    this.#time = time;
    const registers = [this.#registry];
    for (const [name, { type, help, labels, isClustered = false }] of Object.entries<MetricSpec>(METRICS)) {
      if (type === "histogram" || (isClustered && !source.isClustered)) continue;
      const options = { name, help, labelNames: [...labels], registers };
      this.#values.set(name, type === "gauge" ? new Gauge(options) : new Counter(options));
    }
    const name = "troupe_event_loop_lag_seconds";
    this.#lag = new Histogram({ name, help: METRICS[name].help, buckets: LAG_BUCKETS, registers });
  }

  /** The event loop was so late. */
  observeLag(lateMs: number): void {
    this.#lag.observe(lateMs / 1_000);
  }

  /** The metrics now, or as they were a moment ago. Within {@link SCRAPE_MS} and a little. Safe to repeat. */
  scrape(): Promise<Scrape> {
    if (this.#last !== undefined && this.#time.clock() < this.#last.untilMs) return Promise.resolve(this.#last.scrape);
    return this.#underWay ??= this.#look().finally(() => this.#underWay = undefined);
  }

  async #look(): Promise<Scrape> {
    const beganMs = this.#time.clock();
    const threads = await this.#ask();
    this.#show(samplesOf(this.#source.vitals(), threads));
    const scrape = { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
    const endMs = this.#time.clock();
    this.#last = { scrape, untilMs: endMs + Math.min(REST_MS_MAX, REST_FACTOR * (endMs - beganMs)) };
    return scrape;
  }

  async #ask(): Promise<readonly ThreadReport[]> {
    const threads = this.#source.threads();
    const answers = new Map<ThreadIndex, ThreadStats>();
    const ready = threads.filter((thread) => this.#source.isReady(thread));
    const asked = ready.map(async (thread) => {
      const stats = await this.#question(thread);
      if (stats !== undefined) answers.set(thread, stats);
    });
    await this.#within(SCRAPE_MS, Promise.all(asked));
    return threads.map((thread) => ({ thread, stats: answers.get(thread) }));
  }

  #question(thread: ThreadIndex): Promise<ThreadStats | undefined> {
    const open = this.#questions.get(thread);
    if (open !== undefined) return open;
    const question = new Promise<ThreadStats>((resolve) => resolve(this.#source.statsOf(thread, QUESTION_MS)))
      .catch(() => undefined) // Stopped, died, or stuck: the scrape shows which thread it was.
      .finally(() => this.#questions.delete(thread));
    this.#questions.set(thread, question);
    return question;
  }

  /** Resolves when `done` has, or after `ms`. */
  async #within(ms: number, done: Promise<unknown>): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = this.#time.later(resolve, ms);
    await Promise.race([done, late]);
    cancel();
  }

  /** Each sample is a whole truth, not an addition: what is counted elsewhere is only shown here. */
  #show(samples: readonly Sample[]): void {
    for (const value of this.#values.values()) value.reset();
    for (const { name, labels, value } of samples) {
      const shown = this.#values.get(name);
      // One odd number must not cost the scrape: the library throws at it.
      if (!Number.isFinite(value) || (shown instanceof Counter && value < 0)) continue;
      if (shown instanceof Counter) shown.inc(labels, value);
      else shown?.set(labels, value);
    }
  }
}

/**
 * What this process takes. The library has a larger collection of such numbers; its observers cannot be ended, so that
 * each system of a process would leave some behind.
 */
export function processVitals(): ProcessVitals {
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    residentBytes: rss,
    mainHeapBytes: heapUsed,
    cpuSeconds: (user + system) / 1e6,
    startedAtSeconds: STARTED_AT,
  };
}

const STARTED_AT = Math.round(Date.now() / 1_000 - process.uptime());
