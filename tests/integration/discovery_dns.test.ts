import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createSocket, type Socket } from "node:dgram";
import { afterEach, beforeEach, describe, it } from "node:test";
import { dnsDiscovery, type DnsDiscoveryOptions } from "../../discovery/dns.ts";
import { ROUNDS_MAX } from "../../discovery/dns_lookup.ts";
import { type OpenDiscovery, openDiscovery } from "../../discovery/open_discovery.ts";
import { discoveryContract, SELVES } from "../contract/discovery.ts";
import { DnsServerOfTest, nameBytes, RCODES, RECURSIVE, replyTo, TRUNCATED } from "../discovery/dns_server.ts";
import { eventually, failureOf } from "../discovery/awaiting.ts";
import { quietLog } from "../fixtures/quiet_log.ts";

const NAME = "nodes.bank.internal";
const [self = ""] = SELVES;

discoveryContract("DNS with addresses", async () => {
  const server = await DnsServerOfTest.start();
  server.serve([
    { name: NAME, type: "A", data: "10.1.0.1" },
    { name: NAME, type: "A", data: "10.1.0.9" },
    { name: NAME, type: "AAAA", data: "fd00::3" },
  ]);
  const { answering } = server;
  return {
    provider: () => dnsDiscovery({ name: NAME, port: 3320, servers: [server.address] }),
    finds: ["10.1.0.1:3320", "10.1.0.9:3320", "[fd00::3]:3320"],
    stall: () => void (server.answering = () => []),
    resume: () => void (server.answering = answering),
    dispose: () => server.close(),
  };
}, { stalls: true });

discoveryContract("DNS with services", async () => {
  const server = await DnsServerOfTest.start();
  server.serve([
    { name: NAME, type: "SRV", data: "1 1 3321 Node-2.bank.internal." },
    { name: NAME, type: "SRV", data: "1 1 3320 10-1-0-1.bank.internal." },
  ]);
  return {
    provider: () => dnsDiscovery({ name: NAME, type: "srv", servers: [server.address] }),
    finds: ["Node-2.bank.internal:3321", "10-1-0-1.bank.internal:3320"],
    dispose: () => server.close(),
  };
});

