/**
 * The demo as one executable: built, copied alone into an empty folder, run there with the same arguments, and
 * removed. What it needs and does not carry would be missing in that folder.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "troupe-binary-"));
const binary = join(folder, "demo");
try {
  const isBuilt =
    run(root, "./node_modules/.bin/bun", "build", "--compile", "--outfile", binary, "examples/demo.ts") === 0;
  process.exitCode = isBuilt ? run(folder, binary, ...process.argv.slice(2)) : 1;
} finally {
  rmSync(folder, { recursive: true });
}

/** The exit code. */
function run(folder: string, command: string, ...args: readonly string[]): number {
  return spawnSync(command, args, { cwd: folder, stdio: "inherit" }).status ?? 1;
}
