/**
 * One lane with both its ends in one thread: what is refused, what waits, and in which order all of it arrives.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import type { ByteReader } from "../../core/byte_reader.ts";
import type { ByteWriter } from "../../core/byte_writer.ts";
import { Doorbell } from "../../workers/doorbell.ts";
import { type LaneOptions, LaneReader, LaneWriter, type RecordSink } from "../../workers/lane.ts";
import { LaneSet } from "../../workers/lane_set.ts";
import { RingWriter } from "../../workers/ring.ts";
import {
  lanesOf,
  makeDoorbell,
  makeRing,
  makeThreadMemory,
  peerLanesOf,
  RECORD_CHUNK_FIRST,
  RECORD_CHUNK_NEXT,
  RECORD_HEADER_BYTES,
  RECORD_WHOLE,
  recordBytesOf,
  replaceThread,
} from "../../workers/ring_layout.ts";

const RING_BYTES = 1024;
/** The largest unsplit payload of such a ring. */
const UNSPLIT_BYTES = 252;
const FROM = 7;

describe("lane", () => {
  it("begin() encodes into the ring itself, and the receiver sees it after flush()", () => {
    const { lane, memory, take } = makeLane();
    const writer = lane.begin();
    assert.equal(writer?.bytes.buffer, memory);
    writer?.u32(42);
    lane.end();
    assert.deepEqual(take(), []);
    assert.equal(lane.flush(), true);
    assert.deepEqual(take(), [[42, 0, 0, 0]]);
    assert.equal(lane.recordsSent, 1);
  });

  it("refuses a record when full, takes one again when drained, and loses none", () => {
    const { lane, take } = makeLane();
    let sent = 0;
    while (send(lane, bytesOf(60, sent))) sent++;
    assert.equal(sent, 15, "1024 bytes hold sixteen of these, and a sixteenth could have been larger");
    assert.equal(lane.bytesQueued, 15 * 64);
    assert.equal(lane.overflowRecords, 0);
    assert.deepEqual(take(), Array.from({ length: sent }, (_, index) => bytesOf(60, index)));
    assert.equal(lane.bytesQueued, 0);
    assert.ok(send(lane, [1]));
  });

  it("a refused record shows the receiver all before it, so that it may free them", () => {
    const { lane, take } = makeLane();
    while (send(lane, bytesOf(100, 0)));
    assert.ok(take().length > 0, "nobody called flush()");
  });

  it("a record that outgrows the end of the ring arrives whole", () => {
    const { lane, take } = makeLane();
    for (let sent = 0; sent < 50; sent++) {
      assert.ok(send(lane, bytesOf(UNSPLIT_BYTES - sent % 7, sent)));
      lane.flush();
      assert.deepEqual(take(), [bytesOf(UNSPLIT_BYTES - sent % 7, sent)]);
    }
  });

  it("carries a record of any size up to its limit", () => {
    const messageBytesMax = 10 * RING_BYTES;
    for (const length of [0, 1, UNSPLIT_BYTES, UNSPLIT_BYTES + 1, RING_BYTES, 5 * RING_BYTES + 3, messageBytesMax]) {
      const { lane, pump } = makeLane({ messageBytesMax });
      assert.ok(send(lane, [1, 2]));
      assert.ok(send(lane, bytesOf(length, length)));
      sendOwed(lane, [3]);
      assert.deepEqual(pump(), [[1, 2], bytesOf(length, length), [3]], `${length} bytes`);
      assert.equal(lane.bytesQueued, 0);
    }
  });

  it("end() throws message-too-large one byte above the limit, whole or in chunks, and the lane goes on", () => {
    for (const messageBytesMax of [100, 3000]) {
      const { lane, pump } = makeLane({ messageBytesMax });
      assert.throws(() => send(lane, bytesOf(messageBytesMax + 1, 0)), { code: "message-too-large" });
      lane.abandon();
      assert.throws(() => sendOwed(lane, bytesOf(messageBytesMax + 1, 0)), { code: "message-too-large" });
      lane.abandon();
      assert.equal(lane.recordsSent, 0);
      assert.ok(send(lane, bytesOf(messageBytesMax, 1)));
      assert.deepEqual(pump(), [bytesOf(messageBytesMax, 1)]);
    }
  });

  it("beginOwed() is never refused below the limit, and all arrive in the order they began", () => {
    const { lane, pump } = makeLane();
    const sent: number[][] = [];
    for (let record = 0; record < 100; record++) {
      sent.push(bytesOf((record * 37) % 500, record));
      sendOwed(lane, bytesOf((record * 37) % 500, record));
    }
    assert.ok(lane.overflowRecords > 0);
    assert.equal(lane.recordsSent, 100);
    assert.deepEqual(pump(), sent);
    assert.equal(lane.overflowRecords, 0);
  });

  it("begin() refuses while anything waits outside the ring, or it would overtake", () => {
    const { lane, take, pump } = makeLane();
    sendOwed(lane, bytesOf(3 * RING_BYTES, 1)); // Fills the ring; the rest waits.
    sendOwed(lane, []);
    assert.equal(lane.overflowRecords, 2);
    assert.equal(lane.begin(), undefined);
    assert.deepEqual(take(), [], "a part is no record");
    assert.equal(lane.flush(), false);
    assert.equal(lane.begin(), undefined, "the ring has been filled with the next part");
    assert.deepEqual(pump(), [bytesOf(3 * RING_BYTES, 1), []]);
    assert.ok(send(lane, [2]));
  });

  it("beginOwed() throws lane-full at the limit of records, of which a partly moved one is one", () => {
    const { lane, pump } = makeLane({ overflowRecordsMax: 2 });
    sendOwed(lane, bytesOf(3 * RING_BYTES, 1));
    sendOwed(lane, [2]);
    assert.throws(() => lane.beginOwed(), { code: "lane-full" });
    assert.deepEqual(pump(), [bytesOf(3 * RING_BYTES, 1), [2]]);
    sendOwed(lane, [3]);
    assert.deepEqual(pump(), [[3]]);
  });

  it("beginOwed() throws lane-full at the limit of bytes, which one record may pass", () => {
    const { lane, pump } = makeLane({ overflowBytesMax: 100 });
    sendOwed(lane, bytesOf(3 * RING_BYTES, 1));
    assert.throws(() => lane.beginOwed(), { code: "lane-full" });
    assert.deepEqual(pump(), [bytesOf(3 * RING_BYTES, 1)]);
  });

  it("abandon() forgets a record, in the ring or grown out of it", () => {
    for (const length of [10, UNSPLIT_BYTES + 1, 2 * RING_BYTES]) {
      const { lane, pump } = makeLane();
      send(lane, [1]);
      lane.begin()?.raw(Uint8Array.from(bytesOf(length, 9)));
      lane.abandon();
      sendOwed(lane, [2]);
      lane.beginOwed().raw(Uint8Array.from(bytesOf(length, 9)));
      lane.abandon();
      assert.deepEqual(pump(), [[1], [2]]);
      assert.equal(lane.recordsSent, 2);
    }
  });

  it("begin() within a record is a bug, and the record outside of it is unharmed", () => {
    const { lane, take } = makeLane();
    const writer = lane.begin();
    writer?.u8(1);
    assert.throws(() => lane.begin(), { name: "AssertionFailure" });
    assert.throws(() => lane.beginOwed(), { name: "AssertionFailure" });
    writer?.u8(2);
    lane.end();
    assert.throws(() => lane.end(), { name: "AssertionFailure" });
    lane.flush();
    assert.deepEqual(take(), [[1, 2]]);
  });

  it("drain() gives at most recordsMax records and says from which thread", () => {
    const { lane, reader } = makeLane();
    for (let sent = 0; sent < 5; sent++) send(lane, [sent]);
    lane.flush();
    const taken: (readonly [number, number])[] = [];
    const sink = { record: (record: ByteReader, from: number) => void taken.push([record.u8(), from]) };
    assert.equal(reader.drain(2, sink), 2);
    assert.deepEqual(taken, [[0, FROM], [1, FROM]]);
    assert.equal(reader.isEmpty(), false);
    assert.equal(reader.drain(100, sink), 3);
    assert.equal(reader.isEmpty(), true);
  });

  it("a record at which the sink throws counts as read, and the next drain goes on behind it", () => {
    const { lane, reader, take } = makeLane();
    for (let sent = 0; sent < 3; sent++) send(lane, [sent]);
    lane.flush();
    const queued = lane.bytesQueued;
    const sink = {
      record: (record: ByteReader) => {
        if (record.u8() === 1) throw new Error("refused by the sink");
      },
    };
    assert.throws(() => reader.drain(9, sink), /refused by the sink/);
    assert.equal(lane.bytesQueued, queued / 3);
    assert.deepEqual(take(), [[2]]);
  });

  it("a sink that reads beyond its record, or keeps the reader, gets malformed-bytes", () => {
    const { lane, reader } = makeLane();
    send(lane, [1, 2]);
    send(lane, [3, 4]);
    lane.flush();
    assert.throws(() => reader.drain(1, { record: (record) => void record.u32() }), { code: "malformed-bytes" });
    const kept: ByteReader[] = [];
    reader.drain(1, { record: (record) => void kept.push(record) });
    assert.throws(() => kept[0]?.u8(), { code: "malformed-bytes" });
  });

  it("countRefused() reaches the sender", () => {
    const { lane, reader } = makeLane();
    reader.countRefused(2);
    reader.countRefused(1);
    assert.equal(lane.refusedByReceiver, 3);
  });
});

