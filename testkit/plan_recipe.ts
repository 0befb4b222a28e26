/**
 * What plans may hold, and a plan for each seed drawn from that. Pure.
 *
 * One idea: swarms. A run in which everything goes wrong at once hides what a run with only two sorts of faults shows,
 * so each seed first draws which sorts there are and how strong, and then the faults (Groce et al., "Swarm Testing",
 * ISSTA 2012).
 *
 * Invariant: the plan of a seed depends on the seed and the recipe. Each sort of item has its own chance, so a recipe
 * without one sort leaves the items of the others as they were.
 *
 * @module
 */
import { below, type Random, seededRandom } from "../core/random.ts";
import { CALM_WORLD, type FaultPlan, type PlanItem, type PlanItemKind, type WorldSettings } from "./fault_plan.ts";
import { KeyedRandom, PURPOSE } from "./keyed_random.ts";

/** What the plans of a search have in common. */
export interface PlanRecipe<O> {
  /** Hosts of a world, from and to. */
  readonly nodeCounts: readonly [number, number];
  readonly chaosMs: number;
  /** Items of one sort at most; operations have their own limit. */
  readonly faultsMax: number;
  readonly operationsMax: number;
  /** Sorts that never happen. */
  readonly leftOut: readonly PlanItemKind[];
  /** First words of names of frames that may be held or dropped. Without it none is. */
  readonly frames?: readonly string[];
  /** Something a user may ask for. Without it there are no operations. */
  operation?(random: Random): O;
  /** What the subject is told. */
  tuning?(random: Random, nodeCount: number): Readonly<Record<string, number>>;
  /** Whether an item may happen in a world of these settings. */
  mayHappen?(item: PlanItem<O>, settings: WorldSettings): boolean;
  /** Settings that every world has. */
  readonly settings?: Partial<WorldSettings>;
}

/** Faults without operations: 3 to 8 hosts, 40 s. */
export const USUAL_RECIPE: PlanRecipe<never> = {
  nodeCounts: [3, 8],
  chaosMs: 40_000,
  faultsMax: 8,
  operationsMax: 120,
  leftOut: [],
};

/** Settings that one world has and the next has not: each seed draws one of each row. */
export const WORLD_CHOICES = {
  tickJitterMs: [0, 2, 20],
  startSpreadMs: [0, 100, 2_000, 10_000],
  clockPpm: [0, 200, 10_000, 20_000],
  latencyPercent: [100, 100, 300, 2_000],
  longPerMille: [0, 0, 3, 20],
  longMsMax: [300, 3_000, 6_000],
  lossPerMille: [0, 0, 10, 50, 100],
  linkTimeoutMs: [1_000, 3_000, 8_000],
  hasDuplicateConnections: [false, true],
  discoverMs: [500, 2_000, 5_000],
  discoveryPercent: [100, 100, 60],
} as const satisfies Partial<Record<keyof WorldSettings, readonly unknown[]>>;

/** How long faults last, in milliseconds: shorter than a probe, than a lease, than a give-up, and longer than all. */
export const FAULT_MS: readonly (readonly [number, number])[] = [
  [20, 400],
  [400, 2_500],
  [2_500, 7_000],
  [7_000, 20_000],
];
/** A wall clock may be set by an hour either way; most corrections are small. */
export const WALL_STEP_MS: readonly number[] = [10, 1_000, 60_000, 3_600_000];
/** Sorts of items, in the order of their chance. New ones go to the end. */
export const ITEM_KINDS: readonly PlanItemKind[] = [
  "partition",
  "crash",
  "pause",
  "suspend",
  "wallStep",
  "clog",
  "reset",
  "lag",
  "op",
];
/** What may befall single frames: only with recipes that name some. */
const FRAME_ITEM_KINDS: readonly PlanItemKind[] = ["hold", "drop"];
/** The place of their chance, after that of all other sorts. */
const FRAME_ITEM_INDEX = 16;
/** Hosts of an item before they are taken modulo those there are. */
export const HOST_DRAW_MAX = 1 << 16;
/** One in so many crashed hosts never comes back. */
const CRASHES_PER_STAY = 8;

/** The plan of a seed. */
export function planOf<O>(seed: number, recipe: PlanRecipe<O>): FaultPlan<O> {
  const keyed = new KeyedRandom(seed);
  const random = seededRandom(keyed.u32(PURPOSE.planSettings, 0, 0, 0));
  const settings = settingsOf(random, recipe);
  const items = ITEM_KINDS.flatMap((kind, index) => {
    const chance = seededRandom(keyed.u32(PURPOSE.planItem, index, 0, 0));
    return itemsOf(kind, chance, settings, recipe);
  });
  if (recipe.frames !== undefined) {
    for (const [index, kind] of FRAME_ITEM_KINDS.entries()) {
      const chance = seededRandom(keyed.u32(PURPOSE.planItem, FRAME_ITEM_INDEX + index, 0, 0));
      items.push(...itemsOf(kind, chance, settings, recipe));
    }
  }
  return { seed, settings, items: items.sort((one, other) => one.atMs - other.atMs) };
}

