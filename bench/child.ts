/**
 * One child process with a limit on its time and its output. Ends only the child that it started.
 *
 * This file knows which runtime it is on, because it has to write the command line of another one of the same.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Characters of a child's output that are kept: its last ones. */
const OUTPUT_CHARS_MAX = 1 << 18;

/** A program with the arguments and environment it always gets. */
export interface Command {
  readonly file: string;
  readonly arguments: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
}

/** How a child ended. */
export interface ChildEnd {
  readonly output: string;
  readonly errors: string;
  /** `undefined`: a signal ended it, or it could not be started. */
  readonly exitCode: number | undefined;
  readonly isLate: boolean;
}

/** Runs `command` to its end, for `timeoutMs` at most; then it is killed. Never rejects. */
export function runChild(command: Command, timeoutMs: number): Promise<ChildEnd> {
  const ended = Promise.withResolvers<ChildEnd>();
  const child = spawn(command.file, [...command.arguments], {
    cwd: command.directory,
    env: { ...process.env, NO_COLOR: "1", ...command.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  let isLate = false;
  child.stdout.on("data", (chunk: Uint8Array) => output = lastOf(output + chunk));
  child.stderr.on("data", (chunk: Uint8Array) => errors = lastOf(errors + chunk));
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
    // A grandchild (a compiler of `go build`) may hold these open, and `close` would wait for it.
    child.stdout.destroy();
    child.stderr.destroy();
  }, timeoutMs);
  child.on("error", (error) => errors = lastOf(`${errors}${error.message}\n`));
  child.on("close", (code) => {
    clearTimeout(timer);
    ended.resolve({ output, errors, exitCode: code ?? undefined, isLate });
  });
  return ended.promise;
}

/** Runs the script `path` (beside this file) on the runtime that runs this; `undefined` when there is no such script. */
export function scriptCommand(path: string): Command | undefined {
  const file = fileURLToPath(new URL(path, import.meta.url));
  if (!existsSync(file)) return undefined;
  return { file: process.execPath, arguments: [...runtimeArguments(), file] };
}

/** The runtime's name and version, for the head of the table. */
export function runtimeName(): string {
  const { deno, bun, node, v8 } = process.versions;
  if (deno !== undefined) return `Deno ${deno} (V8 ${v8})`;
  return bun === undefined ? `Node ${node}` : `Bun ${bun}`;
}

// The collector is exposed for the footprints of S8, and the heap may grow, or a peer that needs gigabytes would die.
function runtimeArguments(): readonly string[] {
  const { deno, bun } = process.versions;
  if (deno !== undefined) return ["run", "-A", "--no-check", "--v8-flags=--expose-gc,--max-old-space-size=8192"];
  return bun === undefined ? ["--expose-gc", "--max-old-space-size=8192"] : ["--expose-gc"];
}

function lastOf(text: string): string {
  return text.slice(-OUTPUT_CHARS_MAX);
}
