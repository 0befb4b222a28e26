/**
 * The documents speak the project's language, and of nothing that a reader of the repository cannot see.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { page, pages, proseOf } from "./markdown.ts";

/** Words that mean one of ours, or nothing. `docs/WORDS.md` says which is ours, so it may name the others. */
const OURS: readonly (readonly [RegExp, string])[] = [
  [/\bshard(s|ed|ing)?\b/i, "partition"],
  [/\bnetsplits?\b/i, "split"],
  [/\b(master|slave)s?\b/i, "owner, main thread"],
  [/\bPIDs?\b/, "ref, key"],
  [/\bfire[- ]and[- ]forget\b/i, "tell"],
  [/\bexactly[- ]once delivery\b/i, "at most once"],
  [/\bRPC\b/i, "ask"],
  [/\bthread[- ]safe\b/i, "say which thread"],
];

/** What only its writers could see. */
const UNSEEN: readonly RegExp[] = [
  /(?<![\w.])\/(work|tmp|home|root|opt|Users)\//,
  /\bissue #?\d/i,
  /#\d+\b(?!;)/,
  /\bthe brief\b/i,
  /\b(TODO|FIXME|TBD)\b/,
];

describe("the documents", () => {
  it("use the words of docs/WORDS.md", () => {
    const found = pages().filter(({ path }) => path !== "docs/WORDS.md").flatMap((each) =>
      OURS.flatMap(([word, ours]) => {
        const [used] = word.exec(withoutComparison(proseOf(each))) ?? [];
        return used === undefined ? [] : [`${each.path}: "${used}": we say ${ours}`];
      })
    );
    assert.deepEqual(found, []);
  });

  it("name nothing that a reader of the repository cannot see", () => {
    const found = pages().flatMap((each) =>
      UNSEEN.flatMap((pattern) => {
        const [named] = pattern.exec(each.text) ?? [];
        return named === undefined ? [] : [`${each.path}: ${named}`];
      })
    );
    assert.deepEqual(found, []);
  });

  it("define no word twice", () => {
    const words = Array.from(page("docs/WORDS.md").text.matchAll(/^\| (\*\*[^|]+)\|/gm), ([, cell = ""]) => cell)
      .flatMap((cell) => Array.from(cell.matchAll(/\*\*([^*]+)\*\*/g), ([, word = ""]) => word));
    assert.deepEqual(words.filter((word, index) => words.indexOf(word) !== index), []);
    assert.ok(words.length > 50, "the tables were found");
  });
});

/** Other systems are described in their own words. */
function withoutComparison(text: string): string {
  return text.replace(/^## How it compares$[\s\S]*?(?=^## )/m, "");
}
