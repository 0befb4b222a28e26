import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { runCommand } from "./command.ts";
import { runSuites } from "./run_suites.ts";
import type { SuiteResult } from "./suite_result.ts";
import type { Suite } from "./suites.ts";

const folder = mkdtempSync(join(tmpdir(), "troupe-run-suites-"));
after(() => rmSync(folder, { recursive: true }));

const LONG_MS = 60_000;

/** A suite whose runner is a line of shell. It finds its files in `$@`. */
function suite(name: string, script: string, changes: Partial<Suite> = {}): Suite {
  const reportPath = join(folder, `${name}.xml`);
  const command = ["sh", "-c", script, "sh"];
  const files = ["tests/a.test.ts"];
  return { name, runtime: "bun", command, files, reportPath, budgetSeconds: 60, ...changes };
}

/** A line of shell that reports one test with `outcome` in it, for the file it was given. */
function reporting(name: string, outcome: string): string {
  return `echo "<testcase name='a' file=\\"$1\\">${outcome}</testcase>" | sed "s/'/\\"/g" > '${
    join(folder, `${name}.xml`)
  }'`;
}

function only(results: readonly SuiteResult[]): SuiteResult {
  const [result] = results;
  assert.ok(result !== undefined && results.length === 1);
  return result;
}

describe("runSuites()", () => {
  it("counts what the runners report, and goes on after a failure", async () => {
    const results = await runSuites(
      [suite("bad", `${reporting("bad", "<failure/>")}; exit 1`), suite("good", reporting("good", ""))],
      folder,
      60,
    );
    assert.deepEqual(results.map((one) => one.counts), [
      { passed: 0, failed: 1, skipped: 0 },
      { passed: 1, failed: 0, skipped: 0 },
    ]);
    assert.deepEqual(results.flatMap((one) => one.remarks), []);
  });

  it("runs those of one name side by side", async () => {
    const [one, other] = [join(folder, "one.fifo"), join(folder, "other.fifo")];
    const meet = `mkfifo '${one}' '${other}' 2> /dev/null`;
    const wait = (mine: string, theirs: string, name: string) =>
      `${meet}; echo > '${mine}' & read < '${theirs}'; wait; ${reporting(name, "")}`;
    const deno = suite("pair", wait(one, other, "pair-deno"), { reportPath: join(folder, "pair-deno.xml") });
    const bun = suite("pair", wait(other, one, "pair-bun"), { reportPath: join(folder, "pair-bun.xml") });
    const results = await runSuites([{ ...deno, runtime: "deno" }, bun], folder, 60);
    assert.deepEqual(results.map((one) => [one.suite.runtime, one.counts.failed]), [["deno", 0], ["bun", 0]]);
  });

  it("fails a runner that dies before it reports", async () => {
    const result = only(await runSuites([suite("dies", "kill -9 $$")], folder, 60));
    assert.equal(result.counts.failed, 1);
    assert.match(result.remarks.join(), /ended by SIGKILL/);
  });

  it("fails a suite at its limit, whatever it has reported", async () => {
    const late = suite("late", `${reporting("late", "")}; exec sleep 600`, { budgetSeconds: 1 });
    const result = only(await runSuites([late], folder, 60));
    assert.deepEqual(result.counts, { passed: 1, failed: 1, skipped: 0 });
  });

  it("fails a suite that finds the budget of all suites spent", async () => {
    const result = only(await runSuites([suite("starved", "exec sleep 600")], folder, 0));
    assert.match(result.remarks.join(), /killed at its limit/);
  });

  it("counts files by their exit code when there is no report, one by one after a failure", async () => {
    const files = ["tests/types/a.ts", "tests/types/bad.ts", "tests/types/c.ts"];
    const script = 'for file in "$@"; do case $file in */bad.ts) exit 1;; esac; done';
    const result = only(await runSuites([suite("types", script, { files, reportPath: undefined })], folder, 60));
    assert.deepEqual(result.counts, { passed: 2, failed: 1, skipped: 0 });
    assert.deepEqual(result.remarks, []);
  });
});

describe("runCommand()", () => {
  it("tells the ends of a command apart", async () => {
    assert.deepEqual(await runCommand(["sh", "-c", "exit 3"], folder, LONG_MS), { kind: "exited", code: 3 });
    assert.deepEqual(await runCommand(["sh", "-c", "kill -9 $$"], folder, LONG_MS), {
      kind: "killed",
      signal: "SIGKILL",
    });
    assert.equal((await runCommand(["sleep", "600"], folder, 1)).kind, "late");
    assert.equal((await runCommand([join(folder, "nothing")], folder, LONG_MS)).kind, "not-started");
  });

  it("runs in the folder it is given", async () => {
    await runCommand(["sh", "-c", "echo here > where.txt"], folder, LONG_MS);
    assert.ok(existsSync(join(folder, "where.txt")));
  });

  it("leaves no process of the command behind, though the command itself went in peace", async () => {
    const path = join(folder, "orphan.pid");
    writeFileSync(path, "");
    await runCommand(["sh", "-c", `sleep 600 & echo $! > '${path}'`], folder, LONG_MS);
    const id = readFileSync(path, "utf8").trim();
    assert.match(id, /^\d+$/);
    for (let look = 0; look < LOOKS_MAX && isRunning(Number(id)); look++);
    assert.equal(isRunning(Number(id)), false);
  });
});

/** A signal has no receipt: the kernel ends the process soon after, on its own time. */
const LOOKS_MAX = 100_000;

/** A killed process may stay in the table as a zombie until its parent looks; it runs no more. */
function isRunning(id: number): boolean {
  try {
    process.kill(id, 0);
    const path = `/proc/${id}/stat`;
    return !existsSync(path) || !readFileSync(path, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}
