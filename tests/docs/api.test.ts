/**
 * docs/API.md lists the API: every name that an entry exports, what a system, a ref and a context have, and the options
 * of a kind; and none that isn't there.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { ActorRef, ActorSystem } from "../../mod.ts";
import { publicEntries } from "../gate/public_entries.ts";
import { page, ROOT } from "./markdown.ts";
import { listIn, namedIn, namesOf } from "./troubleshooting.ts";

const API = page("docs/API.md");
const KIND_KEYS = "const KEYS: readonly (keyof KindSpec<unknown, Handlers<unknown>, unknown>)[] = [";

/** Owner → what it has. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  system: membersOf(ActorSystem.prototype),
  ref: membersOf(ActorRef.prototype),
  ctx: contextMembers(),
  kind: listIn("core/kind.ts", KIND_KEYS),
};

describe("docs/API.md", () => {
  for (const entry of publicEntries(ROOT)) {
    it(`names all that ${entry} exports`, () => {
      const exported = exportsOf(page(entry).text);
      assert.ok(exported.length >= 7, `exports of ${entry} were found: ${exported.join(", ")}`);
      const named = new Set(namedIn(API));
      assert.deepEqual(exported.filter((name) => !named.has(name)), []);
    });
  }

  it("names in its tables no type or function that no entry exports", () => {
    const exported = new Set(publicEntries(ROOT).flatMap((entry) => exportsOf(page(entry).text)));
    const types = namedIn(API).filter((name) => /^[A-Z][A-Za-z]+$/.test(name));
    assert.deepEqual(types.filter((name) => !exported.has(name)), []);
  });

  for (const [owner, members] of Object.entries(MEMBERS)) {
    it(`names all that ${owner} has, and nothing else of it`, () => {
      assert.ok(members.length > 10, `members of ${owner} were found`);
      assert.deepEqual([...namesOf(API, owner)].sort(), [...members].sort());
    });
  }
});

describe("what is looked for", () => {
  it("exportsOf() finds what is exported from elsewhere and what is declared", () => {
    const text = `export { a, type B } from "./a.ts";\nexport type {\n  C,\n  D,\n} from "./c.ts";
export function e(): void {}\nexport interface F {}\nexport type G = 1;\nexport const h = 1;\nexport class I {}\n`;
    assert.deepEqual(exportsOf(text), ["a", "B", "C", "D", "e", "F", "G", "h", "I"]);
  });
});

/** The names that a module exports, in its order. */
function exportsOf(text: string): readonly string[] {
  const pattern =
    /^export (?:(?:type )?\{([^}]*)\}|(?:async )?(?:function|interface|type|const|class|abstract class) (\w+))/gm;
  return Array.from(text.matchAll(pattern)).flatMap(([, list, name]) =>
    list === undefined ? [name ?? ""] : list.split(",").map((item) => item.trim().replace(/^type /, ""))
  ).filter((name) => name !== "");
}

function membersOf(prototype: object): readonly string[] {
  return Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor");
}

/** What the interface of a context declares: it is nothing at run time. */
function contextMembers(): readonly string[] {
  const [, body = ""] = /export interface Context<State> \{\n([\s\S]*?)\n\}/.exec(page("core/context.ts").text) ?? [];
  return [...new Set(Array.from(body.matchAll(/^ {2}(?:readonly )?(\w+)[(<:]/gm), ([, name = ""]) => name))];
}
