/**
 * Makes a plan that fails smaller, as long as it still fails. Pure, but for the runs it asks for.
 *
 * One idea: first leave out halves of the items, then quarters, and so on down to single ones (Zeller and Hildebrandt,
 * "Simplifying and Isolating Failure-Inducing Input", 2002); then make what is left shorter, and the world calmer.
 *
 * Invariant: the plan that comes out was run, and failed; it takes at most as many runs as were given.
 *
 * @module
 */
import { CALM_WORLD, type FaultPlan, type PlanItem, type WorldSettings } from "./fault_plan.ts";

/** A smaller plan, and what it cost. */
export interface Shrunk<O> {
  readonly plan: FaultPlan<O>;
  readonly runs: number;
}

/** Durations below this are not worth halving. */
const SHORT_MS = 20;
/** Nor are shorter runs. */
const CHAOS_MS_MIN = 1_000;

/**
 * @param fails Whether a plan fails in the way that is looked for. The plan given is taken to.
 * @param runsMax How often `fails` may be asked.
 */
export function shrinkPlan<O>(
  plan: FaultPlan<O>,
  fails: (plan: FaultPlan<O>) => boolean,
  runsMax: number,
): Shrunk<O> {
  const search = new Search(plan, fails, runsMax);
  search.leaveOutItems();
  search.calmSettings();
  search.shortenItems();
  search.leaveOutItems();
  return { plan: search.best, runs: search.runs };
}

class Search<O> {
  best: FaultPlan<O>;
  runs = 0;
  readonly #fails: (plan: FaultPlan<O>) => boolean;
  readonly #runsMax: number;

  constructor(plan: FaultPlan<O>, fails: (plan: FaultPlan<O>) => boolean, runsMax: number) {
    this.best = plan;
    this.#fails = fails;
    this.#runsMax = runsMax;
  }

  leaveOutItems(): void {
    let chunk = Math.ceil(this.best.items.length / 2);
    while (chunk >= 1 && this.runs < this.#runsMax) {
      let hasShrunk = false;
      for (let from = 0; from < this.best.items.length;) {
        const items = this.best.items.filter((_, index) => index < from || index >= from + chunk);
        if (this.#accepts({ ...this.best, items })) hasShrunk = true;
        else from += chunk;
      }
      if (chunk === 1 && !hasShrunk) return;
      if (chunk > 1) chunk = Math.ceil(chunk / 2);
    }
  }

  /** Each setting on its own as in a calm world, the fewest hosts, the shortest run. */
  calmSettings(): void {
    for (const calm of calmings()) {
      this.#accepts({ ...this.best, settings: { ...this.best.settings, ...calm } });
    }
    while (this.best.settings.nodeCount > 1) {
      const nodeCount = this.best.settings.nodeCount - 1;
      if (!this.#accepts({ ...this.best, settings: { ...this.best.settings, nodeCount } })) break;
    }
    while (this.best.settings.chaosMs > CHAOS_MS_MIN) {
      const chaosMs = Math.ceil(this.best.settings.chaosMs / 2);
      if (!this.#accepts({ ...this.best, settings: { ...this.best.settings, chaosMs } })) break;
    }
  }

  shortenItems(): void {
    for (let index = 0; index < this.best.items.length; index++) {
      for (;;) {
        const item = this.best.items[index];
        const shorter = item === undefined ? undefined : shortened(item);
        if (shorter === undefined) break;
        const items = this.best.items.map((one, place) => place === index ? shorter : one);
        if (!this.#accepts({ ...this.best, items })) break;
      }
    }
  }

  #accepts(plan: FaultPlan<O>): boolean {
    if (this.runs >= this.#runsMax) return false;
    this.runs++;
    if (!this.#fails(plan)) return false;
    this.best = plan;
    return true;
  }
}

function calmings(): readonly Partial<WorldSettings>[] {
  const { lossPerMille, longPerMille, latencyPercent, clockPpm, tickJitterMs } = CALM_WORLD;
  const { startSpreadMs, hasDuplicateConnections, discoveryPercent, discoverMs, linkTimeoutMs } = CALM_WORLD;
  return [
    { lossPerMille },
    { longPerMille },
    { latencyPercent },
    { clockPpm },
    { tickJitterMs },
    { startSpreadMs },
    { hasDuplicateConnections },
    { discoveryPercent },
    { discoverMs },
    { linkTimeoutMs },
  ];
}

function shortened<O>(item: PlanItem<O>): PlanItem<O> | undefined {
  switch (item.kind) {
    case "partition":
    case "pause":
    case "suspend":
    case "clog":
    case "hold":
    case "drop":
      return item.forMs < 2 * SHORT_MS ? undefined : { ...item, forMs: Math.floor(item.forMs / 2) };
    case "crash":
      return item.downMs < 2 * SHORT_MS ? undefined : { ...item, downMs: Math.floor(item.downMs / 2) };
    case "lag":
      return item.ms < 2 * SHORT_MS ? undefined : { ...item, ms: Math.floor(item.ms / 2) };
    case "wallStep":
      return Math.abs(item.byMs) < 2 * SHORT_MS ? undefined : { ...item, byMs: Math.trunc(item.byMs / 2) };
    case "reset":
    case "op":
      return undefined;
    default:
      return item satisfies never;
  }
}
