/**
 * Reads one TypeScript file into a syntax tree, and walks it so that a rule sees every node with what it needs to judge:
 * its parent, whether it is only a type, and whether a name in it is the global one. Pure.
 *
 * One idea: rules look at syntax, never at text, so that a word in a comment, a string or a template is not a finding,
 * and a local variable called `self` is not the global.
 *
 * @module
 */
import { parse, type ParserPlugin } from "@babel/parser";

/** A node as the parser made it. Its fields are looked at before they are believed. */
export interface SyntaxNode {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface SourceComment {
  readonly text: string;
  readonly line: number;
  readonly isBlock: boolean;
}

export interface SourceFile {
  /** Path from the root of the repository, with `/`. */
  readonly path: string;
  readonly program: SyntaxNode;
  readonly comments: readonly SourceComment[];
}

/** One node where it stands. */
export interface Site {
  readonly node: SyntaxNode;
  readonly parent: SyntaxNode | undefined;
  /** The field of `parent` that holds the node. */
  readonly field: string;
  /** Inside a type: erased before it runs. */
  readonly isType: boolean;
  readonly line: number;
  /** Whether `name`, used here, means the global and not something this file declared. */
  isGlobal(name: string): boolean;
}

/** @throws {SyntaxError} with the line, when the text is not TypeScript. */
export function parseSource(path: string, text: string): SourceFile {
  const file = parse(text, { sourceType: "module", plugins: SYNTAX, attachComment: false });
  const program: unknown = file.program;
  if (!isNode(program)) throw new SyntaxError(`Cannot read ${path}: the parser gave no program`);
  const comments = (file.comments ?? []).map((comment) => ({
    text: comment.value,
    line: comment.loc?.start.line ?? 1,
    isBlock: comment.type === "CommentBlock",
  }));
  return { path, program, comments };
}

const SYNTAX: ParserPlugin[] = ["typescript", "decorators", "decoratorAutoAccessors"];

/** Calls `visit` for every node, parents first. */
export function visitSites(file: SourceFile, visit: (site: Site) => void): void {
  walk(file.program, { parent: undefined, field: "program", isType: false, scopes: [] }, visit);
}

/** The node in `field`, when there is one. */
export function nodeIn(node: SyntaxNode | undefined, field: string): SyntaxNode | undefined {
  const value = node?.[field];
  return isNode(value) ? value : undefined;
}

/** The nodes in `field`, which the grammar makes a list. */
export function nodesIn(node: SyntaxNode, field: string): readonly SyntaxNode[] {
  const value = node[field];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** The name of an identifier or the value of a string literal; `undefined` for anything else. */
export function wordOf(node: SyntaxNode | undefined): string | undefined {
  const word = node?.type === "Identifier" ? node.name : node?.type === "StringLiteral" ? node.value : undefined;
  return typeof word === "string" ? word : undefined;
}

/** What a member expression picks: `b` in `a.b`, `a?.b` and `a["b"]`; `undefined` when it is computed. */
export function memberOf(node: SyntaxNode | undefined): string | undefined {
  if (node?.type !== "MemberExpression" && node?.type !== "OptionalMemberExpression") return undefined;
  const property = nodeIn(node, "property");
  return node.computed === true && property?.type === "Identifier" ? undefined : wordOf(property);
}

export function lineOf(node: SyntaxNode): number {
  const loc = node.loc;
  if (typeof loc !== "object" || loc === null || !("start" in loc)) return 1;
  const start = loc.start;
  if (typeof start !== "object" || start === null || !("line" in start)) return 1;
  return typeof start.line === "number" ? start.line : 1;
}

/** Whether an identifier here is read or written as a variable, rather than naming a member, a key or a label. */
export function isVariable({ node, parent, field, isType }: Site): boolean {
  if (node.type !== "Identifier" || isType || parent === undefined) return false;
  if (field === "property") return parent.computed === true;
  if (field === "key") return parent.computed === true;
  return field !== "label" && field !== "meta" && field !== "exported" && parent.type !== "PrivateName";
}

interface Place {
  readonly parent: SyntaxNode | undefined;
  readonly field: string;
  readonly isType: boolean;
  readonly scopes: readonly ReadonlySet<string>[];
}

function walk(node: SyntaxNode, place: Place, visit: (site: Site) => void): void {
  const names = namesDeclaredBy(node);
  const scopes = names.length === 0 ? place.scopes : [...place.scopes, new Set(names)];
  const isType = place.isType || isTypeOnly(node);
  const isGlobal = (name: string): boolean => !scopes.some((scope) => scope.has(name));
  visit({ node, parent: place.parent, field: place.field, isType, line: lineOf(node), isGlobal });
  for (const [field, value] of Object.entries(node)) {
    if (NO_CHILDREN.has(field) || isNamesOfAnotherFile(node, field)) continue;
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) walk(child, { parent: node, field, isType, scopes }, visit);
    }
  }
}

