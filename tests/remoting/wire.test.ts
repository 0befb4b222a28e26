/**
 * The bytes of every frame, written down: who changes one of them speaks another protocol.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodeRefuse } from "../../remoting/handshake_frames.ts";
import { CHUNK_BYTES } from "../../remoting/link_limits.ts";
import { CLOSE_CODES } from "../../remoting/link_refusal.ts";
import {
  batchOf,
  creditPiece,
  framePiece,
  handshakeBatch,
  signPiece,
  TYPE_PING,
  TYPE_PONG,
  TYPE_REFUSE,
} from "../../remoting/wire.ts";
import { contextOf, shake } from "./shake.ts";

const LONG = new Uint8Array(CHUNK_BYTES + 3).fill(0xee);

describe("the bytes on the wire", () => {
  it("of frames", () => {
    assert.equal(hex(batchOf([framePiece(new Uint8Array([0xca, 0xfe]), 0)])), "1000000002000000cafe");
    assert.equal(hex(batchOf([framePiece(new Uint8Array(0), 0)])), "1000000000000000");
    assert.equal(hex(batchOf([framePiece(LONG, 0)]).subarray(0, 13)), "110000000400010003000100ee");
    assert.equal(hex(batchOf([framePiece(LONG, CHUNK_BYTES)])), "1200000003000000eeeeee");
  });

  it("of credit and signs of life", () => {
    assert.equal(hex(batchOf([creditPiece(8 << 20)])), "200000000400000000008000");
    assert.equal(hex(batchOf([signPiece(TYPE_PING)])), "2100000000000000");
    assert.equal(hex(batchOf([signPiece(TYPE_PONG)])), "2200000000000000");
  });

  it("of a batch: one frame behind the other", () => {
    const batch = batchOf([
      signPiece(TYPE_PONG),
      framePiece(new Uint8Array([1]), 0),
      framePiece(new Uint8Array([2]), 0),
    ]);
    assert.equal(hex(batch), "2200000000000000" + "100000000100000001" + "100000000100000002");
  });

  it("of a handshake", () => {
    const { said } = shake(contextOf("dialer"), contextOf("listener"));
    assert.deepEqual(said.map(({ by, batch }) => `${by} ${hex(batch)}`), HANDSHAKE);
  });

  it("of a refusal", () => {
    const payload = encodeRefuse({
      closeCode: CLOSE_CODES["version-differs"],
      protocol: { min: 1, max: 2 },
      words: "é",
    });
    assert.equal(hex(handshakeBatch(TYPE_REFUSE, payload)), "05000000" + "0a000000" + "4a11" + "0102" + "02000000c3a9");
  });

  it("of close codes", () => {
    assert.deepEqual(CLOSE_CODES, {
      "closing": 1001,
      "malformed": 4400,
      "secret-differs": 4401,
      "cluster-differs": 4403,
      "settings-differ": 4404,
      "self": 4405,
      "another-node": 4406,
      "duplicate": 4407,
      "handshake-timeout": 4408,
      "not-loopback": 4410,
      "silent": 4411,
      "idle": 4412,
      "frame-too-large": 4413,
      "not-a-member": 4414,
      "credit-overrun": 4416,
      "replaced": 4417,
      "closed": 4418,
      "version-differs": 4426,
      "too-many-frames": 4429,
    });
  });
});

const HANDSHAKE: readonly string[] = [
  "dialer 0100000028000000" + "54525045" + "0101" + "0100" + "d1".repeat(32),
  "listener 0100000028000000" + "54525045" + "0101" + "0100" + "11".repeat(32),
  "dialer 0200000024000000" + "02006b31" + "c77d8d46e022595492cff4bae75a17ed9e1e3cf863e6071608869a112071ce69",
  "listener 030000006d000000" + "00000000" + "02006b31" + "08006c697374656e6572" + "0a006c697374656e65723a31" +
  "040074657374" +
  "02" + "04006861736801" + "06006d75726d7572" + "0e00706172746974696f6e436f756e7400" + "0000000000f07040" +
  "b790c61c658d1b6ab5cf6bc4ac52e11b5692452048bbb9ed8ee12350e5c8334f",
  "dialer 0300000069000000" + "07000000" + "02006b31" + "06006469616c6572" + "08006469616c65723a31" + "040074657374" +
  "02" + "04006861736801" + "06006d75726d7572" + "0e00706172746974696f6e436f756e7400" + "0000000000f07040" +
  "eacc35337a37d2da276a3d5f8ad42b6920e7e91c5b8c6351d32953cebcff7482",
  "listener 0400000020000000" + "d69ef15e191a59b5f41de42e4c24a3098b6389ca95604cbf2f3788cb15fa8f35",
];

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