describe("dnsDiscovery() with a real server", () => {
  let server: DnsServerOfTest;
  beforeEach(async () => {
    server = await DnsServerOfTest.start();
  });
  afterEach(() => server.close());
  const open = (options: Partial<DnsDiscoveryOptions> = {}): Promise<OpenDiscovery> => {
    const provider = dnsDiscovery({ name: NAME, port: 3320, type: "ipv4", servers: [server.address], ...options });
    return openDiscovery(provider, { system: "bank", self, log: quietLog, wait: { timeoutMs: 5_000 } });
  };
  const find = async (options?: Partial<DnsDiscoveryOptions>, timeoutMs = 20_000): Promise<readonly string[]> =>
    await (await open(options)).find({ timeoutMs });

  it("a name that doesn't exist, or has no addresses, is an empty list", async () => {
    for (const code of [RCODES.nameError, RCODES.noError]) {
      server.answering = (query) => [replyTo(query, [], RECURSIVE | code)];
      assert.deepEqual(await find({ type: "address" }), []);
    }
  });

  it("a server that fails or refuses is a failed find, with the reason and the server, and is asked once", async () => {
    for (const [code, reason] of [[RCODES.serverFailure, /SERVFAIL/], [RCODES.refused, /REFUSED/]] as const) {
      server.asked.length = 0;
      server.answering = (query) => [replyTo(query, [], RECURSIVE | code)];
      const error = await failureOf(find());
      assert.equal(error.code, "discovery-failed");
      assert.match(error.message, reason);
      assert.ok(error.message.includes(server.address), error.message);
      assert.equal(server.asked.length, 1);
    }
  });

  it("a list that doesn't fit into a datagram comes over a connection, which is closed then", async () => {
    const addresses = Array.from({ length: 2_000 }, (_, index) => `10.2.${index >> 8}.${index & 255}`);
    const records = addresses.map((data) => ({ type: "A", data } as const));
    server.answering = (query, { by }) => [
      by === "connection" ? replyTo(query, records) : replyTo(query, records.slice(0, 20), RECURSIVE | TRUNCATED),
    ];
    assert.deepEqual(await find(), addresses.map((address) => `${address}:3320`).sort());
    assert.deepEqual(server.asked.map(({ by }) => by), ["datagram", "connection"]);
    await eventually("the connection is closed", () => server.connections === 0);
  });

  it("a connection that gives no whole reply is a failed find", async () => {
    const cut = RECURSIVE | TRUNCATED;
    const says: readonly [reply: (query: Buffer) => Uint8Array, reason: RegExp][] = [
      [(query) => replyTo(query, [], cut), /no whole reply/],
      [() => Buffer.from("this makes no sense at all"), /makes no sense/],
    ];
    for (const [reply, reason] of says) {
      server.answering = (query, { by }) => [by === "connection" ? reply(query) : replyTo(query, [], cut)];
      assert.match((await failureOf(find())).message, reason);
    }
    await eventually("the connections are closed", () => server.connections === 0);
  });

  it("a connection that stays silent is closed at the deadline", async () => {
    server.answering = (query, { by }) => by === "connection" ? [] : [replyTo(query, [], RECURSIVE | TRUNCATED)];
    const error = await failureOf(find({}, 300));
    assert.match(error.message, /silent|no answer in 300 ms/);
    await eventually("the connection is closed", () => server.connections === 0);
  });

  it("garbage before the reply is passed over, and so is a reply to somebody else's question", async () => {
    server.answering = (query) => {
      const reply = replyTo(query, [{ type: "A", data: "10.1.0.1" }]);
      const otherId = replyTo(query, [{ type: "A", data: "10.6.6.6" }]);
      otherId.writeUInt16BE((query.readUInt16BE(0) + 1) & 0xffff, 0);
      const otherName = Buffer.concat([
        ...[reply.subarray(0, 12), nameBytes("nodes.evil.internal"), Buffer.of(0, 1, 0, 1)],
        Buffer.of(0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 6, 6, 6),
      ]);
      return [Buffer.from("garbage"), Buffer.alloc(0), Buffer.alloc(4_000, 255), otherId, otherName, reply];
    };
    assert.deepEqual(await find(), ["10.1.0.1:3320"]);
  });

  it("a reply that comes from elsewhere is passed over, however right it looks", async () => {
    const [asked, other] = await Promise.all([boundSocket(), boundSocket()]);
    try {
      asked.on("message", (query, { port, address }) => {
        other.send(replyTo(query, [{ type: "A", data: "10.6.6.6" }]), port, address, () => {
          asked.send(replyTo(query, [{ type: "A", data: "10.1.0.1" }]), port, address);
        });
      });
      const servers = [`127.0.0.1:${asked.address().port}`];
      assert.deepEqual(await find({ servers }), ["10.1.0.1:3320"]);
    } finally {
      asked.close();
      other.close();
    }
  });

  it("a datagram that was lost is asked for again", async () => {
    server.answering = (query) => server.asked.length < 2 ? [] : [replyTo(query, [{ type: "A", data: "10.1.0.1" }])];
    assert.deepEqual(await find(), ["10.1.0.1:3320"]);
    assert.equal(server.asked.length, 2);
  });

  it("a server that is silent is asked ROUNDS_MAX times before the deadline, and is named", async () => {
    const error = await failureOf(find({}, 60_000));
    assert.ok(error.message.endsWith(`${server.address}: it is silent`), error.message);
    assert.equal(server.asked.length, ROUNDS_MAX);
  });

  it("the next server is asked when one is silent, refuses or isn't there", async () => {
    const other = await DnsServerOfTest.start();
    other.serve([{ name: NAME, type: "A", data: "10.1.0.1" }]);
    try {
      const servers = [server.address, other.address];
      assert.deepEqual(await find({ servers }), ["10.1.0.1:3320"]);
      server.answering = (query) => [replyTo(query, [], RECURSIVE | RCODES.refused)];
      assert.deepEqual(await find({ servers }), ["10.1.0.1:3320"]);
      assert.deepEqual(await find({ servers: [await freePort(), other.address] }), ["10.1.0.1:3320"]);
      assert.deepEqual(await find({ servers }, 400), ["10.1.0.1:3320"], "each has its turn in a short time too");
    } finally {
      await other.close();
    }
  });

  it("without servers those of this machine are asked", async () => {
    // Whatever they say about a name that nobody can have, they were found and asked.
    const outcome = await find({ name: "nodes.bank.invalid", servers: undefined }, 2_000).catch((error) => error.code);
    assert.ok(outcome === "discovery-failed" || (Array.isArray(outcome) && outcome.length === 0), String(outcome));
  });
});

async function boundSocket(): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return socket;
}

/** The address of a port on which nobody listens. */
async function freePort(): Promise<string> {
  const socket = await boundSocket();
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return `127.0.0.1:${port}`;
}
