/**
 * A DNS server of a test: over datagrams and connections on one loopback port, with replies that the test writes. It
 * builds its bytes by itself, so that the code under test is not tested with itself. Touches sockets.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";

/** Flags of a reply by a server that asks others: it is one, recursion was desired, and is available. */
export const RECURSIVE = 0x8180;
/** The flag of a reply that was cut off. */
export const TRUNCATED = 0x0200;
/** Codes of replies. */
export const RCODES = { noError: 0, formatError: 1, serverFailure: 2, nameError: 3, refused: 5 } as const;

const TYPE_CODES: Readonly<Record<string, number>> = { A: 1, CNAME: 5, TXT: 16, AAAA: 28, SRV: 33 };

/** One record: the type, and its data as it is written in zone files. */
export interface ZoneRecord {
  /** By default the name that was asked for. */
  readonly name?: string;
  readonly type: "A" | "AAAA" | "SRV" | "CNAME" | "TXT";
  readonly data: string;
}

/** What the server was asked. */
export interface Asked {
  readonly name: string;
  readonly type: string;
  readonly by: "datagram" | "connection";
}

/** Bytes of a reply to `query`, or of several; none to stay silent. */
export type Answering = (query: Buffer, asked: Asked) => readonly Uint8Array[];

/** A reply to `query` with these records and flags. */
export function replyTo(query: Buffer, records: readonly ZoneRecord[], flags: number = RECURSIVE): Buffer {
  const questionEnd = nameEnd(query, 12) + 4;
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(flags, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, query.subarray(12, questionEnd), ...records.map(recordBytes)]);
}

/** A name as labels. */
export function nameBytes(name: string): Buffer {
  const labels = name.split(".").filter((label) => label !== "");
  return Buffer.concat([...labels.flatMap((label) => [Buffer.of(label.length), Buffer.from(label, "latin1")]), ZERO]);
}

const ZERO = Buffer.of(0);
/** A pointer to the question's name. */
const ASKED_NAME = Buffer.of(0xc0, 12);

function recordBytes({ name, type, data }: ZoneRecord): Buffer {
  const rdata = dataBytes(type, data);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPE_CODES[type] ?? 0, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(60, 4);
  fixed.writeUInt16BE(rdata.length, 8);
  return Buffer.concat([name === undefined ? ASKED_NAME : nameBytes(name), fixed, rdata]);
}

function dataBytes(type: string, data: string): Buffer {
  switch (type) {
    case "A":
      return Buffer.from(data.split(".").map(Number));
    case "AAAA": {
      const [head = "", tail = ""] = data.split("::");
      const [first, last] = [head, tail].map((half) => half.split(":").filter((word) => word !== ""));
      const zeros = Array(8 - (first?.length ?? 0) - (last?.length ?? 0)).fill("0");
      const words = [...(first ?? []), ...zeros, ...(last ?? [])];
      return Buffer.concat(words.map((word) => Buffer.from(word.padStart(4, "0"), "hex")));
    }
    case "SRV": {
      const [priority, weight, port, target = ""] = data.split(" ");
      const fixed = Buffer.alloc(6);
      [priority, weight, port].forEach((number, index) => fixed.writeUInt16BE(Number(number), 2 * index));
      return Buffer.concat([fixed, nameBytes(target)]);
    }
    case "CNAME":
      return nameBytes(data);
    default:
      return Buffer.concat([Buffer.of(data.length), Buffer.from(data, "latin1")]);
  }
}

function nameEnd(bytes: Buffer, start: number): number {
  let at = start;
  while (bytes.readUInt8(at) !== 0) at += 1 + bytes.readUInt8(at);
  return at + 1;
}

function askedIn(query: Buffer, by: Asked["by"]): Asked {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length !== 0; length = query.readUInt8(at)) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const code = query.readUInt16BE(at + 1);
  const type = Object.keys(TYPE_CODES).find((name) => TYPE_CODES[name] === code) ?? String(code);
  return { name: labels.join("."), type, by };
}

/** A server on 127.0.0.1. */
export class DnsServerOfTest {
  /** What it was asked, in order. */
  readonly asked: Asked[] = [];
  /** What it says. */
  answering: Answering = () => [];
  readonly #datagrams: DatagramSocket;
  readonly #listener: Server;
  readonly #connections = new Set<Socket>();
  readonly #port: number;

  private constructor(datagrams: DatagramSocket, listener: Server, port: number) {
    this.#datagrams = datagrams;
    this.#listener = listener;
    this.#port = port;
    datagrams.on("message", (query, from) => {
      for (const bytes of this.#answersTo(query, "datagram")) datagrams.send(bytes, from.port, from.address);
    });
    listener.on("connection", (socket) => this.#serve(socket));
  }

  /** Begins to listen. */
  static async start(): Promise<DnsServerOfTest> {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const address = listener.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const datagrams = createSocket("udp4");
    await new Promise<void>((resolve) => datagrams.bind(port, "127.0.0.1", resolve));
    return new DnsServerOfTest(datagrams, listener, port);
  }

  /** As the option `servers` takes it. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Answers by these records, each for the name and type it has. */
  serve(records: readonly (ZoneRecord & { readonly name: string })[]): void {
    this.answering = (query, { name, type }) => [
      replyTo(query, records.filter((record) => record.name === name && record.type === type)),
    ];
  }

  /** Lets go of its sockets. */
  async close(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    this.#datagrams.close();
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  #answersTo(query: Buffer, by: Asked["by"]): readonly Uint8Array[] {
    const asked = askedIn(query, by);
    this.asked.push(asked);
    return this.answering(query, asked);
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#connections.delete(socket));
    let received = Buffer.alloc(0);
    socket.on("data", (bytes) => {
      received = Buffer.concat([received, Buffer.from(bytes)]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      for (const answer of this.#answersTo(received.subarray(2), "connection")) {
        socket.write(Buffer.concat([Buffer.of(answer.length >> 8, answer.length & 0xff), answer]));
      }
    });
  }
}
