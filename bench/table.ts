/**
 * The tables as text: Markdown, so that a run can be kept in `README.md` as it was printed. Pure.
 *
 * @module
 */
import type { Goal, Scenario } from "./scenarios.ts";
import type { Spread } from "./statistics.ts";
import type { Row, Verdict } from "./verdict.ts";

/** The table of one scenario. */
export function tableOf(scenario: Scenario, rows: readonly Row[]): string {
  const extraColumn = scenario.extraColumn === undefined ? [] : [scenario.extraColumn];
  const head = ["contestant", scenario.unit, ...extraColumn, "delivered / sent", "Troupe is", "goal", "met"];
  const lines = rows.map((row) => cellsOf(row, extraColumn.length > 0));
  const rule = head.map((_, index) => index === 0 ? "---" : "---:");
  return [`### ${scenario.id}: ${scenario.title}`, "", ...[head, rule, ...lines].map(lineOf), ""].join("\n");
}

/** A number with three digits and the letter of its size: `12.3 M`. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${digits(value / 1e9)} G`;
  if (size >= 1e6) return `${digits(value / 1e6)} M`;
  if (size >= 1e3) return `${digits(value / 1e3)} k`;
  return digits(value);
}

function cellsOf(row: Row, hasExtra: boolean): readonly string[] {
  const goal = row.verdicts.map(({ goal }) => goalText(goal)).join("; ");
  const met = row.verdicts.map(metText).join("; ");
  const extra = hasExtra ? [spreadText(row.extra)] : [];
  if (row.rate === undefined) {
    return [row.contestant, `not run: ${row.notRun ?? "no result"}`, ...extra, "", "", goal, met];
  }
  const rate = row.notRun === undefined ? spreadText(row.rate) : `${spreadText(row.rate)}; then: ${row.notRun}`;
  return [row.contestant, rate, ...extra, countsText(row), ratioText(row.ratio), goal, met];
}

function countsText({ sent, delivered }: Row): string {
  return delivered === sent ? `all of ${short(sent)}` : `**${delivered} of ${sent}**`;
}

function ratioText(ratio: Spread | undefined): string {
  return ratio === undefined ? "" : `${digits(ratio.median)} × (${digits(ratio.min)}–${digits(ratio.max)})`;
}

function spreadText(spread: Spread | undefined): string {
  return spread === undefined ? "" : `${short(spread.median)} (${short(spread.min)}–${short(spread.max)})`;
}

function goalText(goal: Goal): string {
  switch (goal.kind) {
    case "rate":
      return `≥ ${short(goal.perSecondMin)}/s`;
    case "ratio":
      return `≥ ${digits(goal.min)} ×`;
    case "extra":
      return `${goal.field} ≤ ${short(goal.max)}`;
    default:
      return goal satisfies never;
  }
}

function metText({ isMet }: Verdict): string {
  if (isMet === undefined) return "–";
  return isMet ? "yes" : "no";
}

function digits(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

function lineOf(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