describe("lane and its doorbells", () => {
  it("flush() rings a sleeping receiver when there is something new, and only then", () => {
    const { lane, receiverSleeps } = makeLane();
    send(lane, [1]);
    receiverSleeps.start();
    assert.equal(receiverSleeps.isOn(), true);
    lane.flush();
    assert.equal(receiverSleeps.isOn(), false);
    receiverSleeps.start();
    lane.flush();
    assert.equal(receiverSleeps.isOn(), true);
  });

  it("canMove() is false when nothing waits, and the receiver then rings nobody", () => {
    const { lane, take, senderSleeps } = makeLane();
    send(lane, [1]);
    lane.flush();
    senderSleeps.start();
    assert.equal(lane.canMove(), false);
    take();
    assert.equal(senderSleeps.isOn(), true);
  });

  it("after canMove() was false, a receiver that frees bytes rings the sender, and flush() moves what waits", () => {
    const { lane, take, senderSleeps } = makeLane();
    sendOwed(lane, bytesOf(2 * RING_BYTES, 1));
    assert.equal(lane.flush(), false);
    senderSleeps.start();
    assert.equal(lane.canMove(), false);
    assert.equal(senderSleeps.isOn(), true);
    assert.deepEqual(take(), []);
    assert.equal(senderSleeps.isOn(), false);
    assert.equal(lane.canMove(), true);
    const before = lane.bytesQueued;
    lane.flush();
    assert.ok(before > 0 && lane.canMove() === false);
  });

  it("a sender that wants room is rung once, when there is some", () => {
    const { lane, take, senderSleeps } = makeLane();
    while (send(lane, bytesOf(60, 0)));
    lane.wantRoom();
    senderSleeps.start();
    assert.equal(lane.canMove(), false);
    take();
    assert.equal(senderSleeps.isOn(), false);
    assert.equal(lane.canMove(), true);
    assert.equal(lane.canMove(), false, "it has been told");
  });
});

