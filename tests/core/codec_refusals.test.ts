/**
 * What the codec refuses at the sender, with which path, and what the limits of its writer do.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ByteWriter } from "../../core/byte_writer.ts";
import { decodeFromBytes, encodeArguments, encodeToBytes, encodeValue } from "../../core/codec.ts";
import { ActorError } from "../../core/failure.ts";
import { failureOf, refusedPath, roundTrip } from "./codec_cases.ts";
import { assertSame } from "./same_value.ts";

class Account {
  balance = 25;
}

describe("codec: what is refused at the sender", () => {
  it("names the path to a function, as one would write it", () => {
    const items = [0, 1, 2, { callback: () => {} }];
    const failure = failureOf(() => encodeToBytes(["x", { items }]));
    assert.equal(failure.message, "Cannot encode [1].items[3].callback: a function cannot travel");
    assert.deepEqual(failure.details, { path: "[1].items[3].callback", reason: "a function" });
  });

  it("begins the path of an argument with its index", () => {
    const writer = new ByteWriter(1000);
    writer.aimAtScratch();
    const failure = failureOf(() => encodeArguments(writer, ["a", Symbol("s")], undefined));
    assert.equal(failure.details.path, "[1]");
    assert.match(failure.message, /a symbol cannot travel$/);
  });

  it("names keys that are no identifiers, Map keys and values, and Set values", () => {
    const refused = () => {};
    assert.equal(refusedPath(refused), "");
    assert.equal(refusedPath({ "a b": { "": [refused] } }), '["a b"][""][0]');
    assert.equal(refusedPath({ "0": refused }), '["0"]');
    assert.equal(refusedPath({ byId: new Map<unknown, unknown>([["x", 1], ["y", refused]]) }), 'byId.get("y")');
    assert.equal(refusedPath(new Map<unknown, unknown>([[1, 1], [refused, 2]])), "keys()[1]");
    assert.equal(refusedPath(new Map<unknown, unknown>([[{}, refused]])), "get(…)");
    assert.equal(refusedPath({ tags: new Set([1, 2, refused]) }), "tags.values()[2]");
  });

  it("shortens a key of great length in the path", () => {
    assert.equal(refusedPath({ ["k".repeat(1000)]: () => {} }), `${"k".repeat(80)}…`);
  });

  it("refuses class instances by the name of their class", () => {
    const instances: readonly (readonly [value: unknown, name: string])[] = [
      [new Account(), "Account"],
      [new Promise(() => {}), "Promise"],
      [new WeakMap(), "WeakMap"],
      [/x/, "RegExp"],
      [new URL("http://localhost"), "URL"],
      [new SharedArrayBuffer(8), "SharedArrayBuffer"],
      [new Number(5), "Number"],
      [new (class Stack extends Array {})(), "Stack"],
      [new (class Index extends Map {})(), "Index"],
      [new (class {})(), "an unnamed class"],
    ];
    for (const [value, name] of instances) {
      const failure = failureOf(() => encodeToBytes({ value }));
      assert.equal(failure.message, `Cannot encode value: an instance of ${name} cannot travel`);
    }
  });

  it("refuses an object with a symbol or __proto__ among its keys", () => {
    assert.equal(refusedPath([{ [Symbol("s")]: 1 }]), "[0]");
    assert.equal(refusedPath([{ ["__proto__"]: 1 }]), "[0].__proto__");
    assertSame(roundTrip(new Map([["__proto__", 1]])), new Map([["__proto__", 1]]));
  });

  it("refuses a cycle with the path to where it closes", () => {
    const order: Record<string, unknown> = { id: 1 };
    order.lines = [{ order }];
    const failure = failureOf(() => encodeToBytes(["x", order]));
    assert.equal(failure.details.path, "[1].lines[0].order");
    assert.match(failure.message, /a value that contains itself cannot travel$/);
    const map = new Map<unknown, unknown>();
    map.set("self", map);
    assert.equal(refusedPath(map), 'get("self")');
  });

  it("refuses a bigint of more than a million bits", () => {
    assert.equal(refusedPath({ huge: 2n ** 1_048_575n * 2n }), "huge");
  });

  it("refuses a value that throws when it is read, with what it threw as the cause", () => {
    const thrown = new RangeError("not now");
    const failure = failureOf(() =>
      encodeToBytes([{
        get a() {
          throw thrown;
        },
      }])
    );
    assert.equal(failure.details.path, "[0].a");
    assert.equal(failure.cause, thrown);
    assert.equal(
      refusedPath([{
        get a() {
          throw new ActorError("my-own", "no");
        },
      }]),
      "[0].a",
    );
    assert.equal(
      refusedPath([
        new Proxy({}, {
          ownKeys: () => {
            throw thrown;
          },
        }),
      ]),
      "[0]",
    );
    assert.equal(refusedPath({ a: Object.create(Map.prototype) }), "a");
  });

  it("refuses proxies and getters that throw whatever there is to throw", () => {
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    assert.equal(refusedPath(revoked.proxy), "");
    assert.equal(refusedPath({ a: [revoked.proxy] }), "a[0]");
    for (
      const thrown of [undefined, "text", Symbol("s"), revoked.proxy, Object.assign(new Error(), { message: Symbol() })]
    ) {
      const failure = failureOf(() =>
        encodeToBytes({
          get a() {
            throw thrown;
          },
        })
      );
      assert.equal(failure.code, "value-cannot-travel");
      assert.equal(failure.details.path, "a");
    }
  });

  it("refuses an ActorError that its receiver could not make again", () => {
    for (const details of [[], new Map(), null]) {
      const failure = Object.assign(new ActorError("x", "y"), { details });
      assert.equal(refusedPath([failure]), "[0]");
    }
    assert.equal(refusedPath({ failure: Object.assign(new ActorError("x", "y"), { fate: "maybe" }) }), "failure");
  });

  it("refuses a Map that changes while it is read", () => {
    const map = new Map<unknown, unknown>();
    map.set({
      get a() {
        return map.set("more", 1).size;
      },
    }, 1);
    assert.match(failureOf(() => encodeToBytes(map)).message, /a Map that changes while it is read cannot travel$/);
  });

  it("refuses a value that sends with the same writer when it is read", () => {
    const writer = new ByteWriter(1000);
    writer.aimAtScratch();
    const sending = {
      get a() {
        writer.aimAtScratch();
        encodeValue(writer, "inner", undefined);
        return 1;
      },
    };
    assert.equal(failureOf(() => encodeValue(writer, sending, undefined)).code, "value-cannot-travel");
  });

  it("leaves a writer that can be aimed and used again", () => {
    const writer = new ByteWriter(1000);
    for (let round = 0; round < 3; round++) {
      writer.aimAtScratch();
      failureOf(() => encodeValue(writer, ["x", () => {}], undefined));
      writer.aimAtScratch();
      encodeValue(writer, "fine", undefined);
      assert.equal(decodeFromBytes(writer.copy()), "fine");
    }
  });
});

describe("codec: limits of the writer", () => {
  it("refuse a message that is larger, wherever it grows over", () => {
    for (const value of ["x".repeat(2000), "ö".repeat(600), new Uint8Array(1001), Array(1001).fill(1), 2n ** 9000n]) {
      assert.equal(failureOf(() => encodeToBytes(value, undefined, 1000)).code, "message-too-large");
    }
  });

  it("refuse a sparse array of great length before its first element", () => {
    const sparse: unknown[] = [];
    sparse.length = 2 ** 32 - 1;
    assert.equal(failureOf(() => encodeToBytes(sparse)).code, "message-too-large");
  });

  it("hold in memory that would have more room", () => {
    const ring = new Uint8Array(1000);
    const writer = new ByteWriter(10);
    writer.aim(ring, new DataView(ring.buffer), 0, 1000);
    assert.equal(failureOf(() => encodeValue(writer, "x".repeat(10), undefined)).code, "message-too-large");
    writer.aim(ring, new DataView(ring.buffer), 0, 1000);
    encodeValue(writer, "x".repeat(9), undefined);
    assert.equal(writer.length, 10);
  });
});
