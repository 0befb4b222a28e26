import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CommandEnd } from "./command.ts";
import { closingLine, formatResults, judge, totalOf } from "./suite_result.ts";
import type { Suite } from "./suites.ts";

const SUITE: Suite = {
  name: "unit",
  runtime: "bun",
  command: ["bun", "test"],
  files: ["tests/a.test.ts", "tests/b.test.ts"],
  reportPath: "/tmp/unit.xml",
  budgetSeconds: 60,
};
const CLEAN: CommandEnd = { kind: "exited", code: 0 };
const report = (passed: number, failed: number, skipped = 0, files: readonly string[] = SUITE.files) => ({
  counts: { passed, failed, skipped },
  files: new Set(files),
});

describe("judge()", () => {
  it("takes the runner's counts when it ended as they say", () => {
    assert.deepEqual(judge(SUITE, CLEAN, report(5, 0, 1), 2).counts, { passed: 5, failed: 0, skipped: 1 });
    const failing = judge(SUITE, { kind: "exited", code: 1 }, report(5, 2), 2);
    assert.deepEqual(failing.counts, { passed: 5, failed: 2, skipped: 0 });
    assert.deepEqual(failing.remarks, []);
  });

  it("fails a runner that exits with a code though every test passed", () => {
    const result = judge(SUITE, { kind: "exited", code: 1 }, report(5, 0), 2);
    assert.equal(result.counts.failed, 1);
    assert.deepEqual(result.remarks, ["the runner exited with 1 and reported no failure"]);
  });

  it("fails each file that is not in the report", () => {
    const result = judge(SUITE, { kind: "exited", code: 1 }, report(5, 0, 0, ["tests/a.test.ts"]), 2);
    assert.deepEqual(result.counts, { passed: 5, failed: 1, skipped: 0 });
    assert.deepEqual(judge(SUITE, CLEAN, report(5, 1, 0, []), 2).counts, { passed: 5, failed: 3, skipped: 0 });
    assert.match(result.remarks[0] ?? "", /^tests\/b\.test\.ts has no test in the report/);
  });

  const broken: readonly (readonly [CommandEnd, RegExp])[] = [
    [{ kind: "late" }, /killed at its limit/],
    [{ kind: "killed", signal: "SIGSEGV" }, /ended by SIGSEGV/],
    [{ kind: "not-started", reason: "no such file" }, /didn't start: no such file/],
    [CLEAN, /ran no test/],
  ];
  for (const [end, remark] of broken) {
    it(`fails a runner that left no report: ${end.kind}`, () => {
      const result = judge(SUITE, end, undefined, 2);
      assert.deepEqual(result.counts, { passed: 0, failed: 1, skipped: 0 });
      assert.match(result.remarks.join(), remark);
    });
  }

  it("fails a suite that was killed after all its tests had passed", () => {
    assert.equal(judge(SUITE, { kind: "late" }, report(5, 0), 60).counts.failed, 1);
  });

  it("fails a runner that ran no test of the files it was given", () => {
    assert.equal(judge({ ...SUITE, files: [] }, CLEAN, report(0, 0, 0, []), 1).counts.failed, 1);
  });
});

describe("the closing line", () => {
  it("adds the suites up, and names skipped tests only when there are any", () => {
    const one = judge(SUITE, CLEAN, report(5, 0), 2);
    const two = judge(SUITE, { kind: "exited", code: 1 }, report(3, 1), 2);
    assert.equal(closingLine(totalOf([one, two])), "8 passed, 1 failed");
    const three = judge(SUITE, CLEAN, report(1, 0, 2), 2);
    assert.equal(closingLine(totalOf([one, two, three])), "9 passed, 1 failed, 2 skipped");
    assert.equal(closingLine(totalOf([])), "0 passed, 0 failed");
  });
});

describe("formatResults()", () => {
  it("sets the suites in columns, and the remarks below", () => {
    const results = [
      judge(SUITE, CLEAN, report(1205, 0), 12.34),
      judge({ ...SUITE, name: "properties" }, { kind: "late" }, undefined, 60),
    ];
    assert.equal(
      formatResults(results),
      [
        "suite       runtime  passed  failed  skipped  seconds  budget",
        "unit        bun        1205       0        0     12.3      60",
        "properties  bun           0       1        0     60.0      60",
        "properties on bun: the suite was killed at its limit",
      ].join("\n"),
    );
  });
});
