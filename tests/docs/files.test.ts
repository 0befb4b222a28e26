/**
 * The list of files in docs/ARCHITECTURE.md is the list of files.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { blocksOf, page, ROOT } from "./markdown.ts";

describe("docs/ARCHITECTURE.md", () => {
  for (const [folder, listed] of listedFiles()) {
    it(`lists every file of ${folder}/ once, and no other`, () => {
      const files = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith(".ts"));
      assert.deepEqual([...listed].sort(), files.map((name) => name.slice(0, -".ts".length)).sort());
    });
  }

  it("lists every layer that has files", () => {
    const layers = ["core", "workers", "stores", "system", "remoting", "cluster", "engines", "discovery", "testkit"];
    assert.deepEqual([...listedFiles().keys()].sort(), layers.filter(hasFiles).sort());
  });
});

/** Folder → the files its block names, of lines such as `  queues   bounded_buffer ring_queue`. */
function listedFiles(): ReadonlyMap<string, readonly string[]> {
  const tree = blocksOf(page("docs/ARCHITECTURE.md")).find(({ info }) => info === "text tree")?.text ?? "";
  const listed = new Map<string, string[]>();
  let files: string[] = [];
  for (const line of tree.split("\n")) {
    const folder = /^([a-z]+)\/$/.exec(line)?.[1];
    if (folder !== undefined) listed.set(folder, files = []);
    else files.push(...line.trim().split(/ {2,}/).slice(1).join(" ").split(" "));
  }
  return listed;
}

function hasFiles(folder: string): boolean {
  try {
    return readdirSync(join(ROOT, folder)).some((name) => name.endsWith(".ts"));
  } catch {
    return false;
  }
}
