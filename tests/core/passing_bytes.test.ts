import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ByteReader } from "../../core/byte_reader.ts";
import { ByteWriter } from "../../core/byte_writer.ts";
import { decodeFromBytes, encodeToBytes, encodeToPassingBytes } from "../../core/codec.ts";
import { passingBytes } from "../../core/passing_bytes.ts";

describe("passingBytes()", () => {
  it("gives each byte out once: what is written to one is in no other", () => {
    const lengths = [0, 1, 7, 8, 9, 63, 64, 100, 500, 512, 513, 4_096, 5_000];
    const given = Array.from({ length: 40 }, () => lengths.map((length) => passingBytes(length))).flat();
    for (const bytes of given) assert.ok(bytes.every((byte) => byte === 0));
    given.forEach((bytes, index) => bytes.fill(index % 251 + 1));
    given.forEach((bytes, index) => assert.ok(bytes.every((byte) => byte === index % 251 + 1), `array ${index}`));
  });

  it("gives arrays of the lengths that were asked for, on memory that is not much larger", () => {
    for (let length = 0; length < 6_000; length += 13) {
      const bytes = passingBytes(length);
      assert.equal(bytes.length, length);
      assert.ok(bytes.buffer.byteLength <= Math.max(length, 4_096));
    }
  });
});

describe("passing bytes of a codec", () => {
  const value = { text: "alice", list: [1, 2.5, null], bytes: new Uint8Array(40).fill(3) };

  it("are those that others are", () => {
    assert.deepEqual(encodeToPassingBytes(value), encodeToBytes(value));
    const writer = new ByteWriter(1 << 16);
    writer.aimAtScratch();
    writer.string("alice");
    assert.deepEqual(writer.passingCopy(), writer.copy());
    const reader = new ByteReader();
    reader.aimAt(Uint8Array.of(1, 2, 3, 4));
    assert.deepEqual([...reader.passing(3)], [1, 2, 3]);
    assert.equal(reader.left, 1);
  });

  it("stay as they are while others are encoded, and while a getter encodes", () => {
    const before = encodeToPassingBytes(value);
    const nested = {
      get inner() {
        return encodeToBytes(value).length;
      },
      text: "outer",
    };
    const around = encodeToBytes(nested);
    for (let index = 0; index < 100; index++) encodeToPassingBytes({ index, text: "x".repeat(index) });
    assert.deepEqual(decodeFromBytes(before), decodeFromBytes(encodeToBytes(value)));
    assert.deepEqual(decodeFromBytes(around), { inner: encodeToBytes(value).length, text: "outer" });
  });

  it("keep the limit of each call, whichever was before", () => {
    const long = "x".repeat(2_000);
    for (const bytesMax of [4_096, 1_024, 1 << 20, 1_024]) {
      if (bytesMax > 2_000) assert.equal(decodeFromBytes(encodeToBytes(long, undefined, bytesMax)), long);
      else assert.throws(() => encodeToBytes(long, undefined, bytesMax), /over the limit of 1024/);
    }
  });
});
