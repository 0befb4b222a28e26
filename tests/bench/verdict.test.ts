import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Round } from "../../bench/harness.ts";
import { notRun, type Result } from "../../bench/result.ts";
import type { Scenario } from "../../bench/scenarios.ts";
import { tableOf } from "../../bench/table.ts";
import { type Row, rowsOf } from "../../bench/verdict.ts";

const SCENARIO: Scenario = {
  id: "S0.test",
  title: "a scenario of the tests",
  unit: "messages/s",
  countMax: 1,
  goals: [
    { kind: "rate", perSecondMin: 100 },
    { kind: "extra", field: "heapBytesEach", max: 500 },
    { kind: "ratio", to: "nact", min: 2 },
  ],
  extraColumns: ["heapBytesEach"],
};

function measured(perSecond: number, heapBytesEach: number = 500): Result {
  return { kind: "measured", sent: 10, delivered: 10, seconds: 1, perSecond, extra: { heapBytesEach } };
}

function rounds(...pairs: readonly (readonly [Result, Result])[]): readonly Round[] {
  return pairs.map(([troupe, nact]) => new Map([["Troupe", troupe], ["nact", nact]]));
}

function rowIn(rows: readonly Row[], contestant: string): Row {
  const row = rows.find((each) => each.contestant === contestant);
  assert.ok(row);
  return row;
}

describe("rowsOf()", () => {
  it("computes the ratio within each round, and only then its median", () => {
    // Of the medians alone, 300 and 100, it would be 3.
    const rows = rowsOf(
      SCENARIO,
      rounds([measured(100), measured(100)], [measured(300), measured(100)], [measured(400), measured(200)]),
    );
    assert.deepEqual(rowIn(rows, "nact").ratio, { median: 2, min: 1, max: 3, count: 3 });
    assert.equal(rowIn(rows, "Troupe").ratio, undefined);
  });

  it("meets a goal that is reached exactly, and misses one by a little", () => {
    const exact = rowsOf(SCENARIO, rounds([measured(100), measured(50)]));
    assert.deepEqual(exact.flatMap(({ verdicts }) => verdicts.map(({ isMet }) => isMet)), [true, true, true]);
    const close = rowsOf(SCENARIO, rounds([measured(99.9, 500.1), measured(50)]));
    assert.deepEqual(close.flatMap(({ verdicts }) => verdicts.map(({ isMet }) => isMet)), [false, false, false]);
  });

  it("leaves a goal open when a side of it did not run", () => {
    const rows = rowsOf(SCENARIO, rounds([notRun("not there"), measured(50)]));
    assert.deepEqual(rows.flatMap(({ verdicts }) => verdicts.map(({ isMet }) => isMet)), [
      undefined,
      undefined,
      undefined,
    ]);
    assert.match(tableOf(SCENARIO, rows), /\| Troupe \| not run: not there \|/);
  });

  it("compares only the rounds in which both ran, and says why one ended", () => {
    const rows = rowsOf(SCENARIO, rounds([measured(100), measured(50)], [measured(100), notRun("late")]));
    assert.equal(rowIn(rows, "nact").ratio?.count, 1);
    assert.match(tableOf(SCENARIO, rows), /50 \(50–50\); then: late/);
  });

  it("shows a lost message, whoever lost it", () => {
    const lost: Result = { kind: "measured", sent: 10, delivered: 9, seconds: 1, perSecond: 9, extra: {} };
    assert.match(tableOf(SCENARIO, rowsOf(SCENARIO, rounds([lost, measured(1)]))), /\*\*9 of 10\*\*/);
  });

  it("has a column for each extra figure, empty where a contestant has none", () => {
    const scenario: Scenario = { ...SCENARIO, extraColumns: ["heapBytesEach", "p99Micros"] };
    const table = tableOf(scenario, rowsOf(scenario, rounds([measured(100), notRun("not there")])));
    assert.match(table, /\| contestant \| messages\/s \| heapBytesEach \| p99Micros \| delivered/);
    assert.match(table, /\| Troupe \| 100 \(100–100\) \| 500 \(500–500\) \| {2}\| all of 10 \|/);
    assert.match(table, /\| nact \| not run: not there \| {2}\| {2}\| {2}\| {2}\|/);
  });

  it("has no rates and no ratios where they say nothing, and keeps the reason of a row that has not run", () => {
    const scenario: Scenario = { ...SCENARIO, hasRate: false };
    const table = tableOf(scenario, rowsOf(scenario, rounds([measured(100), notRun("not there")])));
    assert.match(table, /\| contestant \| heapBytesEach \| delivered \/ sent \| goal \| met \|/);
    assert.match(table, /\| Troupe \| 500 \(500–500\) \| all of 10 \|/);
    assert.match(table, /\| nact \| {2}\| not run: not there \|/);
    const widths = table.split("\n").filter((line) => line.startsWith("|")).map((line) => line.split("|").length);
    assert.deepEqual(new Set(widths).size, 1);
  });

  it("does not cry over messages where some may be lost", () => {
    const lost: Result = { kind: "measured", sent: 10, delivered: 0, seconds: 1, perSecond: 0, extra: {} };
    const scenario: Scenario = { ...SCENARIO, mayLose: true };
    assert.match(tableOf(scenario, rowsOf(scenario, rounds([lost, measured(1)]))), /\| 0 of 10 \|/);
  });
});
