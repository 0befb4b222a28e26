import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ByteReader } from "../../core/byte_reader.ts";
import { ByteWriter } from "../../core/byte_writer.ts";
import { ActorError } from "../../core/failure.ts";
import { KEY_CHARS_MAX } from "../../core/limits.ts";
import { KeyMemo } from "../../workers/key_memo.ts";

function readerOf(...texts: readonly string[]): ByteReader {
  const writer = new ByteWriter(1 << 20);
  for (const text of texts) writer.string(text);
  const reader = new ByteReader();
  reader.aimAt(writer.copy());
  return reader;
}

function codeOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof ActorError) return error.code;
  }
  return "none";
}

describe("KeyMemo", () => {
  it("property: reads every key as it was written, whatever was read before", () => {
    const key = fc.stringMatching(/^[a-z0-9:/_.-]{0,60}$/);
    fc.assert(fc.property(fc.array(key, { maxLength: 50 }), (keys) => {
      const memo = new KeyMemo();
      const reader = readerOf(...keys, ...keys);
      for (const expected of [...keys, ...keys]) assert.equal(memo.read(reader), expected);
      assert.equal(reader.left, 0);
    }));
  });

  it("refuses a key that is not ASCII, too long, or cut short", () => {
    assert.equal(codeOf(() => new KeyMemo().read(readerOf("é"))), "malformed-bytes");
    assert.equal(codeOf(() => new KeyMemo().read(readerOf("k".repeat(KEY_CHARS_MAX + 1)))), "malformed-bytes");
    const cut = new ByteReader();
    cut.aimAt(Uint8Array.of(5, 0, 0, 0, 97));
    assert.equal(codeOf(() => new KeyMemo().read(cut)), "malformed-bytes");
  });
});
