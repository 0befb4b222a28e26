/**
 * The part of DNS that finding nodes needs: one question, and the records of its reply (RFC 1035, 2782, 3596). Pure.
 *
 * There is a resolver in `node:dns`, and it can't be used: on Deno 2.9 a server that fails or refuses looks like a name
 * that doesn't exist, and "nobody is there" is the one answer that must not be given by mistake.
 *
 * Invariant: any bytes are a reply to exactly the question that was asked, or nothing; and decoding ends, for the
 * pointers in names are followed backwards only.
 *
 * @module
 */
import { isHostName } from "./address.ts";

/** What is asked for: IPv4 addresses, IPv6 addresses, or services with their ports. */
export type RecordType = "A" | "AAAA" | "SRV";

/** One question. */
export interface Question {
  /** Chosen at random, `0` to `65535`: a reply must have it, so that whoever guesses can't reply. */
  readonly id: number;
  /** A name of DNS, without the dot at its end. */
  readonly name: string;
  readonly type: RecordType;
}

/** What one record says. */
export interface Found {
  /** An IP address, or the name of a service's host as it was given, without the dot at its end. */
  readonly host: string;
  /** Of a service; addresses have none. */
  readonly port: number | undefined;
}

/** What a server says. */
export type Reply =
  /** What there is; nothing when the name doesn't exist or has no such records. */
  | { readonly kind: "found"; readonly found: readonly Found[]; readonly malformed: number }
  /** More than fits into a datagram: to be asked for over a connection. */
  | { readonly kind: "truncated" }
  /** It can't say. */
  | { readonly kind: "refused"; readonly reason: string };

/** Bytes of a reply over a connection, at most: its length has 16 bits. */
export const REPLY_BYTES_MAX = 65_535;

const TYPE_CODES: Readonly<Record<RecordType, number>> = { A: 1, AAAA: 28, SRV: 33 };
const TYPE_CNAME = 5;
const CLASS_IN = 1;
const HEADER_BYTES = 12;
const RECURSION_DESIRED = 0x0100;
const RECURSION_AVAILABLE = 0x0080;
const IS_REPLY = 0x8000;
const OPCODE = 0x7800;
const IS_AUTHORITATIVE = 0x0400;
const IS_TRUNCATED = 0x0200;
const RCODE = 0x000f;
const NO_ERROR = 0;
const NAME_ERROR = 3;
const REASONS: ReadonlyMap<number, string> = new Map([
  [1, "it doesn't understand the question (FORMERR)"],
  [2, "it fails (SERVFAIL)"],
  [4, "it doesn't answer such questions (NOTIMP)"],
  [5, "it refuses (REFUSED)"],
]);

/** The question as bytes. Its name is one that `isHostName` takes. */
export function encodeQuestion({ id, name, type }: Question): Uint8Array {
  const labels = name.split(".").map((label) => new TextEncoder().encode(label));
  const nameBytes = labels.reduce((sum, label) => sum + 1 + label.length, 1);
  const bytes = new Uint8Array(HEADER_BYTES + nameBytes + 4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, id);
  view.setUint16(2, RECURSION_DESIRED);
  view.setUint16(4, 1);
  let position = HEADER_BYTES;
  for (const label of labels) {
    bytes[position] = label.length;
    bytes.set(label, position + 1);
    position += 1 + label.length;
  }
  view.setUint16(position + 1, TYPE_CODES[type]);
  view.setUint16(position + 3, CLASS_IN);
  return bytes;
}

