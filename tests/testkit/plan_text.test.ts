import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { CALM_WORLD } from "../../testkit/fault_plan.ts";
import { planArbitrary } from "../../testkit/plan_arbitrary.ts";
import { planFrom, planText } from "../../testkit/plan_text.ts";

const textFrom = (value: unknown): string => {
  if (typeof value !== "string") throw new RangeError("Cannot read the plan: op is not a text");
  return value;
};

describe("a plan as text", () => {
  it("reads back equal", () => {
    const plans = planArbitrary({
      nodeCounts: [1, 9],
      chaosMs: 40_000,
      itemsMax: 30,
      operation: fc.string(),
      tuning: fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), fc.integer()),
    });
    fc.assert(fc.property(plans, (plan) => {
      const parsed: unknown = JSON.parse(planText(plan));
      const read = planFrom(parsed, textFrom);
      assert.deepEqual(JSON.stringify(read.items), JSON.stringify(plan.items));
      assert.deepEqual({ ...read.settings, tuning: { ...read.settings.tuning } }, {
        ...plan.settings,
        tuning: { ...plan.settings.tuning },
      });
      assert.equal(read.seed, plan.seed);
    }));
  });

  it("is refused with the name of the field that is wrong", () => {
    const plan = { seed: 1, settings: {}, items: [{ kind: "pause", atMs: 1, host: 0, forMs: 5 }] };
    assert.deepEqual(planFrom(plan, textFrom).settings, CALM_WORLD);
    assert.throws(() => planFrom({ ...plan, seed: -1 }, textFrom), /seed is not a whole number/);
    assert.throws(() => planFrom({ ...plan, settings: { nodeCount: 0 } }, textFrom), /nodeCount/);
    assert.throws(() => planFrom({ ...plan, settings: { chaosMs: "long" } }, textFrom), /chaosMs is not a number/);
    assert.throws(() => planFrom({ ...plan, items: [{ kind: "fire", atMs: 1 }] }, textFrom), /kind is not/);
    assert.throws(() => planFrom({ ...plan, items: [{ kind: "pause", atMs: 1, host: 0 }] }, textFrom), /forMs/);
    assert.throws(() => planFrom({ ...plan, items: [{ kind: "op", atMs: 1, host: 0, op: 1 }] }, textFrom), /op is not/);
    assert.throws(() => planFrom(null, textFrom), /the plan is not an object/);
  });

  it("never throws anything but a refusal, whatever it reads", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => {
      try {
        planFrom(value, textFrom);
      } catch (error) {
        assert.ok(error instanceof RangeError);
      }
    }));
  });
});
