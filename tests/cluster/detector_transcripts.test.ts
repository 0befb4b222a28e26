/**
 * Every transcript in `transcripts/` says what one detector does. `UPDATE_TRANSCRIPTS=1` writes them anew: read the
 * difference.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { replayDetector } from "./detector_stage.ts";

const folder = new URL("./transcripts/", import.meta.url);

describe("transcripts of a detector", () => {
  for (const name of readdirSync(folder).filter((file) => /^detector.*\.txt$/.test(file)).sort()) {
    it(`${name} is what happens`, () => {
      const file = new URL(name, folder);
      const text = readFileSync(file, "utf8");
      const happened = replayDetector(text);
      if (process.env.UPDATE_TRANSCRIPTS === "1") writeFileSync(file, happened);
      else assert.equal(happened, text);
    });
  }
});
