/**
 * Runs every suite of the repository on every runtime, one after the other, and says what came of it. A program: starts
 * processes, reads files.
 *
 * The output of the runners passes through; then comes a table, and as the last line `N passed, N failed`, made of what
 * the runners reported. Exits with 1 when anything failed, didn't run to its end, or ran nothing.
 *
 *     deno run -A tests/gate/run_suites.ts [suite or runtime ...]
 *
 * @module
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
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
 * Runs the suites in order. Never rejects: a suite that can't run is a failed suite.
 *
 * @param budgetSeconds For all of them; a suite that starts late gets what is left.
 * @param announce Called before each suite.
 */
export async function runSuites(
  suites: readonly Suite[],
  root: string,
  budgetSeconds: number,
  announce: (suite: Suite) => void = () => {},
): Promise<readonly SuiteResult[]> {
  const results: SuiteResult[] = [];
  const startMs = performance.now();
  for (const suite of suites) {
    announce(suite);
    const leftSeconds = budgetSeconds - (performance.now() - startMs) / 1000;
    results.push(await runSuite(suite, root, Math.min(suite.budgetSeconds, Math.max(leftSeconds, 0))));
  }
  return results;
}

async function runSuite(suite: Suite, root: string, limitSeconds: number): Promise<SuiteResult> {
  const startMs = performance.now();
  const limitMs = limitSeconds * 1000;
  // `./` because Bun takes a bare path for a pattern that may match more.
  const files = suite.files.map((file) => `./${file}`);
  const end = await runCommand([...suite.command, ...files], root, limitMs);
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
