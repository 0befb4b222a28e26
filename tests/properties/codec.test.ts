/**
 * Laws of the codec over generated values and bytes: what travels comes back the same, two other
 * MessagePack libraries read what we write and write what we read, room and limit are used to the byte,
 * refused values are named by a path that leads to them, and no bytes do worse than being refused.
 *
 * @module
 */
import { Decoder, Encoder } from "@msgpack/msgpack";
import fc from "fast-check";
import { Packr } from "msgpackr";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ByteReader } from "../../core/byte_reader.ts";
import { ByteWriter } from "../../core/byte_writer.ts";
import { decodeFromBytes, decodeValue, encodeToBytes, encodeValue } from "../../core/codec.ts";
import { ActorError, type Fate } from "../../core/failure.ts";
import type { RefCodec } from "../../core/ref_data.ts";
import { failureOf } from "../core/codec_cases.ts";
import { assertSame } from "../core/same_value.ts";

const RUNS = 400;
/** Bytes on either side of a record that must stay as they were. */
const GUARD_BYTES = 32;

const wholeText = fc.string({ unit: "binary" }).map((text) => text.toWellFormed());
const text = fc.oneof(
  fc.string(),
  wholeText,
  fc.string({ minLength: 20, maxLength: 100 }),
  fc.string({ unit: "grapheme", maxLength: 300 }),
  fc.constantFrom("x".repeat(255), "x".repeat(256), "é".repeat(128), "😀".repeat(50), "x".repeat(65_536)),
);
const key = fc.oneof(
  fc.constantFrom("id", "amount", "items", "constructor", "toString", "length", "0", "17", "999", "4294967290", ""),
  wholeText,
).filter((word) => word !== "__proto__");
const number = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(-0, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 31) - 1, 5e-324),
);
const bigint = fc.oneof(
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.bigInt({ min: -(2n ** 3000n), max: 2n ** 3000n }),
);
const binary = fc.oneof(
  fc.uint8Array({ maxLength: 700 }),
  fc.uint8Array().map((bytes) => bytes.slice().buffer),
  fc.uint8Array().map((bytes) => new DataView(bytes.slice().buffer)),
  fc.int8Array(),
  fc.uint8ClampedArray(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
);

/** Everything that travels, nested a few levels. */
const { value } = fc.letrec<{ value: unknown; record: Record<string, unknown>; error: Error }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(null, undefined, true, false),
    number,
    text,
    bigint,
    fc.date({ noInvalidDate: false }),
    binary,
    fc.array(tie("value")),
    fc.sparseArray(tie("value"), { maxLength: 12 }),
    tie("record"),
    fc.array(fc.tuple(tie("value"), tie("value"))).map((entries) => new Map(entries)),
    fc.array(tie("value")).map((members) => new Set(members)),
    tie("error"),
  ),
  record: fc.dictionary(key, tie("value")).map((record) => record),
  error: fc.oneof(
    fc.tuple(fc.constantFrom(Error, TypeError, RangeError), wholeText, tie("value")).map(
      ([Class, message, cause]) => new Class(message, { cause }),
    ),
    fc.tuple(wholeText, wholeText, fc.constantFrom<Fate>("unknown", "delivered"), tie("record"), tie("value")).map(
      ([code, message, fate, details, cause]) => new ActorError(code, message, { fate, details, cause }),
    ),
  ),
}));

/** What every MessagePack library can say. */
const { plain } = fc.letrec<{ plain: unknown }>((tie) => ({
  plain: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(null, true, false),
    // One of the libraries writes -0 as 0.
    number.map((each) => Object.is(each, -0) ? 0 : each),
    wholeText,
    fc.uint8Array(),
    fc.date({ noInvalidDate: true }),
    fc.array(tie("plain")),
    fc.dictionary(key, tie("plain")),
  ),
}));

describe("property: codec", () => {
  it("decoding what was encoded gives the same value", () => {
    fc.assert(
      fc.property(value, (sent) => assertSame(decodeFromBytes(encodeToBytes(sent)), sent)),
      { numRuns: RUNS },
    );
  });

  it("encoding what was decoded gives the same bytes", () => {
    fc.assert(
      fc.property(value, (sent) => {
        const bytes = encodeToBytes(sent);
        assert.deepEqual(encodeToBytes(decodeFromBytes(bytes)), bytes);
      }),
      { numRuns: RUNS },
    );
  });

  it("a decoded value shares no memory with the bytes", () => {
    fc.assert(
      fc.property(value, (sent) => {
        const bytes = encodeToBytes(sent);
        const received = decodeFromBytes(bytes);
        bytes.fill(0xff);
        assertSame(received, sent);
      }),
      { numRuns: RUNS },
    );
  });

  it("other libraries read what we write", () => {
    const readers = [new Decoder(), new Packr({ useRecords: false, moreTypes: true })];
    fc.assert(
      fc.property(plain, (sent) => {
        for (const reader of readers) assertSame(plainly(reader.decode(encodeToBytes(sent).slice())), sent);
      }),
      { numRuns: RUNS },
    );
  });

  it("we read what other libraries write", () => {
    const writers = [
      new Encoder(),
      new Encoder({ useBigInt64: true }),
      new Packr({ useRecords: false, moreTypes: false, variableMapSize: true }),
    ];
    fc.assert(
      fc.property(plain, (sent) => {
        for (const writer of writers) assertSame(decodeFromBytes(Uint8Array.from(writer.encode(sent))), sent);
      }),
      { numRuns: RUNS },
    );
  });
});

