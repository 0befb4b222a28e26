/**
 * What a suite came to, judged from how its runner ended and what it reported; the table, and the closing line. Pure.
 *
 * Invariant: a suite that didn't run to its end, or ran nothing, has a failure to show for it.
 *
 * @module
 */
import type { CommandEnd } from "./command.ts";
import type { Counts, JunitReport } from "./junit.ts";
import type { Suite } from "./suites.ts";

export interface SuiteResult {
  readonly suite: Suite;
  readonly counts: Counts;
  readonly seconds: number;
  /** Why there are failures that no test reported; one sentence each. */
  readonly remarks: readonly string[];
}

/** @param report What the runner wrote; `undefined` when it wrote nothing. */
export function judge(suite: Suite, end: CommandEnd, report: JunitReport | undefined, seconds: number): SuiteResult {
  const counts = report?.counts ?? { passed: 0, failed: 0, skipped: 0 };
  const missing = suite.files.filter((file) => report !== undefined && !report.files.has(file));
  const remarks = missing.map((file) => `${file} has no test in the report: it wasn't loaded, or it is empty`);
  const failed = counts.failed + missing.length;
  const broken = whyBroken(end, failed) ?? whyEmpty(counts, failed);
  if (broken === undefined) return { suite, counts: { ...counts, failed }, seconds, remarks };
  return { suite, counts: { ...counts, failed: failed + 1 }, seconds, remarks: [...remarks, broken] };
}

/** A runner that reports failed tests is expected to exit with a code; any other end is one more failure. */
function whyBroken(end: CommandEnd, failed: number): string | undefined {
  switch (end.kind) {
    case "exited":
      return end.code === 0 || failed > 0 ? undefined : `the runner exited with ${end.code} and reported no failure`;
    case "killed":
      return `the runner was ended by ${end.signal}`;
    case "late":
      return "the suite was killed at its limit";
    case "not-started":
      return `the runner didn't start: ${end.reason}`;
    default:
      return end satisfies never;
  }
}

function whyEmpty(counts: Counts, failed: number): string | undefined {
  return counts.passed + failed + counts.skipped === 0 ? "the runner ran no test" : undefined;
}

/** Adds up what the suites came to. */
export function totalOf(results: readonly SuiteResult[]): Counts {
  const sum = (of: (counts: Counts) => number): number => results.reduce((total, one) => total + of(one.counts), 0);
  return { passed: sum((one) => one.passed), failed: sum((one) => one.failed), skipped: sum((one) => one.skipped) };
}

/** `12 passed, 0 failed`, and `, 3 skipped` when there are any: CI reads this line. */
export function closingLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** One line a suite under a line of titles, then the remarks. */
export function formatResults(results: readonly SuiteResult[]): string {
  const rows = results.map(({ suite, counts, seconds }) => [
    ...[suite.name, suite.runtime, `${counts.passed}`, `${counts.failed}`, `${counts.skipped}`],
    ...[seconds.toFixed(1), `${suite.budgetSeconds}`],
  ]);
  const table = [TITLES, ...rows];
  const widths = TITLES.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) => row.map((cell, column) => pad(cell, column, widths[column] ?? 0)).join("  "));
  const remarks = results.flatMap(({ suite, remarks }) =>
    remarks.map((one) => `${suite.name} on ${suite.runtime}: ${one}`)
  );
  return [...lines, ...remarks].join("\n");
}

const TITLES: readonly string[] = ["suite", "runtime", "passed", "failed", "skipped", "seconds", "budget"];

/** Words to the left, numbers to the right. */
function pad(cell: string, column: number, width: number): string {
  return column < 2 ? cell.padEnd(width) : cell.padStart(width);
}
