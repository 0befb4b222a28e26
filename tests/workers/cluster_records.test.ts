/**
 * The records between a worker and the main thread of a clustered node: what goes in comes out, and bytes that are none
 * throw `malformed-bytes` and nothing else.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteReader } from "../../core/byte_reader.ts";
import { ByteWriter } from "../../core/byte_writer.ts";
import { ActorError, type FailureData, type Fate } from "../../core/failure.ts";
import { type ActorKey, epoch, instant } from "../../core/ids.ts";
import { STOP_REASONS } from "../../core/lifecycle.ts";
import { isKey } from "../../core/names.ts";
import type { ActivationToken, ClusterLetter, LetterOutcome } from "../../workers/cluster_port.ts";
import {
  type ClusterOrder,
  type ClusterWord,
  type Delivery,
  readDelivery,
  readLetter,
  readOrder,
  readOutcome,
  readWord,
  writeDelivery,
  writeLetter,
  writeOutcome,
  writeWord,
} from "../../workers/cluster_records.ts";
import { RecordType } from "../../workers/record.ts";

const RUNS = { numRuns: 300 };

describe("records of a cluster", () => {
  it("property: a letter comes out as it went in, behind its type and identity", () => {
    fc.assert(
      fc.property(letters(), identities(), (letter, identity) => {
        const bytes = written((writer) => writeLetter(writer, identity, letter));
        assertRead(bytes, RecordType.letter, identity, readLetter, letter);
      }),
      RUNS,
    );
  });

  it("property: a delivery comes out as it went in", () => {
    fc.assert(
      fc.property(deliveries(), identities(), (delivery, identity) => {
        const bytes = written((writer) => writeDelivery(writer, identity, delivery));
        assertRead(bytes, RecordType.delivery, identity, readDelivery, delivery);
      }),
      RUNS,
    );
  });

  it("property: an answer and an outcome come out as they went in", () => {
    fc.assert(
      fc.property(outcomes(), fc.nat(), identities(), fc.boolean(), (outcome, id, identity, isAnswer) => {
        const type = isAnswer ? RecordType.answer : RecordType.outcome;
        const bytes = written((writer) => writeOutcome(writer, type, identity, id, outcome));
        assertRead(bytes, type, identity, readOutcome, { id, outcome });
      }),
      RUNS,
    );
  });

  it("property: every order comes out as it went in", () => {
    fc.assert(
      fc.property(orders(), identities(), (order, identity) => {
        const bytes = written((writer) => writeWord(writer, identity, order));
        assertRead(bytes, RecordType.order, identity, readOrder, order);
      }),
      RUNS,
    );
  });

  it("property: every word comes out as it went in", () => {
    fc.assert(
      fc.property(words(), identities(), (word, identity) => {
        const bytes = written((writer) => writeWord(writer, identity, word));
        assertRead(bytes, RecordType.word, identity, readWord, word);
      }),
      RUNS,
    );
  });

  it("a message's bytes are a private copy: the ring is overwritten next", () => {
    const payload = Uint8Array.of(1, 2, 3);
    const letter = { target: keyOf("a"), actorKind: "k", sender: undefined, ask: undefined, payload };
    const bytes = written((writer) => writeLetter(writer, 1, letter));
    const read = behindFront(bytes, readLetter);
    bytes.fill(0);
    assert.deepEqual(read.payload, payload);
  });

  it("an order is no word, and a word no order", () => {
    const order = written((writer) => writeWord(writer, 1, { order: "look" }));
    const word = written((writer) => writeWord(writer, 1, { word: "flushReached", id: 1 }));
    assert.throws(() => behindFront(order, readWord), isMalformed);
    assert.throws(() => behindFront(word, readOrder), isMalformed);
  });

  const wrong: readonly (readonly [why: string, read: (reader: ByteReader) => unknown, raw: object])[] = [
    ["an order nobody knows", readOrder, { order: "dance" }],
    ["a word nobody knows", readWord, { word: "dance" }],
    ["a key that is none", readOrder, { order: "busy", key: "a b" }],
    ["a token that is none", readOrder, { order: "open", key: "a", token: { cfg: 1 } }],
    ["a number that is none", readWord, { word: "clock", workerMs: NaN }],
    ["an end for no reason", readWord, { ...ended(), reason: "bored" }],
    ["an end by no word", readOrder, { order: "stop", key: "a", token: { cfg: 1, seq: 1 }, word: "bored" }],
    ["keys that are no list", readOrder, { order: "free", keys: "a" }],
    ["an origin that is neither message nor flush", readWord, { ...ended(), origins: ["m1"] }],
    ["a letter without bytes", readWord, { ...ended(), letters: [{ target: "a", actorKind: "k", payload: "x" }] }],
    ["a fate that is none", readWord, { word: "refused", delivery: sampleDelivery(), code: "x", fate: "lost" }],
    ["a first state that is no bytes", readOrder, {
      order: "begin",
      generation: 1,
      activation: { key: "a", kind: "k", token: { cfg: 1, seq: 1 }, init: [1] },
    }],
    ["a list instead of an order", readOrder, []],
  ];
  for (const [why, read, raw] of wrong) {
    it(`${why} is malformed`, () => {
      const bytes = written((writer) => writeWord(writer, 1, raw as ClusterOrder));
      assert.throws(() => behindFront(bytes, read), isMalformed);
    });
  }

  it("property: a record that is cut short is malformed, wherever it is cut", () => {
    fc.assert(
      fc.property(samples(), fc.nat(), ({ bytes, read }, cut) => {
        const short = bytes.slice(0, cut % bytes.length);
        assert.throws(() => behindFront(short, read), isMalformed);
      }),
      RUNS,
    );
  });

  it("property: a record with any bytes changed is malformed or another record, and never anything worse", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(samples(), changes, ({ bytes, read }, changed) => {
        const copy = bytes.slice();
        for (const [at, value] of changed) copy[FRONT_BYTES + at % (copy.length - FRONT_BYTES)] = value;
        try {
          behindFront(copy, read);
        } catch (thrown) {
          assert.ok(isMalformed(thrown), String(thrown));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("property: random bytes are malformed or a record, and never anything worse", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.constantFrom(...READERS), (bytes, read) => {
        const reader = new ByteReader();
        reader.aimAt(bytes);
        try {
          read(reader);
        } catch (thrown) {
          assert.ok(isMalformed(thrown), String(thrown));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Type and identity. */