/** What a thread does, called between any two of the other's looks at shared memory. */
type Act = () => void;

describe("lane and its doorbells, one thread running between any two steps of the other", () => {
  it("a receiver that goes to sleep while a record is published is awake afterwards", () => {
    forEveryInterleaving(() => {
      const { lane, reader, receiverSleeps } = makeLane();
      send(lane, [1]);
      return {
        one: () => receiverSleeps.start(() => !reader.isEmpty()),
        other: () => void lane.flush(),
        claim: () => assert.equal(receiverSleeps.isOn(), false),
      };
    });
  });

  it("a sender that goes to sleep while room is made is awake afterwards", () => {
    forEveryInterleaving(() => {
      const { lane, take, senderSleeps } = makeLane();
      while (lane.overflowRecords === 0) sendOwed(lane, bytesOf(60, 0));
      lane.flush();
      return {
        one: () => senderSleeps.start(() => lane.canMove()),
        other: () => void take(), // All at once: what was overlooked is not made good by the next record.
        claim: () => assert.equal(senderSleeps.isOn(), false),
      };
    });
  });

  it("a sender that wanted more room than was made, and went to sleep again, is awake when there is enough", () => {
    forEveryInterleaving(() => {
      const { lane, reader, take, senderSleeps } = makeLane();
      while (send(lane, bytesOf(60, 0)));
      sendOwed(lane, bytesOf(50, 1));
      sendOwed(lane, bytesOf(200, 2)); // Needs four of the records before it to be read.
      lane.flush();
      senderSleeps.start(() => lane.canMove());
      return {
        one: () => senderSleeps.start(() => lane.canMove()),
        other: () => void reader.drain(1, { record: () => {} }),
        claim: () => {
          if (senderSleeps.isOn()) take();
          assert.equal(senderSleeps.isOn(), false);
        },
      };
    });
  });
});

