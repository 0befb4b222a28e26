import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { checkFile, sourcePaths } from "./check_layers.ts";
import { LAYERS } from "./layers.ts";
import { formatViolation } from "./violation.ts";

const HEADER = "/** A planted file. @module */\n";
const ENTRIES = ["mod.ts", "testkit/mod.ts"];

/** What the gate prints for `text`, standing on line 2 of a file with a header. */
function findings(path: string, text: string): readonly string[] {
  return checkFile(path, HEADER + text, ENTRIES).map(formatViolation);
}

function refuses(path: string, text: string, why: RegExp): void {
  const found = findings(path, text);
  assert.equal(found.length, 1, `${text}\n${found.join("\n")}`);
  assert.match(found[0] ?? "", why);
  assert.ok(found[0]?.startsWith(`${path}:2: `), `${found[0]} names the file and line 2`);
}

function accepts(path: string, text: string): void {
  assert.deepEqual(findings(path, text), [], text);
}

describe("layers", () => {
  const upward: readonly (readonly [string, string])[] = [
    ["core/actor_cell.ts", "../workers/lane.ts"],
    ["core/deep/actor_cell.ts", "../../system/ports.ts"],
    ["workers/lane.ts", "../remoting/link.ts"],
    ["remoting/link.ts", "../cluster/view.ts"],
    ["cluster/view.ts", "../remoting/link.ts"],
    ["stores/sqlite.ts", "../workers/lane.ts"],
    ["discovery/dns.ts", "../engines/nats/mod.ts"],
    ["engines/nats/leader.ts", "../../cluster/view.ts"],
    ["system/main_loop.ts", "../mod.ts"],
    ["system/main_loop.ts", "../testkit/mod.ts"],
    ["mod.ts", "./workers/lane.ts"],
    ["examples/demo.ts", "../system/actor_system.ts"],
    ["core/ids.ts", "../tests/gate/layers.ts"],
    ["core/ids.ts", "../../elsewhere/file.ts"],
  ];
  for (const [path, specifier] of upward) {
    it(`${path} may not import ${specifier}`, () => {
      refuses(path, `import { a } from "${specifier}"; a();`, /: \S+ imports .*may import/);
    });
  }

  const downward: readonly (readonly [string, string])[] = [
    ["core/actor_cell.ts", "./ids.ts"],
    ["core/deep/actor_cell.ts", "../ids.ts"],
    ["core/route.ts", "ts-pattern"],
    ["workers/lane.ts", "../core/ids.ts"],
    ["workers/lane.ts", "node:worker_threads"],
    ["remoting/listen.ts", "hono/streaming"],
    ["cluster/view.ts", "../core/ids.ts"],
    ["engines/nats/leader.ts", "../../cluster/engine.ts"],
    ["system/main_loop.ts", "../cluster/view.ts"],
    ["mod.ts", "./system/actor_system.ts"],
    ["testkit/sim_node.ts", "../system/actor_system.ts"],
    ["testkit/arbitraries.ts", "fast-check"],
    ["examples/demo.ts", "../mod.ts"],
    ["examples/simulated.ts", "../testkit/mod.ts"],
    ["tests/core/ids.test.ts", "../../core/ids.ts"],
    ["bench/peers/nact.ts", "nact"],
  ];
  for (const [path, specifier] of downward) {
    it(`${path} may import ${specifier}`, () => accepts(path, `import { a } from "${specifier}"; a();`));
  }

  const forms: readonly (readonly [string, string])[] = [
    ["import type", `import type { A } from "../system/a.ts"; export type B = A;`],
    ["import for its effect", `import "../system/a.ts";`],
    ["export from", `export { a } from "../system/a.ts";`],
    ["export all", `export * from "../system/a.ts";`],
    ["export type", `export type { A } from "../system/a.ts";`],
    ["dynamic import", `export const load = (): unknown => import("../system/a.ts");`],
    ["a type's import", `export type A = import("../system/a.ts").A;`],
    ["require", `export const a: unknown = require("../system/a.ts");`],
    ["the URL of a thread", `export const url: URL = new URL("../system/a.ts", import.meta.url);`],
  ];
  for (const [form, text] of forms) {
    it(`counts ${form} as an import`, () => refuses("workers/lane.ts", text, /system\/a\.ts: workers may import/));
  }

  it("mod.ts may re-export what it may not import", () => {
    accepts("mod.ts", `export { sqliteStore } from "./stores/sqlite.ts";`);
    refuses("mod.ts", `export { probe } from "./testkit/probe.ts";`, /mod\.ts re-exports testkit\/probe\.ts/);
  });

  it("pure layers reach no node: module, and no package but ts-pattern", () => {
    refuses("core/a.ts", `import { join } from "node:path"; join();`, /core imports node:path: it is pure/);
    refuses("cluster/a.ts", `import { join } from "node:path"; join();`, /cluster imports node:path: it is pure/);
    refuses("core/a.ts", `import { pack } from "msgpackr"; pack();`, /core imports the package msgpackr/);
  });

  it("the product imports no package of the tests, and versions are named in deno.json only", () => {
    refuses("system/a.ts", `import fc from "fast-check"; fc();`, /system imports the package fast-check/);
    refuses("tests/a.ts", `import fc from "npm:fast-check@4"; fc();`, /imports npm:fast-check@4/);
    refuses("workers/a.ts", `import a from "https://example.org/a.ts"; a();`, /imports https:/);
  });

  it("a folder nobody declared is a finding, not a loophole", () => {
    assert.match(findings("scripts/a.ts", "export {};")[0] ?? "", /^scripts\/a\.ts:1: belongs to no layer/);
  });

  it("text in comments, strings and templates is not an import", () => {
    accepts(
      "core/a.ts",
      `// import "../system/a.ts"\nexport const a = 'import "../system/a.ts"' + \`import("node:fs")\`;`,
    );
  });
});