const FRONT_BYTES = 9;
const READERS: readonly ((reader: ByteReader) => unknown)[] = [
  readLetter,
  readDelivery,
  readOutcome,
  readOrder,
  readWord,
];

function written(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(1 << 16);
  writer.aimAtScratch();
  write(writer);
  return writer.copy();
}

function assertRead<T>(
  bytes: Uint8Array,
  type: number,
  identity: number,
  read: (reader: ByteReader) => T,
  expected: T,
): void {
  const reader = new ByteReader();
  reader.aimAt(bytes);
  assert.deepEqual([reader.u8(), reader.f64()], [type, identity]);
  assert.deepStrictEqual(read(reader), expected);
  assert.equal(reader.left, 0, "nothing is left");
}

function behindFront<T>(bytes: Uint8Array, read: (reader: ByteReader) => T): T {
  const reader = new ByteReader();
  reader.aimAt(bytes);
  reader.u8();
  reader.f64();
  return read(reader);
}

function isMalformed(thrown: unknown): boolean {
  return thrown instanceof ActorError && thrown.code === "malformed-bytes";
}

function keyOf(text: string): ActorKey {
  assert.ok(isKey(text), text);
  return text;
}

function sampleDelivery(): Delivery {
  const token = { cfg: epoch(1), seq: 1 };
  return {
    id: 1,
    number: 2,
    target: keyOf("a"),
    actorKind: "k",
    token,
    from: "n",
    link: 1,
    at: instant(5),
    sender: undefined,
    ask: undefined,
    waitedMs: 0,
    payload: Uint8Array.of(1),
  };
}

function ended(): Extract<ClusterWord, { word: "ended" }> {
  const token = { cfg: epoch(1), seq: 1 };
  return { word: "ended", key: keyOf("a"), token, reason: "stop", origins: [], letters: [], through: 0 };
}

// --- any of them ----------------------------------------------------------------------------------

function recordOf<T>(model: { readonly [Name in keyof T]: fc.Arbitrary<T[Name]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true });
}

function orNone<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined });
}

/** Identities of a process, from 1. */
function identities(): fc.Arbitrary<number> {
  return fc.integer({ min: 0, max: 1_000 });
}

function keys(): fc.Arbitrary<ActorKey> {
  const name = fc.constantFrom("a", "alice", "Z-9_.x", "0", "x".repeat(200));
  const child = fc.array(name, { maxLength: 2 });
  return fc.tuple(fc.boolean(), name, child).map(([isGrain, first, children]) =>
    keyOf([isGrain ? `kind:${first}` : first, ...children].join("/"))
  );
}

/** Names and texts as they come: of any script, and long enough to leave the loop for ASCII. */
function texts(): fc.Arbitrary<string> {
  return fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: "grapheme", maxLength: 60 })).map((text) =>
    text.toWellFormed()
  );
}

function milliseconds(): fc.Arbitrary<number> {
  return fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e12, noNaN: true }));
}

function tokens(): fc.Arbitrary<ActivationToken> {
  return recordOf({ cfg: fc.maxSafeNat().map(epoch), seq: fc.maxSafeNat() });
}

function payloads(): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ maxLength: 5_000 });
}

function senders(): fc.Arbitrary<ClusterLetter["sender"]> {
  return orNone(recordOf({ key: keys(), token: tokens() }));
}

