import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decodeReply, encodeQuestion, type Question, type Reply } from "../../discovery/dns_message.ts";
import { nameBytes, RCODES, RECURSIVE, replyTo, TRUNCATED, type ZoneRecord } from "./dns_server.ts";

const NAME = "nodes.bank.internal";
const ADDRESSES: Question = { id: 0x1234, name: NAME, type: "A" };
const SERVICES: Question = { id: 0x1234, name: "_troupe._tcp.bank.internal", type: "SRV" };
const AUTHORITATIVE = 0x8400;

describe("encodeQuestion()", () => {
  it("writes one question of class IN, with recursion desired", () => {
    const hex = Buffer.from(encodeQuestion({ id: 0xbeef, name: "a.bc", type: "AAAA" })).toString("hex");
    assert.equal(hex, ["beef", "0100", "0001000000000000", "0161", "026263", "00", "001c", "0001"].join(""));
  });
});

describe("decodeReply()", () => {
  it("reads addresses, whatever else the reply has", () => {
    const records: ZoneRecord[] = [
      { type: "A", data: "10.0.0.1" },
      { type: "TXT", data: "hello" },
      { name: "other.internal", type: "A", data: "10.9.9.9" },
      { name: "NODES.Bank.Internal", type: "A", data: "255.0.0.2" },
    ];
    assert.deepEqual(replied(ADDRESSES, records), found(["10.0.0.1", "255.0.0.2"]));
  });

  it("reads IPv6 addresses in their one spelling", () => {
    const records: ZoneRecord[] = [{ type: "AAAA", data: "fd00::7" }, { type: "AAAA", data: "2001:db8:0:0:1::" }];
    assert.deepEqual(replied({ ...ADDRESSES, type: "AAAA" }, records), found(["fd00::7", "2001:db8:0:0:1::"]));
  });

  it("reads services with the names of their hosts as given, and passes over the one that says there is none", () => {
    const records: ZoneRecord[] = [
      { type: "SRV", data: "10 60 3320 Node-1.bank.internal." },
      { type: "SRV", data: "0 0 0 ." },
      { type: "SRV", data: "0 0 3321 node-2" },
    ];
    assert.deepEqual(replied(SERVICES, records), {
      kind: "found",
      found: [{ host: "Node-1.bank.internal", port: 3320 }, { host: "node-2", port: 3321 }],
      malformed: 0,
    });
  });

  it("counts services that nobody can connect to", () => {
    const targets = ["0 0 0 node", "0 0 1 10.0.0.1", "0 0 1 a\0b", "0 0 1 -x"];
    const records = targets.map((data): ZoneRecord => ({ type: "SRV", data }));
    assert.deepEqual(replied(SERVICES, records), { kind: "found", found: [], malformed: 4 });
  });

  it("follows aliases to the name that has the addresses", () => {
    const records: ZoneRecord[] = [
      { type: "CNAME", data: "one.internal" },
      { name: "one.internal", type: "CNAME", data: "two.internal" },
      { name: "two.internal", type: "A", data: "10.0.0.1" },
      { name: "three.internal", type: "A", data: "10.0.0.3" },
    ];
    assert.deepEqual(replied(ADDRESSES, records), found(["10.0.0.1"]));
  });

  it("reads names that are written as pointers", () => {
    const question = Buffer.from(encodeQuestion(SERVICES));
    const target = Buffer.concat([Buffer.of(6), Buffer.from("node-1"), Buffer.of(0xc0, 12 + 8 + 5)]);
    const record = Buffer.concat([
      ...[Buffer.of(0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60), Buffer.of(0, 6 + target.length)],
      ...[Buffer.of(0, 1, 0, 1, 0x0c, 0xf8), target],
    ]);
    const reply = Buffer.concat([replyTo(question, []), record]);
    reply.writeUInt16BE(1, 6);
    assert.deepEqual(decodeReply(reply, SERVICES), {
      kind: "found",
      found: [{ host: "node-1.bank.internal", port: 3320 }],
      malformed: 0,
    });
  });

  it("a name that doesn't exist, or has no such records, is an empty list", () => {
    for (const flags of [RECURSIVE | RCODES.nameError, RECURSIVE, AUTHORITATIVE | RCODES.nameError, AUTHORITATIVE]) {
      assert.deepEqual(replied(ADDRESSES, [], flags), found([]));
    }
    assert.deepEqual(replied(ADDRESSES, [{ type: "CNAME", data: "gone.internal" }]), found([]));
  });

  it("a server that fails, refuses, or points elsewhere has said nothing about the name", () => {
    const reasons: readonly [flags: number, reason: RegExp][] = [
      [RECURSIVE | RCODES.formatError, /FORMERR/],
      [RECURSIVE | RCODES.serverFailure, /SERVFAIL/],
      [RECURSIVE | RCODES.refused, /REFUSED/],
      [RECURSIVE | 9, /code 9/],
      [RECURSIVE | TRUNCATED | RCODES.serverFailure, /SERVFAIL/],
      [0x8000, /neither knows the name nor asks others/],
      [0x8000 | RCODES.nameError, /neither knows the name nor asks others/],
    ];
    for (const [flags, reason] of reasons) {
      const reply = replied(ADDRESSES, [], flags);
      assert.ok(reply?.kind === "refused" && reason.test(reply.reason), JSON.stringify(reply));
    }
  });

  it("a refusal need not repeat the question, an answer must", () => {
    const header = (code: number) => Buffer.of(0x12, 0x34, 0x81, 0x80 | code, 0, 0, 0, 0, 0, 0, 0, 0);
    assert.equal(decodeReply(header(RCODES.formatError), ADDRESSES)?.kind, "refused");
    assert.equal(decodeReply(header(RCODES.noError), ADDRESSES), undefined);
    assert.equal(decodeReply(header(RCODES.nameError), ADDRESSES), undefined);
  });

  it("a reply that was cut off is not taken for the whole", () => {
    const reply = replied(ADDRESSES, [{ type: "A", data: "10.0.0.1" }], RECURSIVE | TRUNCATED);
    assert.deepEqual(reply, { kind: "truncated" });
  });

  const answer = replyTo(Buffer.from(encodeQuestion(ADDRESSES)), [{ type: "A", data: "10.0.0.1" }]);
  const others: readonly [what: string, change: Partial<Question>][] = [
    ["another id", { id: 0x1235 }],
    ["another name", { name: "nodes.bank.external" }],
    ["a longer name", { name: `x.${NAME}` }],
    ["another type", { type: "AAAA" }],
  ];
  for (const [what, change] of others) {
    it(`a reply to a question with ${what} is none`, () => {
      assert.equal(decodeReply(answer, { ...ADDRESSES, ...change }), undefined);
    });
  }

  it("a question, or another operation, is no reply", () => {
    for (const flags of [0x0100, RECURSIVE | 0x2800]) assert.equal(replied(ADDRESSES, [], flags), undefined);
  });

  it("a name that leads into itself or forwards is no name", () => {
    for (const target of [12, answer.length - 16, answer.length, 0x3fff]) {
      const bytes = Buffer.from(answer);
      bytes.writeUInt16BE(0xc000 | target, answer.length - 16);
      const reply = decodeReply(bytes, ADDRESSES);
      assert.deepEqual(reply, target === 12 ? found(["10.0.0.1"]) : undefined);
    }
  });

  it("a reply that ends anywhere before its end is none", () => {
    for (let length = 0; length < answer.length; length++) {
      assert.equal(decodeReply(answer.subarray(0, length), ADDRESSES), undefined, `${length} bytes`);
    }
  });

  it("property: any bytes are a reply or none, and decoding ends", () => {
    const header = Buffer.concat([Buffer.of(0x12, 0x34, 0x81, 0x80, 0, 1, 0, 9, 0, 0, 0, 0), nameBytes(NAME)]);
    const rests = fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 300 }));
    fc.assert(fc.property(rests, ([hasHeader, rest]) => {
      const bytes = hasHeader ? Buffer.concat([header, Buffer.of(0, 1, 0, 1), rest]) : rest;
      const reply = decodeReply(bytes, ADDRESSES);
      assert.ok(reply === undefined || ["found", "truncated", "refused"].includes(reply.kind));
    }));
  });

  it("property: one changed byte makes a reply another or none, and never an address that was not sent", () => {
    fc.assert(fc.property(fc.nat(answer.length - 5), fc.nat(255), (index, byte) => {
      const bytes = Buffer.from(answer);
      bytes[index] = byte;
      const reply = decodeReply(bytes, ADDRESSES);
      const addresses = reply?.kind === "found" ? reply.found.map(({ host }) => host) : [];
      assert.ok(addresses.every((address) => address === "10.0.0.1"), String(addresses));
    }));
  });
});

function replied(question: Question, records: readonly ZoneRecord[], flags?: number): Reply | undefined {
  return decodeReply(replyTo(Buffer.from(encodeQuestion(question)), records, flags), question);
}

function found(hosts: readonly string[]): Reply {
  return { kind: "found", found: hosts.map((host) => ({ host, port: undefined })), malformed: 0 };
}
