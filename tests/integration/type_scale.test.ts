/**
 * The types hold for large programs: 500 handlers in one kind, and 200 kinds, checked by the compiler in a process of its
 * own. Deno brings the compiler; Bun has none.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env, execPath, versions } from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

/** Far above what it takes, far below what an explosion of types would. */
const LIMIT_MS = 50_000;
const hasCompiler = versions.deno !== undefined;

describe("type checking", () => {
  let folder = "";
  before(() => folder = mkdtempSync(join(tmpdir(), "troupe-types-")));
  after(() => rmSync(folder, { recursive: true }));
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const check = (lines: readonly string[]) => {
    const path = join(folder, "program.ts");
    writeFileSync(
      path,
      [`import { type ActorSystem, kind } from ${JSON.stringify(join(root, "mod.ts"))};`, ...lines].join("\n"),
    );
    const { status, stderr, signal } = spawnSync(execPath, ["check", "--config", join(root, "deno.json"), path], {
      timeout: LIMIT_MS,
      encoding: "utf8",
      env: { ...env, NO_COLOR: "1" },
    });
    return { status, signal, errors: stderr };
  };

  it("of 500 handlers in one kind ends, and finds the one wrong call", { skip: !hasCompiler, timeout: 60_000 }, () => {
    const program = [...kindOf(0, 500), "declare const system: ActorSystem;", ...callsOf(0, 500)];
    assert.deepEqual(pick(check(program)), { status: 0, signal: null });
    const wrong = check([...program, 'system.grain(Kind0, "x").tell.handler123("not a number", 1);']);
    assert.equal(wrong.status, 1);
    assert.match(wrong.errors, /program\.ts:\d+/);
    assert.match(wrong.errors, /Found 1 error|TS\d+ \[ERROR\]/);
  });

  it("of 200 kinds of 10 handlers ends", { skip: !hasCompiler, timeout: 60_000 }, () => {
    const kinds = Array.from({ length: 200 }, (_, index) => index);
    const program = [
      ...kinds.flatMap((index) => kindOf(index, 10)),
      "declare const system: ActorSystem;",
      ...kinds.flatMap((index) => callsOf(index, 10)),
    ];
    assert.deepEqual(pick(check(program)), { status: 0, signal: null });
  });
});

function pick(
  { status, signal, errors }: {
    readonly status: number | null;
    readonly signal: string | null;
    readonly errors: string;
  },
) {
  return status === 0 ? { status, signal } : { status, signal, errors };
}

/** Three shapes of handlers in turn, on a state that is made from an `init`. */
function kindOf(index: number, handlers: number): readonly string[] {
  const shapes = (handler: number) =>
    [
      `handler${handler}(ctx, by: number, note: { a${handler}: string }): number { ctx.state.value += by; return note.a${handler}.length; },`,
      `async handler${handler}(ctx, by: string) { await Promise.resolve(); return [ctx.state.value, by] as const; },`,
      `handler${handler}: (ctx) => ({ value: ctx.state.value, at: ${handler} }),`,
    ][handler % 3] ?? "";
  return [
    `const Kind${index} = kind("kind-${index}", { state: (init: { from: number }) => ({ value: init.from }), handlers: {`,
    ...Array.from({ length: handlers }, (_, handler) => shapes(handler)),
    "} });",
  ];
}

function callsOf(index: number, handlers: number): readonly string[] {
  const calls = (handler: number) =>
    [
      `const reply${index}_${handler}: number = await ref${index}.ask.handler${handler}(1, { a${handler}: "" });`,
      `const reply${index}_${handler}: readonly [number, string] = await ref${index}.ask.handler${handler}("x");`,
      `const reply${index}_${handler}: { value: number; at: number } = await ref${index}.ask.handler${handler}();`,
    ][handler % 3] ?? "";
  return [
    `const ref${index} = await system.spawn("x", Kind${index}, { init: { from: 1 } });`,
    ...Array.from({ length: handlers }, (_, handler) => calls(handler)),
    "export {};",
  ];
}
