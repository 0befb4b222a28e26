/**
 * How a message lies in a ring: a type, numbers of fixed width, keys, and the encoded arguments. Reading
 * believes nothing: every index is looked up, every length is checked, and what does not fit throws
 * `malformed-bytes`. Pure.
 *
 * | Record | After its type (one byte) |
 * | --- | --- |
 * | tell | kind (16 bits), key, handler (16), sender, arguments |
 * | ask | id (float 64), deadline (float 64), chain, then as a tell |
 * | reply | id, value |
 * | failure | id, failure data |
 * | operation | id, operation |
 * | notice | 0, notice |
 *
 * What a clustered node's threads say to each other beside that is in `cluster_records.ts`.
 *
 * A sender is a byte that says whether there is one (1) and whether a trace follows (2), its kind and key. A chain is a byte for its length,
 * then invocation (float 64), key and handler of each link, the nearest first.
 *
 * @module
 */
import { type ByteReader, malformed } from "../core/byte_reader.ts";
import type { ByteWriter } from "../core/byte_writer.ts";
import { decodeValue, encodeArguments } from "../core/codec.ts";
import type { AskHeader, ChainLink } from "../core/envelope.ts";
import type { ActorKey, Instant, ThreadIndex } from "../core/ids.ts";
import { CALL_CHAIN_HOPS_MAX } from "../core/limits.ts";
import type { Target } from "../core/ref.ts";
import type { RefCodec } from "../core/ref_data.ts";
import type { KindTable } from "./kind_table.ts";

/** The types of records. */
export const RecordType = {
  tell: 1,
  ask: 2,
  reply: 3,
  failure: 4,
  operation: 5,
  notice: 6,
  letter: 7,
  delivery: 8,
  answer: 9,
  outcome: 10,
  order: 11,
  word: 12,
} as const;

/** Bits of the byte in front of a sender. */
export const HAS_SENDER = 1;
/** See {@link HAS_SENDER}. */
export const HAS_TRACE = 2;

/** Writes the front of a reply, failure, operation or notice. */
export function writeHeader(writer: ByteWriter, type: number, id: number): void {
  writer.u8(type);
  writer.f64(id);
}

/** Writes a tell, or an ask when `ask` is given. Throws what encoding the arguments throws, and `kind-unknown`. */
export function writeEnvelope(
  writer: ByteWriter,
  kinds: KindTable,
  target: Target,
  handler: number,
  args: readonly unknown[],
  sender: Target | undefined,
  ask: AskHeader | undefined,
  trace: string | undefined,
  refs: RefCodec,
): void {
  if (ask === undefined) {
    writer.u8(RecordType.tell);
  } else {
    writer.u8(RecordType.ask);
    writer.f64(ask.id);
    writer.f64(ask.deadline);
    writeChain(writer, ask.chain);
  }
  writer.u16(kinds.indexOf(target.kind));
  writer.string(target.key);
  writer.u16(handler);
  writer.u8((sender === undefined ? 0 : HAS_SENDER) | (trace === undefined ? 0 : HAS_TRACE));
  if (sender !== undefined) {
    writer.u16(kinds.indexOf(sender.kind));
    writer.string(sender.key);
  }
  if (trace !== undefined) writer.string(trace);
  encodeArguments(writer, args, refs);
}

/** Reads the header of an ask sent by thread `from`. */
export function readAsk(reader: ByteReader, from: ThreadIndex): AskHeader {
  const id = reader.f64();
  const deadline = reader.f64() as Instant;
  if (!Number.isSafeInteger(id) || !Number.isFinite(deadline)) throw malformed("an ask has an id and a deadline");
  return { id, thread: from, deadline, chain: readChain(reader) };
}

/** Reads the arguments of a message: an array. */
export function readArguments(reader: ByteReader, refs: RefCodec): readonly unknown[] {
  const args = decodeValue(reader, refs);
  if (!Array.isArray(args)) throw malformed("arguments are an array");
  if (reader.left > 0) throw malformed("nothing stands behind the arguments");
  return args;
}

function writeChain(writer: ByteWriter, chain: ChainLink | undefined): void {
  writer.u8(chain?.hops ?? 0);
  for (let link = chain; link !== undefined; link = link.previous) {
    writer.f64(link.invocation);
    writer.string(link.key);
    writer.string(link.handler);
  }
}

function readChain(reader: ByteReader): ChainLink | undefined {
  const hops = reader.u8();
  if (hops > CALL_CHAIN_HOPS_MAX) throw malformed("a chain has its limit of hops");
  return readLink(reader, hops);
}

// At most CALL_CHAIN_HOPS_MAX deep.
function readLink(reader: ByteReader, hops: number): ChainLink | undefined {
  if (hops === 0) return undefined;
  const invocation = reader.f64();
  const key = reader.string() as ActorKey;
  const handler = reader.string();
  return { invocation, key, handler, hops, previous: readLink(reader, hops - 1) };
}