function letters(): fc.Arbitrary<ClusterLetter> {
  return recordOf<ClusterLetter>({
    target: keys(),
    actorKind: texts(),
    sender: senders(),
    ask: orNone(recordOf({ id: fc.maxSafeNat(), deadline: milliseconds().map(instant) })),
    payload: payloads(),
  });
}

function deliveries(): fc.Arbitrary<Delivery> {
  return recordOf<Delivery>({
    id: fc.nat(),
    number: fc.maxSafeNat(),
    target: keys(),
    actorKind: texts(),
    token: tokens(),
    from: texts(),
    link: fc.nat(),
    at: milliseconds().map(instant),
    sender: senders(),
    ask: orNone(recordOf({ id: fc.maxSafeNat(), remainingMs: milliseconds() })),
    waitedMs: milliseconds(),
    payload: payloads(),
  });
}

function fates(): fc.Arbitrary<Fate> {
  return fc.constantFrom("not-delivered", "delivered", "unknown");
}

function outcomes(): fc.Arbitrary<LetterOutcome> {
  const plain = { code: texts(), message: texts(), fate: fates(), details: fc.constant({ balance: 3, of: ["a"] }) };
  const failure: fc.Arbitrary<FailureData> = fc.oneof(
    recordOf<FailureData>(plain),
    recordOf<FailureData>({ ...plain, cause: recordOf<FailureData>(plain) }),
  );
  return fc.oneof(
    recordOf<LetterOutcome>({ kind: fc.constant("ok" as const), value: payloads() }),
    recordOf<LetterOutcome>({ kind: fc.constant("failed" as const), failure }),
  );
}

function orders(): fc.Arbitrary<ClusterOrder> {
  const at = { key: keys(), token: tokens() };
  const number = fc.nat();
  return fc.oneof<fc.Arbitrary<ClusterOrder>[]>(
    recordOf({
      order: fc.constant("begin" as const),
      activation: recordOf({ ...at, kind: texts(), init: orNone(payloads()), isAgain: fc.boolean() }),
      generation: number,
    }),
    recordOf({ order: fc.constant("stop" as const), ...at, word: fc.constantFrom("released", "moved", "fenced") }),
    recordOf({ order: fc.constant("open" as const), isOpen: fc.boolean(), ...at }),
    recordOf({ order: fc.constant("flush" as const), target: keys(), token: tokens(), number, id: number }),
    recordOf({ order: fc.constant("busy" as const), key: keys() }),
    recordOf({ order: fc.constant("free" as const), keys: fc.array(keys(), { maxLength: 4 }) }),
    recordOf({ order: fc.constant("clock" as const), workerMs: milliseconds(), mainMs: milliseconds() }),
    fc.constant({ order: "look" }),
  );
}

function words(): fc.Arbitrary<ClusterWord> {
  const at = { key: keys(), token: tokens() };
  const number = fc.nat();
  const returned = {
    ...at,
    origins: fc.array(fc.oneof(number, deliveries()), { maxLength: 3 }),
    letters: fc.array(letters(), { maxLength: 3 }),
  };
  return fc.oneof<fc.Arbitrary<ClusterWord>[]>(
    recordOf({ word: fc.constant("abortAsk" as const), askId: fc.maxSafeNat() }),
    recordOf({ word: fc.constant("refused" as const), delivery: deliveries(), code: texts(), fate: fates() }),
    recordOf({ word: fc.constant("flushReached" as const), id: number }),
    recordOf({ word: fc.constant("started" as const), ...at, error: orNone(texts()) }),
    recordOf({ word: fc.constant("returned" as const), ...returned }),
    recordOf({
      word: fc.constant("ended" as const),
      ...returned,
      reason: fc.constantFrom(...STOP_REASONS),
      through: number,
    }),
    recordOf({ word: fc.constant("wantsOpen" as const), ...at }),
    recordOf({ word: fc.constantFrom("watch", "unwatch"), watcher: keys(), key: keys(), kind: texts() }),
    recordOf({ word: fc.constant("clock" as const), workerMs: milliseconds() }),
  );
}

/** A record and what reads it. */
interface Sample {
  readonly bytes: Uint8Array;
  readonly read: (reader: ByteReader) => unknown;
}

function samples(): fc.Arbitrary<Sample> {
  const answer = RecordType.answer;
  return fc.oneof<fc.Arbitrary<Sample>[]>(
    letters().map((it) => ({ bytes: written((writer) => writeLetter(writer, 1, it)), read: readLetter })),
    deliveries().map((it) => ({ bytes: written((writer) => writeDelivery(writer, 1, it)), read: readDelivery })),
    outcomes().map((it) => ({ bytes: written((writer) => writeOutcome(writer, answer, 1, 7, it)), read: readOutcome })),
    orders().map((it) => ({ bytes: written((writer) => writeWord(writer, 1, it)), read: readOrder })),
    words().map((it) => ({ bytes: written((writer) => writeWord(writer, 1, it)), read: readWord })),
  );
}
