/**
 * docs/SPLIT_BRAIN.md says what the voters decide. `UPDATE_DOCS=1` writes it anew.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { page, ROOT } from "./markdown.ts";
import { SPLIT_BRAIN_PAGE, splitBrainPage } from "./split_brain.ts";

describe("docs/SPLIT_BRAIN.md", () => {
  it("is what the rules give; UPDATE_DOCS=1 writes it", () => {
    const text = splitBrainPage();
    if (process.env.UPDATE_DOCS === "1") writeFileSync(join(ROOT, SPLIT_BRAIN_PAGE), text);
    assert.equal(page(SPLIT_BRAIN_PAGE).text, text);
  });
});