/** What `bytes` reply to `question`; `undefined` when they are no reply to it. */
export function decodeReply(bytes: Uint8Array, question: Question): Reply | undefined {
  try {
    return replyOf(new Cursor(bytes), question);
  } catch (thrown) {
    if (thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

function replyOf(cursor: Cursor, question: Question): Reply | undefined {
  const [id, flags, questions, answers] = [cursor.u16(), cursor.u16(), cursor.u16(), cursor.u16()];
  cursor.skip(4);
  if (id !== question.id || (flags & IS_REPLY) === 0 || (flags & OPCODE) !== 0) return undefined;
  const code = flags & RCODE;
  const isRefusal = code !== NO_ERROR && code !== NAME_ERROR;
  // Who doesn't understand a question need not repeat it.
  if (!(questions === 1 && isEcho(cursor, question)) && !(isRefusal && questions === 0)) return undefined;
  if (isRefusal) return { kind: "refused", reason: REASONS.get(code) ?? `it fails with code ${code}` };
  if ((flags & IS_TRUNCATED) !== 0) return { kind: "truncated" };
  const reply = recordsOf(cursor, answers, question);
  const mayKnow = (flags & (IS_AUTHORITATIVE | RECURSION_AVAILABLE)) !== 0;
  // "Ask somebody else": it has no records because it isn't the one who would.
  if (reply.found.length === 0 && !mayKnow) {
    return { kind: "refused", reason: "it neither knows the name nor asks others" };
  }
  return reply;
}

function isEcho(cursor: Cursor, { name, type }: Question): boolean {
  const echoed = cursor.name();
  return echoed === name.toLowerCase() && cursor.u16() === TYPE_CODES[type] && cursor.u16() === CLASS_IN;
}

/** The records of the question's name, and of the names it is an alias of. */
function recordsOf(cursor: Cursor, count: number, { name, type }: Question): Reply & { readonly kind: "found" } {
  const names = new Set([name.toLowerCase()]);
  const found: Found[] = [];
  let malformed = 0;
  for (let index = 0; index < count; index++) {
    const owner = cursor.name();
    const [recordType, recordClass] = [cursor.u16(), cursor.u16()];
    cursor.skip(4);
    const end = cursor.u16() + cursor.position;
    const isOurs = owner !== undefined && names.has(owner) && recordClass === CLASS_IN;
    if (isOurs && recordType === TYPE_CNAME) {
      const alias = cursor.name();
      if (alias !== undefined) names.add(alias);
    } else if (isOurs && recordType === TYPE_CODES[type]) {
      const record = recordOf(cursor, type, end);
      if (record === undefined) malformed++;
      else if (record !== "none") found.push(record);
    }
    cursor.moveTo(end);
  }
  return { kind: "found", found, malformed };
}

function recordOf(cursor: Cursor, type: RecordType, end: number): Found | "none" | undefined {
  const length = end - cursor.position;
  switch (type) {
    case "A":
      return length === 4 ? { host: ipv4Of(cursor.take(4)), port: undefined } : undefined;
    case "AAAA":
      return length === 16 ? { host: ipv6Of(cursor.take(16)), port: undefined } : undefined;
    case "SRV": {
      cursor.skip(4); // Priority and weight: every node is tried.
      const port = cursor.u16();
      const host = cursor.name(false);
      if (host === "") return "none"; // The root as a target: "there is no such service".
      return host !== undefined && isHostName(host) && port > 0 && cursor.position === end ? { host, port } : undefined;
    }
    default:
      return type satisfies never;
  }
}

function ipv4Of(bytes: Uint8Array): string {
  return bytes.join(".");
}

function ipv6Of(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, index) => (bytes[2 * index] ?? 0) << 8 | (bytes[2 * index + 1] ?? 0));
  return new URL(`http://[${words.map((word) => word.toString(16)).join(":")}]/`).hostname.slice(1, -1);
}

/** Reads a message from its beginning. What lies outside of it is a `RangeError`. */
class Cursor {
  position = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u16(): number {
    this.position += 2;
    return this.#view.getUint16(this.position - 2);
  }

  skip(count: number): void {
    this.moveTo(this.position + count);
  }

  /** Forwards: what ends before it was read was not what it said. */
  moveTo(position: number): void {
    if (position < this.position || position > this.#bytes.length) throw new RangeError("outside of the message");
    this.position = position;
  }

  take(count: number): Uint8Array {
    const start = this.position;
    this.skip(count);
    return this.#bytes.subarray(start, this.position);
  }

  /** A name in lower case unless told otherwise; `undefined` when a label has what no name of a host has. */
  name(isLowered = true): string | undefined {
    const labels: string[] = [];
    let isPlain = true;
    let chars = 0;
    let at = this.position;
    let earliest = at;
    let end: number | undefined;
    for (let length = this.#view.getUint8(at); length !== 0; length = this.#view.getUint8(at)) {
      if (length >= 0xc0) {
        const target = this.#view.getUint16(at) & 0x3fff;
        end ??= at + 2;
        if (target >= earliest) throw new RangeError("a name leads forwards");
        at = earliest = target;
        continue;
      }
      chars += 1 + length;
      if (length > 63 || chars > 254 || at + 1 + length > this.#bytes.length) throw new RangeError("no name");
      const label = String.fromCharCode(...this.#bytes.subarray(at + 1, at + 1 + length));
      isPlain &&= /^[\w-]+$/.test(label);
      labels.push(label);
      at += 1 + length;
    }
    this.position = end ?? at + 1;
    if (!isPlain) return undefined;
    const name = labels.join(".");
    return isLowered ? name.toLowerCase() : name;
  }
}
