/**
 * Finds what a pure file may not use: clocks, timers, promises, threads, sockets, chance, and arithmetic whose last bits
 * differ between engines. And, in any file of the product, asking which runtime it is on. Pure.
 *
 * One idea: a list of what is forbidden by name for the globals, a list of what is allowed for `Math`: a function that
 * is added to the language later is refused until somebody has looked at it.
 *
 * Invariant checked: the same inputs give the same outputs, bit for bit, on Deno, Bun and Node. (ECMA-262 leaves the
 * result of `Math.log`, `sin`, `pow` and the like to the implementation: §21.3.2, "implementation-approximated".)
 *
 * @module
 */
import { layerOf, PLATFORM_FILE } from "./layers.ts";
import {
  isVariable,
  memberOf,
  nodeIn,
  nodesIn,
  type Site,
  type SourceFile,
  type SyntaxNode,
  visitSites,
  wordOf,
} from "./source_file.ts";
import type { Violation } from "./violation.ts";

/** Globals that no pure file names, and what each would bring in. */
export const IMPURE_GLOBALS: ReadonlyMap<string, string> = new Map([
  ...named("a clock: time is an argument (`now`)", ["performance", "Temporal"]),
  ...named("a timer: return an effect that asks for one", [
    "setTimeout",
    "setInterval",
    "setImmediate",
    "clearTimeout",
    "clearInterval",
    "clearImmediate",
    "queueMicrotask",
    "requestAnimationFrame",
    "requestIdleCallback",
  ]),
  ...named("chance: randomness is an argument (`random`)", ["crypto"]),
  ...named("a thread, or memory shared with one", [
    "Worker",
    "SharedWorker",
    "SharedArrayBuffer",
    "Atomics",
    "MessageChannel",
    "MessagePort",
    "BroadcastChannel",
  ]),
  ...named("the network", ["fetch", "WebSocket", "EventSource", "XMLHttpRequest"]),
  ...named("the process it runs in", ["process", "navigator", "console", "Deno", "Bun", "localStorage"]),
  ...named("a way around this rule", ["globalThis", "self", "window", "global", "eval", "Function", "require"]),
  ...named("the garbage collector's timing", ["WeakRef", "FinalizationRegistry"]),
  ...named("the host's language settings", ["Intl"]),
]);

/** Members whose answer comes from the host, whoever the object is. */
const IMPURE_MEMBERS: ReadonlyMap<string, string> = new Map([
  ...named("the host's language settings", [
    "localeCompare",
    "toLocaleString",
    "toLocaleDateString",
    "toLocaleTimeString",
    "toLocaleLowerCase",
    "toLocaleUpperCase",
  ]),
  ...named("a promise", ["fromAsync"]),
]);

/** Of `Math`: the functions ECMA-262 defines to the last bit, and the constants. */
const EXACT_MATH: ReadonlySet<string> = new Set([
  ...["abs", "ceil", "clz32", "f16round", "floor", "fround", "imul", "max", "min", "round", "sign", "sqrt", "trunc"],
  ...["E", "LN10", "LN2", "LOG10E", "LOG2E", "PI", "SQRT1_2", "SQRT2"],
]);

/** Nothing in a file of a pure layer may make two runs differ. */
export function checkPurity(file: SourceFile): readonly Violation[] {
  if (layerOf(file.path)?.isPure !== true) return [];
  return findAll(file, (site) => whyImpure(site));
}

/** Only one file of the product asks which runtime it is on. */
export function checkRuntimeDetection(file: SourceFile): readonly Violation[] {
  if (layerOf(file.path)?.isProduct !== true || file.path === PLATFORM_FILE) return [];
  return findAll(file, (site) => {
    const asked = runtimeAsked(site);
    return asked === undefined ? undefined : `asks for ${asked}: only ${PLATFORM_FILE} may ask which runtime it is on`;
  });
}

function findAll(file: SourceFile, why: (site: Site) => string | undefined): readonly Violation[] {
  const found: Violation[] = [];
  visitSites(file, (site) => {
    const message = why(site);
    if (message !== undefined) found.push({ path: file.path, line: site.line, message });
  });
  return found;
}

function whyImpure(site: Site): string | undefined {
  const { node } = site;
  if (node.type === "Identifier") return isVariable(site) ? whyNameImpure(site) : undefined;
  if (site.isType) return undefined;
  return whyWaiting(node) ?? whyInexactPower(node) ?? whyMemberImpure(site);
}

function whyNameImpure(site: Site): string | undefined {
  const name = wordOf(site.node) ?? "";
  if (!site.isGlobal(name)) return undefined;
  const brings = IMPURE_GLOBALS.get(name);
  if (brings !== undefined) return `uses ${name}: ${brings}`;
  if (name === "Math") return whyMathInexact(site);
  if (name === "Date") return whyDateIsClock(site);
  if (name === "Promise" && !isCompared(site)) return "uses Promise: pure code returns effects, the shell waits";
  return undefined;
}

