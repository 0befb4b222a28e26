/**
 * Installs moleculer when it is first needed: into the machine's temporary folder, never into the repository, where
 * it would be one dependency more for everybody. Without `npm`, or without the package, the rows say why they are empty.
 *
 * @module
 */
import { existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Command, runChild, scriptCommand } from "../child.ts";
import { type NotRun, notRun } from "../result.ts";

/** What is installed. */
export const MOLECULER_VERSION = "0.14.36";
/** Where a contestant finds it. */
export const MOLECULER_FOLDER_VARIABLE = "BENCH_MOLECULER_FOLDER";

const INSTALL_TIMEOUT_MS = 2 * 60_000;

/** The contestant's command, or why there is none. */
export async function moleculerCommand(): Promise<Command | NotRun> {
  const folder = join(tmpdir(), "troupe-bench", `moleculer-${MOLECULER_VERSION}`);
  const command = scriptCommand("./peers/moleculer.ts");
  if (command === undefined) return notRun("bench/peers/moleculer.ts is not there");
  if (!existsSync(join(folder, "node_modules", "moleculer", "package.json"))) {
    mkdirSync(folder, { recursive: true });
    const install = ["install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts"];
    const npm = { file: "npm", arguments: [...install, `moleculer@${MOLECULER_VERSION}`], directory: folder };
    const { errors, exitCode, isLate } = await runChild(npm, INSTALL_TIMEOUT_MS);
    if (exitCode !== 0) return notRun(isLate ? "npm install took too long" : `npm install: ${firstLine(errors)}`);
  }
  return { ...command, environment: { ...command.environment, [MOLECULER_FOLDER_VARIABLE]: folder } };
}

function firstLine(text: string): string {
  return text.trim().split("\n").find((line) => line.includes("error")) ?? "failed";
}
