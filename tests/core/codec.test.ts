/**
 * What travels through the codec, as which bytes, and what it is when it arrives. The laws over generated
 * values are in `tests/properties/codec.test.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { decodeFromBytes, encodeToBytes } from "../../core/codec.ts";
import { ActorError, CAUSES_MAX } from "../../core/failure.ts";
import type { ActorKey } from "../../core/ids.ts";
import { VALUE_DEPTH_MAX } from "../../core/limits.ts";
import type { RefCodec } from "../../core/ref_data.ts";
import { decodeHex, failureOf, hexOf, nested, refusedPath, roundTrip } from "./codec_cases.ts";
import { assertSame } from "./same_value.ts";

class FakeRef {
  readonly kind: string;
  readonly key: ActorKey;

  constructor(kind: string, key: ActorKey) {
    this.kind = kind;
    this.key = key;
  }
}

const accountsOnly: RefCodec = {
  dataOf: (value) => value instanceof FakeRef ? { kind: value.kind, key: value.key } : undefined,
  refOf: ({ kind, key }) => kind === "account" ? new FakeRef(kind, key) : undefined,
};

describe("codec: bytes", () => {
  it("writes MessagePack's own shortest forms", () => {
    const forms: readonly (readonly [value: unknown, hex: string])[] = [
      [null, "c0"],
      [false, "c2"],
      [true, "c3"],
      [0, "00"],
      [127, "7f"],
      [128, "cc80"],
      [255, "ccff"],
      [256, "cd0100"],
      [65535, "cdffff"],
      [65536, "ce00010000"],
      [2 ** 31, "ce80000000"],
      [2 ** 32 - 1, "ceffffffff"],
      [2 ** 32, "cb41f0000000000000"],
      [-1, "ff"],
      [-32, "e0"],
      [-33, "d0df"],
      [-128, "d080"],
      [-129, "d1ff7f"],
      [-32768, "d18000"],
      [-32769, "d2ffff7fff"],
      [-(2 ** 31), "d280000000"],
      [1.5, "cb3ff8000000000000"],
      [-0, "cb8000000000000000"],
      ["", "a0"],
      ["abc", "a3616263"],
      ["ö", "a2c3b6"],
      ["x".repeat(31), `bf${"78".repeat(31)}`],
      ["x".repeat(32), `d920${"78".repeat(32)}`],
      [[], "90"],
      [["t-1", 25], "92a3742d3119"],
      [{}, "80"],
      [{ a: 1, b: [true] }, "82a16101a16291c3"],
      [Uint8Array.of(1, 2, 3), "c403010203"],
      [new Date(0), "d6ff00000000"],
      [new Date(1500), "d7ff7735940000000001"],
      [new Date(-1), "c70cff3b8b87c0ffffffffffffffff"],
    ];
    for (const [value, hex] of forms) assert.equal(hexOf(value), hex, String(value));
  });

  it("writes its own extensions under the numbers of the table", () => {
    const forms: readonly (readonly [value: unknown, hex: string])[] = [
      [undefined, "d40000"],
      [new Date(NaN), "d40001"],
      [5n, "d7010000000000000005"],
      [2n ** 64n, "c70a0100010000000000000000"],
      [-(2n ** 64n), "c70a0101010000000000000000"],
      [new Map([[1, "x"]]), "c900000004028101a178"],
      [new Set([7]), "c900000002039107"],
      [new Error("no"), "c90000000a0492a54572726f72a26e6f"],
      [Int16Array.of(1, -1), "c70507040100ffff"],
    ];
    for (const [value, hex] of forms) assert.equal(hexOf(value), hex);
  });

  it("writes counts of 16 and of 65,536 keys behind the keys they count", () => {
    for (const count of [15, 16, 17, 65_535, 65_536]) {
      const record = Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index]));
      assertSame(roundTrip({ before: 1, record, after: 2 }), { before: 1, record, after: 2 });
    }
  });

  it("reads the whole numbers of 64 bits that other writers use, as numbers where those are exact", () => {
    assert.equal(decodeHex("cf000000000000007f"), 127);
    assert.equal(decodeHex("d3ffffffffffffffff"), -1);
    assert.equal(decodeHex("cf001fffffffffffff"), Number.MAX_SAFE_INTEGER);
    assert.equal(decodeHex("cf0020000000000001"), 2n ** 53n + 1n);
    assert.equal(decodeHex("cfffffffffffffffff"), 2n ** 64n - 1n);
    assert.equal(decodeHex("ca3fc00000"), 1.5);
  });

  it("cuts a timestamp's nanoseconds to the millisecond", () => {
    assertSame(decodeHex("d7ff0000000800000001"), new Date(1000));
  });
});

describe("codec: what travels", () => {
  it("keeps undefined, holes as undefined, -0, NaN and the infinities", () => {
    const value = { a: undefined, list: [undefined, -0, 0, NaN, Infinity, -Infinity], last: null };
    assertSame(roundTrip(value), value);
    const sparse: unknown[] = [1];
    sparse[3] = 4;
    assertSame(roundTrip(sparse), [1, undefined, undefined, 4]);
  });

  it("keeps the order of keys", () => {
    assert.deepEqual(Object.keys(roundTrip({ z: 1, a: 2, 7: 3, m: 4 }) as object), ["7", "z", "a", "m"]);
  });

  it("keeps every kind of binary value", () => {
    const bytes = Uint8Array.from({ length: 16 }, (_, index) => index * 17);
    const values = [
      bytes,
      bytes.buffer,
      new DataView(bytes.buffer),
      new Int8Array(bytes.buffer),
      new Uint8ClampedArray(bytes.buffer),
      new Int16Array(bytes.buffer),
      new Uint16Array(bytes.buffer),
      new Int32Array(bytes.buffer),
      new Uint32Array(bytes.buffer),
      new Float32Array(bytes.buffer),
      new Float64Array(bytes.buffer),
      new BigInt64Array(bytes.buffer),
      new BigUint64Array(bytes.buffer),
      ...(typeof Float16Array === "function" ? [new Float16Array(bytes.buffer)] : []),
    ];
    for (const value of values) assertSame(roundTrip(value), value);
  });

  it("sends only the part of memory that a view shows", () => {
    const whole = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    assertSame(roundTrip(whole.subarray(2, 4)), Uint8Array.of(3, 4));
    assertSame(roundTrip(new Uint16Array(whole.buffer, 4, 1)), new Uint16Array(Uint8Array.of(5, 6).buffer));
  });

  it("sends a Buffer as the Uint8Array it is", () => {
    assertSame(roundTrip(Buffer.from("abc")), Uint8Array.of(97, 98, 99));
  });

  it("copies typed arrays over shared memory", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(9);
    assertSame(roundTrip(shared), Uint8Array.of(9, 9, 9));
  });

  it("keeps dates from the first to the last, and the one that is none", () => {
    for (const ms of [0, 1, 999, 1000, -1, -1000, 2 ** 32 * 1000, 2 ** 34 * 1000, 8.64e15, -8.64e15, NaN]) {
      assertSame(roundTrip(new Date(ms)), new Date(ms));
    }
  });

  it("keeps bigints up to a million bits", () => {
    const edges = [0n, -1n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 2n ** 64n, 2n ** 1_048_575n];
    for (const value of edges) assert.ok(roundTrip(value) === value);
  });

  it("makes a lone surrogate U+FFFD, and leaves pairs alone", () => {
    for (const filling of ["", "x".repeat(60), "é".repeat(60)]) {
      assert.equal(roundTrip(`${filling}\ud800`), `${filling}\ufffd`);
      assert.equal(roundTrip(`\udc00${filling}`), `\ufffd${filling}`);
      assert.equal(roundTrip(`${filling}😀`), `${filling}😀`);
    }
  });

  it("keeps a byte order mark at the start of a string", () => {
    for (const text of ["\ufeff", "\ufeffabc", `\ufeff${"x".repeat(100)}`]) assert.equal(roundTrip(text), text);
  });

  it("reads getters", () => {
    assertSame(
      roundTrip({
        get now() {
          return 7;
        },
      }),
      { now: 7 },
    );
  });

  it("sends what a frozen, a sealed and a prototype-less object hold", () => {
    assertSame(roundTrip(Object.freeze({ a: 1 })), { a: 1 });
    assertSame(roundTrip(Object.assign(Object.create(null), { a: 1 })), { a: 1 });
  });

  it("does not send keys that somebody gave Object.prototype", () => {
    Object.defineProperty(Object.prototype, "polluted", { value: 1, enumerable: true, configurable: true });
    try {
      assert.equal(hexOf({ a: 1 }), "81a16101");
    } finally {
      Reflect.deleteProperty(Object.prototype, "polluted");
    }
    assert.equal(hexOf({ a: 1 }), "81a16101");
  });

  it("lets the same object appear twice, as two", () => {
    const shared = { a: 1 };
    const [first, second] = roundTrip([shared, shared]) as [object, object];
    assertSame(first, shared);
    assert.notEqual(first, second);
  });

  it("nests to the limit, and no deeper", () => {
    assertSame(roundTrip(nested(VALUE_DEPTH_MAX)), nested(VALUE_DEPTH_MAX));
    const failure = failureOf(() => encodeToBytes(nested(VALUE_DEPTH_MAX + 1)));
    assert.equal(failure.code, "value-cannot-travel");
    assert.equal(failure.details.path, "[0]".repeat(VALUE_DEPTH_MAX));
    assert.match(failure.message, /nesting deeper than 64 cannot travel$/);
  });
});

describe("codec: errors", () => {
  it("keep name, message, cause, and their class if it is a standard one", () => {
    const failed = new TypeError("no balance", { cause: new RangeError("below zero", { cause: { at: 7 } }) });
    const back = roundTrip(failed);
    assertSame(back, failed);
    assert.ok(back instanceof TypeError);
    assert.ok(back.cause instanceof RangeError);
  });

  it("come back as Error under their own name when their class is not known", () => {
    class InsufficientFunds extends Error {
      override readonly name = "InsufficientFunds";
    }
    const back = roundTrip(new InsufficientFunds("25 are missing"));
    assert.ok(back instanceof Error);
    assert.equal(String(back), "InsufficientFunds: 25 are missing");
    assert.deepEqual(Object.keys(back), []);
  });

  it("keep an ActorError's code, fate, details and causes", () => {
    const cause = new ActorError("worker-lost", "the worker died", { cause: new Error("out of memory") });
    const failure = new ActorError("insufficient-funds", "25 are missing", {
      details: { missing: 25, at: new Date(5) },
      cause,
      fate: "unknown",
    });
    assertSame(roundTrip([failure]), [failure]);
  });

  it("keep the errors of an AggregateError, with and without a cause", () => {
    for (const cause of [undefined, new Error("why")]) {
      const failed = new AggregateError([new Error("a"), "b"], "both", cause === undefined ? undefined : { cause });
      assertSame(roundTrip(failed), failed);
    }
  });

  it("cut their causes after the eighth, even when the chain is a circle", () => {
    const circle = new Error("round");
    circle.cause = circle;
    let causes = 0;
    for (let error = roundTrip(circle); error instanceof Error && error.cause !== undefined; error = error.cause) {
      causes++;
    }
    assert.equal(causes, CAUSES_MAX);
  });

  it("are refused with the path to a cause that cannot travel", () => {
    assert.equal(refusedPath([new Error("x", { cause: { report: () => {} } })]), "[0].cause.report");
    assert.equal(refusedPath(new ActorError("x", "y", { details: { a: [Symbol("s")] } })), "details.a[0]");
  });
});

describe("codec: refs", () => {
  const alice = new FakeRef("account", "account:alice" as ActorKey);

  it("travel as kind and key, wherever they are in a message", () => {
    assertSame(roundTrip({ to: alice, all: [alice], by: new Map([[alice, 1]]) }, accountsOnly), {
      to: alice,
      all: [alice],
      by: new Map([[alice, 1]]),
    });
  });

  it("are refused at the sender when it knows no refs", () => {
    assert.equal(refusedPath([alice]), "[0]");
  });

  it("of a kind not known here fail to decode with kind-unknown", () => {
    const stranger = new FakeRef("stranger", "bob" as ActorKey);
    const bytes = encodeToBytes([stranger], accountsOnly);
    for (const refs of [accountsOnly, undefined]) {
      const failure = failureOf(() => decodeFromBytes(bytes, refs));
      assert.equal(failure.code, "kind-unknown");
      assert.deepEqual(failure.details, { kind: "stranger", key: "bob" });
    }
  });

  it("with a kind or key that nobody may have are malformed", () => {
    for (const data of [["account", "a b"], ["", "alice"], ["account", 7], ["account"], ["account", []]]) {
      const payload = encodeToBytes(data);
      const bytes = Uint8Array.of(0xc7, payload.length, 6, ...payload);
      assert.equal(failureOf(() => decodeFromBytes(bytes, accountsOnly)).code, "malformed-bytes");
    }
  });
});
