/**
 * Declaring a kind: what comes of it, and that every mistake in it is listed rather than thrown one by one.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { type AnyKind, idleMsOf, kind } from "../../core/kind.ts";

const Desk = kind("desk", {
  state: (init: { readonly count: number }) => ({ count: init.count }),
  reentrant: ["peek"],
  behaviors: { closed: { peek: () => "closed" } },
  handlers: {
    async add(_ctx, _amount: number) {},
    peek: () => "open",
  },
});

/** A declaration as plain JavaScript could write it. */
function declared(name: unknown, spec: unknown): AnyKind {
  return kind(name as string, spec as Parameters<typeof kind>[1]);
}

function problemsOf(name: unknown, spec: unknown): readonly string[] {
  return declared(name, spec).check.problems.map((problem) => problem.name);
}

describe("kind", () => {
  it("numbers its handlers in their order and finds them by name", () => {
    assert.deepEqual(Desk.handlers.map(({ name }) => name), ["add", "peek"]);
    assert.deepEqual([Desk.indexOf("add"), Desk.indexOf("peek"), Desk.indexOf("toString")], [0, 1, undefined]);
  });

  it("knows which handlers are async functions and which are reentrant, in a behavior too", () => {
    assert.deepEqual(Desk.handlers.map(({ isAsync, isReentrant }) => [isAsync, isReentrant]), [[true, false], [
      false,
      true,
    ]]);
    const closed = Desk.behaviors.get("closed");
    assert.deepEqual(closed?.map(({ name, isReentrant }) => [name, isReentrant]), [["add", false], ["peek", true]]);
    assert.equal(closed?.[0], Desk.handlers[0], "what a behavior does not name stays");
  });

  it("makes the first state from what it is given", () => {
    assert.deepEqual(Desk.makeState({ count: 3 }), { count: 3 });
    assert.equal(kind("plain", { handlers: {} }).makeState(undefined), undefined);
  });

  it("passivates grains after two minutes and actors never, unless it says otherwise", () => {
    assert.deepEqual([idleMsOf(Desk, true), idleMsOf(Desk, false)], [120_000, Infinity]);
    assert.equal(idleMsOf(kind("k", { idleMs: 5, handlers: {} }), false), 5);
  });

  it("has nothing to say against a good declaration", () => {
    assert.deepEqual(Desk.check.problems, []);
    assert.deepEqual(problemsOf("k", { handlers: {}, idleMs: Infinity, mailbox: 1, stash: 0, reentrantMax: 1 }), []);
  });

  it("lists every problem of a declaration under its name", () => {
    const bad = {
      state: 5,
      handlers: { "then": () => {}, "no-name": () => {}, notCode: 5 },
      reentrant: ["missing"],
      reentrantMax: 0,
      behaviors: { b: { missing: () => {} } },
      onStart: "x",
      onStop: 1,
      onRestart: {},
      onTerminated: null,
      mailbox: 0,
      stash: -1,
      idleMs: 0,
      hashKey: 1,
      store: "yes",
      supervision: { maxRestarts: -1 },
      onstart: () => {},
    };
    const at = 'kind "a b"';
    assert.deepEqual(
      new Set(problemsOf("a b", bad)),
      new Set([
        `${at}.name`,
        `${at}.onstart`,
        `${at}.state`,
        `${at}.handlers`,
        `${at}.handlers.notCode`,
        `${at}.store`,
        `${at}.reentrant`,
        `${at}.behaviors.b`,
        `${at}.reentrantMax`,
        `${at}.mailbox`,
        `${at}.stash`,
        `${at}.idleMs`,
        `${at}.onStart`,
        `${at}.onStop`,
        `${at}.onRestart`,
        `${at}.onTerminated`,
        `${at}.hashKey`,
        `${at}.supervision.maxRestarts`,
      ]),
    );
  });

  it("lists what is not even the right sort of value instead of failing on it", () => {
    const handlers = { a: () => {} };
    const bad = [
      undefined,
      null,
      {},
      { handlers: null },
      { handlers: 5 },
      { handlers, reentrant: "a" },
      { handlers, reentrant: 5 },
      { handlers, reentrant: [undefined] },
      { handlers, behaviors: null },
      { handlers, behaviors: { b: null } },
      { handlers, behaviors: { b: { a: 5 } } },
      { handlers, supervision: null },
      { handlers, supervision: "stop" },
      { handlers: { a: Object.assign(() => {}, { constructor: undefined }) }, mailbox: 0 },
    ];
    for (const spec of bad) assert.ok(problemsOf("k", spec).length > 0, JSON.stringify(spec));
    for (const name of [undefined, null, 5, ""]) {
      assert.deepEqual(problemsOf(name, { handlers }).length, 1, String(name));
    }
  });
});
