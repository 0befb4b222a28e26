/**
 * docs/errors.md says what the code says.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { FATE_OF_CODE } from "../../core/failure.ts";
import { page } from "./markdown.ts";

describe("docs/errors.md", () => {
  it("has the codes of FATE_OF_CODE, each with its fate, in the same order", () => {
    const rows = page("docs/errors.md").text.matchAll(/^\| `([a-z-]+)` +\| `([a-z-]+)` +\|/gm);
    assert.deepEqual(Array.from(rows, ([, code, fate]) => [code, fate]), Object.entries(FATE_OF_CODE));
  });
});