describe("lane with torn chunks", () => {
  const table: readonly (readonly [string, readonly (readonly [number, readonly number[]])[]])[] = [
    ["a chunk of a record that never began", [[RECORD_CHUNK_NEXT, [1, 2, 3]]]],
    ["a whole record between chunks", [[RECORD_CHUNK_FIRST, [9, 0, 0, 0, 1]], [RECORD_WHOLE, [1]]]],
    ["a first chunk between chunks", [[RECORD_CHUNK_FIRST, [9, 0, 0, 0, 1]], [RECORD_CHUNK_FIRST, [9, 0, 0, 0, 1]]]],
    ["a first chunk too short for its total", [[RECORD_CHUNK_FIRST, [9, 0, 0]]]],
    ["more bytes than the total", [[RECORD_CHUNK_FIRST, [2, 0, 0, 0, 1]], [RECORD_CHUNK_NEXT, [2, 3]]]],
    ["a total over the limit of a message", [[RECORD_CHUNK_FIRST, [255, 255, 255, 255, 1]]]],
  ];
  for (const [name, records] of table) {
    it(`drain() throws malformed-bytes for ${name}`, () => {
      const memory = makeRing(RING_BYTES);
      const ring = new RingWriter(memory);
      for (const [kind, payload] of records) {
        assert.ok(ring.reserve(recordBytesOf(payload.length)));
        ring.bytes.set(payload, ring.position + RECORD_HEADER_BYTES);
        ring.commit(kind, payload.length);
      }
      ring.publish();
      const reader = new LaneReader(memory, FROM, new Doorbell(makeDoorbell()));
      assert.throws(() => reader.drain(9, { record: () => assert.fail("no record") }), { code: "malformed-bytes" });
    });
  }
});

describe("lane against a queue", () => {
  type Step =
    | { readonly kind: "begin" | "owed" | "abandon"; readonly length: number; readonly isPiecemeal: boolean }
    | { readonly kind: "flush" }
    | { readonly kind: "drain"; readonly recordsMax: number };

  const length = fc.oneof(
    { weight: 6, arbitrary: fc.nat(80) },
    { weight: 3, arbitrary: fc.nat(300) },
    { weight: 1, arbitrary: fc.nat(3 * RING_BYTES) },
  );
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constantFrom("begin" as const, "begin" as const, "owed" as const, "abandon" as const),
        length,
        isPiecemeal: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.constant<Step>({ kind: "flush" }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("drain" as const), recordsMax: fc.nat(12) }) },
  );

  it("property: what was ended arrives whole, once, in order, whatever is begun, abandoned, flushed and drained", () => {
    fc.assert(
      fc.property(fc.constantFrom(256, 512, RING_BYTES), fc.array(step, { maxLength: 200 }), (ringBytes, steps) => {
        const { lane, reader } = makeLane({}, ringBytes);
        const expected: number[][] = [];
        let ended = 0;
        const sink: RecordSink = {
          record: (record) => {
            const next = expected.shift();
            assert.ok(next !== undefined, "nothing arrives that was not ended");
            assert.deepEqual([...record.raw(record.left)], next);
          },
        };
        for (const each of steps) {
          if (each.kind === "flush") {
            assert.equal(lane.flush(), lane.overflowRecords === 0);
          } else if (each.kind === "drain") {
            reader.drain(each.recordsMax, sink);
          } else {
            const isEmpty = lane.bytesQueued === 0;
            const writer = each.kind === "owed" ? lane.beginOwed() : lane.begin();
            if (writer === undefined) {
              assert.equal(isEmpty, false, "an empty lane refuses nothing");
              continue;
            }
            const payload = bytesOf(each.length, ended);
            fill(writer, payload, each.isPiecemeal);
            if (each.kind === "abandon") lane.abandon();
            else {
              lane.end();
              expected.push(payload);
              ended++;
            }
          }
          assert.equal(lane.recordsSent, ended);
          // Of the record that is moving in chunks some bytes may be at the receiver already.
          const owedBytes = expected.slice(1).reduce((sum, payload) => sum + payload.length, 0);
          assert.ok(lane.bytesQueued >= owedBytes, "what was not delivered is queued");
        }
        // Every pass moves at least one chunk: all have arrived long before this ends.
        // An empty record that waits counts as no bytes.
        for (let pass = 0; lane.bytesQueued + lane.overflowRecords > 0 && pass < 100_000; pass++) {
          lane.flush();
          reader.drain(3, sink);
        }
        assert.deepEqual([expected.length, lane.overflowRecords, lane.bytesQueued], [0, 0, 0]);
        assert.equal(reader.isEmpty(), true);
      }),
      { numRuns: 300 },
    );
  });
});