describe("property: codec in a ring's memory", () => {
  it("a record is the same in shared memory, wherever it lies and wherever it ran out of room", () => {
    const ring = new Uint8Array(new SharedArrayBuffer(1 << 18));
    const view = new DataView(ring.buffer);
    const writer = new ByteWriter(ring.length);
    fc.assert(
      fc.property(value, fc.integer({ min: GUARD_BYTES, max: 100 }), fc.nat(10_000), (sent, start, share) => {
        const expected = encodeToBytes(sent);
        const roomMax = ring.length - start - GUARD_BYTES;
        const room = Math.min(Math.floor((expected.length + 20) * share / 10_000), roomMax);
        const guards = [ring.subarray(0, start), ring.subarray(start + room, start + room + GUARD_BYTES)];
        for (const guard of guards) guard.fill(0xc1);
        writer.aim(ring, view, start, start + room);
        encodeValue(writer, sent, undefined);
        assert.deepEqual(writer.copy(), expected);
        assert.equal(writer.isSpilled, room < expected.length);
        for (const guard of guards) assert.ok(guard.every((byte) => byte === 0xc1), "it wrote beyond its room");
        const reader = new ByteReader();
        reader.aim(writer.bytes, writer.view, writer.start, writer.position);
        assertSame(decodeValue(reader, undefined), sent);
        assert.equal(reader.left, 0);
      }),
      { numRuns: RUNS },
    );
  });

  it("a message of just the limit is sent, and of one byte more is refused", () => {
    fc.assert(
      fc.property(value, (sent) => {
        const { length } = encodeToBytes(sent);
        assert.equal(encodeToBytes(sent, undefined, length).length, length);
        assert.equal(codeOf(() => encodeToBytes(sent, undefined, length - 1)), "message-too-large");
      }),
      { numRuns: RUNS },
    );
  });
});

describe("property: codec refuses", () => {
  const refused = fc.constantFrom<unknown>(() => {}, Symbol("s"), new (class Account {})(), new WeakSet());
  const steps = fc.array(
    fc.oneof(
      fc.tuple(fc.constant("property"), fc.string({ maxLength: 12 }).filter((word) => word !== "__proto__")),
      fc.tuple(fc.constant("index"), fc.nat(5)),
      fc.tuple(fc.constant("map"), fc.string({ maxLength: 12 })),
    ),
    { maxLength: 30 },
  );

  it("a value by the path that leads to it, wherever it is", () => {
    fc.assert(
      fc.property(refused, steps, value, (culprit, way, beside) => {
        const sent = way.reduceRight<unknown>((inner, [kind, at]) => containing(inner, kind, at, beside), culprit);
        const failure = failureOf(() => encodeToBytes(sent));
        assert.equal(failure.code, "value-cannot-travel");
        assert.equal(follow(sent, String(failure.details.path)), culprit);
      }),
      { numRuns: RUNS },
    );
  });

  it("a cycle by the path to where it closes, however it goes round", () => {
    fc.assert(
      fc.property(steps, steps, (way, round) => {
        const turn: Record<string, unknown> = {};
        turn.again = round.reduceRight<unknown>((inner, [kind, at]) => containing(inner, kind, at, 1), turn);
        const sent = way.reduceRight<unknown>((inner, [kind, at]) => containing(inner, kind, at, 1), turn);
        const failure = failureOf(() => encodeToBytes(sent));
        assert.equal(failure.details.reason, "a value that contains itself");
        assert.equal(follow(sent, String(failure.details.path)), turn);
      }),
      { numRuns: RUNS },
    );
  });
});

