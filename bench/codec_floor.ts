/**
 * What one message costs as bytes, in one thread: our codec, MessagePack libraries with the passes they
 * would need beside them, and JSON. Every figure is nanoseconds for one message: the lowest tenth of
 * many short rounds in which the contestants take turns, because on a machine that others use as well the
 * median measures the others. Run it alone: `deno run -A bench/codec_floor.ts`, and with Bun.
 *
 * msgpackr drops functions, loses `-0` and recurses without a limit, so its row pays for a pass over the
 * value before packing and a pass over the bytes before unpacking; without those it could not stand in.
 *
 * @module
 */
import { Decoder, Encoder } from "@msgpack/msgpack";
import { Packr } from "msgpackr";
import process from "node:process";
import { ByteReader } from "../core/byte_reader.ts";
import { ByteWriter } from "../core/byte_writer.ts";
import { decodeValue, encodeValue } from "../core/codec.ts";
import { MESSAGE_BYTES_DEFAULT, VALUE_DEPTH_MAX } from "../core/limits.ts";
import { quantile } from "./statistics.ts";

const ROUNDS = 60;
const ROUND_MS = 4;
const RING_BYTES = 1 << 18;

/** One way to bytes and back. `encode` leaves its bytes where `decode` finds them. */
interface Contestant {
  readonly name: string;
  encode(value: unknown): number;
  decode(): unknown;
}

const payloads: readonly (readonly [name: string, values: readonly unknown[]])[] = [
  ["3-field object", series((index) => ({ id: `t-${index}`, amount: index * 7, isFinal: index % 2 === 0 }))],
  ["2 arguments", series((index) => [`t-${index}`, index])],
  ["nested object, 1 KiB", series(order)],
  ["64 KiB of bytes", series((index) => new Uint8Array(1 << 16).fill(index))],
];

for (const [name, values] of payloads) {
  const contestants = [ours(), packrWithPasses(), packrAlone(), msgpack(), json()];
  console.log(`\n${name}: ns to encode, to decode, for both (bytes)`);
  for (const line of measure(contestants, values)) console.log(`  ${line}`);
}
console.log(`\n${process.versions.bun === undefined ? "Deno or Node" : `Bun ${process.versions.bun}`}`);

function measure(contestants: readonly Contestant[], values: readonly unknown[]): readonly string[] {
  const encodeNs = contestants.map((): number[] => []);
  const decodeNs = contestants.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, contestant] of contestants.entries()) {
      if (contestant.name === "JSON" && values[0] instanceof Uint8Array) continue;
      encodeNs[index]?.push(timed((turn) => contestant.encode(values[turn % values.length])));
      decodeNs[index]?.push(timed(() => contestant.decode()));
    }
  }
  return contestants.flatMap(({ name, encode }, index) => {
    const encoding = encodeNs[index] ?? [];
    if (encoding.length === 0) return [];
    const [encoded, decoded] = [quantile(encoding, 0.1), quantile(decodeNs[index] ?? [], 0.1)];
    const figures = [encoded, decoded, encoded + decoded].map((ns) => ns.toFixed(0).padStart(8)).join("");
    return [`${name.padEnd(34)}${figures}   (${encode(values[0])})`];
  });
}

/** Nanoseconds for one call: the first half of the time warms up. */
function timed(call: (turn: number) => unknown): number {
  let turn = 0;
  let started = performance.now();
  for (let half = 0; half < 2; half++) {
    turn = 0;
    started = performance.now();
    while (performance.now() - started < ROUND_MS) for (let index = 0; index < 64; index++) call(turn++);
  }
  return (performance.now() - started) * 1e6 / turn;
}

function ours(): Contestant {
  const ring = new Uint8Array(new SharedArrayBuffer(RING_BYTES));
  const view = new DataView(ring.buffer);
  const writer = new ByteWriter(MESSAGE_BYTES_DEFAULT);
  const reader = new ByteReader();
  return {
    name: "ours",
    encode(value) {
      writer.aim(ring, view, 64, RING_BYTES);
      encodeValue(writer, value, undefined);
      return writer.length;
    },
    decode() {
      reader.aim(ring, view, 64, writer.position);
      return decodeValue(reader, undefined);
    },
  };
}

function packrAlone(): Contestant {
  return packrBetween(() => {}, () => {}, "msgpackr");
}

function packrWithPasses(): Contestant {
  return packrBetween((value) => refuseWhatCannotTravel(value, 0), guard, "value pass, msgpackr, byte pass");
}

/**
 * Packs into a private buffer, copies it into the ring, and unpacks from a private copy: unpacking from shared
 * memory ends Deno with a segmentation fault in msgpackr's native part.
 */
function packrBetween(before: (value: unknown) => void, after: (bytes: Uint8Array) => void, name: string): Contestant {
  const ring = new Uint8Array(new SharedArrayBuffer(RING_BYTES));
  const packr = new Packr({ useRecords: false, moreTypes: true });
  const copied = new Uint8Array(RING_BYTES);
  let length = 0;
  return {
    name,
    encode(value) {
      before(value);
      const bytes = packr.pack(value);
      ring.set(bytes, 64);
      return length = bytes.length;
    },
    decode() {
      copied.set(ring.subarray(64, 64 + length));
      const bytes = copied.subarray(0, length);
      after(bytes);
      return packr.unpack(bytes);
    },
  };
}

