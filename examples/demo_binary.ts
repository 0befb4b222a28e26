/**
 * The demo with nodes that are one executable: built from the program of a node, copied alone into three empty folders,
 * run there, and removed. What it needs and does not carry would be missing in those folders.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { mainOfDemo } from "./demo/main.ts";
import { BUN, NODE_ENTRY } from "./demo/programs.ts";

const folder = mkdtempSync(join(tmpdir(), "troupe-binary-"));
try {
  process.exitCode = await main(process.argv.slice(2));
} finally {
  rmSync(folder, { recursive: true });
}

/** The exit code. */
async function main(args: readonly string[]): Promise<number> {
  const built = join(folder, "built");
  console.log("building one executable of a node");
  const code = await run(BUN, ["build", "--compile", "--outfile", built, fileURLToPath(NODE_ENTRY)]);
  if (code !== 0) return 1;
  return await mainOfDemo(args, () => (node, nodeArgs) => {
    const cwd = join(folder, `node-${node + 1}`);
    mkdirSync(cwd);
    const command = join(cwd, "bank");
    copyFileSync(built, command);
    return { command, args: nodeArgs, cwd };
  });
}

async function run(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  const [code] = await once(child, "close");
  return code === 0 ? 0 : 1;
}
