/**
 * Every transcript beside this file says what happens. `UPDATE_TRANSCRIPTS=1` writes them anew: read the difference.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { replay } from "../rig/transcript.ts";

const folder = new URL(".", import.meta.url);

describe("transcripts", () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".txt")).sort()) {
    it(`${name} is what happens`, async () => {
      const file = new URL(name, folder);
      const text = readFileSync(file, "utf8");
      const happened = await replay(text);
      if (process.env.UPDATE_TRANSCRIPTS === "1") writeFileSync(file, happened);
      else assert.equal(happened, text);
    });
  }
});
