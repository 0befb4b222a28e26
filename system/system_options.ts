/**
 * The options of `start`: what each is for, its unit, its default and its range. Wrong ones are refused
 * together, each with its name, its value and what is allowed. Pure but for the machine's parallelism.
 *
 * @module
 */
import type { AnyKind } from "../core/kind.ts";
import {
  ASK_TIMEOUT_MS_DEFAULT,
  ASKS_PER_THREAD_DEFAULT,
  KINDS_MAX,
  MESSAGE_BYTES_DEFAULT,
  MESSAGE_BYTES_MAX,
  PARTITION_COUNT_DEFAULT,
  RING_BYTES_DEFAULT,
  RING_BYTES_MAX,
  RING_BYTES_MIN,
  SHUTDOWN_TIMEOUT_MS_DEFAULT,
  START_TIMEOUT_MS_DEFAULT,
  WAIT_MS_MAX,
  WORKERS_MAX,
} from "../core/limits.ts";
import { isName } from "../core/names.ts";
import { OptionsCheck } from "../core/options_check.ts";
import type { Log } from "../core/ports.ts";
import type { ProvidedResource } from "../core/resource.ts";
import type { StoreProvider } from "../core/store.ts";
import { isHost } from "../remoting/address.ts";
import { checkSecurity, type SecurityOptions } from "../remoting/security.ts";
import {
  checkCluster,
  type CheckedClusterOptions,
  checkListen,
  type ClusterOptions,
  clusterOptionsOf,
  type ListenOptions,
} from "./cluster_options.ts";
import { consoleLog } from "./console_log.ts";
import { heapLimitMb, machineParallelism } from "./platform.ts";

/** What `ActorSystem.start` takes. */
export interface SystemOptions {
  /** The system's name: letters, digits, `-`, `_`, `.`; at most 255. */
  readonly name: string;
  /** Every kind this system can run, each by its own name. */
  readonly kinds: readonly AnyKind[];
  /**
   * The file which, run by itself, gets as far as `start`: usually the program's main file, as its `import.meta.url`.
   * Every worker runs it again, with all that stands above `start`. A module that only holds a function which calls
   * `start` does nothing by itself: then it is the file that calls that function. Needed unless `workers` is 0.
   */
  readonly entry?: string | URL;
  /** Worker threads that run actors, `0` to 64; `0` runs them on the main thread. Default: what the machine runs at once. */
  readonly workers?: number;
  /** Where stored kinds keep their state. Needed when a kind says `store: true`. */
  readonly store?: StoreProvider;
  /** Things every thread that runs actors makes for itself. */
  readonly resources?: readonly ProvidedResource[];
  /** Where the system logs. Default: warnings and errors to standard error. */
  readonly log?: Log;
  /** Milliseconds an ask waits unless its ref says otherwise, `1` to a day. Default 5,000. */
  readonly askTimeoutMs?: number;
  /** Asks one thread waits for at once, `1` to 1,048,576. Default 65,536; at the limit `asks-full`. */
  readonly asksMax?: number;
  /** Bytes of one encoded message, `1024` to 268,435,456. Default 16 MiB; at the limit `message-too-large`. */
  readonly maxMessageBytes?: number;
  /** Bytes of the ring between each pair of threads, a power of two from 64 KiB to 256 MiB. Default 1 MiB. */
  readonly ringBytes?: number;
  /**
   * Mebibytes of heap one worker may use, `64` to 65,536. Default: what the runtime lets this thread use. At the limit
   * the worker ends and is replaced. Bun knows no such limit: there the process uses memory until it has none.
   */
  readonly workerHeapMb?: number;
  /** Partitions of the name space, `1` to 65,521. Default 271. */
  readonly partitionCount?: number;
  /** Milliseconds `start` waits for the workers, `1` to a day. Default 10,000. */
  readonly startTimeoutMs?: number;
  /** Milliseconds `stop` takes at most, `1` to a day. Default 180,000. */
  readonly shutdownTimeoutMs?: number;
  /** Where this node listens for others and for health checks. Default: nowhere, and with `cluster` a free port of this machine. */
  readonly listen?: ListenOptions;
  /** How nodes tell their own from others. Needed where `listen` can be reached from other machines. */
  readonly security?: SecurityOptions;
  /** Makes this system a node of a cluster. Default: it is alone. */
  readonly cluster?: ClusterOptions;
  /** Ends starting before its time; what was begun is ended then. Later it is not looked at. */
  readonly signal?: AbortSignal;
}

