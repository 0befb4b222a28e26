import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { publicEntries } from "./public_entries.ts";

function entriesOf(exports: unknown): readonly string[] {
  const root = mkdtempSync(join(tmpdir(), "troupe-entries-"));
  try {
    writeFileSync(join(root, "deno.json"), JSON.stringify({ exports }));
    return publicEntries(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

describe("publicEntries()", () => {
  it("gives the files of deno.json's exports as paths from the root", () => {
    assert.deepEqual(entriesOf({ ".": "./mod.ts", "./testkit": "./testkit/mod.ts" }), ["mod.ts", "testkit/mod.ts"]);
    assert.deepEqual(entriesOf("./mod.ts"), ["mod.ts"]);
    assert.deepEqual(entriesOf(undefined), []);
  });
});
