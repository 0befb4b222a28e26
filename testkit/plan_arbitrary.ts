/**
 * Plans as fast-check makes and shrinks them, for properties over simulated worlds. Pure.
 *
 * One idea: a plan is an array of plain items. It shrinks by leaving items out, and prints as JSON that runs again.
 *
 * Invariant: every plan made here is one that {@link runPlan} takes; sorts of faults come and go by a mask, so that a
 * counterexample also says which sorts it needs.
 *
 * @module
 */
import fc from "fast-check";
import { CALM_WORLD, type FaultPlan, type PlanItem, type PlanItemKind, type WorldSettings } from "./fault_plan.ts";
import { FAULT_MS, HOST_DRAW_MAX, ITEM_KINDS, WALL_STEP_MS, WORLD_CHOICES } from "./plan_recipe.ts";

/** What the plans of a property have in common. */
export interface PlanArbitraryOptions<O> {
  readonly nodeCounts: readonly [number, number];
  readonly chaosMs: number;
  /** Items of a plan at most. */
  readonly itemsMax: number;
  readonly operation?: fc.Arbitrary<O>;
  readonly tuning?: fc.Arbitrary<Readonly<Record<string, number>>>;
}

/** Plans with some sorts of faults, of any strength. */
export function planArbitrary<O>(options: PlanArbitraryOptions<O>): fc.Arbitrary<FaultPlan<O>> {
  return fc.record({
    seed: fc.nat(),
    settings: settingsArbitrary(options),
    kinds: fc.subarray([...ITEM_KINDS]),
    items: fc.array(itemArbitrary(options), { maxLength: options.itemsMax }),
  }).map(({ seed, settings, kinds, items }) => ({
    seed,
    settings,
    items: items.filter((item) => item.kind === "op" || kinds.includes(item.kind)),
  }));
}

/** Worlds of any sort. They shrink towards a calm one. */
function settingsArbitrary<O>(options: PlanArbitraryOptions<O>): fc.Arbitrary<WorldSettings> {
  const [min, max] = options.nodeCounts;
  return fc.record({
    nodeCount: fc.integer({ min, max }),
    tickJitterMs: fc.constantFrom(...WORLD_CHOICES.tickJitterMs),
    startSpreadMs: fc.constantFrom(...WORLD_CHOICES.startSpreadMs),
    clockPpm: fc.constantFrom(...WORLD_CHOICES.clockPpm),
    latencyPercent: fc.constantFrom(...WORLD_CHOICES.latencyPercent),
    longPerMille: fc.constantFrom(...WORLD_CHOICES.longPerMille),
    longMsMax: fc.constantFrom(...WORLD_CHOICES.longMsMax),
    lossPerMille: fc.constantFrom(...WORLD_CHOICES.lossPerMille),
    linkTimeoutMs: fc.constantFrom(...WORLD_CHOICES.linkTimeoutMs),
    hasDuplicateConnections: fc.constantFrom(...WORLD_CHOICES.hasDuplicateConnections),
    discoverMs: fc.constantFrom(...WORLD_CHOICES.discoverMs),
    discoveryPercent: fc.constantFrom(...WORLD_CHOICES.discoveryPercent),
    tuning: options.tuning ?? fc.constant({}),
  }).map((drawn) => ({ ...CALM_WORLD, ...drawn, chaosMs: options.chaosMs }));
}

function itemArbitrary<O>(options: PlanArbitraryOptions<O>): fc.Arbitrary<PlanItem<O>> {
  const atMs = fc.nat({ max: options.chaosMs - 1 });
  const host = fc.nat({ max: HOST_DRAW_MAX - 1 });
  const forMs = fc.oneof(...FAULT_MS.map(([min, max]) => fc.integer({ min, max })));
  const kind = <K extends PlanItemKind>(name: K) => fc.constant(name);
  const byMs = fc.oneof(...WALL_STEP_MS.map((most) => fc.integer({ min: -most, max: most })));
  const faults: fc.Arbitrary<PlanItem<O>>[] = [
    fc.record({ kind: kind("partition"), atMs, cut: fc.nat(), isOneWay: fc.boolean(), forMs }),
    fc.record({ kind: kind("crash"), atMs, host, downMs: forMs, stays: fc.boolean() }),
    fc.record({ kind: kind("pause"), atMs, host, forMs }),
    fc.record({ kind: kind("suspend"), atMs, host, forMs }),
    fc.record({ kind: kind("wallStep"), atMs, host, byMs }),
    fc.record({ kind: kind("clog"), atMs, from: host, to: host, forMs }),
    fc.record({ kind: kind("reset"), atMs, from: host, to: host }),
    fc.record({ kind: kind("lag"), atMs, host, ms: fc.integer({ min: 20, max: 2_000 }) }),
  ];
  if (options.operation === undefined) return fc.oneof(...faults);
  const operations: fc.Arbitrary<PlanItem<O>> = fc.record({ kind: kind("op"), atMs, host, op: options.operation });
  return fc.oneof(...faults, { arbitrary: operations, weight: 2 * faults.length });
}
