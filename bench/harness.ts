/**
 * The rounds: in each round every contestant runs once, in turn (A B C, A B C, …), each time in a new process, so
 * that a noisy minute of the machine falls on all of them and nobody inherits another's heap or JIT. Starts
 * child processes; each has a limit on its time.
 *
 * @module
 */
import { type Command, runChild } from "./child.ts";
import { type Contestant, takesPartIn } from "./contestants.ts";
import { type NotRun, notRun, type Result, resultIn } from "./result.ts";
import type { Scenario } from "./scenarios.ts";

/** Seconds a child may need beyond what it was asked for: starting, draining, collecting a large heap. */
const CHILD_SLACK_SECONDS = 60;
/** Characters of a child's error that go into its row. */
const CHARS_OF_COMPLAINT_MAX = 160;

/** How long and how often. */
export interface Plan {
  readonly rounds: number;
  /** Seconds of one measurement. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Fewer things than a scenario has. */
  readonly countMax?: number;
}

/** A contestant that has been made ready, or cannot be. */
export interface Prepared {
  readonly contestant: Contestant;
  readonly command: Command | NotRun;
}

/** The results of one round, by the contestant's name. */
export type Round = ReadonlyMap<string, Result>;

/** Makes everybody ready who knows one of `scenarios`. */
export function prepareAll(contestants: readonly Contestant[], scenarios: readonly Scenario[]): Promise<Prepared[]> {
  return Promise.all(
    contestants
      .filter((contestant) => scenarios.some(({ id }) => takesPartIn(contestant, id)))
      .map(async (contestant) => ({ contestant, command: await contestant.prepare() })),
  );
}

/** All rounds of one scenario. `report` is told of every result as it comes. */
export async function runScenario(
  scenario: Scenario,
  prepared: readonly Prepared[],
  plan: Plan,
  report: (round: number, name: string, result: Result) => void,
): Promise<readonly Round[]> {
  const taking = prepared.filter(({ contestant }) => takesPartIn(contestant, scenario.id));
  const given = new Map<string, NotRun>();
  const rounds: Round[] = [];
  for (let round = 0; round < plan.rounds; round++) {
    const results = new Map<string, Result>();
    for (const each of taking) {
      const { name } = each.contestant;
      const result = given.get(name) ?? await runOnce(scenario, each, plan);
      // What could not run once is not waited for again.
      if (result.kind === "not-run") given.set(name, result);
      results.set(name, result);
      report(round, name, result);
    }
    rounds.push(results);
  }
  return rounds;
}

async function runOnce(scenario: Scenario, { contestant, command }: Prepared, plan: Plan): Promise<Result> {
  if ("kind" in command) return command;
  const own = contestant.countMax?.[scenario.id] ?? scenario.countMax;
  const count = Math.ceil(Math.min(own, plan.countMax ?? Infinity));
  const arguments_ = [
    ...command.arguments,
    ...["--scenario", scenario.id, "--contestant", contestant.name],
    ...["--seconds", `${plan.seconds}`, "--warm-up-seconds", `${plan.warmUpSeconds}`, "--count", `${count}`],
  ];
  const timeoutMs = (plan.seconds + plan.warmUpSeconds + CHILD_SLACK_SECONDS) * 1000;
  const { output, errors, exitCode, isLate } = await runChild({ ...command, arguments: arguments_ }, timeoutMs);
  if (isLate) return notRun(`did not end within ${timeoutMs / 1000} s`);
  if (exitCode === 0) return resultIn(output, scenario.id, contestant.name);
  return notRun(`exit code ${exitCode ?? "none"}: ${complaintIn(errors)}`);
}

/** The line that names the error: some runtimes print the source around it first. */
function complaintIn(errors: string): string {
  const lines = errors.trim().split("\n");
  const line = lines.find((each) => /(error|panic): /i.test(each)) ?? lines[0] ?? "";
  return line.replaceAll("|", "/").trim().slice(0, CHARS_OF_COMPLAINT_MAX);
}
