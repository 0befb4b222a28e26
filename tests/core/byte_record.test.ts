/**
 * ByteWriter and ByteReader, and the copying beneath them, by example: what is written is read back, in
 * memory of one's own or in a ring's, and neither goes beyond its record.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { ByteReader } from "../../core/byte_reader.ts";
import { ByteWriter } from "../../core/byte_writer.ts";
import { ActorError } from "../../core/failure.ts";
import { copyBytes } from "../../core/shared_copy.ts";

const TEXTS = ["", "a", "x".repeat(40), "x".repeat(41), "x".repeat(5000), "Zoë", "😀".repeat(30), "\ufeffmark"];

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readerOf(writer: ByteWriter): ByteReader {
  const reader = new ByteReader();
  reader.aim(writer.bytes, writer.view, writer.start, writer.position);
  return reader;
}

function writeAll(writer: ByteWriter): void {
  writer.u8(0xfe);
  writer.u16(0xfedc);
  writer.u32(0xfedcba98);
  writer.f64(-0.1);
  for (const text of TEXTS) writer.string(text);
  writer.raw(Uint8Array.of(1, 2, 3));
}

function readAll(reader: ByteReader): void {
  assert.equal(reader.u8(), 0xfe);
  assert.equal(reader.u16(), 0xfedc);
  assert.equal(reader.u32(), 0xfedcba98);
  assert.equal(reader.f64(), -0.1);
  for (const text of TEXTS) assert.equal(reader.string(), text);
  assert.deepEqual(reader.raw(3), Uint8Array.of(1, 2, 3));
  assert.equal(reader.left, 0);
}

function hasCode(code: string): (thrown: unknown) => boolean {
  return (thrown) => thrown instanceof ActorError && thrown.code === code;
}

describe("ByteWriter", () => {
  it("writes what ByteReader reads, in scratch and in a ring with any room", () => {
    const writer = new ByteWriter(1 << 16);
    writer.aimAtScratch();
    writeAll(writer);
    readAll(readerOf(writer));
    const { length } = writer;
    const ring = new Uint8Array(new SharedArrayBuffer(1 << 14));
    for (const room of [0, 1, 7, 100, length - 1, length, length + 1]) {
      writer.aim(ring, viewOf(ring), 13, 13 + room);
      writeAll(writer);
      assert.equal(writer.length, length);
      assert.equal(writer.isSpilled, room < length);
      readAll(readerOf(writer));
    }
  });

  it("goes on in the aimed-at memory after a record that spilled", () => {
    const ring = new Uint8Array(100);
    const writer = new ByteWriter(1000);
    writer.aim(ring, viewOf(ring), 0, 10);
    writer.string("longer than ten bytes");
    assert.ok(writer.isSpilled);
    writer.aim(ring, viewOf(ring), 10, 20);
    writer.u8(7);
    assert.equal(ring[10], 7);
  });

  it("refuses the byte after its limit with message-too-large, in scratch and in a ring", () => {
    const ring = new Uint8Array(100);
    const writer = new ByteWriter(10);
    for (const begin of [() => writer.aimAtScratch(), () => writer.aim(ring, viewOf(ring), 0, 100)]) {
      begin();
      writer.raw(new Uint8Array(10));
      assert.throws(() => writer.u8(1), hasCode("message-too-large"));
      begin();
      writer.string("ö".repeat(3));
      assert.equal(writer.length, 10);
      begin();
      assert.throws(() => writer.string("ö".repeat(4)), hasCode("message-too-large"));
    }
  });

  it("copies a record out of a Buffer's memory instead of viewing it", () => {
    const memory = Buffer.alloc(64);
    const writer = new ByteWriter(64);
    writer.aim(memory, viewOf(memory), 0, 64);
    writer.u8(7);
    const copied = writer.copy();
    memory.fill(0);
    assert.deepEqual(copied, Uint8Array.of(7));
  });

  it("moves what follows a gap up, also when the gap makes it spill", () => {
    for (const room of [5, 100]) {
      const ring = new Uint8Array(100);
      const writer = new ByteWriter(100);
      writer.aim(ring, viewOf(ring), 0, room);
      writer.raw(Uint8Array.of(1, 2, 3, 4));
      writer.insert(1, 2);
      const copied = writer.copy();
      assert.deepEqual([copied[0], ...copied.subarray(3)], [1, 2, 3, 4]);
    }
  });
});

describe("ByteReader", () => {
  it("refuses every read beyond the end with malformed-bytes", () => {
    const bytes = Uint8Array.of(255, 255, 255, 255, 1);
    const reads: readonly ((reader: ByteReader) => unknown)[] = [
      (reader) => reader.f64(),
      (reader) => reader.string(),
      (reader) => reader.utf8(6),
      (reader) => reader.raw(6),
      (reader) => [reader.u32(), reader.u8(), reader.u8()],
      (reader) => [reader.u32(), reader.u16()],
      (reader) => [reader.u16(), reader.u32()],
    ];
    for (const read of reads) {
      const reader = new ByteReader();
      reader.aimAt(bytes);
      assert.throws(() => read(reader), hasCode("malformed-bytes"));
    }
  });

  it("refuses what is not UTF-8, short or long", () => {
    for (const length of [1, 40, 41, 500]) {
      const reader = new ByteReader();
      reader.aimAt(new Uint8Array(length).fill(0x61).fill(0xff, length - 1));
      assert.throws(() => reader.utf8(length), hasCode("malformed-bytes"));
    }
  });

  it("gives private memory, from a Buffer too", () => {
    const bytes = Buffer.from([1, 2, 3]);
    const reader = new ByteReader();
    reader.aimAt(bytes);
    const copied = reader.raw(3);
    bytes.fill(0);
    assert.deepEqual(copied, Uint8Array.of(1, 2, 3));
  });
});

describe("copyBytes", () => {
  it("copies any length from and to any offset of shared and private memory", () => {
    const lengths = [0, 1, 511, 512, 513, 1 << 15, (1 << 15) + 1, (1 << 16) + 1234];
    const memories = [() => new ArrayBuffer(70_000), () => new SharedArrayBuffer(70_000)];
    for (const length of lengths) {
      for (const [index, offset] of [0, 1, 5, 8, 11].entries()) {
        for (const from of memories) {
          for (const to of memories) {
            const source = new Uint8Array(from(), offset, length);
            for (let at = 0; at < length; at++) source[at] = (at * 31 + index) % 251;
            const target = new Uint8Array(to());
            copyBytes(target, 3 + index, source);
            assert.equal(Buffer.compare(target.subarray(3 + index, 3 + index + length), source), 0);
            assert.equal(target.subarray(0, 3 + index).some((byte) => byte !== 0), false);
            assert.equal(target.subarray(3 + index + length).some((byte) => byte !== 0), false);
          }
        }
      }
    }
  });
});
