/**
 * The search for failures, on an election that is wrong on purpose.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { runCampaign } from "../../testkit/campaign.ts";
import type { FaultPlan, PlanItem, PlanItemKind } from "../../testkit/fault_plan.ts";
import { planArbitrary } from "../../testkit/plan_arbitrary.ts";
import { ITEM_KINDS, planOf, USUAL_RECIPE } from "../../testkit/plan_recipe.ts";
import { shrinkPlan } from "../../testkit/shrink.ts";
import { runPlan } from "../../testkit/sim_run.ts";
import { bullies } from "./bully.ts";

const OPTIONS = { firstSeed: 1, runs: 40, failuresMax: 1, shrinkRunsMax: 300 };

describe("a campaign", () => {
  it("finds the plan that breaks a promise, and makes it small", () => {
    const { failures } = runCampaign(bullies, USUAL_RECIPE, OPTIONS);
    const [failure] = failures;
    assert.ok(failure !== undefined);
    assert.equal(failure.violation.checker, "one leader");
    assert.ok(failure.shrunk.items.length <= 2, JSON.stringify(failure.shrunk));
    assert.ok(failure.shrunk.items.length < failure.plan.items.length);
    assert.ok(failure.shrinkRuns <= OPTIONS.shrinkRunsMax);
    assert.equal(runPlan(failure.shrunk, bullies).violation?.message, failure.shrunkViolation.message);
  });

  it("finds nothing where nothing goes wrong", () => {
    const calm = { ...USUAL_RECIPE, leftOut: ITEM_KINDS, settings: { longPerMille: 0, startSpreadMs: 0 } };
    const { failures, runs } = runCampaign(bullies, calm, { ...OPTIONS, runs: 20 });
    assert.deepEqual(failures.map((failure) => failure.violation.message), []);
    assert.equal(runs, 20);
  });

  it("has the same hash for the same seeds", () => {
    const hash = (firstSeed: number): string =>
      runCampaign(bullies, USUAL_RECIPE, { ...OPTIONS, firstSeed, runs: 3, failuresMax: 9, shrinkRunsMax: 0 }).hash;
    assert.equal(hash(5), hash(5));
    assert.notEqual(hash(5), hash(6));
  });

  it("notices a run that cannot be repeated", () => {
    let begun = 0;
    const unsteady: typeof bullies = {
      name: "unsteady",
      begin: (plan) => {
        const cast = bullies.begin(plan);
        const extra = begun++;
        return {
          ...cast,
          subject: {
            ...cast.subject,
            create: (birth) => {
              const candidate = cast.subject.create(birth);
              candidate.describe = () => extra;
              return candidate;
            },
          },
        };
      },
    };
    const options = { ...OPTIONS, runs: 1, shrinkRunsMax: 0 };
    const calm = { ...USUAL_RECIPE, leftOut: ITEM_KINDS };
    assert.equal(runCampaign(unsteady, calm, options).failures[0]?.violation.checker, "repeat");
  });
});

describe("shrinking", () => {
  const isCrash = (item: PlanItem<never>): boolean => item.kind === "crash";

  it("leaves out all that is not needed, and asks no more often than it may", () => {
    const plan = planOf(seedWith("crash", "pause"), USUAL_RECIPE);
    const fails = (one: FaultPlan<never>): boolean =>
      one.items.some(isCrash) && one.items.some((item) => item.kind === "pause");
    const { plan: small, runs } = shrinkPlan(plan, fails, 500);
    assert.deepEqual(small.items.map((item) => item.kind).sort(), ["crash", "pause"]);
    assert.equal(small.settings.nodeCount, 1);
    assert.ok(runs < 200);
    for (const runsMax of [0, 1, 7]) {
      let asked = 0;
      shrinkPlan(plan, (one) => ++asked > 0 && fails(one), runsMax);
      assert.ok(asked <= runsMax);
    }
  });

  it("gives a plan that fails, whatever fails", () => {
    const plans = planArbitrary<never>({ nodeCounts: [1, 8], chaosMs: 40_000, itemsMax: 20 });
    fc.assert(fc.property(plans, fc.nat({ max: 5 }), fc.nat({ max: 60 }), (plan, least, runsMax) => {
      const fails = (one: FaultPlan<never>): boolean => one.items.filter(isCrash).length >= least;
      fc.pre(fails(plan));
      const { plan: small } = shrinkPlan(plan, fails, runsMax);
      assert.ok(fails(small) && small.items.length <= plan.items.length);
    }));
  });
});

describe("the plans of seeds", () => {
  it("keep the items of one sort when another sort is left out", () => {
    const seed = seedWith("crash", "partition");
    const whole = planOf(seed, USUAL_RECIPE);
    const less = planOf(seed, { ...USUAL_RECIPE, leftOut: ["partition"] });
    assert.deepEqual(less.items, whole.items.filter((item) => item.kind !== "partition"));
    assert.deepEqual(less.settings, whole.settings);
  });

  it("have every sort of fault in some and not in others", () => {
    const plans = Array.from({ length: 60 }, (_, seed) => planOf(seed, USUAL_RECIPE));
    for (const kind of ITEM_KINDS.filter((one) => one !== "op")) {
      const having = plans.filter((plan) => plan.items.some((item) => item.kind === kind)).length;
      assert.ok(having > 10 && having < 50, `${kind} in ${having} of 60`);
    }
  });
});

function seedWith(...kinds: readonly PlanItemKind[]): number {
  for (let seed = 1; seed < 1_000; seed++) {
    const { items } = planOf(seed, USUAL_RECIPE);
    if (kinds.every((kind) => items.some((item) => item.kind === kind))) return seed;
  }
  throw new Error(`no seed has ${kinds.join(" and ")}`);
}
