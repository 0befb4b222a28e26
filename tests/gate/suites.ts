/**
 * Which suites there are: every test file of `tests/`, sorted into groups, once for each runtime. Pure.
 *
 * One idea: the suites are made from the files that exist. A folder that no group names falls to `unit`, so a new test
 * file is never left out by forgetting to list it.
 *
 * Invariant: each test file is in exactly one group, and each group runs on every runtime it names.
 *
 * @module
 */

export type Runtime = "deno" | "bun";

/** One run of one runner over some files. */
export interface Suite {
  readonly name: string;
  readonly runtime: Runtime;
  /** The program and its options; the files are added at the end. */
  readonly command: readonly string[];
  readonly files: readonly string[];
  /** Where the runner writes what it counted; `undefined` when the exit code says it all (a type check). */
  readonly reportPath: string | undefined;
  /** After so many seconds the whole process group is killed, and the suite has failed. */
  readonly budgetSeconds: number;
}

/** Programs and places that differ from machine to machine. */
export interface Tools {
  readonly deno: string;
  readonly bun: string;
  /** An existing folder for the runners' reports. */
  readonly reportFolder: string;
}

interface SuiteGroup {
  readonly name: string;
  /** Folders under `tests/`. */
  readonly folders: readonly string[];
  readonly runtimes: readonly Runtime[];
  readonly budgetSeconds: number;
}

const BOTH: readonly Runtime[] = ["deno", "bun"];

/** In the order they run: the quick ones first. */
const GROUPS: readonly SuiteGroup[] = [
  { name: "types", folders: ["types"], runtimes: ["deno"], budgetSeconds: 120 },
  { name: "unit", folders: [], runtimes: BOTH, budgetSeconds: 180 },
  { name: "properties", folders: ["properties"], runtimes: BOTH, budgetSeconds: 240 },
  { name: "simulation", folders: ["simulation"], runtimes: BOTH, budgetSeconds: 240 },
  { name: "integration", folders: ["integration"], runtimes: BOTH, budgetSeconds: 330 },
  { name: "processes", folders: ["processes", "examples"], runtimes: BOTH, budgetSeconds: 330 },
  { name: "engines", folders: ["engines"], runtimes: BOTH, budgetSeconds: 240 },
];

/** All suites together: the gate has to answer within 15 minutes, and checks before it runs tests. */
export const ALL_SUITES_BUDGET_SECONDS = 13.5 * 60;

/** Deno has no limit of its own and Bun's default of 5 seconds is too short for a slow machine. */
const BUN_TEST_TIMEOUT_MS = 60_000;

/**
 * The suites for the files of the repository.
 *
 * @param paths Paths of files from the root; what is no test is passed over.
 * @param words Names of groups and of runtimes to keep; all of them when there is none of a sort.
 * @throws {RangeError} when a word names neither.
 */
export function suitesFor(paths: readonly string[], tools: Tools, words: readonly string[] = []): readonly Suite[] {
  const known = [...GROUPS.map((group) => group.name), ...BOTH];
  const unknown = words.find((word) => !known.includes(word));
  if (unknown !== undefined) throw new RangeError(`Cannot run ${unknown}: there are ${known.join(", ")}`);
  const isKept = (name: string, among: readonly string[]): boolean =>
    words.includes(name) || !words.some((word) => among.includes(word));
  return GROUPS
    .filter((group) => isKept(group.name, GROUPS.map((one) => one.name)))
    .flatMap((group) => group.runtimes.map((runtime) => suiteOf(group, runtime, paths, tools)))
    .filter((suite) => isKept(suite.runtime, BOTH) && suite.files.length > 0);
}

function suiteOf(group: SuiteGroup, runtime: Runtime, paths: readonly string[], tools: Tools): Suite {
  const { name, budgetSeconds } = group;
  const files = paths.filter((path) => groupOf(path) === name);
  if (name === "types") {
    return { name, runtime, command: [tools.deno, "check"], files, reportPath: undefined, budgetSeconds };
  }
  const reportPath = `${tools.reportFolder}/${name}_${runtime}.xml`;
  return { name, runtime, command: runnerOf(runtime, tools, reportPath), files, reportPath, budgetSeconds };
}

function runnerOf(runtime: Runtime, tools: Tools, reportPath: string): readonly string[] {
  switch (runtime) {
    case "deno":
      return [tools.deno, "test", "-A", "--no-check", `--junit-path=${reportPath}`];
    case "bun":
      return [
        ...[tools.bun, "test", "--timeout", `${BUN_TEST_TIMEOUT_MS}`],
        ...["--reporter=junit", `--reporter-outfile=${reportPath}`],
      ];
    default:
      return runtime satisfies never;
  }
}

/** The name of the group a file is tested in; `undefined` for what is no test. */
function groupOf(path: string): string | undefined {
  const [top, folder] = path.split("/");
  if (top !== "tests") return undefined;
  if (folder === "types") return path.endsWith(".ts") ? "types" : undefined;
  if (!path.endsWith(".test.ts")) return undefined;
  return GROUPS.find((group) => folder !== undefined && group.folders.includes(folder))?.name ?? "unit";
}