function settingsOf<O>(random: Random, recipe: PlanRecipe<O>): WorldSettings {
  const [nodesMin, nodesMax] = recipe.nodeCounts;
  const nodeCount = nodesMin + below(random, nodesMax - nodesMin + 1);
  return {
    ...CALM_WORLD,
    nodeCount,
    chaosMs: recipe.chaosMs,
    tickJitterMs: pick(random, WORLD_CHOICES.tickJitterMs),
    startSpreadMs: pick(random, WORLD_CHOICES.startSpreadMs),
    clockPpm: pick(random, WORLD_CHOICES.clockPpm),
    latencyPercent: pick(random, WORLD_CHOICES.latencyPercent),
    longPerMille: pick(random, WORLD_CHOICES.longPerMille),
    longMsMax: pick(random, WORLD_CHOICES.longMsMax),
    lossPerMille: pick(random, WORLD_CHOICES.lossPerMille),
    linkTimeoutMs: pick(random, WORLD_CHOICES.linkTimeoutMs),
    hasDuplicateConnections: pick(random, WORLD_CHOICES.hasDuplicateConnections),
    discoverMs: pick(random, WORLD_CHOICES.discoverMs),
    discoveryPercent: pick(random, WORLD_CHOICES.discoveryPercent),
    tuning: recipe.tuning?.(random, nodeCount) ?? {},
    ...recipe.settings,
  };
}

function itemsOf<O>(
  kind: PlanItemKind,
  random: Random,
  settings: WorldSettings,
  recipe: PlanRecipe<O>,
): readonly PlanItem<O>[] {
  const exists = kind === "op" || below(random, 2) === 0;
  const countMax = kind === "op" ? recipe.operationsMax : recipe.faultsMax;
  if (!exists || countMax === 0 || recipe.leftOut.includes(kind)) return [];
  const strength = below(random, FAULT_MS.length); // Most faults of one run are alike.
  const items: PlanItem<O>[] = [];
  for (let left = 1 + below(random, countMax); left > 0; left--) {
    const item = itemOf(kind, random, below(random, settings.chaosMs), strength, recipe);
    if (item !== undefined && recipe.mayHappen?.(item, settings) !== false) items.push(item);
  }
  return items;
}

function itemOf<O>(
  kind: PlanItemKind,
  random: Random,
  atMs: number,
  strength: number,
  recipe: PlanRecipe<O>,
): PlanItem<O> | undefined {
  const host = below(random, HOST_DRAW_MAX);
  switch (kind) {
    case "partition":
      return {
        kind,
        atMs,
        cut: random.u32() >>> 1,
        isOneWay: below(random, 4) === 0,
        forMs: faultMs(random, strength),
      };
    case "crash":
      return {
        kind,
        atMs,
        host,
        downMs: faultMs(random, strength),
        stays: below(random, CRASHES_PER_STAY) === 0,
      };
    case "pause":
    case "suspend":
      return { kind, atMs, host, forMs: faultMs(random, strength) };
    case "wallStep": {
      const most = pick(random, WALL_STEP_MS);
      return { kind, atMs, host, byMs: below(random, 2 * most + 1) - most };
    }
    case "clog":
      return { kind, atMs, from: host, to: below(random, HOST_DRAW_MAX), forMs: faultMs(random, strength) };
    case "reset":
      return { kind, atMs, from: host, to: below(random, HOST_DRAW_MAX) };
    case "hold":
    case "drop": {
      const frame = recipe.frames?.[below(random, recipe.frames.length)] ?? "";
      const [from, to] = [
        below(random, 3) === 0 ? -1 : host,
        below(random, 3) === 0 ? -1 : below(random, HOST_DRAW_MAX),
      ];
      return { kind, atMs, from, to, frame, count: 1 + below(random, 8), forMs: faultMs(random, strength) };
    }
    case "lag":
      return { kind, atMs, host, ms: 20 + below(random, 2_000) };
    case "op": {
      const op = recipe.operation?.(random);
      return op === undefined ? undefined : { kind, atMs, host, op };
    }
    default:
      return kind satisfies never;
  }
}

/** Three in four last as long as is usual in this run. */
function faultMs(random: Random, strength: number): number {
  const chosen = below(random, 4) === 0 ? below(random, FAULT_MS.length) : strength;
  const [min, max] = FAULT_MS[chosen] ?? [0, 1];
  return min + below(random, max - min);
}

function pick<T>(random: Random, choices: readonly T[]): T {
  const index = below(random, choices.length);
  const [first] = choices;
  const chosen = choices[index] ?? first;
  if (chosen === undefined) throw new RangeError("Cannot pick: there is nothing to choose from");
  return chosen;
}
