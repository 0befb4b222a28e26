/**
 * Builds GoAkt's contestant, which is a Go program, when it is first needed: into the machine's temporary
 * folder, under a name made of its sources, never into the repository. Without `go`, or without the
 * module, the rows say why they are empty.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, runChild } from "../child.ts";
import { type NotRun, notRun } from "../result.ts";

/** The first build fetches and compiles some sixty modules. */
const BUILD_TIMEOUT_MS = 8 * 60_000;
const SOURCES = fileURLToPath(new URL("./goakt/", import.meta.url));

let built: Promise<string | NotRun> | undefined;

/** The contestant's command with this environment, or why it cannot be built. */
export async function goAktCommand(environment: Readonly<Record<string, string>>): Promise<Command | NotRun> {
  built ??= build();
  const file = await built;
  return typeof file === "string" ? { file, arguments: [], environment } : file;
}

async function build(): Promise<string | NotRun> {
  const folder = join(tmpdir(), "troupe-bench");
  const file = join(folder, `goakt-${sourcesHash()}`);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const command = { file: "go", arguments: ["build", "-buildvcs=false", "-o", file, "."], directory: SOURCES };
  const { errors, exitCode, isLate } = await runChild(command, BUILD_TIMEOUT_MS);
  if (exitCode === 0) return file;
  return notRun(isLate ? "go build took too long" : `go build: ${errors.trim().split("\n")[0]}`);
}

function sourcesHash(): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(SOURCES).toSorted()) hash.update(name).update(readFileSync(join(SOURCES, name)));
  return hash.digest("hex").slice(0, 16);
}
