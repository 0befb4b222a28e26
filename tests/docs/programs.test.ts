/**
 * The programs that the documents show are programs: the same lines stand in a file, and the file prints what the
 * document says it prints.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { commandFor } from "../../mod.ts";
import { type Block, blocksOf, page, ROOT } from "./markdown.ts";

/** Document → the files its programs come from, in order. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  "README.md": ["examples/hello.ts"],
  "docs/deadlocks.md": ["ask_cycle", "crossing_asks", "reentrant", "saga"].map((name) =>
    `tests/docs/programs/${name}.ts`
  ),
};

for (const [path, files] of Object.entries(PROGRAMS)) {
  describe(path, () => {
    const blocks = blocksOf(page(path));
    const programs = blocks.filter(isProgram);

    it("shows the programs it is known to show", () => assert.equal(programs.length, files.length));

    for (const [index, file] of files.entries()) {
      it(`shows ${file} as it is`, () => assert.equal(programs[index]?.text, shownFormOf(file)));

      it(`says what ${file} prints`, { timeout: 60_000 }, async () => {
        const said = blocks[blocks.findIndex((block) => block === programs[index]) + 1];
        assert.equal(await outputOf(file), said?.text);
      });
    }
  });
}

/** Whole programs import what they use; other blocks are parts of one. */
function isProgram({ info, text }: Block): boolean {
  return info === "ts" && text.startsWith("import ");
}

/** The file without its header, as if it stood in a folder of the root. */
function shownFormOf(file: string): string {
  const source = readFileSync(join(ROOT, file), "utf8").replace(/"(?:\.\.\/)+mod\.ts"/, '"../mod.ts"');
  return source.slice(source.indexOf("*/") + 2).trim();
}

function outputOf(file: string): Promise<string> {
  const { command, args } = commandFor(new URL(file, `file://${ROOT}`), []);
  return new Promise((resolve, reject) => {
    execFile(command, [...args], (error, output) => error === null ? resolve(output.trimEnd()) : reject(error));
  });
}
