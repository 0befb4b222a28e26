/**
 * Each rule a cluster stands on, taken away: the recorded plan breaks a promise then, and does not with all rules.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ELSEWHERE } from "./mutants_elsewhere.ts";
import { recordedMutant, recordedNames, RULE_NAMES, violationWithAll, violationWithout } from "./recorded_mutants.ts";

describe("a cluster without a rule", () => {
  for (const rule of RULE_NAMES.filter((name) => recordedNames().includes(name))) {
    it(`breaks a promise: ${rule}`, () => {
      const recorded = recordedMutant(rule);
      assert.ok(recorded !== undefined);
      const { scenario, plan, checker } = recorded;
      const found = violationWithout(scenario, rule, plan);
      assert.equal(found?.checker, checker, found?.message ?? "the plan kills no more: run sim:mutants");
    });

    it(`keeps it with all rules: ${rule}`, () => {
      const recorded = recordedMutant(rule);
      assert.ok(recorded !== undefined);
      assert.equal(violationWithAll(recorded.scenario, recorded.plan)?.message, undefined);
    });
  }

  it("is seen for every rule: by a recorded plan, or for a reason elsewhere", () => {
    const recorded = recordedNames();
    for (const rule of RULE_NAMES) {
      const isRecorded = recorded.includes(rule);
      assert.equal(isRecorded, ELSEWHERE[rule] === undefined, `${rule} has a plan, or a reason to have none`);
    }
    for (const [rule, elsewhere] of Object.entries(ELSEWHERE)) {
      if (elsewhere.kind !== "test") continue;
      const text = readFileSync(new URL(`../../${elsewhere.path}`, import.meta.url), "utf8");
      assert.ok(text.includes(rule), `${elsewhere.path} is about ${rule}`);
    }
    const unknown = recorded.filter((name) => !RULE_NAMES.some((rule) => rule === name));
    assert.deepEqual(unknown, [], "every plan is of a rule that there is");
  });
});