describe("purity", () => {
  const impure: readonly (readonly [string, RegExp])[] = [
    ["export const a = Date.now();", /uses Date\.now: a clock/],
    ["export const a = new Date();", /uses Date: a clock/],
    ["export const a = Date();", /uses Date: a clock/],
    ["const Clock = Date; export { Clock };", /uses Date: a clock/],
    ["export const a = performance.now();", /uses performance: a clock/],
    ["export const a = performance?.now();", /uses performance: a clock/],
    ["export const a = Temporal.Now.instant();", /uses Temporal/],
    ["setTimeout(() => {}, 1);", /uses setTimeout: a timer/],
    ["export const a = { setInterval };", /uses setInterval: a timer/],
    ["queueMicrotask(() => {});", /uses queueMicrotask/],
    ["export const a = AbortSignal.timeout(1);", /AbortSignal\.timeout: a timer/],
    ["export const a: unknown = new Promise(() => {});", /uses Promise/],
    ["export const a: unknown = Promise.resolve(1);", /uses Promise/],
    ["export class Late extends Promise<void> {}", /uses Promise/],
    ["export async function a(): Promise<void> {}", /is async/],
    ["export const a = async (): Promise<void> => {};", /is async/],
    ["export class A { async a(): Promise<void> {} }", /is async/],
    ["await a();", /awaits/],
    ["for await (const one of all()) one();", /awaits/],
    ["await using a = b();", /awaits/],
    ["export const a = (): unknown => import('./b.ts');", /imports while running/],
    ["export const a: unknown = Array.fromAsync([]);", /uses \.fromAsync: a promise/],
    ["export const a = Math.random();", /uses Math\.random: randomness is an argument/],
    ["export const a = crypto.randomUUID();", /uses crypto: chance/],
    ["export const a: unknown = fetch('http://a');", /uses fetch: the network/],
    ["export const a = new WebSocket('ws://a');", /uses WebSocket/],
    ["export const a = new Worker('a');", /uses Worker: a thread/],
    ["export const a = new SharedArrayBuffer(8);", /uses SharedArrayBuffer/],
    ["Atomics.notify(a, 0);", /uses Atomics/],
    ["export const a: unknown = process.env;", /uses process/],
    ["console.log('a');", /uses console/],
    ["export const a: unknown = globalThis['setTimeout'];", /uses globalThis: a way around/],
    ["export const a: unknown = new WeakRef({});", /uses WeakRef/],
    ["export const a = 'a'.localeCompare('b');", /uses \.localeCompare: the host's language/],
    ["export const a = 2 ** b;", /uses \*\*: its last bits/],
    ["export let a = 3; a **= 0.5;", /uses \*\*=/],
    ["export const { log } = Math;", /uses Math as a value/],
    ["export const a: unknown = Math[name];", /uses Math as a value/],
    ["export const a = Math['pow'](2, 0.5);", /uses Math\.pow/],
    ["export const a = `${Math.sin(1)}`;", /uses Math\.sin/],
    ["export function f(a = Math.exp(1)): number { return a; }", /uses Math\.exp/],
    ["export const a = Math.log(1) as number;", /uses Math\.log/],
    ["export const a = fetch satisfies unknown;", /uses fetch/],
    ["export const a = (b as typeof Math).log(1) + Math.log(2);", /uses Math\.log:/],
  ];
  for (const [text, why] of impure) {
    it(`refuses ${text}`, () => {
      refuses("core/planted.ts", text, why);
      refuses("cluster/deep/planted.ts", text, why);
    });
  }

  const inexact = "log log2 log10 log1p exp expm1 pow sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh " +
    "atanh cbrt hypot";
  for (const name of inexact.split(" ")) {
    it(`refuses Math.${name}`, () => refuses("core/a.ts", `export const a = Math.${name}(1);`, /its last bits differ/));
  }

  const pure: readonly string[] = [
    "export type Later = Promise<number>; export interface Saver { save(): Promise<void> }",
    "export function isLater(value: unknown): boolean { return value instanceof Promise; }",
    "export function isDate(value: object): boolean { return value instanceof Date || value.constructor === Date; }",
    "export const a = (ms: number): Date => new Date(ms);",
    "export const a: number = Date.UTC(2020, 1);",
    "export const a = Math.floor(1.5) + Math.sqrt(2) + Math.imul(3, 4) + Math.min(1, Math.PI);",
    "export const a = 2n ** 64n; export const b = 2 ** 32;",
    "export function tell(self: string, process: () => void): string { process(); return self; }",
    "export const a = ({ self }: { self: string }): string => self;",
    "export function a(): void { const { fetch = b, ...performance } = c; fetch(performance); }",
    "for (const crypto of all) crypto();",
    "try { a(); } catch (process) { b(process); }",
    "export const a = { process: 1, fetch() {}, Date: 2 }; a.process; a.fetch(); a.Date;",
    "export class Clock { performance = 1; setTimeout(): void {} }",
    "import { fetch as load } from './fetch.ts'; load(); export { fetch } from './fetch.ts';",
    "export type Thread = Worker; export const a = (crypto: Crypto): Crypto => crypto;",
    "// Date.now() and await\nexport const a = 'Date.now()' + `setTimeout` + /new Promise/.source;",
    "process: for (;;) break process;",
    "export function then(value: { then(f: () => void): void }): void { value.then(() => {}); }",
  ];
  for (const text of pure) {
    it(`accepts ${text}`, () => accepts("core/planted.ts", text));
  }

  it("a name declared in one block is the global again outside it", () => {
    refuses("core/a.ts", "export const a = (() => { { const fetch = b; fetch(); } return fetch; })();", /uses fetch/);
  });

  it("a name that is only declared to exist is still the global", () => {
    refuses("core/a.ts", "declare const performance: { now(): number }; performance.now();", /uses performance/);
  });

  it("holds only the pure layers to it", () => {
    accepts("workers/a.ts", "export const a: number = Date.now() + Math.random();");
    const pureLayers = LAYERS.filter((layer) => layer.isPure).map((layer) => layer.name);
    assert.deepEqual(pureLayers, ["core", "cluster"]);
  });
});

describe("runtime detection", () => {
  const asking: readonly string[] = [
    "export const a: unknown = Deno.version;",
    "export const a: unknown = typeof Bun;",
    "export const a: unknown = globalThis.Deno;",
    "export const a: unknown = globalThis['Bun'];",
    "export const a: unknown = 'Deno' in globalThis;",
    "import process from 'node:process'; export const a: unknown = process.versions.bun;",
    "import { versions } from 'node:process'; export const a: unknown = versions;",
    "export const a: unknown = navigator.userAgent;",
    "export type A = Deno.Listener;",
  ];
  for (const text of asking) {
    it(`refuses ${text}`, () => {
      refuses("workers/a.ts", text, /only system\/platform\.ts may ask/);
      accepts("system/platform.ts", text);
      accepts("tests/a.ts", text);
      accepts("bench/a.ts", text);
    });
  }

  it("accepts the words where they name something else", () => {
    accepts("workers/a.ts", "export const a = { Deno: 1, Bun: 'Bun' }; a.Deno; export type B = 'Deno' | 'Bun';");
  });
});

describe("style", () => {
  it("every file of the product begins with a header", () => {
    const found = checkFile("core/a.ts", "export {};\n", ENTRIES).map(formatViolation);
    assert.deepEqual(found, ["core/a.ts:1: has no header: /** what it is … @module */"]);
    assert.deepEqual(checkFile("tests/core/a.test.ts", "export {};\n", ENTRIES), []);
  });

  const holes: readonly (readonly [string, RegExp])[] = [
    ["export const a: any = 1;", /uses any/],
    ["export type A = Record<string, any[]>;", /uses any/],
    ["export const a = b as unknown as string;", /casts a cast/],
    ["export const a = (b as object) as string;", /casts a cast/],
    ["export const a = <string> <unknown> b;", /casts a cast/],
    ["export const a = b!.c;", /uses !/],
    ["export class A { b!: string; }", /uses ! on a declaration/],
    ["// @ts-expect-error: it is late\nb();", /@ts-expect-error hides/],
    ["// TODO: later\nb();", /leaves a TODO/],
    ["/* so FIXME */ b();", /leaves a FIXME/],
  ];
  for (const [text, why] of holes) {
    it(`refuses ${text}`, () => refuses("system/a.ts", text, why));
  }

  it("accepts what only looks like a hole", () => {
    accepts("system/a.ts", "export const a = !b && b !== !c && (d as const) && 'TODO any !' && (e as unknown);");
    accepts("system/a.ts", "export const a = [1] as const as readonly number[];");
    accepts("tests/types/a.ts", "// @ts-expect-error: no such handler\nb();");
  });

  it("names a line inside a long comment", () => {
    const text = "/**\n * A file.\n * @module\n */\n/*\n * one\n * FIXME two\n */\n";
    assert.deepEqual(checkFile("core/a.ts", text, ENTRIES).map((one) => one.line), [7]);
  });

  it("refuses names that aren't snake_case, or that name no subject", () => {
    assert.match(findings("core/ActorCell.ts", "")[0] ?? "", /:1: is not named in snake_case/);
    assert.match(findings("core/utils.ts", "")[0] ?? "", /:1: is named utils\.ts/);
  });
});

describe("checkFile()", () => {
  it("reports a file that cannot be parsed, and goes on", () => {
    assert.match(findings("core/a.ts", "const = ;")[0] ?? "", /^core\/a\.ts:2: cannot be parsed/);
  });

  it("reads the syntax the product uses", () => {
    accepts(
      "system/a.ts",
      `export class A<const T extends object> implements AsyncDisposable {
        readonly #b: T; static { a(); } accessor c = 1;
        constructor(b: T) { this.#b = b satisfies T; }
        get b(): T { return this.#b; }
        async [Symbol.asyncDispose](): Promise<void> { await using d = e(); using f = g(); for await (const h of i) h(d, f); }
        is(x: unknown): x is A<T> { return x !== null && typeof x === "object" && #b in x; }
      }
      export function assert(x: unknown): asserts x { x ??= 1_000n; return x?.y?.[0]?.(); }
      import data from "./data.json" with { type: "json" };
      export { data as default };`,
    );
  });

  it("sorts what it finds by line", () => {
    const found = findings("core/a.ts", "export const a: any = 1;\nDate.now();\nimport './../system/a.ts';");
    assert.deepEqual(found.map((one) => one.split(":")[1]), ["2", "3", "4"]);
  });
});

describe("sourcePaths()", () => {
  it("finds every TypeScript file but installed and generated ones", () => {
    const root = mkdtempSync(join(tmpdir(), "gate-"));
    try {
      for (const folder of ["core/deep", "node_modules/a", "dist", ".ci"]) {
        mkdirSync(join(root, folder), { recursive: true });
      }
      const files = [
        "core/b.ts",
        "core/deep/a.ts",
        "core/a.md",
        "node_modules/a/a.ts",
        "dist/a.ts",
        ".ci/a.ts",
        "mod.ts",
      ];
      for (const file of files) writeFileSync(join(root, file), "");
      assert.deepEqual(sourcePaths(root), ["core/b.ts", "core/deep/a.ts", "mod.ts"]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