describe("property: codec under hostile bytes", () => {
  const refs: RefCodec = {
    dataOf: () => undefined,
    refOf: (data) => data.kind === "a" ? { ...data } : undefined,
  };
  const allowed = [undefined, "malformed-bytes", "kind-unknown"];

  it("any bytes decode, or are refused with malformed-bytes or kind-unknown", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.ok(allowed.includes(codeOf(() => decodeFromBytes(bytes, refs))));
      }),
      { numRuns: RUNS * 10 },
    );
  });

  it("valid bytes that were changed, cut or joined do no worse", () => {
    const change = fc.tuple(fc.nat(), fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0xc0, max: 0xdf })));
    fc.assert(
      fc.property(value, fc.array(change, { maxLength: 4 }), fc.option(fc.nat()), (sent, changes, cut) => {
        const bytes = encodeToBytes([sent, sent]);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        const damaged = cut === null ? bytes : bytes.subarray(0, cut % bytes.length);
        assert.ok(allowed.includes(codeOf(() => decodeFromBytes(damaged, refs))));
      }),
      { numRuns: RUNS * 5 },
    );
  });

  it("what decodes can be sent on: it is nothing but plain data", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        let received: unknown;
        if (codeOf(() => received = decodeFromBytes(bytes)) !== undefined) return;
        assertSame(decodeFromBytes(encodeToBytes(received)), received);
      }),
      { numRuns: RUNS * 10 },
    );
  });

  it("false lengths make the decoder ask for little more memory than there are bytes", () => {
    const claim = fc.tuple(
      fc.oneof(
        { weight: 20, arbitrary: fc.constantFrom("array 16", "array 32", "map 16", "map 32") },
        { weight: 1, arbitrary: fc.constantFrom("set", "map", "bin", "ext", "string") },
      ),
      // Most of them true to the bytes that follow, so that the claims lie inside each other.
      fc.oneof({ weight: 40, arbitrary: fc.nat(20_000) }, { weight: 1, arbitrary: fc.nat(2 ** 32 - 1) }),
    );
    const filler = fc.integer({ min: 40_000, max: 60_000 }).map((length) => new Uint8Array(length));
    fc.assert(
      fc.property(fc.array(claim, { minLength: 20, maxLength: 70 }), filler, (claims, rest) => {
        const bytes = Uint8Array.from([...claims.flatMap(([form, count]) => headerOf(form, count)), ...rest]);
        const asked = elementsAskedBy(() => {
          assert.ok(allowed.includes(codeOf(() => decodeFromBytes(bytes))));
        });
        // Every container that is open may have asked for 1024 elements before any of them was read.
        assert.ok(asked <= bytes.length + 65 * 1024, `${asked} elements for ${bytes.length} bytes`);
      }),
      { numRuns: RUNS / 4 },
    );
  });
});

/** msgpackr's bytes are Buffers, and its large whole numbers bigints. */
function plainly(read: unknown): unknown {
  if (read instanceof Uint8Array) return Uint8Array.from(read);
  if (Array.isArray(read)) return read.map(plainly);
  if (typeof read !== "object" || read === null || read instanceof Date) return read;
  return Object.fromEntries(Object.entries(read).map(([name, member]) => [name, plainly(member)]));
}

/** A container with `inner` where the step says, and `beside` around it. */
function containing(inner: unknown, kind: string, at: string | number, beside: unknown): unknown {
  if (kind === "property") return { [`${at}'`]: beside, [at]: inner, after: beside };
  if (kind === "map") return new Map([[`${at}'`, beside], [String(at), inner]]);
  return [...Array(Number(at)).fill(beside), inner, beside];
}

/** Where `path` leads from `root`, evaluated as the code it looks like. */
function follow(root: unknown, path: string): unknown {
  const expression = path === "" || path.startsWith("[") ? `root${path}` : `root.${path}`;
  return new Function("root", `return ${expression}`)(root);
}

/** The code of the ActorError that `run` throws; `undefined` when it throws nothing. Anything else passes. */
function codeOf(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof ActorError) return thrown.code;
    throw thrown;
  }
}

function headerOf(form: string, count: number): readonly number[] {
  const four = [count >>> 24, (count >>> 16) & 255, (count >>> 8) & 255, count & 255];
  switch (form) {
    case "array 16":
      return [0xdc, ...four.slice(2)];
    case "array 32":
      return [0xdd, ...four];
    case "map 16":
      return [0xde, ...four.slice(2), 0xa1, 0x61];
    case "map 32":
      return [0xdf, ...four, 0xa1, 0x61];
    case "set":
      return [0xc9, ...four, 3, 0xdd, ...four];
    case "map":
      return [0xc9, ...four, 2, 0xdf, ...four];
    case "bin":
      return [0xc6, ...four];
    case "ext":
      return [0xc9, ...four, 7, 9];
    default:
      return [0xdb, ...four];
  }
}

/** The elements of all arrays and byte arrays that are made by length while `run` runs. */
function elementsAskedBy(run: () => void): number {
  let asked = 0;
  const originals = { Array, Uint8Array };
  const ask = (count: number) => asked += count;
  Object.assign(globalThis, { Array: counting(Array, ask), Uint8Array: counting(Uint8Array, ask) });
  try {
    run();
  } finally {
    Object.assign(globalThis, originals);
  }
  return asked;
}

function counting<Class extends object>(original: Class, ask: (count: number) => void): Class {
  return new Proxy(original, {
    construct(target, args: unknown[]): object {
      if (typeof args[0] === "number") ask(args[0]);
      return Reflect.construct(target as new () => object, args);
    },
  });
}
