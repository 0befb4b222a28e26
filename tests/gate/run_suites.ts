/**
 * Runs every suite of the repository, one after the other, each on every runtime at once, and says what came of it. A
 * program: starts processes, reads files.
 *
 * One idea: a runner uses one processor, or waits for leases and timers; so two runtimes side by side take little longer
 * than one, and a suite that minds what else runs on its machine has a fault that a user would meet, too.
 *
 * The output of the runners passes through, that of the second runtime after the first; then comes a table, and as the
 * last line `N passed, N failed`, made of what the runners reported. Exits with 1 when anything failed, didn't run to its end, or ran nothing.
 *
 *     deno run -A tests/gate/run_suites.ts [suite or runtime ...]
 *
 * @module
 */
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { sourcePaths } from "./check_layers.ts";
import { type CommandEnd, runCommand } from "./command.ts";
import { type JunitReport, readJunit } from "./junit.ts";
import { closingLine, formatResults, judge, type SuiteResult, totalOf } from "./suite_result.ts";
import { ALL_SUITES_BUDGET_SECONDS, type Suite, suitesFor } from "./suites.ts";

/**
 * Runs the suites in order, those of one name side by side. Never rejects: a suite that can't run is a failed suite.
 *
 * @param budgetSeconds For all of them; a suite that starts late gets what is left.
 * @param announce Called before the output of each suite.
 */
export async function runSuites(
  suites: readonly Suite[],
  root: string,
  budgetSeconds: number,
  announce: (suite: Suite) => void = () => {},
): Promise<readonly SuiteResult[]> {
  const results: SuiteResult[] = [];
  const startMs = performance.now();
  for (const name of new Set(suites.map((suite) => suite.name))) {
    const leftSeconds = budgetSeconds - (performance.now() - startMs) / 1000;
    const begun = suites.filter((suite) => suite.name === name).map((suite, index) => {
      const limitSeconds = Math.min(suite.budgetSeconds, Math.max(leftSeconds, 0));
      if (index > 0) return { suite, run: runAside(suite, root, limitSeconds) };
      announce(suite);
      return { suite, run: runSuite(suite, root, limitSeconds).then((result) => ({ result, output: undefined })) };
    });
    for (const { suite, run } of begun) {
      const { result, output } = await run;
      results.push(result);
      if (output === undefined) continue;
      announce(suite);
      process.stdout.write(output);
    }
  }
  return results;
}

/** Runs a suite and keeps what it prints. */
async function runAside(
  suite: Suite,
  root: string,
  limitSeconds: number,
): Promise<{ readonly result: SuiteResult; readonly output: Uint8Array }> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-output-"));
  const path = join(folder, "output.txt");
  const file = openSync(path, "w");
  try {
    const result = await runSuite(suite, root, limitSeconds, file);
    return { result, output: readFileSync(path) };
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
}

async function runSuite(
  suite: Suite,
  root: string,
  limitSeconds: number,
  output: "inherit" | number = "inherit",
): Promise<SuiteResult> {
  const startMs = performance.now();
  const limitMs = limitSeconds * 1000;
  // `./` because Bun takes a bare path for a pattern that may match more.
  const files = suite.files.map((file) => `./${file}`);
  const end = await runCommand([...suite.command, ...files], root, limitMs, output);
  const report = suite.reportPath === undefined
    ? await reportOfFiles(suite, root, end, startMs + limitMs)
    : reportAt(suite, suite.reportPath);
  return judge(suite, end, report, (performance.now() - startMs) / 1000);
}

function reportAt(suite: Suite, path: string): JunitReport | undefined {
  return existsSync(path) ? readJunit(readFileSync(path, "utf8"), suite.runtime) : undefined;
}

/** Without a report each file is one test. Only when all together failed is it worth asking which. */
async function reportOfFiles(suite: Suite, root: string, end: CommandEnd, endMs: number): Promise<JunitReport> {
  const files = new Set(suite.files);
  if (end.kind === "exited" && end.code === 0) return { counts: { passed: files.size, failed: 0, skipped: 0 }, files };
  let passed = 0;
  for (const file of files) {
    const one = await runCommand([...suite.command, `./${file}`], root, Math.max(endMs - performance.now(), 0));
    if (one.kind === "exited" && one.code === 0) passed++;
  }
  return { counts: { passed, failed: files.size - passed, skipped: 0 }, files };
}

async function main(words: readonly string[]): Promise<void> {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const reportFolder = mkdtempSync(join(tmpdir(), "troupe-suites-"));
  try {
    const tools = { deno: process.execPath, bun: join(root, "node_modules/.bin/bun"), reportFolder };
    const suites = suitesFor(sourcePaths(root), tools, words);
    const results = await runSuites(suites, root, ALL_SUITES_BUDGET_SECONDS, announceOnConsole);
    const total = totalOf(results);
    console.log(`\n${formatResults(results)}\n\n${closingLine(total)}`);
    process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
  } finally {
    rmSync(reportFolder, { recursive: true });
  }
}

function announceOnConsole({ name, runtime, files }: Suite): void {
  console.log(`\n== ${name} on ${runtime}: ${files.length} files`);
}

if (import.meta.main) await main(process.argv.slice(2));
