/**
 * What the tests of the documents need to know of Markdown: its files, its code blocks, its links and its headings.
 * Reads files; understands what our documents use of Markdown and no more.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

/** One document. */
export interface Page {
  /** From the root, `docs/errors.md`. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block: what stands behind its fence, and what stands in it. */
export interface Block {
  readonly info: string;
  readonly text: string;
}

/** The document at `path`, from the root. */
export function page(path: string): Page {
  return { path, text: readFileSync(join(ROOT, path), "utf8") };
}

/** Every document of the project. */
export function pages(): readonly Page[] {
  return ["", "docs", "docs/decisions", "bench"].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).filter((name) => name.endsWith(".md")).sort()
      .map((name) => page(folder === "" ? name : `${folder}/${name}`))
  );
}

/** The fenced blocks of a document, in order. */
export function blocksOf({ text }: Page): readonly Block[] {
  const found = text.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm);
  return Array.from(found, ([, info = "", block = ""]) => ({ info: info.trim(), text: block.trimEnd() }));
}

/** A document without its fenced blocks. */
export function proseOf({ text }: Page): string {
  return text.replace(/^```[^\n]*\n[\s\S]*?^```$/gm, "");
}

/** Where the links of a document lead, the ones to other sites left out. */
export function linksOf(document: Page): readonly string[] {
  const targets = Array.from(proseOf(document).matchAll(/\]\(([^)\s]+)\)/g), ([, target = ""]) => target);
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

/** Why a link of `document` leads nowhere; `undefined` when it does not. */
export function whyBroken(document: Page, link: string): string | undefined {
  const [file = "", anchor] = link.split("#");
  const path = file === "" ? document.path : join(dirname(document.path), file);
  if (!existsSync(join(ROOT, path))) return `${document.path}: ${link}: there is no ${path}`;
  if (anchor === undefined || anchorsOf(page(path)).has(anchor)) return undefined;
  return `${document.path}: ${link}: ${path} has no heading of that name`;
}

/** A heading's anchor: its text in lower case, words joined by hyphens, everything else gone. */
function anchorsOf(document: Page): ReadonlySet<string> {
  const headings = proseOf(document).matchAll(/^#+ (.+)$/gm);
  return new Set(
    Array.from(
      headings,
      ([, heading = ""]) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-"),
    ),
  );
}

/** The files and folders of ours that a text names in code, without what stands under a heading marked as planned. */
export function filesNamedIn({ text }: Page): readonly string[] {
  const kept = text.split(/^(?=## )/m).filter((section) => !/^## .*\(planned\)$/m.test(section)).join("");
  const folders = "core|workers|stores|system|cluster|remoting|engines|discovery|testkit|tests|bench|examples|docs";
  const named = kept.matchAll(new RegExp(`(?<![\\w/.-])(?:${folders})/[\\w./*-]*\\w+\\.(?:ts|md)(?!\\w)`, "g"));
  return [...new Set(Array.from(named, ([path]) => path))].filter((path) => !path.includes("*"));
}
