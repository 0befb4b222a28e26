/**
 * Plans as text, for files that outlive the run that found them. Pure.
 *
 * One idea: what is read from a file is nobody's plan until every field was looked at.
 *
 * Invariant: a plan that was written reads back equal.
 *
 * @module
 */
import { CALM_WORLD, type FaultPlan, HOSTS_MAX, type PlanItem, type WorldSettings } from "./fault_plan.ts";

/** A plan as JSON, one item a line. */
export function planText<O>(plan: FaultPlan<O>): string {
  const items = plan.items.map((item) => `    ${JSON.stringify(item)}`).join(",\n");
  const settings = JSON.stringify(plan.settings);
  return `{\n  "seed": ${plan.seed},\n  "settings": ${settings},\n  "items": [\n${items}\n  ]\n}\n`;
}

/**
 * The plan that a value read from JSON stands for.
 *
 * @param operationFrom Reads the operation of an `op` item, and throws when it is none.
 * @throws {RangeError} which says which field is wrong.
 */
export function planFrom<O>(value: unknown, operationFrom: (value: unknown) => O): FaultPlan<O> {
  const plan = fieldsOf(value, "the plan");
  const items = plan.get("items");
  if (!Array.isArray(items)) throw wrong("items", "an array");
  const seed = numberIn(plan, "seed");
  if (!Number.isSafeInteger(seed) || seed < 0) throw wrong("seed", "a whole number from 0");
  return {
    seed,
    settings: settingsFrom(plan.get("settings")),
    items: items.map((item: unknown) => itemFrom(item, operationFrom)),
  };
}

type Fields = ReadonlyMap<string, unknown>;

/** What a file leaves out is as in a calm world. */
function settingsFrom(value: unknown): WorldSettings {
  const fields = fieldsOf(value, "settings");
  const number = (name: keyof WorldSettings & string, usual: number): number =>
    fields.has(name) ? numberIn(fields, name) : usual;
  const nodeCount = number("nodeCount", CALM_WORLD.nodeCount);
  if (!Number.isInteger(nodeCount) || nodeCount < 1 || nodeCount > HOSTS_MAX) {
    throw wrong("nodeCount", `a whole number from 1 to ${HOSTS_MAX}`);
  }
  const tuning = fields.has("tuning") ? fieldsOf(fields.get("tuning"), "tuning") : new Map<string, unknown>();
  return {
    nodeCount,
    tickMs: number("tickMs", CALM_WORLD.tickMs),
    tickJitterMs: number("tickJitterMs", CALM_WORLD.tickJitterMs),
    startSpreadMs: number("startSpreadMs", CALM_WORLD.startSpreadMs),
    chaosMs: number("chaosMs", CALM_WORLD.chaosMs),
    convergeMs: number("convergeMs", CALM_WORLD.convergeMs),
    stableMs: number("stableMs", CALM_WORLD.stableMs),
    clockPpm: number("clockPpm", CALM_WORLD.clockPpm),
    latencyPercent: number("latencyPercent", CALM_WORLD.latencyPercent),
    longPerMille: number("longPerMille", CALM_WORLD.longPerMille),
    longMsMax: number("longMsMax", CALM_WORLD.longMsMax),
    lossPerMille: number("lossPerMille", CALM_WORLD.lossPerMille),
    linkTimeoutMs: number("linkTimeoutMs", CALM_WORLD.linkTimeoutMs),
    hasDuplicateConnections: fields.has("hasDuplicateConnections")
      ? booleanIn(fields, "hasDuplicateConnections")
      : CALM_WORLD.hasDuplicateConnections,
    discoverMs: number("discoverMs", CALM_WORLD.discoverMs),
    discoveryPercent: number("discoveryPercent", CALM_WORLD.discoveryPercent),
    tuning: Object.fromEntries([...tuning.keys()].map((name) => [name, numberIn(tuning, name)])),
  };
}

function itemFrom<O>(value: unknown, operationFrom: (value: unknown) => O): PlanItem<O> {
  const fields = fieldsOf(value, "an item");
  const kind = fields.get("kind");
  const number = (name: string): number => numberIn(fields, name);
  const atMs = number("atMs");
  switch (kind) {
    case "partition":
      return { kind, atMs, cut: number("cut"), isOneWay: booleanIn(fields, "isOneWay"), forMs: number("forMs") };
    case "crash":
      return { kind, atMs, host: number("host"), downMs: number("downMs"), stays: booleanIn(fields, "stays") };
    case "pause":
    case "suspend":
      return { kind, atMs, host: number("host"), forMs: number("forMs") };
    case "wallStep":
      return { kind, atMs, host: number("host"), byMs: number("byMs") };
    case "clog":
      return { kind, atMs, from: number("from"), to: number("to"), forMs: number("forMs") };
    case "reset":
      return { kind, atMs, from: number("from"), to: number("to") };
    case "hold":
    case "drop": {
      const frame = fields.get("frame");
      if (typeof frame !== "string") throw wrong("frame", "a text");
      const [from, to, count, forMs] = [number("from"), number("to"), number("count"), number("forMs")];
      return { kind, atMs, from, to, frame, count, forMs };
    }
    case "lag":
      return { kind, atMs, host: number("host"), ms: number("ms") };
    case "op":
      return { kind, atMs, host: number("host"), op: operationFrom(fields.get("op")) };
    default:
      throw wrong("kind", "one of the sorts of items");
  }
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null) throw wrong(what, "an object");
  return new Map<string, unknown>(Object.entries(value));
}

function numberIn(fields: Fields, name: string): number {
  const value = fields.get(name);
  if (typeof value !== "number" || !Number.isFinite(value)) throw wrong(name, "a number");
  return value;
}

function booleanIn(fields: Fields, name: string): boolean {
  const value = fields.get(name);
  if (typeof value !== "boolean") throw wrong(name, "true or false");
  return value;
}

function wrong(name: string, expected: string): RangeError {
  return new RangeError(`Cannot read the plan: ${name} is not ${expected}`);
}
