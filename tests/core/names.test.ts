/**
 * Names users give and the keys made of them.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { ActorError } from "../../core/failure.ts";
import type { ActorKey } from "../../core/ids.ts";
import { KEY_CHARS_MAX, NAME_CHARS_MAX } from "../../core/limits.ts";
import { actorKey, childKey, grainKey, isGrainKey, isHandlerName, isKey, isName, rootOf } from "../../core/names.ts";

const NAME_FIRST = "abcXYZ019";
const NAME_REST = `${NAME_FIRST}_.-`;
const name = fc.tuple(
  fc.constantFrom(...NAME_FIRST),
  fc.string({ unit: fc.constantFrom(...NAME_REST), maxLength: 12 }),
).map(([first, rest]) => first + rest);

describe("isName", () => {
  it("takes a letter or digit, then letters, digits, `_`, `.` and `-`", () => {
    for (const good of ["a", "Z", "0", "alice", "a.b-c_d", "a".repeat(NAME_CHARS_MAX)]) assert.ok(isName(good), good);
  });

  it("refuses what would make two keys collide, hide a file or lie about its text", () => {
    const bad = [
      "",
      ".a",
      "-a",
      "_a",
      "a:b",
      "a/b",
      "a b",
      "a~b",
      "ä",
      "a\n",
      "a\u0000",
      "\u202ea",
      "a".repeat(NAME_CHARS_MAX + 1),
    ];
    for (const one of [...bad, 1, undefined, null, ["a"], { toString: () => "a" }]) {
      assert.ok(!isName(one), String(one));
    }
  });
});

describe("isHandlerName", () => {
  it("takes identifiers", () => {
    for (const good of ["a", "add", "addTwo2", "a_b"]) assert.ok(isHandlerName(good), good);
  });

  it("refuses what would make a facade look like a promise or shadow what objects have", () => {
    for (
      const bad of ["then", "constructor", "toString", "valueOf", "toJSON", "", "1a", "_a", "__proto__", "a-b", "a.b"]
    ) {
      assert.ok(!isHandlerName(bad), bad);
    }
  });
});

describe("keys", () => {
  it("of actors, grains and children are told apart by their text alone", () => {
    assert.equal(actorKey("a"), "a");
    assert.equal(grainKey("account", "alice"), "account:alice");
    assert.equal(childKey("account:alice" as ActorKey, "audit"), "account:alice/audit");
    assert.deepEqual(["a", "k:a", "k:a/b"].map((key) => isGrainKey(key as ActorKey)), [false, true, false]);
  });

  it("have the root that decides where a whole family lives", () => {
    assert.deepEqual(["a", "k:a", "k:a/b/c"].map((key) => rootOf(key as ActorKey)), ["a", "k:a", "k:a"]);
  });

  it("refuse a name with the value and the rule", () => {
    const rule = 'a name is a letter or digit, then letters, digits, "_", "." or "-", at most 255';
    assert.throws(() => actorKey("a b"), (error: ActorError) => {
      assert.deepEqual([error.code, error.fate], ["invalid-name", "not-delivered"]);
      assert.equal(error.message, `Cannot name an actor "a b": ${rule}`);
      return true;
    });
    assert.throws(() => grainKey("k", undefined as never), {
      message: `Cannot name an actor a value of type undefined: ${rule}`,
    });
    assert.throws(() => actorKey("x".repeat(300)), (error: ActorError) => error.message.length < 250);
  });

  it("refuse a value that cannot even be shown, without failing on it", () => {
    const hostile = {
      toString: () => {
        throw new Error("no");
      },
    };
    for (const bad of [hostile, Symbol("s"), Object.create(null)]) {
      assert.throws(
        () => actorKey(bad as never),
        (error: unknown) => error instanceof ActorError && error.code === "invalid-name",
      );
    }
  });

  it("have a limit of characters, whatever the depth of the family", () => {
    const parent = "a".repeat(255) as ActorKey;
    let key = parent;
    for (let depth = 0; depth < 3; depth++) key = childKey(key, "b".repeat(255));
    assert.equal(key.length, 1023);
    assert.ok(key.length <= KEY_CHARS_MAX && isKey(key));
    assert.throws(() => childKey(key, "c"), { code: "invalid-name" });
  });

  it("property: no two different names, kinds or families have the same key, and each is a key", () => {
    const actor = name.map((one) => ({ made: `actor ${one}`, key: actorKey(one) }));
    const grain = fc.tuple(name, name).map(([kind, one]) => ({
      made: `grain ${kind} ${one}`,
      key: grainKey(kind, one),
    }));
    const root = fc.oneof(actor, grain);
    const child = fc.tuple(root, name).map(([one, last]) => ({
      made: `${one.made} child ${last}`,
      key: childKey(one.key, last),
    }));
    fc.assert(fc.property(fc.oneof(root, child), fc.oneof(root, child), (one, other) => {
      assert.equal(one.key === other.key, one.made === other.made);
      assert.ok(isKey(one.key));
    }));
  });

  it("property: isKey refuses what no function here makes", () => {
    for (const bad of ["", ":", "a:", ":a", "a/", "/a", "a//b", "a:b:c", "a/b:c", "a b", 1, undefined]) {
      assert.ok(!isKey(bad), String(bad));
    }
  });
});
