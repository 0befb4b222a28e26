/**
 * The decision about one failure: directive, budget and backoff, from data alone.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ActorError } from "../../core/failure.ts";
import { OptionsCheck } from "../../core/options_check.ts";
import { seededRandom } from "../../core/random.ts";
import {
  checkSupervision,
  decide,
  decideRestart,
  type Directive,
  directiveFor,
  remembered,
  supervisionOf,
  type SupervisionOptions,
} from "../../core/supervision.ts";

const random = seededRandom(1);
const plain: SupervisionOptions = { backoff: { minMs: 10, maxMs: 100, jitter: 0 } };
const bug = new ActorError("handler-failed", "TypeError: x");

describe("directiveFor", () => {
  it("by default restarts after what nobody meant, and resumes after a refusal", () => {
    const policy = supervisionOf();
    const directives = ["handler-failed", "start-failed", "worker-lost", "no-funds", "ask-timeout", "fenced-write"]
      .map((code) => directiveFor(policy, new ActorError(code, "x")));
    assert.deepEqual(directives, ["restart", "restart", "restart", "resume", "resume", "stop"]);
  });

  it("asks the policy for the code first, then for any code", () => {
    const policy = supervisionOf({ on: { "no-funds": "escalate", "*": "stop" } });
    assert.equal(directiveFor(policy, new ActorError("no-funds", "x")), "escalate");
    assert.equal(directiveFor(policy, bug), "stop");
  });

  it("knows no code that objects have built in", () => {
    for (const code of ["constructor", "__proto__", "toString"]) {
      assert.equal(directiveFor(supervisionOf({ on: {} }), new ActorError(code, "x")), "resume");
    }
  });
});

describe("decide", () => {
  it("passes resume, stop and escalate on as they are", () => {
    const verdict = (directive: Directive) => decide(supervisionOf({ on: { "*": directive } }), bug, [], 0, random);
    assert.deepEqual([verdict("resume"), verdict("stop"), verdict("escalate")], [
      { kind: "resume" },
      { kind: "stop", reason: "failed" },
      { kind: "escalate" },
    ]);
  });

  it("waits twice as long before each restart, up to its limit, and remembers when", () => {
    const policy = supervisionOf(plain);
    let history: readonly number[] = [];
    const delays: number[] = [];
    for (let nowMs = 0; nowMs < 6_000; nowMs += 1_000) {
      const verdict = decide(policy, bug, history, nowMs, random);
      assert.ok(verdict.kind === "restart");
      delays.push(verdict.delayMs);
      history = verdict.history;
    }
    assert.deepEqual(delays, [10, 20, 40, 80, 100, 100]);
    assert.deepEqual(history, [0, 1_000, 2_000, 3_000, 4_000, 5_000]);
  });

  it("allows exactly its budget of restarts within the window, then stops", () => {
    const policy = supervisionOf({ ...plain, maxRestarts: 2, windowMs: 1_000 });
    assert.equal(decideRestart(policy, [0], 500, random).kind, "restart");
    assert.deepEqual(decideRestart(policy, [0, 500], 999, random), { kind: "stop", reason: "restart-budget-spent" });
  });

  it("forgets a restart when it is as old as the window, and begins its backoff again", () => {
    const policy = supervisionOf({ ...plain, maxRestarts: 2, windowMs: 1_000 });
    assert.deepEqual(decideRestart(policy, [0, 500], 1_000, random), {
      kind: "restart",
      delayMs: 20,
      history: [500, 1_000],
    });
    assert.deepEqual(decideRestart(policy, [0, 500], 1_500, random), {
      kind: "restart",
      delayMs: 10,
      history: [1_500],
    });
  });

  it("with a budget of none stops at the first failure", () => {
    const policy = supervisionOf({ ...plain, maxRestarts: 0 });
    assert.deepEqual(decide(policy, bug, [], 0, random), { kind: "stop", reason: "restart-budget-spent" });
  });

  it("survives a history that another policy made", () => {
    const policy = supervisionOf({ ...plain, maxRestarts: 2 });
    assert.deepEqual(decideRestart(policy, [0, 1, 2, 3, 4], 5, random), {
      kind: "stop",
      reason: "restart-budget-spent",
    });
  });
});

describe("remembered", () => {
  it("counts a restart that another actor caused, and never more than the budget", () => {
    const policy = supervisionOf({ maxRestarts: 3, windowMs: 1_000 });
    assert.deepEqual(remembered(policy, [], 10), [10]);
    assert.deepEqual(remembered(policy, [1, 2, 3], 10), [2, 3, 10]);
    assert.deepEqual(remembered(policy, [1, 2, 3], 1_002), [3, 1_002]);
    assert.deepEqual(remembered(supervisionOf({ maxRestarts: 0 }), [], 10), []);
  });
});

describe("supervisionOf", () => {
  it("fills in the defaults", () => {
    const policy = supervisionOf();
    assert.deepEqual([policy.strategy, policy.maxRestarts, policy.windowMs], ["one-for-one", 10, 60_000]);
    assert.deepEqual(policy.backoff, { minMs: 100, maxMs: 30_000, jitter: 0.2 });
  });

  it("keeps the limit of the backoff at or above its beginning", () => {
    assert.equal(supervisionOf({ backoff: { minMs: 60_000 } }).backoff.maxMs, 60_000);
  });
});

describe("checkSupervision", () => {
  const problemsOf = (options: object) => {
    const check = new OptionsCheck();
    checkSupervision(check, "at", options);
    return check.problems.map((problem) => problem.name);
  };

  it("finds nothing in a good policy", () => {
    assert.deepEqual(problemsOf({}), []);
    assert.deepEqual(
      problemsOf({
        strategy: "all-for-one",
        on: { "a-b": "stop", "*": "resume" },
        maxRestarts: 0,
        windowMs: 1,
        backoff: { minMs: 0, maxMs: 0, jitter: 1 },
      }),
      [],
    );
  });

  it("lists every problem by its name", () => {
    const bad = {
      strategy: "some-for-one",
      on: { "Not Kebab": "stop", "a": "explode", "fenced-write": "restart" },
      maxRestarts: -1,
      windowMs: 0,
      backoff: { minMs: 10, maxMs: 5, jitter: 2, maxMS: 1 },
      extra: 1,
    };
    assert.deepEqual(problemsOf(bad).sort(), [
      "at.backoff.jitter",
      "at.backoff.maxMS",
      "at.backoff.maxMs",
      "at.extra",
      "at.maxRestarts",
      "at.on",
      "at.on.a",
      "at.on.fenced-write",
      "at.strategy",
      "at.windowMs",
    ]);
  });

  it("refuses a backoff whose beginning is above the default limit it would be cut to", () => {
    assert.deepEqual(problemsOf({ backoff: { minMs: 40_000 } }), []);
    assert.deepEqual(problemsOf({ backoff: { minMs: 40_000, maxMs: 30_000 } }), ["at.backoff.maxMs"]);
  });

  it("lists what is not even an object instead of failing on it", () => {
    for (const bad of [{ backoff: null }, { backoff: 5 }, { on: null }, { on: "stop" }]) {
      assert.ok(problemsOf(bad).length > 0, JSON.stringify(bad));
    }
  });
});
