/**
 * The few rules of style that a program can judge. Pure.
 *
 * Everywhere: file names, no work left behind in a comment. In the product also: a header on every file, and no hole in
 * the types (`any`, a cast through a cast, `!`, a suppressed error).
 *
 * @module
 */
import { layerOf } from "./layers.ts";
import { nodeIn, type Site, type SourceComment, type SourceFile, visitSites } from "./source_file.ts";
import type { Violation } from "./violation.ts";

export function checkStyle(file: SourceFile): readonly Violation[] {
  const isProduct = layerOf(file.path)?.isProduct === true;
  return [
    ...checkName(file),
    ...file.comments.flatMap((comment) => checkComment(file, comment, isProduct)),
    ...(isProduct ? [...checkHeader(file), ...checkTypes(file)] : []),
  ];
}

function checkName({ path }: SourceFile): readonly Violation[] {
  const name = path.split("/").at(-1) ?? path;
  if (!/^[a-z][a-z0-9_]*(\.test)?\.ts$/.test(name)) return [{ path, line: 1, message: "is not named in snake_case" }];
  if (!/^(utils?|helpers?|common|misc)\.ts$/.test(name)) return [];
  return [{ path, line: 1, message: `is named ${name}: name the one subject it is about` }];
}

function checkComment({ path }: SourceFile, comment: SourceComment, isProduct: boolean): readonly Violation[] {
  const left = /\b(TODO|FIXME|XXX|HACK)\b/.exec(comment.text);
  if (left !== null) {
    return [{ path, line: lineWithin(comment, left.index), message: `leaves a ${left[0]}: do it or file it` }];
  }
  const hole = /@ts-(ignore|expect-error|nocheck)\b/.exec(comment.text);
  if (hole === null || !isProduct) return [];
  return [{ path, line: comment.line, message: `${hole[0]} hides a type error: mend the type` }];
}

function lineWithin(comment: SourceComment, index: number): number {
  return comment.line + comment.text.slice(0, index).split("\n").length - 1;
}

/** The first thing in a file is what it is, and it says so to the documentation tool with `@module`. */
function checkHeader({ path, comments }: SourceFile): readonly Violation[] {
  const header = comments.find((comment) => comment.isBlock && /^\*[\s\S]*@module\b/.test(comment.text));
  return header === undefined ? [{ path, line: 1, message: "has no header: /** what it is … @module */" }] : [];
}

function checkTypes(file: SourceFile): readonly Violation[] {
  const found: Violation[] = [];
  visitSites(file, (site) => {
    const message = whyHole(site);
    if (message !== undefined) found.push({ path: file.path, line: site.line, message });
  });
  return found;
}

function whyHole({ node }: Site): string | undefined {
  if (node.type === "TSAnyKeyword") return "uses any: what is not known yet is `unknown`, until a decoder has looked";
  if (node.type === "TSNonNullExpression") return "uses !: look, then throw or assert with a reason";
  if (node.definite === true) return "uses ! on a declaration: give it a value, or a type that admits it has none";
  if (!isCast(node.type) || !isCast(nodeIn(node, "expression")?.type)) return undefined;
  const inner = nodeIn(nodeIn(node, "expression"), "typeAnnotation");
  return inner?.type === "TSTypeReference" && isConst(nodeIn(inner, "typeName"))
    ? undefined
    : "casts a cast: decode instead";
}

function isCast(type: string | undefined): boolean {
  return type === "TSAsExpression" || type === "TSTypeAssertion";
}

/** `as const` checks; it does not silence. */
function isConst(name: ReturnType<typeof nodeIn>): boolean {
  return name?.name === "const";
}
