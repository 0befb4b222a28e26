/**
 * The HTTP side of a node: health and metrics, from the moment its port is open to the moment it is closed. On the main
 * thread; mutable; one per system that listens.
 *
 * One idea: the port is open before there is a system behind it, for founding a cluster takes seconds and a probe must
 * hear "not yet" meanwhile, not nothing. What a system shows is given later, and until then the node is starting.
 *
 * @module
 */
import { performance } from "node:perf_hooks";
import { clearTimeout, setTimeout } from "node:timers";
import { toActorError } from "../core/failure.ts";
import type { ThreadIndex } from "../core/ids.ts";
import type { Log } from "../core/ports.ts";
import { isEveryHost } from "../remoting/address.ts";
import { listen, type Listener } from "../remoting/listener.ts";
import type { ThreadStats } from "../workers/operations.ts";
import type { Health } from "./health.ts";
import type { HttpSource } from "./http_app.ts";
import type { ClusterVitals } from "./metric_cluster.ts";
import { LoopLag } from "./metric_lag.ts";
import type { NodeVitals } from "./metric_samples.ts";
import type { ClusterTally } from "./metric_tally.ts";
import type { MetricsSource, MetricsTime, SystemMetrics } from "./metrics.ts";
import { runtimeName } from "./platform.ts";
import type { CheckedOptions } from "./system_options.ts";

/** A system, as its HTTP side sees it. */
export interface ShownSystem {
  readonly health: () => Health;
  /** Milliseconds the event loop was late lately; `undefined` when nobody but the HTTP side measures that. */
  readonly lagMs: () => number | undefined;
  readonly threads: () => readonly ThreadIndex[];
  readonly isReady: (thread: ThreadIndex) => boolean;
  readonly statsOf: (thread: ThreadIndex, timeoutMs: number) => Promise<ThreadStats>;
  readonly workersLost: () => number;
  readonly cluster: { readonly vitals: ClusterVitals; readonly tally: ClusterTally } | undefined;
}

/** What of the options matters here. */
type HttpOptions = Pick<CheckedOptions, "name" | "listen" | "security" | "cluster" | "log">;

/** How it is while there is no system yet. */
const STARTING: Health = { isLive: true, isReady: false, reasons: ["the system is starting"] };

const TIME: MetricsTime = {
  clock: () => performance.now(),
  later: (run, ms) => {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/**
 * Opens the HTTP side; without a cluster, whose listener is its own, also the port. What it is made of is loaded now, and
 * not with this file: workers load this file too.
 *
 * @throws {ActorError} `invalid-options`, `start-failed`; nothing is left behind.
 */
export async function openNodeHttp(options: HttpOptions): Promise<NodeHttp> {
  const [{ httpApp }, { SystemMetrics, processVitals }] = await Promise.all([
    import("./http_app.ts"),
    import("./metrics.ts"),
  ]);
  const http = new NodeHttp(
    options,
    (source) => httpApp(source).fetch,
    (source) => new SystemMetrics(source, TIME),
    processVitals,
  );
  if (options.cluster === undefined) await http.listen();
  return http;
}

/** See the module. */
export class NodeHttp {
  /** Answers one request. Never rejects. */
  readonly fetch: (request: Request) => Response | Promise<Response>;
  readonly #options: HttpOptions;
  readonly #processVitals: () => NodeVitals["process"];
  readonly #metrics: SystemMetrics;
  #lag: LoopLag | undefined = undefined;
  #listener: Listener | undefined = undefined;
  #system: ShownSystem | undefined = undefined;
  #isStarted = false;

  constructor(
    options: HttpOptions,
    appOf: (source: HttpSource) => NodeHttp["fetch"],
    metricsOf: (source: MetricsSource) => SystemMetrics,
    processVitals: () => NodeVitals["process"],
  ) {
    this.#options = options;
    this.#processVitals = processVitals;
    this.#metrics = metricsOf({
      isClustered: options.cluster !== undefined,
      threads: () => this.#system?.threads() ?? [],
      isReady: (thread) => this.#system?.isReady(thread) ?? false,
      statsOf: async (thread, timeoutMs) => await this.#shown().statsOf(thread, timeoutMs),
      vitals: () => this.#vitals(),
    });
    this.fetch = appOf({
      health: () => this.#health(),
      lagMs: () => this.#system?.lagMs() ?? this.lagMs,
      scrape: () => this.#metrics.scrape(),
      failed: (path, thrown) => warn(options.log, `${path} failed`, thrown),
    });
  }

  /** `host:port` of the port it has opened itself; `undefined` in a cluster. */
  get address(): string | undefined {
    return this.#listener?.address;
  }

  /** Milliseconds the event loop is late, or was lately. */
  get lagMs(): number {
    return this.#lag?.lagMs ?? 0;
  }

  /** Opens the port of a node without a cluster. Rejects with `invalid-options`, `start-failed`. */
  async listen(): Promise<void> {
    const { listen: { host = "127.0.0.1", port = 0, advertise, allowedOrigins } = {}, security: { tls } } =
      this.#options;
    // No node dials this one; but somebody on this machine may want to know where it is.
    const shown = advertise ?? (isEveryHost(host) ? { host: "127.0.0.1" } : undefined);
    this.#listener = await listen({ host, port, advertise: shown, tls, allowedOrigins, fetch: this.fetch });
  }

  /** The system behind it is made, and has not started yet. From now on it is to be closed. */
  attach(system: ShownSystem): void {
    this.#system = system;
    this.#lag = new LoopLag({ ...TIME, observe: (lateMs) => this.#metrics.observeLag(lateMs) });
  }

  /** The system has started. */
  started(): void {
    this.#isStarted = true;
  }

  /** Ends. Safe to repeat. */
  async close(): Promise<void> {
    this.#lag?.end();
    await this.#listener?.close();
  }

  #health(): Health {
    const health = this.#system?.health();
    if (health === undefined) return STARTING;
    if (this.#isStarted) return health;
    return { isLive: health.isLive, isReady: false, reasons: [...STARTING.reasons, ...health.reasons] };
  }

  #vitals(): NodeVitals {
    return {
      system: this.#options.name,
      runtime: runtimeName(),
      health: this.#health(),
      lastLagMs: this.#lag?.lastMs ?? 0,
      workersLost: this.#system?.workersLost() ?? 0,
      process: this.#processVitals(),
      cluster: this.#system?.cluster,
    };
  }

  #shown(): ShownSystem {
    if (this.#system === undefined) throw new TypeError("no thread is asked before there is a system");
    return this.#system;
  }
}

function warn(log: Log, message: string, thrown: unknown): void {
  try {
    log.warn(message, { reason: toActorError(thrown).message });
  } catch {
    // A log that throws is its user's; there is nowhere left to say so.
  }
}
