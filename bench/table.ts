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
  const { id, title, unit, extraColumns = [], hasRate = true } = scenario;
  const rate = hasRate ? [unit] : [];
  const ratio = hasRate ? ["Troupe is"] : [];
  const head = ["contestant", ...rate, ...extraColumns, "delivered / sent", ...ratio, "goal", "met"];
  const lines = rows.map((row) => cellsOf(row, scenario));
  const rule = head.map((_, index) => index === 0 ? "---" : "---:");
  return [`### ${id}: ${title}`, "", ...[head, rule, ...lines].map(lineOf), ""].join("\n");
}

/** A number with three digits and the letter of its size: `12.3 M`. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${digits(value / 1e9)} G`;
  if (size >= 1e6) return `${digits(value / 1e6)} M`;
  if (size >= 1e3) return `${digits(value / 1e3)} k`;
  return digits(value);
}

function cellsOf(row: Row, { hasRate = true, mayLose = false }: Scenario): readonly string[] {
  const goal = row.verdicts.map(({ goal }) => goalText(goal)).join("; ");
  const met = row.verdicts.map(metText).join("; ");
  const extras = row.extras.map(spreadText);
  if (row.rate === undefined) {
    const why = `not run: ${row.notRun ?? "no result"}`;
    // Without a column of rates the reason takes that of the counts.
    return [row.contestant, ...(hasRate ? [why, ...extras, "", ""] : [...extras, why]), goal, met];
  }
  const rate = row.notRun === undefined ? spreadText(row.rate) : `${spreadText(row.rate)}; then: ${row.notRun}`;
  const counts = countsText(row, mayLose);
  if (hasRate) return [row.contestant, rate, ...extras, counts, ratioText(row.ratio), goal, met];
  return [row.contestant, ...extras, row.notRun === undefined ? counts : `${counts}; then: ${row.notRun}`, goal, met];
}

function countsText({ sent, delivered }: Row, mayLose: boolean): string {
  if (delivered === sent) return `all of ${short(sent)}`;
  return mayLose ? `${short(delivered)} of ${short(sent)}` : `**${delivered} of ${sent}**`;
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
