/**
 * Failures as data: every code has a fate, anything thrown becomes one, and what travels comes back the same.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  ActorError,
  CAUSES_MAX,
  decodeFailure,
  type FailureData,
  FATE_OF_CODE,
  fateOf,
  fromFailureData,
  isRuntimeCode,
  toActorError,
  toFailureData,
} from "../../core/failure.ts";

describe("ActorError", () => {
  it("has the fate of its code, `delivered` for a user's, and any other when told", () => {
    assert.equal(new ActorError("mailbox-full", "x").fate, "not-delivered");
    assert.equal(new ActorError("ask-timeout", "x").fate, "unknown");
    assert.equal(new ActorError("no-funds", "x").fate, "delivered");
    assert.equal(new ActorError("no-funds", "x", { fate: "unknown" }).fate, "unknown");
    assert.deepEqual(new ActorError("no-funds", "x").details, {});
  });

  it("is an Error with its own name, and has a cause only when given one", () => {
    const error = new ActorError("x", "text");
    assert.ok(error instanceof Error);
    assert.equal(error.name, "ActorError");
    assert.ok(!("cause" in error));
    assert.equal(new ActorError("x", "text", { cause: 1 }).cause, 1);
  });

  it("takes codes that objects have built in for a user's own", () => {
    for (const code of ["constructor", "toString", "__proto__"]) {
      assert.equal(fateOf(code), "delivered");
      assert.ok(!isRuntimeCode(code));
    }
  });

  it("has kebab-case codes only", () => {
    for (const code of Object.keys(FATE_OF_CODE)) assert.match(code, /^[a-z]+(-[a-z]+)*$/);
  });
});

describe("toActorError", () => {
  it("leaves an ActorError as it is", () => {
    const error = new ActorError("x", "y");
    assert.equal(toActorError(error), error);
  });

  it("wraps any other error with its name and message, and keeps it as the cause", () => {
    const thrown = new RangeError("too far");
    const error = toActorError(thrown);
    assert.deepEqual([error.code, error.fate, error.message], ["handler-failed", "delivered", "RangeError: too far"]);
    assert.equal(error.cause, thrown);
    assert.deepEqual(error.details, { name: "RangeError" });
  });

  it("describes what is no error", () => {
    const shown = [undefined, null, 7, "seven", true, 7n, Symbol("s"), { a: 1 }].map((thrown) =>
      toActorError(thrown).message
    );
    assert.deepEqual(shown, [
      "A handler threw undefined undefined",
      "A handler threw object null",
      "A handler threw number 7",
      'A handler threw string "seven"',
      "A handler threw boolean true",
      "A handler threw bigint 7",
      "A handler threw symbol Symbol(s)",
      "A handler threw object [object Object]",
    ]);
  });

  it("survives what fights back", () => {
    const boom = () => {
      throw new Error("no");
    };
    class Vexing extends Error {
      override get message(): string {
        return boom();
      }
    }
    const hostile = [
      { toString: boom },
      Object.create(null),
      new Vexing(),
      Object.assign(new Error("x"), { name: Symbol("s") }),
      Object.assign(new Error("x"), { name: { toString: boom } }),
      Object.freeze(new Error("frozen")),
      new Proxy({}, { getPrototypeOf: boom, get: boom }),
      new Proxy(new Error("x"), { get: boom }),
      "x".repeat(100_000),
    ];
    for (const thrown of hostile) {
      const error = toActorError(thrown);
      assert.equal(error.code, "handler-failed");
      assert.ok(error.message.length < 1_000, "a message is for people");
      assert.equal(typeof toFailureData(error).message, "string");
    }
  });
});

describe("failure data", () => {
  it("comes back as the same error, with its chain of causes", () => {
    const cause = new ActorError("deep", "down", { details: { at: 1 } });
    const error = new ActorError("top", "up", { fate: "unknown", details: { list: [1, 2] }, cause });
    const data = decodeFailure(structuredClone(toFailureData(error)));
    assert.ok(data !== undefined);
    const back = fromFailureData(data);
    assert.deepEqual([back.code, back.message, back.fate, back.details], ["top", "up", "unknown", { list: [1, 2] }]);
    assert.ok(back.cause instanceof ActorError);
    assert.deepEqual([back.cause.code, back.cause.details], ["deep", { at: 1 }]);
    assert.equal(back.cause.cause, undefined);
  });

  it("names causes that are plain errors or none at all", () => {
    const data = toFailureData(new ActorError("x", "y", { cause: new TypeError("t", { cause: "root" }) }));
    assert.deepEqual([data.cause?.message, data.cause?.details], ["TypeError: t", { name: "TypeError" }]);
    assert.equal(data.cause?.cause?.message, 'string "root"');
  });

  it("cuts chains of causes at their limit, also those that go in circles", () => {
    const circle = new Error("round") as Error & { cause?: unknown };
    circle.cause = circle;
    let depth = 0;
    for (
      let data: FailureData | undefined = toFailureData(new ActorError("x", "y", { cause: circle }));
      data?.cause;
      data = data.cause
    ) depth++;
    assert.equal(depth, CAUSES_MAX);
    assert.ok(decodeFailure(toFailureData(new ActorError("x", "y", { cause: circle }))) !== undefined);
  });

  it("survives a cause that fights back", () => {
    const boom = () => {
      throw new Error("no");
    };
    const cause = Object.defineProperty(new Error("x"), "message", { get: boom });
    const deeper = Object.defineProperty(new Error("x"), "cause", { get: boom });
    for (const hostile of [cause, deeper, { toString: boom }]) {
      assert.equal(toFailureData(new ActorError("a", "b", { cause: hostile })).code, "a");
    }
  });

  it("is not believed when it is not its own shape", () => {
    const good = { code: "x", message: "y", fate: "unknown", details: {} };
    assert.deepEqual(decodeFailure({ ...good, extra: 1 }), good);
    const bad = [
      undefined,
      null,
      [],
      "x",
      {},
      { ...good, code: 1 },
      { ...good, message: undefined },
      { ...good, fate: "lost" },
      { ...good, details: null },
      { ...good, details: [] },
      { ...good, cause: "x" },
      { ...good, cause: { ...good, fate: 1 } },
    ];
    for (const raw of bad) assert.equal(decodeFailure(raw), undefined);
  });

  it("is not believed when it has more causes than travel", () => {
    const nested = (depth: number): unknown => ({
      code: "x",
      message: "y",
      fate: "unknown",
      details: {},
      ...(depth === 0 ? {} : { cause: nested(depth - 1) }),
    });
    assert.ok(decodeFailure(nested(CAUSES_MAX)) !== undefined);
    assert.equal(decodeFailure(nested(CAUSES_MAX + 1)), undefined);
  });
});
