/**
 * docs/LINKS.md lists every code with its number, and the limits that the code has.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LINK_LIMITS } from "../../remoting/link_limits.ts";
import { CLOSE_CODES, UPGRADE_STATUS } from "../../remoting/link_refusal.ts";
import { page } from "./markdown.ts";

const { text } = page("docs/LINKS.md");

describe("docs/LINKS.md", () => {
  it("names every code, with the number it has on the wire, and no other", () => {
    const listed = new Map<string, number>();
    const rows = text.slice(text.indexOf("## Why a link")).split("\n").filter((line) => line.startsWith("| `"));
    for (const row of rows) {
      const [, names = "", numbers = ""] = row.split("|");
      const codes = [...names.matchAll(/`([a-z-]+)`/g)].map(([, code = ""]) => code);
      const values = numbers.split(",").map((value) => Number(value.trim()));
      codes.forEach((code, index) => code !== "unreachable" && listed.set(code, values[index] ?? NaN));
    }
    const known = { ...CLOSE_CODES, ...UPGRADE_STATUS };
    assert.deepEqual(Object.fromEntries([...listed].sort()), Object.fromEntries(Object.entries(known).sort()));
  });

  it("states the limits of the code", () => {
    const { controlQueueBytesMax, dataQueueBytesMax, windowBytes, framesPerSecondMax, silenceMs } = LINK_LIMITS;
    assert.deepEqual(
      [controlQueueBytesMax, dataQueueBytesMax, windowBytes, framesPerSecondMax, silenceMs],
      [16 << 20, 16 << 20, 8 << 20, 20_000, 15_000],
    );
    for (const words of ["4, 64 MiB", "16 MiB", "8 MiB", "20,000 a s", "15 s"]) assert.ok(text.includes(words), words);
  });
});