const NO_CHILDREN: ReadonlySet<string> = new Set(["loc", "extra", "comments", "errors", "tokens"]);

/** `import { fetch as load } from` and `export { fetch } from` name things of the other file. */
function isNamesOfAnotherFile(node: SyntaxNode, field: string): boolean {
  return field === "specifiers" && (node.type === "ImportDeclaration" || nodeIn(node, "source") !== undefined);
}

/** The TypeScript nodes that hold expressions which do run. */
const RUNNING: ReadonlySet<string> = new Set([
  "TSAsExpression",
  "TSSatisfiesExpression",
  "TSNonNullExpression",
  "TSTypeAssertion",
  "TSInstantiationExpression",
  "TSParameterProperty",
  "TSEnumDeclaration",
  "TSEnumBody",
  "TSEnumMember",
  "TSModuleDeclaration",
  "TSModuleBlock",
  "TSExportAssignment",
]);

function isTypeOnly(node: SyntaxNode): boolean {
  return node.declare === true || (node.type.startsWith("TS") && !RUNNING.has(node.type));
}

/** The names that a node brings into being for everything inside it. */
function namesDeclaredBy(node: SyntaxNode): readonly string[] {
  if (node.type === "CatchClause") return namesInPattern(nodeIn(node, "param"));
  if (node.type.startsWith("For")) return namesInStatement(nodeIn(node, "init") ?? nodeIn(node, "left"));
  if (node.type === "SwitchStatement") {
    return nodesIn(node, "cases").flatMap((one) => nodesIn(one, "consequent").flatMap(namesInStatement));
  }
  if (Array.isArray(node.params)) {
    return [...nodesIn(node, "params").flatMap(namesInPattern), ...namesInPattern(nodeIn(node, "id"))];
  }
  if (node.type === "ClassExpression") return namesInPattern(nodeIn(node, "id"));
  return nodesIn(node, "body").flatMap(namesInStatement);
}

function namesInStatement(node: SyntaxNode | undefined): readonly string[] {
  if (node === undefined || node.declare === true) return [];
  switch (node.type) {
    case "ExportNamedDeclaration":
    case "ExportDefaultDeclaration":
      return namesInStatement(nodeIn(node, "declaration"));
    case "VariableDeclaration":
      return nodesIn(node, "declarations").flatMap((one) => namesInPattern(nodeIn(one, "id")));
    case "FunctionDeclaration":
    case "ClassDeclaration":
    case "TSEnumDeclaration":
      return namesInPattern(nodeIn(node, "id"));
    case "ImportDeclaration":
      return nodesIn(node, "specifiers").flatMap((one) => namesInPattern(nodeIn(one, "local")));
    default:
      return [];
  }
}

function namesInPattern(node: SyntaxNode | undefined): readonly string[] {
  switch (node?.type) {
    case "Identifier":
      return typeof node.name === "string" ? [node.name] : [];
    case "ObjectPattern":
      return nodesIn(node, "properties").flatMap((one) => namesInPattern(nodeIn(one, "value") ?? one));
    case "ArrayPattern":
      return nodesIn(node, "elements").flatMap(namesInPattern);
    case "AssignmentPattern":
      return namesInPattern(nodeIn(node, "left"));
    case "RestElement":
      return namesInPattern(nodeIn(node, "argument"));
    case "TSParameterProperty":
      return namesInPattern(nodeIn(node, "parameter"));
    default:
      return [];
  }
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
