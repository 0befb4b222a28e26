/**
 * Counts tests in the JUnit reports that `deno test` and `bun test` write. Pure.
 *
 * One idea: count leaves. Deno lists a `describe` beside the tests in it, as `describe` and `describe > test`; Bun nests
 * them. A name that other names continue is no test, so both runtimes count the same file alike.
 *
 * Invariant: nothing that failed is lost. A `describe` that failed with no failed test in it (a hook threw) is a
 * failure, and so is a file that was asked for and is not in the report (it could not be loaded).
 *
 * @module
 */
import type { Runtime } from "./suites.ts";

/** How a run ended. `todo` counts as skipped. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export interface JunitReport {
  readonly counts: Counts;
  /** Files that have at least one test in the report, as paths without `./`. */
  readonly files: ReadonlySet<string>;
}

interface Case {
  readonly name: string;
  outcome: "passed" | "failed" | "skipped";
}

/** Reads a whole report. Text that is no report counts as nothing. */
export function readJunit(xml: string, runtime: Runtime): JunitReport {
  const files = new Set<string>();
  const cases: Case[] = [];
  for (const { tag, attributes } of tagsOf(xml)) {
    const file = attributes.get("file") ?? attributes.get("classname");
    if (tag === "testcase" && file !== undefined) files.add(file.replace(/^\.\//, ""));
    if (tag === "testcase") cases.push({ name: attributes.get("name") ?? "", outcome: "passed" });
    const last = cases.at(-1);
    if (last === undefined) continue;
    if (tag === "failure" || tag === "error") last.outcome = "failed";
    if (tag === "skipped") last.outcome = "skipped";
  }
  return { counts: count(runtime === "deno" ? leavesOf(cases) : cases), files };
}

function count(cases: readonly Case[]): Counts {
  const number = (outcome: Case["outcome"]): number => cases.filter((one) => one.outcome === outcome).length;
  return { passed: number("passed"), failed: number("failed"), skipped: number("skipped") };
}

const STEP = " > ";

/** Tests without the `describe`s around them; but one that failed by itself stays. */
function leavesOf(cases: readonly Case[]): readonly Case[] {
  const parents = new Set(cases.flatMap((one) => namesAbove(one.name)));
  const leaves = cases.filter((one) => !parents.has(one.name));
  const failing = new Set(leaves.filter((one) => one.outcome === "failed").flatMap((one) => namesAbove(one.name)));
  const bare = cases.filter((one) => parents.has(one.name) && one.outcome === "failed" && !failing.has(one.name));
  // Of a chain of failed parents only the innermost is the cause.
  const causes = new Set(bare.flatMap((one) => namesAbove(one.name)));
  return [...leaves, ...bare.filter((one) => !causes.has(one.name))];
}

/** `a` and `a > b` for `a > b > c`. */
function namesAbove(name: string): readonly string[] {
  const parts = name.split(STEP);
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join(STEP));
}

interface Tag {
  readonly tag: string;
  readonly attributes: ReadonlyMap<string, string>;
}

/** The opening tags of the report that matter here. */
function tagsOf(xml: string): readonly Tag[] {
  const text = xml.replace(/<!\[CDATA\[[\s\S]*?\]\]>/g, "");
  const tags = text.matchAll(/<(testcase|failure|error|skipped)\b((?:[^"<>]|"[^"]*")*)>/g);
  return [...tags].map(([, tag = "", inside = ""]) => ({ tag, attributes: attributesOf(inside) }));
}

function attributesOf(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, plain(value)]));
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function plain(text: string): string {
  return text.replace(/&(\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole);
}
