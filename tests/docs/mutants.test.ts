/**
 * docs/MUTANTS.md says what the recorded plans say. `UPDATE_DOCS=1` writes it anew; then `deno fmt` has to.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ROOT } from "./markdown.ts";
import { mutantsPage } from "./mutants.ts";

const PATH = join(ROOT, "docs/MUTANTS.md");

describe("docs/MUTANTS.md", () => {
  it("is made from the recorded plans", () => {
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(PATH, mutantsPage());
    assert.equal(bare(readFileSync(PATH, "utf8")), bare(mutantsPage()));
  });
});

/** Without what a formatter may change: the widths of columns, and empty lines. */
function bare(text: string): string {
  return text.split("\n").map((line) => line.replaceAll(/ +/g, " ").replaceAll(/-{3,}:?/g, "---").trim()).filter((
    line,
  ) => line !== "").join("\n");
}
