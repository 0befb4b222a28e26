/**
 * What `sim.ts` simulates. The toy stands here until a cluster does.
 *
 * @module
 */
import { below, type Random } from "../../core/random.ts";
import { type PlanRecipe, USUAL_RECIPE } from "../../testkit/plan_recipe.ts";
import type { Scenario } from "../../testkit/scenario.ts";
import {
  type Gossip,
  type GossipFrame,
  gossiping,
  type GossipNote,
  type GossipOperation,
  OrderChecker,
} from "../testkit/gossip.ts";

/** The scenario with some rules switched off by name. */
export function scenarioWithout(
  _rules: readonly string[],
): Scenario<GossipFrame, GossipOperation, GossipNote, Gossip> {
  return { name: "gossip", begin: (plan) => gossiping(new OrderChecker()).begin(plan) };
}

/** What plans hold. */
export const RECIPE: PlanRecipe<GossipOperation> = {
  ...USUAL_RECIPE,
  operation: (random: Random) => ({ kind: "burst", count: 1 + below(random, 20) }),
};

/** The operation that a value read from a plan stands for. */
export function operationFrom(value: unknown): GossipOperation {
  if (typeof value === "object" && value !== null && "kind" in value) {
    if (value.kind === "burst" && "count" in value && typeof value.count === "number") {
      return { kind: "burst", count: value.count };
    }
    if (value.kind === "retire" || value.kind === "throw") return { kind: value.kind };
  }
  throw new RangeError("Cannot read the plan: op is no operation of gossip");
}
