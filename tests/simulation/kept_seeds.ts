/**
 * Seeds that once found something, with what they found, and the campaigns that every change runs. Pure data.
 *
 * One idea: a seed that has found a bug knows a way that the next bug may take. A plan drawn today from the same seed may
 * be another one, for recipes change; then its story is only a story, and the run one more run.
 *
 * @module
 */
import type { ScenarioName } from "./scenarios.ts";

/** A seed and its story. */
export interface KeptSeed {
  readonly seed: number;
  readonly scenario: ScenarioName;
  /** What was wrong when it failed. */
  readonly story: string;
}

/** The seeds. */
export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 74,
    scenario: "registry",
    story: "an owner back from suspend answered under a lease it looked at only on ticks",
  },
  {
    seed: 45,
    scenario: "registry",
    story: "a deletion that came twice could not tell its own first copy from another's",
  },
  { seed: 171, scenario: "registry", story: "a request was answered, and ran again when a copy of it came late" },
  { seed: 80, scenario: "registry", story: "a leader proposed for ever what no voter may accept" },
  { seed: 91, scenario: "registry", story: "members that had been seen as members never got their votes" },
  { seed: 52, scenario: "registry", story: "founders of a dead attempt waited for each other" },
  { seed: 274, scenario: "registry", story: "a joiner that was removed before it knew that it was in asked for ever" },
  {
    seed: 248,
    scenario: "registry",
    story: "a checker counted votes by the view that they were for, not the one they were of",
  },
  { seed: 780, scenario: "registry", story: "a coordinator counted nodes on its founders that may only join" },
  {
    seed: 3912,
    scenario: "registry",
    story: "an owner of two configurations answered in the first and ran in the second",
  },
  {
    seed: 5089,
    scenario: "cluster",
    story: "a rebuild did not count an activation that was stopping, and it ran twice",
  },
  {
    seed: 1196,
    scenario: "cluster",
    story: "a host refused what came for an actor that had ended, and its router waited",
  },
  { seed: 101_528, scenario: "cluster", story: "a checker blamed a new identity for what the one before had begun" },
  { seed: 101_881, scenario: "cluster", story: "a message left in the step in which the lease was given back" },
  { seed: 23699, scenario: "cluster", story: "a member long away knew nobody who was still there, and stayed frozen" },
];

/** Seeds in a row. */
export interface Campaign {
  readonly scenario: ScenarioName;
  readonly firstSeed: number;
  readonly runs: number;
  /** Of all its runs, on every runtime. A change of what is simulated changes it: then it is copied from the failure. */
  readonly hash: string;
}

/** What every change runs. */
export const CAMPAIGNS: readonly Campaign[] = [
  { scenario: "registry", firstSeed: 10_001, runs: 150, hash: "ad896159436bc9cf" },
  { scenario: "cluster", firstSeed: 10_001, runs: 30, hash: "313a48199165ed63" },
];
