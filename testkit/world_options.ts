/**
 * The options of `simulate`: all that is wrong with them at once, and the defaults. Pure.
 *
 * One idea: types are gone at run time, and a word that nobody knows would change nothing and be found by nobody. So
 * everything is looked at before the world begins.
 *
 * @module
 */
import type { AnyKind } from "../core/kind.ts";
import { ASK_TIMEOUT_MS_DEFAULT, WAIT_MS_MAX } from "../core/limits.ts";
import { isName } from "../core/names.ts";
import { OptionsCheck } from "../core/options_check.ts";
import { checkKinds } from "../system/system_options.ts";
import { checkFaults, NODES_MAX } from "./fault_check.ts";
import type { SimStoreSettings } from "./sim_store.ts";
import type { SimulateOptions, TraceOptions } from "./simulate.ts";
import type { Faults } from "./user_faults.ts";

/** The options with every default in place. */
export interface WorldOptions {
  readonly nodes: number;
  readonly seed: number;
  readonly kinds: readonly AnyKind[];
  readonly faults: Faults;
  /** What was said of the store; nothing of it is `undefined`. */
  readonly store: Partial<SimStoreSettings>;
  readonly resources: ReadonlyMap<string, unknown>;
  readonly askTimeoutMs: number;
  readonly trace: TraceOptions | undefined;
}

/** Milliseconds a store may take for one way: an hour, far more than anybody waits. */
const STORE_MS_MAX = 60 * 60 * 1_000;

const KEYS: readonly (keyof SimulateOptions)[] = [
  "nodes",
  "seed",
  "kinds",
  "faults",
  "store",
  "resources",
  "askTimeoutMs",
  "trace",
];

/** Checks `options` and fills in the defaults. Throws `invalid-options` with every problem. */
export function checkWorldOptions(options: SimulateOptions): WorldOptions {
  const check = new OptionsCheck();
  if (isObject(options)) checkAll(check, options);
  else check.problem("options", options, "an object with options");
  check.throwIfAny("simulate");
  const { nodes, seed, kinds, faults = "none", store = {}, resources = {}, trace } = options;
  return {
    nodes,
    seed,
    kinds,
    faults,
    store: Object.fromEntries(Object.entries(store).filter(([, value]) => value !== undefined)),
    resources: new Map(Object.entries(resources)),
    askTimeoutMs: options.askTimeoutMs ?? ASK_TIMEOUT_MS_DEFAULT,
    trace: typeof trace === "function" ? { line: trace } : trace,
  };
}

function checkAll(check: OptionsCheck, options: SimulateOptions): void {
  const { nodes, seed, kinds, faults, store, resources, askTimeoutMs, trace } = options;
  check.unknownKeys("", options, KEYS);
  check.wholeNumber("nodes", nodes, { min: 1, max: NODES_MAX });
  check.wholeNumber("seed", seed, { min: 0, max: Number.MAX_SAFE_INTEGER });
  checkKinds(check, kinds);
  const areNodesKnown = Number.isInteger(nodes) && nodes >= 1 && nodes <= NODES_MAX;
  checkFaults(check, faults, areNodesKnown ? nodes : NODES_MAX);
  checkStore(check, store);
  checkResources(check, resources);
  check.number("askTimeoutMs", askTimeoutMs, { min: 1, max: WAIT_MS_MAX, optional: true });
  checkTrace(check, trace);
}

function checkStore(check: OptionsCheck, store: unknown): void {
  check.unknownKeys("store", store, ["latencyMsMax", "failPerMille"]);
  if (!isObject(store)) return;
  const [latencyMsMax, failPerMille] = ["latencyMsMax", "failPerMille"].map((name): unknown =>
    Reflect.get(store, name)
  );
  check.number("store.latencyMsMax", latencyMsMax, { min: 0, max: STORE_MS_MAX, optional: true });
  check.wholeNumber("store.failPerMille", failPerMille, { min: 0, max: 1_000, optional: true });
}

function checkResources(check: OptionsCheck, resources: unknown): void {
  if (resources === undefined) return;
  if (!isObject(resources)) {
    return check.problem("resources", resources, "an object: name of a resource → its stand-in");
  }
  for (const name of Object.keys(resources)) {
    if (!isName(name)) check.problem("resources", name, "names like those of kinds");
  }
}

function checkTrace(check: OptionsCheck, trace: unknown): void {
  if (trace === undefined || typeof trace === "function") return;
  if (!isObject(trace)) return check.problem("trace", trace, "a function, or an object with `line` and `frames`");
  check.unknownKeys("trace", trace, ["line", "frames"]);
  check.function("trace.line", Reflect.get(trace, "line"));
  check.boolean("trace.frames", Reflect.get(trace, "frames"), { optional: true });
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
