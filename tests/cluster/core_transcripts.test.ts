/**
 * The transcripts of whole cores in `transcripts/` say what happens. `UPDATE_TRANSCRIPTS=1` writes them anew: read the
 * difference.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { replayCore } from "./core_stage.ts";

const folder = new URL("./transcripts/", import.meta.url);

describe("transcripts of whole cores", () => {
  for (const name of ["bootstrap_three", "claim_and_crash", "partition_move", "view_removal"]) {
    it(`${name}.txt is what happens`, () => {
      const file = new URL(`${name}.txt`, folder);
      const text = readFileSync(file, "utf8");
      const happened = replayCore(text);
      if (process.env.UPDATE_TRANSCRIPTS === "1") writeFileSync(file, happened);
      else assert.equal(happened, text);
    });
  }
});
