/**
 * What comes from outside: every lawful batch is read back as what was sent, and no others do any harm.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BATCH_BYTES_MAX, CHUNK_BYTES } from "../../remoting/link_limits.ts";
import { SendQueue } from "../../remoting/send_queue.ts";
import {
  batchOf,
  creditPiece,
  framePiece,
  HEADER_BYTES,
  type Piece,
  pieceBytes,
  signPiece,
  TYPE_PING,
} from "../../remoting/wire.ts";
import { readHandshakeBatch, type WireItem, WireReader } from "../../remoting/wire_reader.ts";
import { decodeHello, decodeIdentity, decodeProof, decodeRefuse } from "../../remoting/handshake_frames.ts";

const FRAME_BYTES_MAX = 1 << 20;

describe("a reader", () => {
  it("property: gives every frame of any sizes back, whole, once and in order", () => {
    const length = fc.oneof(
      fc.nat(200),
      fc.constantFrom(0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES),
      fc.nat(200_000),
    );
    fc.assert(
      fc.property(fc.array(length, { maxLength: 20 }), fc.array(fc.nat(5)), (lengths, signs) => {
        const sent = lengths.map((bytes, index) => new Uint8Array(bytes).fill(index + 1));
        const reader = new WireReader(FRAME_BYTES_MAX);
        const read: Uint8Array[] = [];
        for (const batch of batchesOf(sent, signs)) {
          assert.ok(batch.length <= BATCH_BYTES_MAX);
          const { items, fault } = reader.read(batch);
          assert.equal(fault, undefined);
          for (const item of items) if ("frame" in item) read.push(item.frame);
          batch.fill(0xff, 0, 0);
        }
        assert.deepEqual(read.map(shown), sent.map(shown));
        assert.equal(reader.pendingBytes, 0);
      }),
      { numRuns: 200 },
    );
  });

  it("takes short frames out of their batch: one that is kept keeps a few short ones, not the long ones", () => {
    const batch = batchOf([framePiece(new Uint8Array(10), 0), framePiece(new Uint8Array(50_000), 0)]);
    const [short, long] = framesOf(new WireReader(FRAME_BYTES_MAX).read(batch).items);
    assert.ok(short !== undefined && short.buffer.byteLength <= 1 << 12);
    assert.equal(long?.buffer, batch.buffer);
  });

  const frame = framePiece(new Uint8Array([1, 2, 3]), 0);
  const long = new Uint8Array(CHUNK_BYTES + 10);
  const [first, rest] = [framePiece(long, 0), framePiece(long, CHUNK_BYTES)];
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ["nothing", new Uint8Array(0), "malformed"],
    ["half a header", new Uint8Array(7), "malformed"],
    ["a payload that is cut off", batchOf([frame]).subarray(0, HEADER_BYTES + 2), "malformed"],
    ["a length of 4 GiB", changed(batchOf([frame]), 7, 0xff), "malformed"],
    ["flags", changed(batchOf([frame]), 1, 1), "malformed"],
    ["a type of no meaning", changed(batchOf([frame]), 0, 0x13), "malformed"],
    ["a frame of a handshake", changed(batchOf([frame]), 0, 0x01), "malformed"],
    ["a type of a later version that must be read", changed(batchOf([frame]), 0, 0x7f), "malformed"],
    ["the rest of no frame", batchOf([rest]), "malformed"],
    ["a frame between chunks", batchOf([first, frame]), "malformed"],
    ["a long frame between chunks", batchOf([first, first]).subarray(0, 2 * pieceBytes(first)), "malformed"],
    ["chunks of a frame that needs none", changed(batchOf([first]), 10, 0), "malformed"],
    ["a frame of 4 GiB in chunks", changed(batchOf([first]), 11, 0xff), "frame-too-large"],
    ["credit of five bytes", changed(batchOf([creditPiece(1), frame]), 4, 5), "malformed"],
    ["a ping that says something", changed(batchOf([frame]), 0, 0x21), "malformed"],
    ["a pong that says something", changed(batchOf([frame]), 0, 0x22), "malformed"],
  ];
  for (const [claim, batch, reason] of cases) {
    it(`refuses ${claim}`, () => {
      assert.equal(new WireReader(FRAME_BYTES_MAX).read(batch).fault?.reason, reason);
    });
  }

  it("refuses a chunk that is shorter than chunks are, or longer than what is left", () => {
    const short = new Uint8Array(CHUNK_BYTES * 3);
    const begin: Piece = { ...framePiece(short, 0), end: 100 };
    assert.equal(new WireReader(FRAME_BYTES_MAX).read(batchOf([begin])).fault?.reason, "malformed");
    const reader = new WireReader(FRAME_BYTES_MAX);
    assert.equal(reader.read(batchOf([first])).fault, undefined);
    const tooMuch: Piece = { ...rest, from: CHUNK_BYTES - 1 };
    assert.equal(reader.read(batchOf([tooMuch])).fault?.reason, "malformed");
  });

  it("refuses a frame over the limit before it keeps a byte of it", () => {
    const reader = new WireReader(CHUNK_BYTES * 2);
    const { fault } = reader.read(batchOf([framePiece(new Uint8Array(CHUNK_BYTES * 2 + 1), 0)]));
    assert.equal(fault?.reason, "frame-too-large");
    assert.equal(reader.pendingBytes, 0);
    assert.equal(new WireReader(2).read(batchOf([frame])).fault?.reason, "frame-too-large");
  });

  it("passes over what a later version marks as such, and gives what was before a fault", () => {
    const later = changed(changed(batchOf([frame]), 0, 0x80), 1, 7);
    assert.deepEqual(new WireReader(FRAME_BYTES_MAX).read(later), { items: [{ kind: "ignored" }], fault: undefined });
    const { items, fault } = new WireReader(FRAME_BYTES_MAX).read(concat([batchOf([frame]), new Uint8Array(3)]));
    assert.equal(framesOf(items).length, 1);
    assert.equal(fault?.reason, "malformed");
  });

  it("lets signs of life and credit pass between the chunks of a frame", () => {
    const reader = new WireReader(FRAME_BYTES_MAX);
    const { items, fault } = reader.read(batchOf([first, signPiece(TYPE_PING), creditPiece(9), rest]));
    assert.equal(fault, undefined);
    assert.deepEqual(items.map(({ kind }) => kind), ["chunked", "ping", "credit", "chunked-frame"]);
  });

  it("property: never throws, whatever arrives, and keeps no more than one frame", () => {
    const lawful = fc.array(fc.oneof(fc.nat(100), fc.constant(CHUNK_BYTES + 1)), { minLength: 1, maxLength: 5 }).map((
      lengths,
    ) => batchesOf(lengths.map((bytes) => new Uint8Array(bytes)), [0, 1]));
    const spoiled = fc.tuple(lawful, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat()).map(
      ([batches, flips, cut]) =>
        batches.map((batch) => {
          const copy = new Uint8Array(batch);
          // Where it hurts: in the headers, which the first bytes are.
          for (const [at, byte] of flips) copy[at % Math.min(copy.length, 64)] = byte;
          return cut % 3 === 0 ? copy.subarray(0, cut % (copy.length + 1)) : copy;
        }),
    );
    const any = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 });
    let faults = 0;
    fc.assert(
      fc.property(fc.oneof(spoiled, any), (batches) => {
        const reader = new WireReader(FRAME_BYTES_MAX);
        for (const batch of batches) {
          const { items, fault } = reader.read(batch);
          assert.ok(items.length <= batch.length / HEADER_BYTES);
          assert.ok(reader.pendingBytes <= FRAME_BYTES_MAX);
          for (const each of framesOf(items)) assert.ok(each.length <= FRAME_BYTES_MAX);
          if (fault === undefined) continue;
          faults++;
          return;
        }
      }),
      { numRuns: 1000 },
    );
    assert.ok(faults > 100);
  });
});

describe("frames of a handshake", () => {
  it("property: are read or refused, and never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.constantFrom(1, 2, 3, 4, 5), (payload, type) => {
        readHandshakeBatch(payload);
        const whole = changed(concat([new Uint8Array(HEADER_BYTES), payload]), 0, type);
        new DataView(whole.buffer).setUint32(4, payload.length, true);
        assert.ok(!("reason" in readHandshakeBatch(whole)));
        for (const decode of [decodeHello, decodeProof, decodeIdentity, decodeRefuse]) decode(payload);
      }),
      { numRuns: 1000 },
    );
  });

  it("have a batch to themselves", () => {
    const hello = changed(batchOf([framePiece(new Uint8Array(3), 0)]), 0, 1);
    assert.ok(!("reason" in readHandshakeBatch(hello)));
    assert.ok("reason" in readHandshakeBatch(concat([hello, hello])));
  });
});

/** The batches that a link would send of these frames, with signs of life between some. */
function batchesOf(frames: readonly Uint8Array[], signs: readonly number[]): Uint8Array[] {
  const queue = new SendQueue(Infinity);
  for (const each of frames) assert.ok(queue.offer(each));
  const batches: Uint8Array[] = [];
  for (let index = 0; queue.size > 0; index++) {
    const pieces: Piece[] = Array.from({ length: signs[index] ?? 0 }, () => signPiece(TYPE_PING));
    let room = BATCH_BYTES_MAX - pieces.length * HEADER_BYTES;
    for (let piece = queue.next(room); piece !== undefined; piece = queue.next(room)) {
      pieces.push(piece);
      room -= pieceBytes(piece);
    }
    batches.push(batchOf(pieces));
  }
  return batches;
}

function framesOf(items: readonly WireItem[]): readonly Uint8Array[] {
  return items.flatMap((item) => "frame" in item ? [item.frame] : []);
}

function shown(frame: Uint8Array): string {
  return `${frame.length} of ${frame[0]}, the last ${frame.at(-1)}`;
}

function changed(batch: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = new Uint8Array(batch);
  copy[at] = byte;
  return copy;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}
