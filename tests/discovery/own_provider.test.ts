import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openDiscovery } from "../../discovery/open_discovery.ts";
import { discoveryContract, SELVES } from "../contract/discovery.ts";
import { blocksOf, page, ROOT } from "../docs/markdown.ts";
import { quietLog } from "../fixtures/quiet_log.ts";
import { failureOf } from "./awaiting.ts";
import { fileDiscovery } from "./own_provider.ts";

discoveryContract("a provider of a user's own", () => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-discovery-"));
  const path = join(folder, "nodes.txt");
  writeFileSync(path, `${SELVES.toReversed().join("\n")}\n\nno address\n${SELVES[0]}\n`);
  return {
    provider: () => fileDiscovery(path),
    finds: SELVES,
    dispose: () => rmSync(folder, { recursive: true }),
  };
});

describe("docs/DISCOVERY.md", () => {
  it("shows tests/discovery/own_provider.ts as it is", () => {
    const source = readFileSync(join(ROOT, "tests/discovery/own_provider.ts"), "utf8").replaceAll('"../../', '"../');
    const shown = blocksOf(page("docs/DISCOVERY.md")).map(({ text }) => text);
    assert.ok(shown.includes(source.slice(source.indexOf("*/") + 2).trim()));
  });

  it("says what becomes of an error in it", async () => {
    const context = { system: "bank", self: SELVES[0] ?? "", log: quietLog, wait: { timeoutMs: 20_000 } };
    const discovery = await openDiscovery(fileDiscovery(join(tmpdir(), "troupe-gone", "nodes.txt")), context);
    const { message } = await failureOf(discovery.find({ timeoutMs: 20_000 }));
    assert.match(message, /^Cannot find nodes by file: .*ENOENT|no such file/i);
  });
});