describe("lane set", () => {
  it("drain() and flush() serve every lane of the thread", () => {
    const memory = makeThreadMemory({ threads: 3, ringBytes: RING_BYTES });
    const sets = [0, 1, 2].map((index) => new LaneSet(lanesOf(memory, index), { spinUs: 0 }));
    for (const set of sets) {
      for (const { index, writer } of set.peers) send(writer, [set.index, index]);
    }
    assert.deepEqual(sets.map((set) => set.hasWork()), [false, false, false]);
    assert.deepEqual(sets.map((set) => set.flush()), [true, true, true]);
    for (const set of sets) {
      assert.equal(set.hasWork(), true);
      const taken: number[][] = [];
      const sink = {
        record: (record: ByteReader, from: number) => void taken.push([from, ...record.raw(record.left)]),
      };
      assert.equal(set.drain(10, sink), 2);
      assert.equal(set.hasWork(), false);
      const others = [0, 1, 2].filter((index) => index !== set.index);
      assert.deepEqual(taken.toSorted(), others.map((from) => [from, from, set.index]));
    }
  });

  it("drain() begins with another lane on each turn", () => {
    const memory = makeThreadMemory({ threads: 4, ringBytes: RING_BYTES });
    const receiver = new LaneSet(lanesOf(memory, 0));
    for (const from of [1, 2, 3]) {
      const { writer } = new LaneSet(lanesOf(memory, from)).peers[0] ?? assert.fail("a lane to the receiver");
      for (let sent = 0; sent < 4; sent++) send(writer, [sent]);
      writer.flush();
    }
    const firsts = [1, 2, 3, 4].map(() => {
      const froms: number[] = [];
      receiver.drain(1, { record: (_, from) => void froms.push(from) });
      return froms[0];
    });
    assert.deepEqual(firsts, [1, 2, 3, 1]);
  });

  it("a lane whose record throws does not keep the others waiting", () => {
    const memory = makeThreadMemory({ threads: 3, ringBytes: RING_BYTES });
    const receiver = new LaneSet(lanesOf(memory, 0));
    for (const from of [1, 2]) {
      const writer = new LaneSet(lanesOf(memory, from)).writerTo(0);
      for (let sent = 0; sent < 5; sent++) send(writer, [sent]);
      writer.flush();
    }
    let taken = 0;
    const sink: RecordSink = {
      record: (_, from) => {
        if (from === 1) throw new Error("from 1");
        taken++;
      },
    };
    assert.throws(() => receiver.drain(9, sink), /from 1/);
    assert.throws(() => receiver.drain(9, sink), /from 1/);
    assert.equal(taken, 5);
  });

  it("replace() switches to the successor's lanes, and the last records of the dead thread can still be had", () => {
    let memory = makeThreadMemory({ threads: 3, ringBytes: RING_BYTES });
    const main = new LaneSet(lanesOf(memory, 0));
    const dead = new LaneSet(lanesOf(memory, 1));
    send(dead.writerTo(0), [1]);
    dead.flush();
    send(dead.writerTo(0), [2]); // Not published: lost.
    sendOwed(main.writerTo(1), bytesOf(2 * RING_BYTES, 0)); // Does not fit: lost, too.
    memory = replaceThread(memory, 1);
    const old = main.replace(1, peerLanesOf(memory, 0, 1));
    const successor = new LaneSet(lanesOf(memory, 1));
    send(successor.writerTo(0), [3]);
    successor.flush();

    const taken: number[] = [];
    const sink = { record: (record: ByteReader) => void taken.push(record.u8()) };
    old.reader.drain(10, sink);
    assert.deepEqual(taken, [1]);
    assert.equal(main.hasWork(), true);
    main.drain(10, sink);
    assert.deepEqual(taken, [1, 3]);

    assert.ok(send(main.writerTo(1), [4]));
    main.flush();
    successor.drain(10, sink);
    assert.deepEqual(taken, [1, 3, 4]);
  });
});