function msgpack(): Contestant {
  const encoder = new Encoder();
  const decoder = new Decoder();
  const ring = new Uint8Array(new SharedArrayBuffer(RING_BYTES));
  let length = 0;
  return {
    name: "@msgpack/msgpack",
    encode(value) {
      const bytes = encoder.encodeSharedRef(value);
      ring.set(bytes, 64);
      return length = bytes.length;
    },
    decode: () => decoder.decode(ring.subarray(64, 64 + length)),
  };
}

function json(): Contestant {
  const ring = new Uint8Array(new SharedArrayBuffer(RING_BYTES));
  const copied = new Uint8Array(RING_BYTES);
  const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];
  let length = 0;
  return {
    name: "JSON",
    encode: (value) => length = encoder.encodeInto(JSON.stringify(value), ring).written,
    decode() {
      copied.set(ring.subarray(0, length));
      return JSON.parse(decoder.decode(copied.subarray(0, length)));
    },
  };
}

/** The least pass that could stand before msgpackr: refuses what it would silently change. */
function refuseWhatCannotTravel(value: unknown, depth: number): void {
  if (depth > VALUE_DEPTH_MAX) throw new Error("too deep");
  if (typeof value === "function" || typeof value === "symbol") throw new Error("cannot travel");
  if (typeof value === "number" && Object.is(value, -0)) throw new Error("would have to be boxed");
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) refuseWhatCannotTravel(value[index], depth + 1);
    return;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Uint8Array.prototype || prototype === Date.prototype) return;
  if (prototype !== Object.prototype) throw new Error("cannot travel");
  if (Object.getOwnPropertySymbols(value).length > 0) throw new Error("cannot travel");
  for (const key in value) refuseWhatCannotTravel((value as Record<string, unknown>)[key], depth + 1);
}

/** The least pass that could stand before unpacking: nesting, lengths, and exactly one value. */
function guard(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const owed: number[] = [1];
  let position = 0;
  while (owed.length > 0) {
    const last = owed.length - 1;
    const left = owed[last] ?? 0;
    if (left === 0) {
      owed.pop();
      continue;
    }
    owed[last] = left - 1;
    if (position >= bytes.length) throw new Error("truncated");
    const first = view.getUint8(position++);
    let skipped = 0;
    let members = 0;
    if (first < 0x80 || first >= 0xe0 || (first >= 0xc0 && first <= 0xc3)) continue;
    if (first < 0x90) members = (first & 15) * 2;
    else if (first < 0xa0) members = first & 15;
    else if (first < 0xc0) skipped = first & 31;
    else if (first === 0xc4 || first === 0xd9) skipped = 1 + view.getUint8(position);
    else if (first === 0xc5 || first === 0xda) skipped = 2 + view.getUint16(position);
    else if (first === 0xc6 || first === 0xdb) skipped = 4 + view.getUint32(position);
    else if (first === 0xcc || first === 0xd0) skipped = 1;
    else if (first === 0xcd || first === 0xd1) skipped = 2;
    else if (first === 0xca || first === 0xce || first === 0xd2) skipped = 4;
    else if (first === 0xcb || first === 0xcf || first === 0xd3) skipped = 8;
    else if (first >= 0xd4 && first <= 0xd8) skipped = 1 + (1 << (first - 0xd4));
    else if (first === 0xdc) members = view.getUint16(position);
    else if (first === 0xde) members = 2 * view.getUint16(position);
    else if (first === 0xc7) skipped = 2 + view.getUint8(position);
    else if (first === 0xc8) skipped = 3 + view.getUint16(position);
    else if (first === 0xc9) skipped = 5 + view.getUint32(position);
    else throw new Error("a form this benchmark does not send");
    if (first >= 0xdc && first <= 0xdf) position += 2;
    position += skipped;
    if (position + members > bytes.length) throw new Error("truncated");
    if (members > 0) owed.push(members);
    if (owed.length > VALUE_DEPTH_MAX) throw new Error("too deep");
  }
}

/** A hundred values of one shape, so that no branch and no string is always the same. */
function series(make: (index: number) => unknown): readonly unknown[] {
  return Array.from({ length: 100 }, (_, index) => make(index));
}

/** About a kibibyte, as a service might send it. */
function order(index: number): unknown {
  const line = (part: number) => ({
    sku: `sku-${index}-${part}`,
    name: "A thing one can buy",
    count: part + 1,
    price: part * 2.25 + 0.99,
    tags: ["new", "sale"],
  });
  return {
    orderId: `order-${index}`,
    customer: { id: 10_000 + index, name: "Zoë Ångström", email: "zoe@example.org", isMember: true },
    placedAt: 1_700_000_000_000 + index,
    lines: Array.from({ length: 8 }, (_, part) => line(part)),
    address: { street: "Long Street 12", city: "Springfield", zip: "12345", country: "NL" },
    note: null,
    total: 123.45 + index,
  };
}
