/**
 * The examples as their users run them: programs in processes of their own, on the runtime that runs this test.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { commandFor } from "../../mod.ts";

interface Ended {
  readonly code: number | null;
  readonly lines: readonly string[];
}

describe("examples/hello.ts", () => {
  it("prints what its actor counted", { timeout: 60_000 }, async () => {
    const { code, lines } = await run("hello.ts", []);
    assert.deepEqual([code, lines], [0, ["troupe://hello/counter:visits counted 5"]]);
  });
});

describe("examples/demo.ts", () => {
  it("conserves money although a worker dies", { timeout: 60_000 }, async () => {
    const { code, lines } = await run("demo.ts", ["--requests", "6000", "--workers", "2", "--kill-worker"]);
    assert.match(lines.at(-1) ?? "", /^verdict: ok, money conserved, 200 accounts hold /, lines.join("\n"));
    assert.equal(code, 0);
    assert.ok(lines.some((line) => /worker \d died/.test(line)), lines.join("\n"));
  });

  it("goes on with the books it is told to keep, and leaves nothing else behind", { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "troupe-demo-test-"));
    try {
      const args = ["--requests", "1000", "--workers", "1", "--db", join(folder, "kept.db")];
      for (let round = 0; round < 2; round++) {
        const { code, lines } = await run("demo.ts", args);
        assert.equal(code, 0, lines.join("\n"));
      }
      assert.deepEqual(readdirSync(folder).filter((name) => !name.startsWith("kept.db")), []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("is the same as one executable, alone in an empty folder", { timeout: 60_000 }, async () => {
    const { code, lines } = await run("demo_binary.ts", ["--requests", "6000", "--workers", "2", "--kill-worker"]);
    assert.match(lines.at(-1) ?? "", /^verdict: ok, money conserved, 200 accounts hold /, lines.join("\n"));
    assert.equal(code, 0);
  });

  it("says what is wrong with its options", { timeout: 60_000 }, async () => {
    const { code } = await run("demo.ts", ["--requests", "many"]);
    assert.equal(code, 2);
  });

  it("ends with a verdict when the bank cannot start", { timeout: 60_000 }, async () => {
    const { code, lines } = await run("demo.ts", ["--db", "/no/such/folder/bank.db"]);
    assert.equal(code, 1);
    assert.match(lines.at(-1) ?? "", /^verdict: FAILED, .*\/no\/such\/folder/);
  });
});

function run(example: string, args: readonly string[]): Promise<Ended> {
  const { command, args: all } = commandFor(new URL(`../../examples/${example}`, import.meta.url), args);
  const child = spawn(command, all, { stdio: ["ignore", "pipe", "ignore"] });
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, lines: text.trim().split("\n") }));
  });
}