/** Both ends of a lane, and whether the threads at its ends sleep. */
function makeLane(options: LaneOptions = {}, ringBytes: number = RING_BYTES) {
  const memory = makeRing(ringBytes);
  const sender = makeDoorbell();
  const receiver = makeDoorbell();
  const lane = new LaneWriter(memory, new Doorbell(receiver), options);
  const reader = new LaneReader(memory, FROM, new Doorbell(sender), options);
  const take = () => takeAll(reader);
  const pump = () => {
    const taken: number[][] = [];
    for (let pass = 0; pass < 1000 && (pass === 0 || lane.bytesQueued > 0); pass++) {
      lane.flush();
      taken.push(...take());
    }
    return taken;
  };
  return { lane, reader, memory, take, pump, senderSleeps: sleepOf(sender), receiverSleeps: sleepOf(receiver) };
}

function sleepOf(memory: SharedArrayBuffer) {
  const owner = new Doorbell(memory, { spinUs: 0 });
  const words = new Int32Array(memory);
  return { start: (hasWork = () => false) => void owner.park(hasWork), isOn: () => words[0] === 1 };
}

/**
 * Runs `one` with all of `other` before its first look at shared memory, before its second, and so on; then the other way
 * round. Threads interleave more finely, but an order of two steps that is wrong shows here, and always.
 */
function forEveryInterleaving(scene: () => { readonly one: Act; readonly other: Act; readonly claim: Act }): void {
  for (const isSwapped of [false, true]) {
    for (let step = 0, isPassed = false; !isPassed; step++) {
      const { one, other, claim } = scene();
      const [outer, inner] = isSwapped ? [other, one] : [one, other];
      isPassed = runBetween(step, outer, inner) < step;
      claim();
      assert.ok(step < 100, "the steps of a thread are few");
    }
  }
}

/** Runs `outer`, and `inner` before its `step`th call of Atomics or at its end; answers how many calls `outer` made. */
function runBetween(step: number, outer: Act, inner: Act): number {
  const names = ["load", "store", "exchange", "add", "notify", "waitAsync"] as const;
  const originals = names.map((name): readonly [string, unknown] => [name, Atomics[name]]);
  let calls = 0;
  let isInner = false;
  const run = () => {
    isInner = true;
    inner();
    isInner = false;
  };
  for (const [name, original] of originals) {
    Reflect.set(Atomics, name, (...parameters: unknown[]): unknown => {
      if (!isInner && calls++ === step) run();
      return typeof original === "function" ? Reflect.apply(original, Atomics, parameters) : undefined;
    });
  }
  try {
    outer();
  } finally {
    for (const [name, original] of originals) Reflect.set(Atomics, name, original);
  }
  if (calls <= step) inner();
  return calls;
}

function takeAll(reader: LaneReader): number[][] {
  const taken: number[][] = [];
  reader.drain(Infinity, { record: (record) => void taken.push([...record.raw(record.left)]) });
  return taken;
}

function send(lane: LaneWriter, payload: readonly number[]): boolean {
  const writer = lane.begin();
  if (writer === undefined) return false;
  writer.raw(Uint8Array.from(payload));
  lane.end();
  return true;
}

function sendOwed(lane: LaneWriter, payload: readonly number[]): void {
  lane.beginOwed().raw(Uint8Array.from(payload));
  lane.end();
}

function fill(writer: ByteWriter, payload: readonly number[], isPiecemeal: boolean): void {
  if (isPiecemeal) { for (const byte of payload) writer.u8(byte); }
  else writer.raw(Uint8Array.from(payload));
}

function bytesOf(length: number, seed: number): number[] {
  return Array.from({ length }, (_, index) => (seed * 31 + index * 7) & 0xff);
}
