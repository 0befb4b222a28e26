/**
 * What README.md says of a folder of one's own: with the file it shows, a program there finds every entry of the package.
 * Works without a network where the packages of this checkout were fetched.
 *
 * @module
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { blocksOf, page, ROOT } from "../docs/markdown.ts";

const IS_DENO = process.versions.deno !== undefined;
const FILES = ["deno.json", "tsconfig.json"];

describe("a folder beside a checkout", () => {
  it("runs the first program of README.md, and imports every entry", { timeout: 60_000 }, () => {
    const outside = mkdtempSync(join(tmpdir(), "troupe-own-folder-"));
    try {
      const folder = join(outside, "mine");
      mkdirSync(folder);
      symlinkSync(ROOT, join(outside, "troupe"));
      for (const name of FILES) writeFileSync(join(folder, name), shown(name));
      if (IS_DENO) writeFileSync(join(folder, "deno.lock"), lockOfLink());
      writeFileSync(join(folder, "main.ts"), program());
      const args = IS_DENO ? ["run", "-A", "--cached-only", "main.ts"] : ["run", "main.ts"];
      const printed = execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
      assert.equal(printed, "function function\ntroupe://hello/counter:visits counted 5\n");
    } finally {
      rmSync(outside, { recursive: true });
    }
  });
});

/** The file as README.md shows it. */
function shown(name: string): string {
  const block = blocksOf(page("README.md")).find(({ info }) => info === `json ${name}`);
  assert.ok(block !== undefined, `README.md shows ${name}`);
  return block.text;
}

/** The program that README.md shows first, beside the other entries. */
function program(): string {
  const hello = blocksOf(page("README.md")).find(({ text }) => text.startsWith("import "))?.text ?? "";
  return [
    `import { simulate } from "@troupe/troupe/testkit";`,
    `import { natsDiscovery } from "@troupe/troupe/nats";`,
    `import { isMainThread } from "node:worker_threads";`,
    `if (isMainThread) console.log(typeof simulate, typeof natsDiscovery);`,
    hello.replace(`"../mod.ts"`, `"@troupe/troupe"`),
  ].join("\n");
}

/** What Deno would write after it has asked the registry: our lock, with our packages as those of a link. */
function lockOfLink(): string {
  const { name, version } = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8"));
  const { workspace, ...lock } = JSON.parse(readFileSync(join(ROOT, "deno.lock"), "utf8"));
  return JSON.stringify({ ...lock, workspace: { links: { [`jsr:${name}@${version}`]: workspace } } });
}
