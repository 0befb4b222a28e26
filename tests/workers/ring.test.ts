/**
 * The arithmetic of the shared memory, and one ring with both its ends in one thread.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { RING_BYTES_MAX, RING_BYTES_MIN } from "../../core/limits.ts";
import { RingReader, RingWriter } from "../../workers/ring.ts";
import {
  headerOf,
  isHeader,
  isRingBytes,
  kindOf,
  lanesOf,
  makeRing,
  makeThreadMemory,
  payloadBytesMax,
  payloadBytesOf,
  peerLanesOf,
  READ_COUNTER_WORD,
  RECORD_CHUNK_NEXT,
  RECORD_HEADER_BYTES,
  RECORD_PADDING,
  RECORD_WHOLE,
  recordBytesOf,
  replaceThread,
  RING_HEADER_BYTES,
  WRITE_COUNTER_WORD,
} from "../../workers/ring_layout.ts";

const RING_BYTES = 256;

describe("ring_layout", () => {
  it("recordBytesOf() is header and payload, up to the next multiple of four", () => {
    const table = [[0, 4], [1, 8], [3, 8], [4, 8], [5, 12], [60, 64], [64, 68]] as const;
    for (const [payloadBytes, recordBytes] of table) assert.equal(recordBytesOf(payloadBytes), recordBytes);
  });

  it("the largest unsplit record is a quarter of its ring, of every size", () => {
    for (let ringBytes = 256; ringBytes <= RING_BYTES_MAX; ringBytes *= 2) {
      assert.equal(recordBytesOf(payloadBytesMax(ringBytes)), ringBytes / 4);
    }
  });

  it("headerOf() gives back kind and length of the largest payload of every kind", () => {
    for (let kind = RECORD_WHOLE; kind <= RECORD_CHUNK_NEXT; kind++) {
      for (const payloadBytes of [0, 1, 255, payloadBytesMax(RING_BYTES_MAX)]) {
        const header = headerOf(kind, payloadBytes);
        assert.ok(isHeader(header));
        assert.deepEqual([kindOf(header), payloadBytesOf(header)], [kind, payloadBytes]);
      }
    }
  });

  it("isHeader() says no to memory nobody wrote to", () => {
    assert.equal(isHeader(0), false);
    assert.equal(isHeader(-1), false);
  });

  it("isRingBytes() takes powers of two in range only", () => {
    for (const ringBytes of [256, RING_BYTES_MIN, RING_BYTES_MAX]) assert.equal(isRingBytes(ringBytes), true);
    for (const ringBytes of [0, 128, 257, 768, RING_BYTES_MAX * 2, 1000.5, Number.NaN, -256]) {
      assert.equal(isRingBytes(ringBytes), false, String(ringBytes));
    }
  });

  it("lanesOf() gives two threads the same ring for each way, and nobody else", () => {
    const memory = makeThreadMemory({ threads: 4, ringBytes: RING_BYTES });
    const rings = new Set<SharedArrayBuffer>();
    for (let from = 0; from < 4; from++) {
      const lanes = lanesOf(memory, from);
      assert.equal(lanes.doorbell, memory.doorbells[from]);
      assert.equal(lanes.peers[from], undefined);
      for (let to = 0; to < 4; to++) {
        if (to === from) continue;
        const outgoing = peerLanesOf(memory, from, to).outgoing;
        assert.equal(lanes.peers[to]?.outgoing, outgoing);
        assert.equal(lanesOf(memory, to).peers[from]?.incoming, outgoing);
        assert.equal(lanes.peers[to]?.doorbell, memory.doorbells[to]);
        rings.add(outgoing);
      }
    }
    assert.equal(rings.size, 12);
  });

  it("lanesOf() can be sent to a worker: a structured clone shares its memory", () => {
    const lanes = lanesOf(makeThreadMemory({ threads: 2, ringBytes: RING_BYTES }), 1);
    const copy = structuredClone(lanes);
    new Int32Array(lanes.peers[0]?.outgoing ?? new ArrayBuffer(0))[3] = 77;
    assert.equal(new Int32Array(copy.peers[0]?.outgoing ?? new ArrayBuffer(0))[3], 77);
  });

  it("replaceThread() gives fresh memory to the dead thread's lanes and doorbell, and leaves all other as it is", () => {
    const old = makeThreadMemory({ threads: 4, ringBytes: RING_BYTES });
    const memory = replaceThread(old, 2);
    for (let from = 0; from < 4; from++) {
      assert.equal(memory.doorbells[from] === old.doorbells[from], from !== 2);
      for (let to = 0; to < 4; to++) {
        const isKept = from === to || (from !== 2 && to !== 2);
        assert.equal(memory.rings[from]?.[to] === old.rings[from]?.[to], isKept, `${from} to ${to}`);
        assert.equal(memory.rings[from]?.[to] === undefined, from === to);
      }
    }
  });
});

describe("ring", () => {
  it("gives what was written, in order, once", () => {
    const { writer, reader } = ringAt(0);
    for (const payload of [[], [1], [2, 3], [4, 5, 6, 7, 8]]) assert.ok(write(writer, payload));
    writer.publish();
    assert.deepEqual(readAll(reader), [[], [1], [2, 3], [4, 5, 6, 7, 8]]);
    assert.deepEqual(readAll(reader), []);
  });

  it("shows nothing before publish()", () => {
    const { writer, reader } = ringAt(0);
    write(writer, [1]);
    assert.ok(reader.isEmpty());
    assert.deepEqual(readAll(reader), []);
    assert.equal(writer.publish(), true);
    assert.equal(writer.publish(), false);
    assert.equal(reader.isEmpty(), false);
    assert.deepEqual(readAll(reader), [[1]]);
  });

  it("refuses a record when its free bytes are fewer, until release()", () => {
    const { writer, reader } = ringAt(0);
    for (let record = 0; record < 4; record++) assert.ok(write(writer, bytesOf(60, record)));
    assert.equal(writer.usedBytes(), RING_BYTES);
    assert.equal(writer.reserve(4), false);
    writer.publish();
    reader.refresh();
    assert.ok(reader.next());
    assert.equal(writer.reserve(4), false, "what was read is not yet free");
    reader.release();
    assert.ok(writer.reserve(64));
    assert.equal(writer.reserve(4) && writer.room, 64);
  });

  it("takes a record of a quarter of its size wherever its counters stand, once it is empty", () => {
    for (let at = 0; at < RING_BYTES; at += 4) {
      const { writer, reader } = ringAt(at);
      const payload = bytesOf(payloadBytesMax(RING_BYTES), at);
      assert.ok(write(writer, payload), `at ${at}`);
      writer.publish();
      assert.deepEqual(readAll(reader), [payload]);
      assert.equal(writer.usedBytes(), 0);
    }
  });

  it("pads up to its end rather than splitting a record there, also when four bytes are left", () => {
    for (const left of [4, 8, 12]) {
      const { writer, reader, words } = ringAt(RING_BYTES - left);
      assert.ok(write(writer, bytesOf(12, 1)));
      assert.equal(words[(RING_BYTES - left) / 4], headerOf(RECORD_PADDING, left - RECORD_HEADER_BYTES));
      assert.equal(words[0], headerOf(RECORD_WHOLE, 12));
      assert.equal(writer.usedBytes(), left + 16);
      writer.publish();
      assert.deepEqual(readAll(reader), [bytesOf(12, 1)]);
    }
  });

  it("does not pad a record that ends exactly where the ring does", () => {
    const { writer, words } = ringAt(RING_BYTES - 16);
    assert.ok(write(writer, bytesOf(12, 1)));
    assert.equal(words[RING_BYTES / 4 - 4], headerOf(RECORD_WHOLE, 12));
    assert.equal(writer.usedBytes(), 16);
  });

  it("does not pad when the front has no room either", () => {
    const { writer, reader } = ringAt(RING_BYTES - 8);
    for (let record = 0; record < 3; record++) assert.ok(write(writer, bytesOf(60, record))); // 8 of padding, 192
    assert.ok(write(writer, bytesOf(44, 3))); // 48: 8 bytes are left before the reader
    assert.equal(writer.usedBytes(), 248);
    assert.equal(writer.reserve(12), false);
    assert.ok(writer.reserve(8));
    writer.publish();
    assert.equal(readAll(reader).length, 4);
  });

  it("goes on when its counters pass 2^31 and 2^32, and is still full when it is", () => {
    for (let start = -512; start <= 0; start += 4) {
      for (const counter of [2 ** 31 + start, start]) {
        const { writer, reader } = ringAt(counter | 0);
        for (let lap = 0; lap < 4; lap++) {
          const sent: number[][] = [];
          while (sent.length < 32 && write(writer, bytesOf(sent.length % 30, lap))) {
            sent.push(bytesOf(sent.length % 30, lap));
          }
          assert.ok(writer.usedBytes() <= RING_BYTES, `${writer.usedBytes()} bytes in a ring of ${RING_BYTES}`);
          writer.publish();
          assert.deepEqual(readAll(reader), sent);
        }
      }
    }
  });

  it("is reserved in vain without a trace", () => {
    const { writer, reader } = ringAt(0);
    assert.ok(writer.reserve(64));
    writer.bytes.fill(9, writer.position, writer.position + 64);
    write(writer, [1]);
    writer.publish();
    assert.deepEqual(readAll(reader), [[1]]);
  });

  it("tells the writer how many records the receiver refused", () => {
    const { writer, reader } = ringAt(0);
    assert.equal(writer.refusedCount(), 0);
    reader.countRefused(3);
    reader.countRefused(2 ** 31);
    assert.equal(writer.refusedCount(), 3 + 2 ** 31);
  });

  it("release() says once that the writer asked to be rung, and only when bytes were freed", () => {
    const { writer, reader } = ringAt(0);
    write(writer, [1]);
    writer.publish();
    writer.askForRing();
    assert.equal(reader.release(), false, "nothing was freed");
    reader.refresh();
    reader.next();
    assert.equal(reader.release(), true);
    write(writer, [2]);
    writer.publish();
    reader.refresh();
    reader.next();
    assert.equal(reader.release(), false, "it was told already");
  });
});

describe("ring with torn bytes", () => {
  const whole = (payloadBytes: number) => headerOf(RECORD_WHOLE, payloadBytes);
  // One record of 16 bytes is published at byte 224 of 256; 16 bytes are left behind it.
  const table: readonly (readonly [string, number])[] = [
    ["a word never written", 0],
    ["a word of ones", -1],
    ["a mark but for one bit", whole(12) ^ 0x1000_0000],
    ["a record longer than what is published", whole(13)],
    ["a record beyond the end of the ring", whole(32)],
    ["a record of the largest length", headerOf(RECORD_WHOLE, (1 << 26) - 1)],
    ["padding that ends before the ring does", headerOf(RECORD_PADDING, 12)],
    ["padding that ends after the ring does", headerOf(RECORD_PADDING, 32)],
  ];
  for (const [name, header] of table) {
    it(`throws malformed-bytes for ${name}, and again, and frees nothing`, () => {
      const { writer, reader, words } = ringAt(224);
      write(writer, bytesOf(12, 1));
      writer.publish();
      words[224 / 4] = header;
      reader.refresh();
      assert.throws(() => reader.next(), { code: "malformed-bytes" });
      assert.throws(() => reader.next(), { code: "malformed-bytes" });
      reader.release();
      assert.equal(writer.usedBytes(), 16);
    });
  }

  it("throws malformed-bytes for a record that was published beyond the end of the ring", () => {
    const { reader, counters, words } = ringAt(224);
    words[224 / 4] = whole(32); // 36 bytes where 32 are left, and all 36 are published
    counters[WRITE_COUNTER_WORD] = 224 + 64;
    reader.refresh();
    assert.throws(() => reader.next(), { code: "malformed-bytes" });
  });

  it("throws malformed-bytes for a record over a quarter of the ring", () => {
    const { reader, counters, words } = ringAt(0);
    words[0] = whole(64);
    counters[WRITE_COUNTER_WORD] = 128;
    reader.refresh();
    assert.throws(() => reader.next(), { code: "malformed-bytes" });
  });

  it("refresh() throws malformed-bytes when the writer's counter cannot be", () => {
    for (const written of [RING_BYTES + 4, -4, 2, 2 ** 31 - 4]) {
      const { reader, counters } = ringAt(0);
      counters[WRITE_COUNTER_WORD] = written;
      assert.throws(() => reader.refresh(), { code: "malformed-bytes" }, String(written));
      assert.equal(reader.next(), false, "nothing is read by a counter that was not believed");
    }
  });
});

/** Both ends of an empty ring whose counters stand at `counter`. */
function ringAt(counter: number) {
  const memory = makeRing(RING_BYTES);
  const counters = new Int32Array(memory, 0, RING_HEADER_BYTES / 4);
  counters[WRITE_COUNTER_WORD] = counter;
  counters[READ_COUNTER_WORD] = counter;
  const words = new Int32Array(memory, RING_HEADER_BYTES);
  return { writer: new RingWriter(memory), reader: new RingReader(memory), counters, words };
}

function write(writer: RingWriter, payload: readonly number[]): boolean {
  if (!writer.reserve(recordBytesOf(payload.length))) return false;
  writer.bytes.set(payload, writer.position + RECORD_HEADER_BYTES);
  writer.commit(RECORD_WHOLE, payload.length);
  return true;
}

function readAll(reader: RingReader): number[][] {
  const payloads: number[][] = [];
  reader.refresh();
  while (reader.next()) payloads.push([...reader.bytes.slice(reader.start, reader.end)]);
  reader.release();
  return payloads;
}

function bytesOf(length: number, seed: number): number[] {
  return Array.from({ length }, (_, index) => (seed * 31 + index) & 0xff);
}
