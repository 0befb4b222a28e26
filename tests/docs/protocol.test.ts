/**
 * docs/PROTOCOL.md explains the rules of the code, each once, and its messages.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { RULES } from "../../cluster/rules.ts";
import { page } from "./markdown.ts";

const { text } = page("docs/PROTOCOL.md");

describe("docs/PROTOCOL.md", () => {
  it("says of every rule what goes wrong without it, and of no other", () => {
    const explained = tables("Rule", "Without it").flatMap((cells) => names(cells[0] ?? ""));
    assert.deepEqual(explained.toSorted(), Object.keys(RULES).sort());
  });

  it("lists every message between nodes, in the words of the code", () => {
    const listed = tables("Message").flatMap((cells) => names(cells[0] ?? "")).sort();
    const files = ["view_protocol", "partition_protocol", "router_protocol", "directory_protocol"];
    const declared = files.flatMap((name) => messagesOf(page(`cluster/${name}.ts`).text)).sort();
    assert.deepEqual([...new Set(listed)], [...new Set(declared)]);
  });
});

/** The rows of all tables with these columns first. */
function tables(...columns: readonly string[]): readonly (readonly string[])[] {
  const rows: (readonly string[])[] = [];
  let isWanted = false;
  for (const line of text.split("\n")) {
    const cells = line.startsWith("|") ? line.slice(1).split(/(?<!\\)\|/).map((cell) => cell.trim()) : undefined;
    if (cells === undefined) isWanted = false;
    else if (columns.every((column, index) => cells[index] === column)) isWanted = true;
    else if (isWanted && !/^-/.test(cells[0] ?? "")) rows.push(cells);
  }
  return rows;
}

function names(cell: string): readonly string[] {
  return Array.from(cell.matchAll(/`([a-zA-Z]+)`/g), ([, name = ""]) => name);
}

/** Kinds of the messages that a file declares, by the unions whose names end in `Message`. */
function messagesOf(source: string): readonly string[] {
  const unions = source.matchAll(
    /^export (?:type|interface) \w*(?:Message|Frame)\b[\s\S]*?(?:;\n\n|\n}\n|;\n(?![\s\S]))/gm,
  );
  return Array.from(unions, ([union]) => union).flatMap((union) => {
    return Array.from(union.matchAll(/readonly kind: "(\w+)"/g), ([, name = ""]) => name);
  });
}
