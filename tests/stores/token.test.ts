import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { AssertionFailure } from "../../core/assert.ts";
import { KEY_CHARS_MAX, STATE_BYTES_MAX } from "../../core/limits.ts";
import {
  decodeToken,
  fencingToken,
  GENERATION_MAX,
  generationOfToken,
  refusalOfKey,
  refusalOfState,
} from "../../core/store.ts";

const parts = fc.tuple(fc.nat(GENERATION_MAX), fc.nat(GENERATION_MAX), fc.nat({ max: 2 ** 52 - 1 }));

describe("FencingToken", () => {
  it("is its three parts in hexadecimal, of fixed width", () => {
    assert.equal(fencingToken(1, 255, 4096), "00000001.000000ff.0000000001000");
  });

  it("property: the order of the texts is the order of the parts", () => {
    fc.assert(fc.property(parts, parts, (one, two) => {
      const byParts = one.map((part, index) => Math.sign(part - (two[index] ?? 0))).find((sign) => sign !== 0) ?? 0;
      const [first, second] = [fencingToken(...one), fencingToken(...two)];
      assert.equal(first < second ? -1 : first > second ? 1 : 0, byParts);
    }));
  });

  it("property: decodeToken() takes what fencingToken() makes, and generationOfToken() reads it", () => {
    fc.assert(fc.property(parts, (made) => {
      const token = fencingToken(...made);
      assert.equal(decodeToken(token), token);
      assert.equal(generationOfToken(token), made[0]);
    }));
  });

  it("decodeToken() takes nothing else", () => {
    const token = fencingToken(1, 2, 3);
    const others = [undefined, null, 1, "", "1.2.3", `${token} `, ` ${token}`, `${token}\n`, token.replace("3", "G")];
    for (const other of [...others, token.replaceAll(".", ""), [token], { token }]) {
      assert.equal(decodeToken(other), undefined, JSON.stringify(other));
    }
  });

  it("fencingToken() refuses parts that are not whole, negative or too wide", () => {
    for (const part of [-1, 0.5, Number.NaN, Infinity, 2 ** 32]) {
      assert.throws(() => fencingToken(part, 0, 0), AssertionFailure);
      assert.throws(() => fencingToken(0, part, 0), AssertionFailure);
    }
    assert.throws(() => fencingToken(0, 0, 2 ** 52), AssertionFailure);
  });
});

describe("what every store refuses", () => {
  it("refusalOfKey() lets pass 1 to KEY_CHARS_MAX characters with whole surrogate pairs", () => {
    for (const key of ["k", "\0", "\u{1f600}", "k".repeat(KEY_CHARS_MAX)]) assert.equal(refusalOfKey(key), undefined);
    for (const key of ["", "k".repeat(KEY_CHARS_MAX + 1), "\ud800", "a\udc00b"]) {
      assert.equal(refusalOfKey(key)?.code, "invalid-name");
    }
  });

  it("refusalOfKey() says what is wrong with what", () => {
    assert.equal(
      refusalOfKey("", "cluster id")?.message,
      'Cannot use "" as a cluster id: it has 0 characters and a cluster id has 1 to 1024',
    );
    assert.equal(refusalOfKey("a\ud800")?.message, 'Cannot use "a\\ud800" as a key: it has half of a surrogate pair');
  });

  it("refusalOfState() lets pass STATE_BYTES_MAX and no more", () => {
    assert.equal(refusalOfState(new Uint8Array(STATE_BYTES_MAX)), undefined);
    assert.equal(refusalOfState(new Uint8Array(STATE_BYTES_MAX + 1))?.code, "message-too-large");
  });
});
