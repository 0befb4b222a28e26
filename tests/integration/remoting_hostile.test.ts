/**
 * What strangers do to an open port, byte by byte: they are answered, counted, and gone in time; nobody else notices.
 *
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { HANDSHAKE_BYTES_MAX } from "../../remoting/link_limits.ts";
import { CLOSE_CODES } from "../../remoting/link_refusal.ts";
import { batchOf, handshakeBatch, TYPE_CHUNK_FIRST, TYPE_HELLO, TYPE_REFUSE } from "../../remoting/wire.ts";
import { beginHandshake, continueHandshake } from "../../remoting/handshake.ts";
import { listen } from "../../remoting/listener.ts";
import { eventually } from "../fixtures/conditions.ts";
import { RawClient } from "../remoting/raw_client.ts";
import { joined, type RealNode, realNode } from "../remoting/real_node.ts";
import { letter } from "../remoting/recorded_links.ts";
import { contextOf } from "../remoting/shake.ts";

const CONTROL = "/troupe/v1/control";
const HANDSHAKE_MS = 1_200;

describe("an open port", { timeout: 60_000 }, () => {
  let node: RealNode;
  let friend: RealNode;
  before(async () => {
    const limits = { handshakeMs: HANDSHAKE_MS };
    node = await realNode("a", {
      listen: { handshakeMs: HANDSHAKE_MS, allowedOrigins: ["https://ours"] },
      links: { limits },
    });
    friend = await realNode("b");
    await joined(node, friend);
  });
  beforeEach(() => {
    node.events.refusals.length = 0;
  });
  after(async () => {
    assert.deepEqual(
      [node.events.lines, friend.events.lines].map((lines) => lines.length),
      [2, 2],
      "the friends' links",
    );
    node.links.send(friend.id, "control", 1, letter("z"));
    await eventually("and they still carry frames", () => friend.events.said.endsWith("z"));
    await friend.stop();
    await node.stop();
  });

  const upgrades: readonly (readonly [string, string, Readonly<Record<string, string>>, number, string])[] = [
    ["another path", "/troupe/v2/control", { "Sec-WebSocket-Protocol": "troupe.v1" }, 404, "path-unknown"],
    ["no subprotocol", CONTROL, {}, 400, "subprotocol-unknown"],
    ["another subprotocol", CONTROL, { "Sec-WebSocket-Protocol": "chat, troupe.v2" }, 400, "subprotocol-unknown"],
    [
      "the origin of a page",
      CONTROL,
      { "Sec-WebSocket-Protocol": "troupe.v1", "Origin": "https://evil" },
      403,
      "origin-refused",
    ],
    [
      "the origin of no page",
      CONTROL,
      { "Sec-WebSocket-Protocol": "troupe.v1", "Origin": "null" },
      403,
      "origin-refused",
    ],
  ];
  for (const [claim, path, headers, status, code] of upgrades) {
    it(`answers an upgrade with ${claim}: ${status}`, async () => {
      const client = new RawClient(node.listener.port);
      client.upgrade(path, headers);
      await eventually("the socket is closed", () => client.isClosed);
      assert.equal(client.status, status);
      assert.deepEqual(node.events.refusals.map((refusal) => [refusal.code, refusal.address]), [[code, "127.0.0.1"]]);
    });
  }

  it("lets a page of an origin that is listed say hello", async () => {
    const client = new RawClient(node.listener.port);
    client.upgrade(CONTROL, { "Sec-WebSocket-Protocol": "troupe.v1", "Origin": "https://ours" });
    await eventually("a hello comes", () => client.messages().length === 1);
    assert.equal(client.status, 101);
    client.end();
    await eventually("its end is noticed", () => node.events.refusals.length === 1);
  });

  it("tells a stranger the versions it speaks, and nothing more", async () => {
    const client = await upgraded(node);
    await eventually("a hello comes", () => client.messages().length === 1);
    client.send(beginHandshake(contextOf("dialer")).batch ?? assert.fail());
    client.send(handshakeBatch(2, new Uint8Array([2, 0, 0x6b, 0x31, ...new Uint8Array(32)])));
    await eventually("the socket is closed", () => client.closeCode !== undefined);
    assert.equal(client.closeCode, CLOSE_CODES["secret-differs"]);
    const [hello, refusal] = client.messages();
    assert.equal(hello?.payload.length, 8 + 40);
    assert.deepEqual([refusal?.payload[0], refusal?.payload.length], [TYPE_REFUSE, 8 + 8], "a refusal without words");
    assert.deepEqual(node.events.refusals.map(({ code }) => code), ["secret-differs"]);
  });

  it("refuses a peer of another version with its own versions and a close code", async () => {
    const client = await upgraded(node);
    client.send(beginHandshake(contextOf("dialer", { protocol: { min: 7, max: 9 } })).batch ?? assert.fail());
    await eventually("the socket is closed", () => client.closeCode !== undefined);
    assert.equal(client.closeCode, CLOSE_CODES["version-differs"]);
    const refusal = client.messages().find(({ payload }) => payload[0] === TYPE_REFUSE)?.payload;
    assert.deepEqual([refusal?.[10], refusal?.[11]], [1, 1]);
  });

  it("ends a handshake that takes too long, and a socket that asks for nothing", async () => {
    const [slow, silent, dribbling] = [
      await upgraded(node),
      new RawClient(node.listener.port),
      new RawClient(node.listener.port),
    ];
    dribbling.socket.write("GET / HTTP/1.1\r\nHost:");
    const beganMs = performance.now();
    await eventually("all are closed", () => [slow, silent, dribbling].every(({ isClosed }) => isClosed));
    assert.ok(performance.now() - beganMs > HANDSHAKE_MS / 2);
    assert.equal(slow.closeCode, CLOSE_CODES["handshake-timeout"]);
    assert.deepEqual(node.events.refusals.map(({ code }) => code), ["handshake-timeout"]);
  });

  it("closes a socket on which no further request comes, and waits for an answer that takes long", async () => {
    const listener = await listen({
      host: "127.0.0.1",
      port: 0,
      handshakeMs: 200,
      fetch: async (request) => {
        if (request.url.endsWith("/slow")) await delay(600);
        return new Response("x");
      },
    });
    const [quick, slow] = [new RawClient(listener.port), new RawClient(listener.port)];
    quick.socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    slow.socket.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    await eventually("both are closed", () => quick.isClosed && slow.isClosed);
    assert.deepEqual([quick.status, slow.status], [200, 200]);
    await listener.close();
  });

  it("has no more than 16 handshakes with one address under way, and makes room for others when they end", async () => {
    const clients = Array.from({ length: 30 }, () => new RawClient(node.listener.port));
    for (const client of clients) client.upgrade(CONTROL);
    await eventually("all are answered", () => clients.every(({ status }) => status !== undefined));
    const statuses = clients.map(({ status }) => status);
    assert.deepEqual([101, 429].map((status) => statuses.filter((one) => one === status).length), [16, 14]);
    for (const client of clients) client.end();
    await eventually("there is room", async () => {
      const client = new RawClient(node.listener.port);
      client.upgrade(CONTROL);
      await eventually("it is answered", () => client.status !== undefined);
      client.end();
      return client.status === 101;
    });
  });

  const first: readonly (readonly [string, (client: RawClient) => void, number, string])[] = [
    ["text", (client) => client.send(new TextEncoder().encode("hello"), 1), CLOSE_CODES.malformed, "malformed"],
    ["an empty message", (client) => client.send(new Uint8Array(0)), CLOSE_CODES.malformed, "malformed"],
    [
      "5 KiB",
      (client) => client.send(handshakeBatch(TYPE_HELLO, new Uint8Array(HANDSHAKE_BYTES_MAX + 1_000))),
      CLOSE_CODES.malformed,
      "malformed",
    ],
    ["100 MiB", (client) => client.send(new Uint8Array(100 << 20)), 1009, "frame-too-large"],
  ];
  for (const [claim, say, code, reason] of first) {
    it(`closes on a stranger that says ${claim}: ${code}`, async () => {
      const rssBefore = process.memoryUsage().rss;
      const client = await upgraded(node);
      say(client);
      await eventually("the socket is closed", () => client.isClosed || client.closeCode !== undefined);
      assert.equal(client.closeCode, code);
      await eventually("it is counted", () => node.events.refusals.some((refusal) => refusal.code === reason));
      assert.ok(process.memoryUsage().rss - rssBefore < 400 << 20);
      client.end();
    });
  }

  it("does not answer pings of WebSocket: a stranger that asks and does not read makes it keep nothing", async () => {
    const client = await upgraded(node);
    await eventually("a hello comes", () => client.messages().length === 1);
    for (let index = 0; index < 1_000; index++) client.send(new Uint8Array(100), 9);
    client.send(new Uint8Array(0));
    await eventually("the socket is closed", () => client.isClosed);
    assert.deepEqual(client.messages().map(({ opcode }) => opcode), [2, 2, 8], "a hello, a refusal, a close");
  });

  it("property: any bytes instead of a handshake close the socket with a code of ours, and break nothing", async () => {
    const batch = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(fc.nat(255), fc.uint8Array({ maxLength: 300 })).map(([type, payload]) => handshakeBatch(type, payload)),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 4 }), async (batches) => {
        const client = await upgraded(node);
        // The last one is none in any state, so that nobody waits for the end of time.
        for (const one of [...batches, new Uint8Array(1)]) client.send(one);
        await eventually("the socket is closed", () => client.closeCode !== undefined);
        client.end();
        assert.ok((client.closeCode ?? 0) >= 4400 || client.closeCode === 1000, `close code ${client.closeCode}`);
      }),
      { numRuns: 40 },
    );
  });

  it("survives bytes that are neither HTTP nor WebSocket", async () => {
    const clients = Array.from({ length: 5 }, () => new RawClient(node.listener.port));
    clients[0]?.socket.write(new Uint8Array(50_000).fill(0xff));
    clients[1]?.socket.write("GET " + "x".repeat(100_000));
    clients[2]?.upgrade(CONTROL, { "Sec-WebSocket-Protocol": "troupe.v1", "Sec-WebSocket-Version": "1" });
    clients[3]?.upgrade(CONTROL, { "Sec-WebSocket-Protocol": "troupe.v1", "Sec-WebSocket-Key": "short" });
    clients[4]?.upgrade(CONTROL);
    await eventually("it is open", () => clients[4]?.status === 101);
    clients[4]?.socket.write(new Uint8Array([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
    await eventually("all are closed", () => clients.every(({ isClosed }) => isClosed));
  });
});

describe("a peer that knows the secret", { timeout: 60_000 }, () => {
  let node: RealNode;
  before(async () => {
    node = await realNode("a");
  });
  after(() => node.stop());

  const hundred = 100 << 20;
  const cases: readonly (readonly [string, (client: RawClient) => void, number, string])[] = [
    ["a frame of 100 MiB by its length", (client) => client.send(firstOf(hundred)), 4413, "frame-too-large"],
    ["a frame of 100 MiB in one message", (client) => client.send(new Uint8Array(hundred)), 1009, "frame-too-large"],
    ["what is none", (client) => client.send(new Uint8Array([1, 2, 3])), 4400, "malformed"],
  ];
  for (const [claim, say, code, reason] of cases) {
    it(`and sends ${claim} loses its link: ${code}`, async () => {
      const client = await authenticated(node);
      const lost = node.events.lines.length;
      say(client);
      await eventually("the link is closed", () => client.closeCode !== undefined);
      assert.equal(client.closeCode, code);
      await eventually("and lost", () => node.events.lines[lost]?.endsWith(` ${reason}`) === true);
      client.end();
    });
  }

  it("property: cannot break anything with frames of any bytes", async () => {
    const batch = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.constantFrom(1, 5, 0x10, 0x11, 0x12, 0x20, 0x21, 0x22, 0x7f, 0x80), fc.uint8Array({ maxLength: 100 }))
        .map(
          ([type, payload]) => handshakeBatch(type, payload),
        ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 6 }), async (batches) => {
        const client = await authenticated(node);
        for (const one of [...batches, new Uint8Array(1)]) client.send(one);
        await eventually("the link is lost", () => client.closeCode !== undefined && node.events.upCount === 0);
        assert.ok([4400, 4413, 4416].includes(client.closeCode ?? 0), `close code ${client.closeCode}`);
        client.end();
      }),
      { numRuns: 40 },
    );
  });
});

/** A client that has been through the handshake of a data link. */
async function authenticated(node: RealNode): Promise<RawClient> {
  const client = await upgraded(node, "/troupe/v1/data");
  const context = contextOf("dialer", { lane: "data", settings: [["partitionCount", 271]] });
  let step = beginHandshake(context);
  for (let heard = 0; step.outcome === undefined; heard++) {
    if (step.batch !== undefined) client.send(step.batch);
    await eventually("the node answers", () => client.messages().length > heard);
    step = continueHandshake(context, step.state, client.messages()[heard]?.payload ?? assert.fail());
  }
  assert.equal(step.outcome.kind, "up");
  await eventually("the link is up", () => node.events.upCount === 1);
  return client;
}

/** A first chunk that declares a frame of so many bytes. */
function firstOf(total: number): Uint8Array {
  return batchOf([{ type: TYPE_CHUNK_FIRST, total, bytes: new Uint8Array(1 << 16), from: 0, end: 1 << 16 }]);
}

async function upgraded(node: RealNode, path: string = CONTROL): Promise<RawClient> {
  const client = new RawClient(node.listener.port);
  client.upgrade(path);
  await eventually("the upgrade is answered", () => client.status !== undefined);
  assert.equal(client.status, 101);
  return client;
}
