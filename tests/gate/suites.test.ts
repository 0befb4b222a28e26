import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Suite, suitesFor } from "./suites.ts";

const TOOLS = { deno: "/bin/deno", bun: "/bin/bun", reportFolder: "/tmp/reports" };
const PATHS = [
  "core/ids.ts",
  "mod.ts",
  "tests/core/ids.test.ts",
  "tests/core/fixtures.ts",
  "tests/gate/junit.test.ts",
  "tests/integration/demo.test.ts",
  "tests/processes/kill.test.ts",
  "tests/properties/ring.test.ts",
  "tests/top.test.ts",
  "tests/types/refs.ts",
];

function names(suites: readonly Suite[]): readonly string[] {
  return suites.map((suite) => `${suite.name} ${suite.runtime}`);
}

describe("suitesFor()", () => {
  it("puts every test file into one group, and runs the group on every runtime", () => {
    const suites = suitesFor(PATHS, TOOLS);
    assert.deepEqual(names(suites), [
      ...["types deno", "unit deno", "unit bun", "properties deno", "properties bun"],
      ...["integration deno", "integration bun", "processes deno", "processes bun"],
    ]);
    const tested = suites.filter((suite) => suite.runtime === "deno").flatMap((suite) => suite.files);
    assert.deepEqual(tested.toSorted(), PATHS.filter((path) => /\.test\.ts$|^tests\/types/.test(path)));
  });

  it("lets a folder that no group names fall to unit", () => {
    const [suite] = suitesFor(["tests/brand_new/a.test.ts"], TOOLS);
    assert.equal(suite?.name, "unit");
  });

  it("keeps the groups and runtimes it is told", () => {
    assert.deepEqual(names(suitesFor(PATHS, TOOLS, ["unit"])), ["unit deno", "unit bun"]);
    assert.deepEqual(names(suitesFor(PATHS, TOOLS, ["bun", "unit", "properties"])), ["unit bun", "properties bun"]);
    assert.throws(() => suitesFor(PATHS, TOOLS, ["units"]), /Cannot run units: there are types, unit/);
  });

  it("has each runner write its own report, and gives Bun's tests a minute", () => {
    const [deno, bun] = suitesFor(PATHS, TOOLS, ["unit"]);
    assert.deepEqual(deno?.command.at(-1), `--junit-path=${deno?.reportPath}`);
    assert.deepEqual(bun?.command.slice(1, 4), ["test", "--timeout", "60000"]);
    assert.notEqual(deno?.reportPath, bun?.reportPath);
  });

  it("checks the types of tests/types instead of running them", () => {
    const [suite] = suitesFor(PATHS, TOOLS, ["types"]);
    assert.deepEqual(suite?.command, ["/bin/deno", "check"]);
    assert.deepEqual(suite?.files, ["tests/types/refs.ts"]);
    assert.equal(suite?.reportPath, undefined);
  });
});