function whyMathInexact({ parent, field }: Site): string | undefined {
  const member = field === "object" ? memberOf(parent) : undefined;
  if (member === undefined) return "uses Math as a value: name the function (`Math.floor`), so that it can be checked";
  if (EXACT_MATH.has(member)) return undefined;
  if (member === "random") return "uses Math.random: randomness is an argument (`random`)";
  return `uses Math.${member}: its last bits differ between engines, and a replay would too`;
}

/** A date made from a number is data; one made from nothing is the clock. */
function whyDateIsClock(site: Site): string | undefined {
  const { parent, field } = site;
  if (isCompared(site)) return undefined;
  if (parent?.type === "NewExpression" && field === "callee" && nodesIn(parent, "arguments").length > 0) {
    return undefined;
  }
  const member = field === "object" ? memberOf(parent) : undefined;
  if (member === "UTC" || member === "prototype") return undefined;
  return `uses Date${member === undefined ? "" : `.${member}`}: a clock; time is an argument (\`now\`)`;
}

/** `value instanceof Date` and `value.constructor === Date` look at a value; they make none. */
function isCompared({ parent }: Site): boolean {
  return parent?.type === "BinaryExpression";
}

function whyWaiting(node: SyntaxNode): string | undefined {
  if (node.async === true) return "is async: pure code returns effects, the shell waits";
  if (node.type === "AwaitExpression" || node.await === true || node.kind === "await using") {
    return "awaits: pure code returns effects, the shell waits";
  }
  return node.type === "ImportExpression" ? "imports while running: that is a promise, and a file read" : undefined;
}

/** `2 ** 53` is exact everywhere; any other power goes through the engine's `pow`, unless it is of bigints. */
function whyInexactPower(node: SyntaxNode): string | undefined {
  if (node.operator !== "**" && node.operator !== "**=") return undefined;
  const [left, right] = [nodeIn(node, "left"), nodeIn(node, "right")];
  if (left?.type === "BigIntLiteral" || right?.type === "BigIntLiteral") return undefined;
  if (left?.type === "NumericLiteral" && left.value === 2 && right?.type === "NumericLiteral") {
    if (Number.isInteger(right.value)) return undefined;
  }
  return `uses ${node.operator}: its last bits differ between engines; multiply, shift, or use bigint literals`;
}

function whyMemberImpure({ node, isGlobal }: Site): string | undefined {
  const member = memberOf(node) ?? "";
  const brings = IMPURE_MEMBERS.get(member);
  if (brings !== undefined) return `uses .${member}: ${brings}`;
  if (member === "timeout" && wordOf(nodeIn(node, "object")) === "AbortSignal" && isGlobal("AbortSignal")) {
    return "uses AbortSignal.timeout: a timer: return an effect that asks for one";
  }
  return undefined;
}

function runtimeAsked(site: Site): string | undefined {
  const { node, isGlobal } = site;
  const name = wordOf(node) ?? "";
  if ((name === "Deno" || name === "Bun") && isGlobal(name) && (isVariable(site) || isTypeName(site))) return name;
  if (node.type === "BinaryExpression" && node.operator === "in") return runtimeNamed(nodeIn(node, "left"));
  if (node.type === "ImportDeclaration") return versionsImported(node);
  const object = wordOf(nodeIn(node, "object"));
  const member = memberOf(node);
  if (object === "process" && (member === "versions" || member === "release")) return `process.${member}`;
  if (object === "navigator" && member === "userAgent") return "navigator.userAgent";
  if (object === "globalThis" && (member === "Deno" || member === "Bun")) return `globalThis.${member}`;
  return undefined;
}

/** `import { versions } from "node:process"` */
function versionsImported(node: SyntaxNode): string | undefined {
  if (!/^(node:)?process$/.test(wordOf(nodeIn(node, "source")) ?? "")) return undefined;
  const names = nodesIn(node, "specifiers").map((one) => wordOf(nodeIn(one, "imported")));
  return names.includes("versions") || names.includes("release") ? "the versions of the process" : undefined;
}

/** `"Deno" in globalThis` */
function runtimeNamed(node: SyntaxNode | undefined): string | undefined {
  const name = node?.type === "StringLiteral" ? wordOf(node) : undefined;
  return name === "Deno" || name === "Bun" ? `"${name}"` : undefined;
}

/** `Deno` in the type `Deno.Listener`. */
function isTypeName({ parent, field }: Site): boolean {
  return parent?.type === "TSQualifiedName" && field === "left";
}

function named(brings: string, names: readonly string[]): readonly (readonly [string, string])[] {
  return names.map((name) => [name, brings] as const);
}
