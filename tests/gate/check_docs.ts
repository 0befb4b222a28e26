/**
 * Lints the documentation of the public entries, whichever they are at the moment. A program: starts one process.
 *
 * Every exported symbol is documented, has an explicit type, and names no type that a user can't import.
 *
 *     deno run -A tests/gate/check_docs.ts
 *
 * @module
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runCommand } from "./command.ts";
import { publicEntries } from "./public_entries.ts";

const LIMIT_MS = 120_000;

async function main(): Promise<void> {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const end = await runCommand([process.execPath, "doc", "--lint", ...publicEntries(root)], root, LIMIT_MS);
  process.exitCode = end.kind === "exited" ? end.code : 1;
}

if (import.meta.main) await main();
