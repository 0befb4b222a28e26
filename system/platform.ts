/**
 * The one place that asks which runtime this is. Everything else uses what Deno, Bun and Node share.
 *
 * @module
 */
import { availableParallelism } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { getHeapStatistics } from "node:v8";

/** The runtime and its version, e.g. `deno 2.9.6`. */
export function runtimeName(): string {
  const { deno, bun, node } = process.versions;
  if (deno !== undefined) return `deno ${deno}`;
  return bun === undefined ? `node ${node}` : `bun ${bun}`;
}

/** Threads this machine runs at once. */
export function machineParallelism(): number {
  return availableParallelism();
}

/** Mebibytes of heap the runtime lets this thread use; on Bun a number without a meaning. */
export function heapLimitMb(): number {
  return Math.max(64, Math.floor(getHeapStatistics().heap_size_limit / (1 << 20)));
}

/** A command line: a program and its arguments. */
export interface CommandLine {
  /** The program. */
  readonly command: string;
  /** Its arguments. */
  readonly args: readonly string[];
}

/**
 * The command that runs `entry` in a process of its own, with this process's runtime; in a single binary,
 * the binary itself, which is then told by `args` what to be.
 */
export function commandFor(entry: string | URL, args: readonly string[]): CommandLine {
  const { deno, bun } = process.versions;
  if (bun !== undefined && isCompiled()) return { command: process.execPath, args };
  const file = fileURLToPath(entry);
  if (deno !== undefined) return { command: process.execPath, args: ["run", "-A", file, ...args] };
  return { command: process.execPath, args: bun === undefined ? [file, ...args] : ["run", file, ...args] };
}

/** Whether this is a single binary made by `bun build --compile`. */
export function isCompiled(): boolean {
  return process.argv[1]?.startsWith("/$bunfs/") ?? false;
}
