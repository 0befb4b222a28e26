/**
 * What an author of wrong options is told: everything, at once, in words.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ActorError } from "../../core/failure.ts";
import { type OptionProblem, OptionsCheck } from "../../core/options_check.ts";

function problemsOf(run: (check: OptionsCheck) => void): readonly OptionProblem[] {
  const check = new OptionsCheck();
  run(check);
  return check.problems;
}

function thrownBy(run: () => void): ActorError {
  try {
    run();
  } catch (thrown) {
    assert.ok(thrown instanceof ActorError);
    return thrown;
  }
  return assert.fail("nothing was thrown");
}

/** How `value` is described in a problem. */
function described(value: unknown): string | undefined {
  return problemsOf((check) => check.problem("option", value, "another"))[0]?.value;
}

describe("OptionsCheck", () => {
  it("lists every problem on a line of its own, and as details", () => {
    const check = new OptionsCheck();
    check.wholeNumber("cluster.partitionCount", 0, { min: 1, max: 65_536 });
    check.oneOf("cluster.mode", "fast", ["embedded", "nats"]);
    check.boolean("store", undefined, { optional: true });
    check.unknownKeys("cluster", { partitonCount: 7, mode: 1 }, ["mode", "partitionCount"]);
    const error = thrownBy(() => check.throwIfAny("start"));
    assert.equal(error.code, "invalid-options");
    assert.equal(error.fate, "not-delivered");
    assert.deepEqual(error.message.split("\n"), [
      "Cannot start: 3 options have to change",
      "  cluster.partitionCount is 0; allowed: a whole number from 1 to 65536",
      '  cluster.mode is "fast"; allowed: "embedded" or "nats"',
      "  cluster.partitonCount is an unknown option; allowed: cluster.partitionCount",
    ]);
    assert.deepEqual(error.details, {
      problems: [
        { name: "cluster.partitionCount", value: "0", allowed: "a whole number from 1 to 65536" },
        { name: "cluster.mode", value: '"fast"', allowed: '"embedded" or "nats"' },
        { name: "cluster.partitonCount", value: "an unknown option", allowed: "cluster.partitionCount" },
      ],
    });
  });

  it("throws nothing when nothing is wrong, and speaks of one option in the singular", () => {
    const check = new OptionsCheck();
    check.throwIfAny("start");
    check.boolean("store", 1);
    assert.equal(
      thrownBy(() => check.throwIfAny("spawn alice")).message,
      "Cannot spawn alice: 1 option has to change\n  store is 1; allowed: true or false",
    );
  });

  it("wholeNumber() takes both ends of its range and nothing between whole numbers", () => {
    const accepts = (value: unknown) =>
      problemsOf((check) => check.wholeNumber("count", value, { min: 1, max: 8 })).length === 0;
    for (const value of [1, 2, 8]) assert.ok(accepts(value), String(value));
    for (const value of [0, 9, 1.5, NaN, Infinity, "3", 3n, null, undefined, [3], true]) assert.ok(!accepts(value));
  });

  it("number() takes both ends of its range, never NaN, and Infinity only as an end", () => {
    const accepts = (value: unknown, max: number) =>
      problemsOf((check) => check.number("jitter", value, { min: 0, max })).length === 0;
    for (const value of [0, 0.25, 1]) assert.ok(accepts(value, 1), String(value));
    for (const value of [-0.01, 1.01, NaN, Infinity, "0.5", undefined]) assert.ok(!accepts(value, 1));
    assert.ok(accepts(Infinity, Infinity));
  });

  it("oneOf(), boolean() and function() go by value and type", () => {
    assert.deepEqual(
      problemsOf((check) => {
        check.oneOf("mode", "a", ["a", "b"]);
        check.oneOf("mode", "A", ["a", "b"]);
        check.boolean("store", false);
        check.boolean("store", "false");
        check.function("state", () => 0);
        check.function("state", {});
      }),
      [
        { name: "mode", value: '"A"', allowed: '"a" or "b"' },
        { name: "store", value: '"false"', allowed: "true or false" },
        { name: "state", value: "an object", allowed: "a function" },
      ],
    );
  });

  it("text() wants the whole text to match, also of a pattern that remembers where it was", () => {
    const rule = { pattern: /^[a-z]+$/g, allowed: "lower-case letters" };
    assert.deepEqual(
      problemsOf((check) => {
        check.text("name", "abc", rule);
        check.text("name", "abc", rule);
        check.text("name", "ab1", rule);
        check.text("name", 7, rule);
      }),
      [
        { name: "name", value: '"ab1"', allowed: "lower-case letters" },
        { name: "name", value: "7", allowed: "lower-case letters" },
      ],
    );
  });

  it("wholeNumber() gives its advice behind the range", () => {
    const range = { min: 1, max: 9, advice: "more than half" };
    const [problem] = problemsOf((check) => check.wholeNumber("peers", undefined, range));
    assert.deepEqual(problem, {
      name: "peers",
      value: "not given",
      allowed: "a whole number from 1 to 9: more than half",
    });
  });

  it("secret() says what is wrong with a secret and nothing of it", () => {
    const cases: readonly (readonly [value: unknown, fault: string | undefined])[] = [
      [undefined, "not given"],
      [12_345, "a secret that is no text"],
      ["", "a secret that is too short"],
      ["x".repeat(15), "a secret that is too short"],
      ["x".repeat(16), undefined],
      ["x".repeat(32), undefined],
      ["x".repeat(33), "a secret that is too long"],
    ];
    for (const [value, fault] of cases) {
      const found = problemsOf((check) => check.secret("value", value, { min: 16, max: 32 }));
      const problem = { name: "value", value: fault, allowed: "16 to 32 characters" };
      assert.deepEqual(found, fault === undefined ? [] : [problem]);
    }
    assert.deepEqual(problemsOf((check) => check.secret("value", undefined, { min: 1, max: 2, optional: true })), []);
  });

  it("text() never shows a secret", () => {
    const check = new OptionsCheck();
    const rule = { pattern: /^.{16,}$/, allowed: "at least 16 characters", isSecret: true };
    check.text("token", "hunter2", rule);
    check.text("token", undefined, rule);
    const { message } = thrownBy(() => check.throwIfAny("start"));
    assert.ok(!message.includes("hunter2"));
    assert.deepEqual(check.problems.map(({ value }) => value), ["a secret", "not given"]);
  });

  it("takes undefined for an optional value only, and null never", () => {
    const range = { min: 1, max: 2 };
    assert.deepEqual(problemsOf((check) => check.wholeNumber("a", undefined, { ...range, optional: true })), []);
    assert.equal(problemsOf((check) => check.wholeNumber("a", undefined, range))[0]?.value, "not given");
    assert.equal(problemsOf((check) => check.wholeNumber("a", null, { ...range, optional: true }))[0]?.value, "null");
  });

  it("unknownKeys() allows the key that was probably meant, else lists all", () => {
    const keys = ["timeoutMs", "minMs", "maxMs", "jitter"];
    const nearest = (key: string) => problemsOf((check) => check.unknownKeys("", { [key]: 1 }, keys))[0]?.allowed;
    const suggestions: readonly (readonly [string, string])[] = [
      ["timeout", "timeoutMs"],
      ["timeoutMS", "timeoutMs"],
      ["mniMs", "minMs"],
      ["jiter", "jitter"],
      ["jitterr", "jitter"],
      ["mnMs", "minMs"],
      ["MAXMS", "maxMs"],
    ];
    for (const [key, allowed] of suggestions) assert.equal(nearest(key), allowed, key);
    for (const key of ["workers", "m", "", "x".repeat(100)]) {
      assert.equal(nearest(key), "one of timeoutMs, minMs, maxMs, jitter", key);
    }
  });

  it("unknownKeys() finds no fault with known keys or with no options, and wants an object", () => {
    assert.deepEqual(
      problemsOf((check) => {
        check.unknownKeys("backoff", { minMs: 1 }, ["minMs"]);
        check.unknownKeys("backoff", undefined, ["minMs"]);
        check.unknownKeys("backoff", null, ["minMs"]);
        check.unknownKeys("backoff", [1], ["minMs"]);
        check.unknownKeys("backoff", "1", ["minMs"]);
      }).map(({ value, allowed }) => `${value}: ${allowed}`),
      ["null", "an array of 1", '"1"'].map((value) => `${value}: an object with options`),
    );
  });

  it("unknownKeys() is not fooled by the names every object has", () => {
    const [problem] = problemsOf((check) => check.unknownKeys("", { toString: 1 }, ["minMs"]));
    assert.equal(problem?.name, "toString");
  });

  it("include() adds the problems of another check", () => {
    const part = new OptionsCheck();
    part.boolean("a.b", 0);
    assert.deepEqual(problemsOf((check) => check.include(part)), part.problems);
  });

  it("describes any value as text that can travel", () => {
    const hostile = {
      toString: () => assert.fail("a value is not asked for its text"),
      toJSON: () => assert.fail("a value is not asked for its data"),
    };
    const texts: readonly (readonly [unknown, string])[] = [
      [undefined, "not given"],
      [null, "null"],
      [-0, "-0"],
      [NaN, "NaN"],
      [12n, "12n"],
      [Symbol("x"), "Symbol(x)"],
      ["line\nbreak", '"line\\nbreak"'],
      [class {}, "a function"],
      [[1, 2], "an array of 2"],
      [new Map(), "an object"],
      [Object.create(null), "an object"],
      [hostile, "an object"],
    ];
    for (const [value, text] of texts) assert.equal(described(value), text);
    assert.equal(described("x".repeat(1_000)), `"${"x".repeat(80)}…"`);
  });
});