/** The options with every default in place. */
export interface CheckedOptions {
  readonly name: string;
  readonly kinds: readonly AnyKind[];
  readonly entry: URL | undefined;
  readonly workers: number;
  readonly store: StoreProvider | undefined;
  readonly resources: readonly ProvidedResource[];
  readonly log: Log;
  readonly askTimeoutMs: number;
  readonly asksMax: number;
  readonly maxMessageBytes: number;
  readonly ringBytes: number;
  readonly workerHeapMb: number;
  readonly partitionCount: number;
  readonly startTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly listen: ListenOptions | undefined;
  readonly security: SecurityOptions;
  readonly cluster: CheckedClusterOptions | undefined;
  readonly signal: AbortSignal | undefined;
}

const KEYS: readonly (keyof SystemOptions)[] = [
  "name",
  "kinds",
  "entry",
  "workers",
  "store",
  "resources",
  "log",
  "askTimeoutMs",
  "asksMax",
  "maxMessageBytes",
  "ringBytes",
  "workerHeapMb",
  "partitionCount",
  "startTimeoutMs",
  "shutdownTimeoutMs",
  "listen",
  "security",
  "cluster",
  "signal",
];

/** Checks `options` and fills in the defaults. Throws `invalid-options` with every problem. */
export function checkOptions(options: SystemOptions): CheckedOptions {
  const check = new OptionsCheck();
  if (isObject(options)) checkAll(check, options);
  else check.problem("options", options, "an object with options");
  check.throwIfAny("start the system");
  return {
    name: options.name,
    kinds: options.kinds,
    entry: options.entry === undefined ? undefined : new URL(options.entry),
    workers: workersOf(options),
    store: options.store,
    resources: options.resources ?? [],
    log: guardedLog(options.log ?? consoleLog),
    askTimeoutMs: options.askTimeoutMs ?? ASK_TIMEOUT_MS_DEFAULT,
    asksMax: options.asksMax ?? ASKS_PER_THREAD_DEFAULT,
    maxMessageBytes: options.maxMessageBytes ?? MESSAGE_BYTES_DEFAULT,
    ringBytes: options.ringBytes ?? RING_BYTES_DEFAULT,
    workerHeapMb: options.workerHeapMb ?? heapLimitMb(),
    partitionCount: options.partitionCount ?? PARTITION_COUNT_DEFAULT,
    startTimeoutMs: options.startTimeoutMs ?? START_TIMEOUT_MS_DEFAULT,
    shutdownTimeoutMs: options.shutdownTimeoutMs ?? SHUTDOWN_TIMEOUT_MS_DEFAULT,
    listen: options.listen ?? (options.cluster === undefined ? undefined : {}),
    security: options.security ?? {},
    cluster: options.cluster && clusterOptionsOf(
      options.name,
      options.partitionCount ?? PARTITION_COUNT_DEFAULT,
      options.cluster,
    ),
    signal: options.signal,
  };
}

function checkAll(check: OptionsCheck, options: SystemOptions): void {
  check.unknownKeys("", options, KEYS);
  if (!isName(options.name)) {
    check.problem("name", options.name, "a letter or digit, then letters, digits, `-`, `_`, `.`; at most 255");
  }
  checkNumbers(check, options);
  checkKinds(check, options.kinds);
  checkEntry(check, options);
  checkStore(check, options);
  checkResources(check, options.resources);
  checkLog(check, options.log);
  const { listen, security, cluster, signal } = options;
  if (listen !== undefined) checkListen(check, listen, cluster !== undefined);
  if (cluster !== undefined) checkCluster(check, cluster);
  // Where no node dials there is nothing to guard: health and metrics are for whoever reaches the port.
  checkSecurity(check, security ?? {}, cluster === undefined ? [] : hostsOf(listen));
  if (signal !== undefined && !(signal instanceof AbortSignal)) check.problem("signal", signal, "an AbortSignal");
}

/** The hosts a node shows itself under. */
function hostsOf(listen: ListenOptions | undefined): readonly string[] {
  return [listen?.host, listen?.advertise?.host].filter((host) => isHost(host));
}

function workersOf({ workers }: SystemOptions): number {
  return workers ?? Math.min(WORKERS_MAX, machineParallelism());
}

