/**
 * Which files are the public face of the package: the `exports` of deno.json, read once from there by every program of
 * the gate. Reads one file.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Paths from the root, without `./`, in the order of deno.json. */
export function publicEntries(root: string): readonly string[] {
  const config: unknown = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
  const exports = typeof config === "object" && config !== null && "exports" in config ? config.exports : undefined;
  const paths = typeof exports === "object" && exports !== null ? Object.values(exports) : [exports];
  return paths.filter((path): path is string => typeof path === "string").map((path) => path.replace(/^\.\//, ""));
}
