/**
 * From rounds to rows: the spread of each contestant's rates, the ratio to Troupe computed round by round and only then
 * its median, and whether each goal is met. Pure.
 *
 * @module
 */
import { TROUPE } from "./contestants.ts";
import type { Round } from "./harness.ts";
import type { Measured } from "./result.ts";
import type { Goal, Scenario } from "./scenarios.ts";
import { type Spread, spreadOf } from "./statistics.ts";

/** A goal and its answer; `undefined` when a side of it did not run. */
export interface Verdict {
  readonly goal: Goal;
  readonly isMet: boolean | undefined;
}

/** One contestant's line of a table. */
export interface Row {
  readonly contestant: string;
  /** Why a round has no measurement. */
  readonly notRun?: string;
  readonly rate?: Spread;
  /** The scenario's extra figures, in the order of its columns. */
  readonly extras: readonly (Spread | undefined)[];
  /** Over all rounds. */
  readonly sent: number;
  readonly delivered: number;
  /** How many times as fast as this contestant Troupe is. */
  readonly ratio?: Spread;
  /** On Troupe's row its own goals, on another's the ratio that Troupe must reach over it. */
  readonly verdicts: readonly Verdict[];
}

/** The rows of `scenario`, in the order in which the contestants ran. */
export function rowsOf(scenario: Scenario, rounds: readonly Round[]): readonly Row[] {
  return [...rounds[0]?.keys() ?? []].map((name) => rowOf(scenario, rounds, name));
}

function rowOf(scenario: Scenario, rounds: readonly Round[], contestant: string): Row {
  const measured = rounds.map((round) => measuredIn(round, contestant)).filter((each) => each !== undefined);
  const notRun = rounds.map((round) => round.get(contestant)).find((each) => each?.kind === "not-run");
  const ratio = spreadIfAny(ratiosOf(rounds, contestant));
  const row = {
    contestant,
    notRun: notRun?.reason,
    rate: spreadIfAny(measured.map(({ perSecond }) => perSecond)),
    extras: (scenario.extraColumns ?? []).map((field) => spreadIfAny(extrasOf(measured, field))),
    sent: measured.reduce((sum, { sent }) => sum + sent, 0),
    delivered: measured.reduce((sum, { delivered }) => sum + delivered, 0),
    ratio: contestant === TROUPE || scenario.hasRate === false ? undefined : ratio,
  };
  const goals = scenario.goals.filter((goal) => contestant === (goal.kind === "ratio" ? goal.to : TROUPE));
  return { ...row, verdicts: goals.map((goal) => ({ goal, isMet: isMet(goal, measured, ratio) })) };
}

function isMet(goal: Goal, measured: readonly Measured[], ratio: Spread | undefined): boolean | undefined {
  switch (goal.kind) {
    case "rate": {
      const rate = spreadIfAny(measured.map(({ perSecond }) => perSecond));
      return rate && rate.median >= goal.perSecondMin;
    }
    case "extra": {
      const extra = spreadIfAny(extrasOf(measured, goal.field));
      return extra && extra.median <= goal.max;
    }
    case "ratio":
      return ratio && ratio.median >= goal.min;
    default:
      return goal satisfies never;
  }
}

/** Within a round both sides met the same weather; between rounds they may not have. */
function ratiosOf(rounds: readonly Round[], contestant: string): readonly number[] {
  return rounds.flatMap((round) => {
    const ours = measuredIn(round, TROUPE);
    const theirs = measuredIn(round, contestant);
    return ours === undefined || theirs === undefined ? [] : [ours.perSecond / theirs.perSecond];
  });
}

function measuredIn(round: Round, contestant: string): Measured | undefined {
  const result = round.get(contestant);
  return result?.kind === "measured" ? result : undefined;
}

function extrasOf(measured: readonly Measured[], field: string): readonly number[] {
  return measured.map(({ extra }) => extra[field]).filter((value) => value !== undefined);
}

function spreadIfAny(values: readonly number[]): Spread | undefined {
  return values.length === 0 ? undefined : spreadOf(values);
}
