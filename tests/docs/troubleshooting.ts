/**
 * What docs/TROUBLESHOOTING.md and docs/FROM_GOAKT.md name in code, by its form, and the tests they point to. Reads files.
 *
 * @module
 */
import { type Page, page, proseOf } from "./markdown.ts";

/** A test a document points to, with what it says that test claims. */
export interface Witness {
  /** From the root, `tests/cluster/lease.test.ts`. */
  readonly path: string;
  readonly claims: readonly string[];
}

/** What stands in code in a document's prose, each once. */
export function namedIn(document: Page): readonly string[] {
  return [...new Set(Array.from(proseOf(document).matchAll(/`([^`\n]+)`/g), ([, code = ""]) => code))];
}

/** Those of `owner.name` that a document names: `listen.port`, `system.stop({ timeoutMs })`. */
export function namesOf(document: Page, owner: string): readonly string[] {
  const pattern = new RegExp(`(?<![\\w./-])${owner}\\.([a-zA-Z]+)`, "g");
  const found = namedIn(document).flatMap((code) => Array.from(code.matchAll(pattern), ([, name = ""]) => name));
  return [...new Set(found)];
}

/** The links to tests, each with the claims in quotation marks that follow it. */
export function witnessesOf({ text }: Page): readonly Witness[] {
  const found = text.matchAll(/\]\(\.\.\/(tests\/[\w/.]+\.ts)\)((?:,? "[^"|]+")*)/g);
  return Array.from(found, ([, path = "", claims = ""]) => ({
    path,
    claims: Array.from(claims.matchAll(/"([^"]+)"/g), ([, claim = ""]) => claim),
  }));
}

/** The last cell of each row of the tables whose last column is called `column`. */
export function lastCells({ text }: Page, column: string): readonly string[] {
  const cells: string[] = [];
  let isWanted = false;
  for (const line of text.split("\n")) {
    if (!line.startsWith("|")) isWanted = false;
    const last = line.split(/(?<!\\)\|/).at(-2)?.trim() ?? "";
    if (last === column) isWanted = true;
    else if (isWanted && !/^-+$/.test(last)) cells.push(last);
  }
  return cells;
}

/** The texts of the list that `begin` opens in a source file: the keys an option checker knows. */
export function listIn(path: string, begin: string): readonly string[] {
  const { text } = page(path);
  const at = text.indexOf(begin);
  const list = at < 0 ? "" : text.slice(at + begin.length, text.indexOf("]", at + begin.length));
  return Array.from(list.matchAll(/"(\w+)"/g), ([, name = ""]) => name);
}

/** The text of every file that mod.ts exports from: what a user can see. */
export function publicText(): string {
  const paths = Array.from(page("mod.ts").text.matchAll(/from "\.\/([\w/]+\.ts)"/g), ([, path = ""]) => path);
  return ["mod.ts", "discovery/nats.ts", "discovery/nats_options.ts", "testkit/simulate.ts", ...new Set(paths)]
    .map((path) => page(path).text).join("\n");
}