function checkNumbers(check: OptionsCheck, options: SystemOptions): void {
  const wait = { min: 1, max: WAIT_MS_MAX, optional: true };
  check.wholeNumber("workers", options.workers, { min: 0, max: WORKERS_MAX, optional: true });
  check.number("askTimeoutMs", options.askTimeoutMs, wait);
  check.number("startTimeoutMs", options.startTimeoutMs, wait);
  check.number("shutdownTimeoutMs", options.shutdownTimeoutMs, wait);
  check.wholeNumber("asksMax", options.asksMax, { min: 1, max: 1 << 20, optional: true });
  check.wholeNumber("maxMessageBytes", options.maxMessageBytes, { min: 1024, max: MESSAGE_BYTES_MAX, optional: true });
  check.wholeNumber("partitionCount", options.partitionCount, { min: 1, max: 65_521, optional: true });
  check.wholeNumber("workerHeapMb", options.workerHeapMb, { min: 64, max: 65_536, optional: true });
  check.wholeNumber("ringBytes", options.ringBytes, { min: RING_BYTES_MIN, max: RING_BYTES_MAX, optional: true });
  const { ringBytes } = options;
  if (typeof ringBytes === "number" && (ringBytes & (ringBytes - 1)) !== 0) {
    check.problem("ringBytes", ringBytes, "a power of two");
  }
}

/** Checks the option `kinds`: a list of kinds without problems, each of its own name. */
export function checkKinds(check: OptionsCheck, kinds: unknown): void {
  if (!Array.isArray(kinds) || kinds.length === 0 || kinds.length > KINDS_MAX) {
    return check.problem("kinds", kinds, `a list of 1 to ${KINDS_MAX} kinds`);
  }
  const names = new Set<string>();
  for (const [index, kind] of kinds.entries()) {
    if (!isKind(kind)) {
      check.problem(`kinds[${index}]`, kind, "a kind made by kind()");
      continue;
    }
    check.include(kind.check);
    if (names.has(kind.name)) check.problem(`kinds[${index}].name`, kind.name, "a name no other kind has");
    names.add(kind.name);
  }
}

function checkEntry(check: OptionsCheck, options: SystemOptions): void {
  const { entry } = options;
  if (entry === undefined) {
    if (workersOf(options) === 0) return;
    return check.problem(
      "entry",
      entry,
      "import.meta.url of the file which, run by itself, calls start, or `workers: 0`",
    );
  }
  if (!(entry instanceof URL) && !(typeof entry === "string" && URL.canParse(entry))) {
    check.problem("entry", entry, "a URL: import.meta.url of the file which, run by itself, calls start");
  }
}

function checkStore(check: OptionsCheck, options: SystemOptions): void {
  const { store, kinds } = options;
  if (store === undefined) {
    const stored = Array.isArray(kinds) ? kinds.filter((kind) => isKind(kind) && kind.isStored) : [];
    const names = stored.map(({ name }) => name).join(", ");
    if (names !== "") check.problem("store", store, `a store, because these kinds are stored: ${names}`);
    return;
  }
  if (!hasMethods(store, ["problems", "open"])) {
    return check.problem("store", store, "a store, e.g. sqliteStore({ path })");
  }
  for (const problem of store.problems()) {
    if (typeof problem === "string") check.problem("store", store.kind, problem);
    else check.include({ problems: [problem] });
  }
  if (!store.isShared && workersOf(options) > 0) {
    check.problem("store", store.kind, "a store that all workers share, or `workers: 0`");
  }
}

function checkResources(check: OptionsCheck, resources: unknown): void {
  if (resources === undefined) return;
  if (!Array.isArray(resources)) return check.problem("resources", resources, "a list of provided resources");
  const names = new Set<unknown>();
  for (const [index, provided] of resources.entries()) {
    const at = `resources[${index}]`;
    if (!hasMethods(provided, ["make", "dispose"])) {
      check.problem(at, provided, "a resource with its maker: resource(name).provide(make)");
      continue;
    }
    const name = "name" in provided ? provided.name : undefined;
    if (!isName(name)) check.problem(`${at}.name`, name, "a name like that of a kind");
    else if (names.has(name)) check.problem(`${at}.name`, name, "a name no other resource has");
    names.add(name);
  }
}

/** A log that throws must not end the thread it reports on. */
function guardedLog(log: Log): Log {
  const guarded = (level: keyof Log): Log[keyof Log] => (message, fields) => {
    try {
      log[level](message, fields);
    } catch {
      // There is nowhere left to say so.
    }
  };
  return { debug: guarded("debug"), info: guarded("info"), warn: guarded("warn"), error: guarded("error") };
}

function checkLog(check: OptionsCheck, log: unknown): void {
  if (log === undefined || hasMethods(log, ["debug", "info", "warn", "error"])) return;
  check.problem("log", log, "an object with the functions debug, info, warn and error");
}

function hasMethods(value: unknown, names: readonly string[]): value is object {
  return isObject(value) && names.every((name) => typeof Reflect.get(value, name) === "function");
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isKind(value: unknown): value is AnyKind {
  return typeof value === "object" && value !== null && "check" in value && value.check instanceof OptionsCheck;
}
