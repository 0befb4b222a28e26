/**
 * A process whose system has stopped, or never started, ends by itself: nothing is left that keeps it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { describe, it } from "node:test";
import { commandFor } from "../../mod.ts";
import { STORIES, type Story } from "../fixtures/leaving_process.ts";

/** A process that still runs so long after its last line is killed: less than the longest wait any story leaves behind. */
const PATIENCE_MS = 1_900;

describe("a process ends by itself", () => {
  for (const story of STORIES) {
    for (const workers of [0, 2]) {
      if (workers === 0 && (story === "after-a-death" || story === "in-a-backoff")) continue;
      it(`${story}, with ${workers} workers`, { timeout: 60_000 }, async () => {
        const end = await endOf(story, workers);
        assert.deepEqual(end, { lines: ["done"], code: 0, signal: null }, end.errors);
      });
    }
  }
});

async function endOf(story: Story, workers: number) {
  const { command, args } = commandFor(new URL("../fixtures/leaving_process.ts", import.meta.url), [
    story,
    `${workers}`,
  ]);
  const child = spawn(command, args);
  let output = "";
  let errors = "";
  let late: ReturnType<typeof setTimeout> | undefined;
  child.stdout.on("data", (chunk) => {
    output += String(chunk);
    if (output.includes("done")) late ??= setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  });
  child.stderr.on("data", (chunk) => errors += String(chunk));
  const [code, signal] = await new Promise<readonly [number | null, string | null]>((resolve) =>
    child.once("close", (code, signal) => resolve([code, signal]))
  );
  clearTimeout(late);
  const end = { lines: output.split("\n").filter((line) => line !== ""), code, signal };
  return Object.defineProperty(end, "errors", { value: errors, enumerable: false }) as typeof end & {
    readonly errors: string;
  };
}
