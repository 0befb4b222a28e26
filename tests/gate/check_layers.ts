/**
 * The gate's own rules over every TypeScript file of the repository: layers, purity, style. A program: reads files.
 *
 * Prints `file:line: what and why` for each finding, then a count, and exits with 1 when there is one.
 *
 *     deno run -A tests/gate/check_layers.ts [root]
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { publicEntries } from "./public_entries.ts";
import { checkImports } from "./import_rules.ts";
import { checkPurity, checkRuntimeDetection } from "./purity_rules.ts";
import { parseSource } from "./source_file.ts";
import { checkStyle } from "./style_rules.ts";
import { compareViolations, formatViolation, type Violation } from "./violation.ts";

/** All that is wrong with one file. A file that cannot be parsed is one finding, not a crash. */
export function checkFile(path: string, text: string, entries: readonly string[]): readonly Violation[] {
  try {
    const file = parseSource(path, text);
    const found = [checkImports(file, entries), checkPurity(file), checkRuntimeDetection(file), checkStyle(file)]
      .flat();
    return found.sort(compareViolations);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const line = Number(/\((\d+):\d+\)/.exec(error.message)?.[1] ?? 1);
    return [{ path, line, message: `cannot be parsed: ${error.message}` }];
  }
}

/** Paths of the repository's TypeScript files, from `root`, in a stable order. */
export function sourcePaths(root: string, folder = ""): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .toSorted((a, b) => a.name < b.name ? -1 : 1)
    .flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        return NOT_OURS.has(entry.name) || entry.name.startsWith(".") ? [] : sourcePaths(root, path);
      }
      return entry.name.endsWith(".ts") ? [path] : [];
    });
}

const NOT_OURS: ReadonlySet<string> = new Set(["node_modules", "dist", "coverage"]);

function main(root: string): void {
  const entries = publicEntries(root);
  const paths = sourcePaths(root);
  const found = paths.flatMap((path) => checkFile(path, readFileSync(join(root, path), "utf8"), entries));
  for (const violation of found) console.error(formatViolation(violation));
  console.log(`Layers: ${paths.length} files, ${found.length} violations`);
  process.exitCode = found.length === 0 && paths.length > 0 ? 0 : 1;
}

if (import.meta.main) main(process.argv[2] ?? ".");
