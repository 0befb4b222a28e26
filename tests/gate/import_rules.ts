/**
 * Judges what a file imports against the layers. Pure.
 *
 * Every form counts: `import`, `import type`, `export … from`, `import()`, a type's `import("…")`, `require`, and
 * `new URL("./x.ts", import.meta.url)`, which is how a file becomes a thread.
 *
 * @module
 */
import { type Layer, layerOf } from "./layers.ts";
import { nodeIn, nodesIn, type Site, type SourceFile, type SyntaxNode, visitSites, wordOf } from "./source_file.ts";
import type { Violation } from "./violation.ts";

interface Import {
  readonly specifier: string;
  readonly line: number;
  readonly isReExport: boolean;
}

/** @param entries The files in deno.json's exports, as paths from the root: all that an example may know. */
export function checkImports(file: SourceFile, entries: readonly string[]): readonly Violation[] {
  const layer = layerOf(file.path);
  if (layer === undefined) {
    return [{ path: file.path, line: 1, message: "belongs to no layer: declare its folder in tests/gate/layers.ts" }];
  }
  return importsOf(file).flatMap((one) => {
    const message = whyForbidden(file.path, layer, one, entries);
    return message === undefined ? [] : [{ path: file.path, line: one.line, message }];
  });
}

function whyForbidden(path: string, layer: Layer, one: Import, entries: readonly string[]): string | undefined {
  const { specifier } = one;
  if (specifier.startsWith("node:")) {
    return layer.mayUseNode
      ? undefined
      : `${layer.name} imports ${specifier}: it is pure, so it reaches nothing outside`;
  }
  if (/^(npm|jsr|https?|data):/.test(specifier)) {
    return `imports ${specifier}: a package and its version are named once, in deno.json`;
  }
  if (/^\.{0,2}\//.test(specifier)) return whyFileForbidden(path, layer, one, entries);
  if (layer.packages === "any" || layer.packages.includes(packageOf(specifier))) return undefined;
  return `${layer.name} imports the package ${packageOf(specifier)}: not one that tests/gate/layers.ts lists for it`;
}

function whyFileForbidden(
  path: string,
  layer: Layer,
  one: Import,
  entries: readonly string[],
): string | undefined {
  const target = resolve(path, one.specifier);
  const targetLayer = target.split("/")[0] ?? target;
  if (targetLayer === layer.name || layer.imports.includes("any")) return undefined;
  const allowed = layer.imports.flatMap((name) => name === "entries" ? entries : [name]);
  if (allowed.includes(targetLayer) || allowed.includes(target)) return undefined;
  if (one.isReExport && layer.reExports.includes(targetLayer)) return undefined;
  const may = allowed.length === 0 ? "nothing but itself" : `itself and ${allowed.join(", ")}`;
  const how = one.isReExport ? "re-exports" : "imports";
  return `${layer.name} ${how} ${target}: ${layer.name} may import ${may}`;
}

function importsOf(file: SourceFile): readonly Import[] {
  const found: Import[] = [];
  visitSites(file, (site) => {
    const specifier = wordOf(specifierAt(site));
    if (specifier === undefined) return;
    found.push({ specifier, line: site.line, isReExport: site.node.type.startsWith("Export") });
  });
  return found;
}

function specifierAt({ node, isGlobal }: Site): SyntaxNode | undefined {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportNamedDeclaration":
    case "ExportAllDeclaration":
    case "ImportExpression":
    case "TSImportType":
      return nodeIn(node, "source");
    case "TSExternalModuleReference":
      return nodeIn(node, "expression");
    case "CallExpression":
      return wordOf(nodeIn(node, "callee")) === "require" ? nodesIn(node, "arguments")[0] : undefined;
    case "NewExpression":
      return isGlobal("URL") && isUrlOfThisFile(node) ? nodesIn(node, "arguments")[0] : undefined;
    default:
      return undefined;
  }
}

/** `new URL("./worker.ts", import.meta.url)` names a file of ours as surely as an import does. */
function isUrlOfThisFile(node: SyntaxNode): boolean {
  const base = nodesIn(node, "arguments")[1];
  return wordOf(nodeIn(node, "callee")) === "URL" && nodeIn(base, "object")?.type === "MetaProperty";
}

/** `@scope/name` of `@scope/name/part`, `name` of `name/part`. */
function packageOf(specifier: string): string {
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

/** The path from the root that a relative specifier means; above the root it keeps its `..`. */
function resolve(path: string, specifier: string): string {
  const parts = specifier.startsWith("/") ? [] : path.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}
