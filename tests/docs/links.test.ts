/**
 * The documents lead somewhere: their links, and the files they name in passing.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { filesNamedIn, linksOf, type Page, pages, ROOT, whyBroken } from "./markdown.ts";

describe("the documents", () => {
  it("link to files and headings that exist", () => {
    const broken = pages().flatMap((page) => linksOf(page).map((link) => whyBroken(page, link)));
    assert.deepEqual(broken.filter((why) => why !== undefined), []);
  });

  it("name files that exist, unless they or their layer are planned", () => {
    const missing = pages().flatMap((page) =>
      filesNamedIn(page).filter((path) => !existsSync(join(ROOT, path)) && !isOfPlannedLayer(path))
        .map((path) => `${page.path}: ${path}`)
    );
    assert.deepEqual(missing, []);
  });
});

describe("what is looked for", () => {
  const page = (text: string): Page => ({ path: "docs/errors.md", text });

  it("whyBroken() finds a missing file and a missing heading", () => {
    assert.match(whyBroken(page(""), "gone.md") ?? "", /there is no docs\/gone\.md/);
    assert.match(whyBroken(page(""), "ROADMAP.md#gone") ?? "", /has no heading/);
    assert.equal(whyBroken(page(""), "ROADMAP.md#known-gaps"), undefined);
    assert.equal(whyBroken(page(""), "../tests/"), undefined);
  });

  it("linksOf() leaves out other sites and what stands in code", () => {
    const text = "[a](b.md) [c](https://example.org)\n\n```md\n[d](e.md)\n```\n";
    assert.deepEqual(linksOf(page(text)), ["b.md"]);
  });

  it("filesNamedIn() finds them in prose and code, and leaves planned sections out", () => {
    const text =
      "see `core/cell.ts`, tests/core/*.test.ts\n\n## Later (planned)\n\n`cluster/view.ts`\n\n## Now\n\ncore/ref.ts\n";
    assert.deepEqual(filesNamedIn(page(text)), ["core/cell.ts", "core/ref.ts"]);
  });
});

/** Rules may name files of a layer that nobody has begun. */
function isOfPlannedLayer(path: string): boolean {
  const folder = join(ROOT, path.split("/")[0] ?? path);
  return !existsSync(folder) || !readdirSync(folder).some((name) => name.endsWith(".ts"));
}
