/**
 * The command line of a node: on this runtime, on the other one, or as a binary of its own. Reads the place of this
 * file.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { commandFor, runtimeName } from "../../mod.ts";
import type { Runtime } from "./options.ts";
import type { NodeProgram } from "./node_child.ts";

/** The program of a node of the bank. */
export const NODE_ENTRY: URL = new URL("../bank/node_process.ts", import.meta.url);
/** Where Deno puts Bun when it installs this project's packages. */
export const BUN: string = join(dirname(fileURLToPath(import.meta.url)), "../../node_modules/.bin/bun");

/** `entry` on `runtime`. Throws when there is none of it here. */
export function programOn(runtime: Runtime | undefined, entry: URL, args: readonly string[]): NodeProgram {
  if (runtime === undefined || runtimeName().startsWith(`${runtime} `)) return commandFor(entry, args);
  const file = fileURLToPath(entry);
  switch (runtime) {
    case "deno":
      return { command: "deno", args: ["run", "-A", file, ...args] };
    case "bun":
      if (!existsSync(BUN)) {
        throw new Error(`Cannot run a node on Bun: there is no ${BUN}; \`deno install\` puts it there`);
      }
      return { command: BUN, args: ["run", file, ...args] };
    default:
      return runtime satisfies never;
  }
}
