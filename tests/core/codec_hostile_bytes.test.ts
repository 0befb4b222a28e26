/**
 * Bytes that the codec's decoder must refuse, one claim each. Random ones are in
 * `tests/properties/codec.test.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { describe, it } from "node:test";
import { ByteReader } from "../../core/byte_reader.ts";
import { decodeFromBytes, decodeValue, encodeToBytes } from "../../core/codec.ts";
import { VALUE_DEPTH_MAX } from "../../core/limits.ts";
import { decodeHex, failureOf, roundTrip } from "./codec_cases.ts";
import { assertSame } from "./same_value.ts";

describe("codec: bytes that are refused", () => {
  const refused: readonly (readonly [why: string, hex: string])[] = [
    ["nothing", ""],
    ["the byte that MessagePack never uses", "c1"],
    ["a number cut short", "cd01"],
    ["a string cut short", "a5616263"],
    ["a string of 4 GiB", "dbffffffff61"],
    ["bytes of 4 GiB", "c6ffffffff00"],
    ["an array of 4 G elements", "ddffffffff00"],
    ["a map of 2 G keys", "df7fffffff00"],
    ["an extension of 4 GiB", "c9ffffffff0700"],
    ["a Map of 2 G keys", "c90000000602df7fffffff00"],
    ["a Set of 4 G elements", "c90000000603ddffffffff00"],
    ["an array whose elements take more bytes than are left", "93c0c0"],
    ["a second value", "c0c0"],
    ["a key that is a number", "8101c0"],
    ["a key that is nil", "81c0c0"],
    ["the key __proto__", "81a95f5f70726f746f5f5fc0"],
    ["the key __proto__ with a longer length than it needs", "81d9095f5f70726f746f5f5fc0"],
    ["a string that is not UTF-8", "a2c328"],
    ["a long string that is not UTF-8", `d930${"61".repeat(47)}ff`],
    ["a surrogate in UTF-8", "a3eda080"],
    ["an unknown extension", "d47f00"],
    ["an unknown constant", "d40009"],
    ["a constant of two bytes", "d5000000"],
    ["a bigint of seven bytes", "c70701" + "00".repeat(7)],
    ["a bigint whose sign is 2", "c70a0102010000000000000000"],
    ["an unknown kind of binary value", "c7020763aa"],
    ["half an element of an Int16Array", "c7020704aa"],
    ["a timestamp of 1 byte", "d4ff00"],
    ["a timestamp with a second of nanoseconds", "c70cff3b9aca000000000000000000"],
    ["a timestamp after the last date", "c70cff000000007fffffffffffffff"],
    ["a Map that is an array", "c90000000102" + "90"],
    ["a Set followed by more in its extension", "c9000000020390c0"],
    ["a Set whose extension has a byte that could be the next element", "92c9000000020390c0"],
    ["a Map that needs a byte after its extension", "c9000000020281" + "00" + "00"],
    ["an error without a message", "c9000000020491a0"],
    ["an error whose name is a number", "c900000003049201a0"],
    ["an ActorError with a fate of its own", "c90000000505" + "94a0a0a080"],
  ];

  for (const [why, hex] of refused) {
    it(`decodeFromBytes refuses ${why}`, () => {
      const failure = failureOf(() => decodeHex(hex));
      assert.equal(failure.code, "malformed-bytes");
      assert.match(failure.message, /^Cannot decode: /);
    });
  }

  it("decodeFromBytes refuses nesting beyond the limit, in every container", () => {
    const openings: readonly ((length: string) => string)[] = [
      () => "91",
      () => "81a161",
      (length) => `c8${length}0281c0`,
      (length) => `c8${length}0391`,
      (length) => `c8${length}0493a0a0`,
    ];
    for (const opening of openings) {
      const levels = Array.from({ length: VALUE_DEPTH_MAX }, (_, level) => (60_000 - level * 100).toString(16));
      const bytes = `${levels.map(opening).join("")}90${"00".repeat(70_000)}`;
      assert.match(failureOf(() => decodeHex(bytes)).message, /nested deeper than 64/);
    }
  });

  it("decodeValue reads one value, and leaves what follows", () => {
    const reader = new ByteReader();
    reader.aimAt(Uint8Array.of(0x01, 0xa1, 0x61, 0xc0));
    assert.equal(decodeValue(reader, undefined), 1);
    assert.equal(decodeValue(reader, undefined), "a");
    assert.equal(decodeValue(reader, undefined), null);
    assert.equal(failureOf(() => decodeValue(reader, undefined)).code, "malformed-bytes");
  });

  it("decodeValue does not read beyond the record into the bytes after it", () => {
    const bytes = Uint8Array.of(0x92, 0x01, 0x02);
    const reader = new ByteReader();
    reader.aim(bytes, new DataView(bytes.buffer), 0, 2);
    assert.equal(failureOf(() => decodeValue(reader, undefined)).code, "malformed-bytes");
    const keyed = Uint8Array.of(0x81, 0xa3, 0x61, 0x62, 0x63, 0x01);
    reader.aim(keyed, new DataView(keyed.buffer), 0, 4);
    assert.equal(failureOf(() => decodeValue(reader, undefined)).code, "malformed-bytes");
  });

  it("decodeFromBytes makes objects with one far index small", () => {
    const objects = 40_000;
    const bytes = encodeToBytes(Array.from({ length: objects }, () => ({ 999: null })));
    const before = process.memoryUsage().rss;
    const received = decodeFromBytes(bytes) as unknown[];
    const bytesEach = (process.memoryUsage().rss - before) / objects;
    assertSame(received[7], { 999: null });
    // Held densely, each would have a place for every smaller index: 4 to 9 KB.
    assert.ok(bytesEach < 1500, `${bytesEach} bytes each`);
  });

  it("decodeFromBytes never takes one key for another that was kept before", () => {
    const keys = ["abc", "abd", "bbc", "acc", "abcd", "abcde", "axcde", "abcxe", ""];
    // "Ã¤" has, as characters, the bytes of "ä"; among all such pairs some have the same place in the table.
    for (let code = 0x80; code < 0x800; code++) {
      const letter = String.fromCharCode(code);
      keys.push(Buffer.from(letter, "utf8").toString("latin1"), letter);
    }
    for (const key of [...keys, ...keys.toReversed()]) assertSame(roundTrip({ [key]: 1 }), { [key]: 1 });
  });
});
