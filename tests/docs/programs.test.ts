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
  "README.md": ["examples/hello.ts", "examples/simulation/money.ts", "examples/simulation/bank.test.ts"],
  "docs/SIMULATION.md": ["tests/docs/programs/simulation.ts"],
  "docs/deadlocks.md": ["ask_cycle", "crossing_asks", "reentrant", "saga"].map((name) =>
    `tests/docs/programs/${name}.ts`
  ),
};

/** Nothing is printed by them: a test, and what it imports. tests/examples runs them. */
const SILENT: readonly string[] = ["examples/simulation/money.ts", "examples/simulation/bank.test.ts"];

for (const [path, files] of Object.entries(PROGRAMS)) {
  describe(path, () => {
    const blocks = blocksOf(page(path));
    const programs = blocks.filter(isProgram);

    it("shows the programs it is known to show", () => assert.equal(programs.length, files.length));

    for (const [index, file] of files.entries()) {
      it(`shows ${file} as it is`, () => assert.equal(programs[index]?.text, shownFormOf(file)));

      if (SILENT.includes(file)) continue;
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

describe("the plan in README.md", () => {
  it("is a failure of the broken bank, in the form and as small as it fails today", { timeout: 60_000 }, async () => {
    // Another plan may be found once a protocol takes other times: then this is still what one sees.
    const said = blocksOf(page("README.md")).find(({ text }) => text.startsWith("Property failed"))?.text ?? "";
    const printed = await outputOf("examples/simulation/broken_bank.ts");
    assert.equal(formOf(printed), formOf(said));
    assert.ok(printed.split('"kind"').length <= 3, printed);
  });
});

/** A failure without its numbers, and with one order and one fault for any number of them. */
function formOf(text: string): string {
  return text.replace(/path: "[\d:]*"/, "path").replace(/(\{[^{}]*\},?)+\]/g, "{}]").replace(/\d+/g, "0");
}

/** The file without its header, as if it stood in a folder of the root. */
function shownFormOf(file: string): string {
  const source = readFileSync(join(ROOT, file), "utf8").replaceAll('"../../../', '"../');
  return source.slice(source.indexOf("*/") + 2).trim();
}

function outputOf(file: string): Promise<string> {
  const { command, args } = commandFor(new URL(file, `file://${ROOT}`), []);
  return new Promise((resolve, reject) => {
    execFile(command, [...args], (error, output) => error === null ? resolve(output.trimEnd()) : reject(error));
  });
}
