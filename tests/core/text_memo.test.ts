import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ByteReader } from "../../core/byte_reader.ts";
import { ByteWriter } from "../../core/byte_writer.ts";
import { ActorError } from "../../core/failure.ts";
import { isKey } from "../../core/names.ts";
import { TextMemo } from "../../core/text_memo.ts";

function readerOf(...texts: readonly string[]): ByteReader {
  const writer = new ByteWriter(1 << 20);
  writer.aimAtScratch();
  for (const text of texts) writer.string(text);
  const reader = new ByteReader();
  reader.aimAt(writer.copy());
  return reader;
}

const TEXTS = [
  "",
  "a",
  "alice",
  "account:alice",
  "k".repeat(48),
  "k".repeat(49),
  "k".repeat(2_000),
  "zoë",
  "日本",
  "\u0000",
];

describe("TextMemo", () => {
  it("reads what was written, the first time and again, also where all texts share one slot", () => {
    for (const slots of [1, 4, 256]) {
      const memo = new TextMemo(slots, () => true);
      for (let round = 0; round < 3; round++) {
        const reader = readerOf(...TEXTS, ...TEXTS);
        for (const text of [...TEXTS, ...TEXTS]) assert.equal(memo.read(reader), text);
        assert.equal(reader.left, 0);
      }
    }
  });

  it("gives nothing for a text that is not valid, every time, and goes on behind it", () => {
    const memo = new TextMemo(1, isKey);
    const reader = readerOf("no key!", "account:alice", "no key!", "account:alice", "");
    const read = Array.from({ length: 5 }, () => memo.read(reader));
    assert.deepEqual(read, [undefined, "account:alice", undefined, "account:alice", undefined]);
  });

  it("examines a text that it keeps once, and others every time", () => {
    const examined: string[] = [];
    const memo = new TextMemo(256, (text) => examined.push(text) > 0);
    const long = "k".repeat(49);
    const reader = readerOf("alice", "alice", "zoë", "zoë", long, long);
    for (let count = 0; count < 6; count++) memo.read(reader);
    assert.deepEqual(examined, ["alice", "zoë", "zoë", long, long]);
  });

  it("tells texts apart that differ in one character or in their length only", () => {
    const memo = new TextMemo(1, () => true);
    const reader = readerOf("alice", "alicf", "alic", "alice");
    assert.deepEqual(Array.from({ length: 4 }, () => memo.read(reader)), ["alice", "alicf", "alic", "alice"]);
  });

  it("throws malformed-bytes at a text that is cut off, kept or not", () => {
    const memo = new TextMemo(256, () => true);
    memo.read(readerOf("alice"));
    for (let bytes = 0; bytes < 9; bytes++) {
      const reader = readerOf("alice");
      reader.end = bytes;
      const isMalformed = (thrown: unknown) => thrown instanceof ActorError && thrown.code === "malformed-bytes";
      assert.throws(() => memo.read(reader), isMalformed, `${bytes} bytes`);
    }
  });
});
