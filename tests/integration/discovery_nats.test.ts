import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, it } from "node:test";
import { natsDiscovery, type NatsDiscoveryOptions } from "../../discovery/nats.ts";
import { type OpenDiscovery, openDiscovery } from "../../discovery/open_discovery.ts";
import { eventually, failureOf } from "../discovery/awaiting.ts";
import { quietLog } from "../fixtures/quiet_log.ts";

const INFO = JSON.stringify({
  ...{ server_id: "S", server_name: "s", version: "2.9.10", proto: 1, go: "go1.19", host: "127.0.0.1", port: 1 },
  ...{ headers: true, max_payload: 1_048_576, client_id: 1 },
});

const TLS_INFO = INFO.replace("{", '{"tls_required":true,');

/** A server that speaks as a test wants it to, and counts its connections. */
class ServerOfTest {
  /** What it does with bytes that come; also called once with none when a connection begins. */
  speak: (said: string, socket: Socket) => void;
  readonly #listener: Server = createServer((socket) => this.#serve(socket));
  readonly #sockets = new Set<Socket>();
  #accepted = 0;
  #port = 0;

  constructor(speak: (said: string, socket: Socket) => void) {
    this.speak = speak;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#sockets.size;
  }

  /** Connections there ever were. */
  get accepted(): number {
    return this.#accepted;
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#listener.listen(this.#port, "127.0.0.1", resolve));
    const address = this.#listener.address();
    this.#port = typeof address === "object" && address !== null ? address.port : 0;
    return this;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#listener.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#accepted++;
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("data", (bytes) => this.speak(bytes.toString(), socket));
    this.speak("", socket);
  }
}

/** Says what a server says to a client that connects, and answers pings: connections hold, and messages are lost. */
function sayHello(said: string, socket: Socket): void {
  if (said === "") socket.write(`INFO ${INFO}\r\n`);
  for (let pings = said.split("PING\r\n").length - 1; pings > 0; pings--) socket.write("PONG\r\n");
}

describe("natsDiscovery() with a server that isn't well", () => {
  const servers: ServerOfTest[] = [];
  const opened: OpenDiscovery[] = [];
  afterEach(async () => {
    for (const server of servers) server.speak = sayHello;
    await Promise.all(opened.splice(0).map((discovery) => discovery.close(1_000)));
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });
  const serve = async (speak: (said: string, socket: Socket) => void): Promise<ServerOfTest> => {
    const server = await new ServerOfTest(speak).listen();
    servers.push(server);
    return server;
  };
  const open = async (options: NatsDiscoveryOptions, timeoutMs = 20_000): Promise<OpenDiscovery> => {
    const context = { system: "bank", self: "10.1.0.1:3320", log: quietLog, wait: { timeoutMs } };
    const discovery = await openDiscovery(natsDiscovery(options), context);
    opened.push(discovery);
    return discovery;
  };

  const silences: readonly [what: string, speak: (said: string, socket: Socket) => void][] = [
    ["accepts a connection and says nothing", () => {}],
    ["says half of a line", (said, socket) => void (said === "" && socket.write("INFO {"))],
    ["says who it is and no more", (said, socket) => void (said === "" && socket.write(`INFO ${INFO}\r\n`))],
    ["wants TLS and says no more", (said, socket) => void (said === "" && socket.write(`INFO ${TLS_INFO}\r\n`))],
    ["talks of something else", (said, socket) => void (said === "" && socket.write("220 mail.internal ESMTP\r\n"))],
    ["says who it is in no JSON", (said, socket) => void (said === "" && socket.write("INFO {no}\r\n"))],
    ["talks without an end", (said, socket) => void (said === "" && socket.write("x".repeat(1 << 16)))],
  ];
  for (const [what, speak] of silences) {
    it(`a server that ${what} fails open() by its deadline, and no connection stays`, async () => {
      const server = await serve(speak);
      for (const timeoutMs of [100, 700]) {
        const error = await failureOf(open({ servers: server.url }, timeoutMs));
        assert.match(
          error.message,
          /no answer in \d+ ms|has not answered in \d+ ms|unexpected response|JSON/,
          error.message,
        );
      }
      assert.ok(server.accepted > 0);
      await eventually("all connections are closed", () => server.open === 0);
    });
  }

  it("a server that ends each connection fails open() before its deadline", async () => {
    const server = await serve((_said, socket) => socket.destroy());
    await failureOf(open({ servers: server.url }, 60_000));
  });

  it("where nobody listens open() fails before its deadline, and says so", async () => {
    const server = await serve(sayHello);
    await server.close();
    servers.splice(0);
    const { message } = await failureOf(open({ servers: server.url }, 60_000));
    assert.match(message, /^Cannot connect to NATS: 127\.0\.0\.1:\d+: connection refused$/);
  });

  it("the next server is taken when one is silent, and the silent one is let go of", async () => {
    const silent = await serve(() => {});
    const well = await serve(sayHello);
    // Servers are tried in any order: until the silent one was the first.
    await eventually("the silent one was tried", async () => {
      await open({ servers: [silent.url, well.url] }, 2_000);
      return silent.accepted > 0;
    });
    assert.ok(well.open > 0);
    await eventually("the connection to the silent one is closed", () => silent.open === 0);
  });

  it("a server that loses all messages fails find(): it never finds nobody", async () => {
    const server = await serve(sayHello);
    const node = await open({ servers: server.url, timeoutMs: 100 });
    assert.match((await failureOf(node.find({ timeoutMs: 20_000 }))).message, /own answer has not come back in 100 ms/);
  });

  it("a lost connection is made anew, while find() fails at once", async () => {
    const server = await serve(sayHello);
    const node = await open({ servers: server.url, timeoutMs: 100 });
    server.cut();
    await eventually("the loss is known", async () => {
      return /connection is lost/.test((await failureOf(node.find({ timeoutMs: 20_000 }))).message);
    });
    await eventually("it is made anew", () => node.counts().reconnects === 1);
    assert.equal(server.open, 1);
  });

  it("close() while a connection is being made to a server that has become silent lets go of it", async () => {
    const server = await serve(sayHello);
    const node = await open({ servers: server.url }, 1_000);
    server.speak = () => {};
    server.cut();
    await eventually("it connects anew", () => server.accepted === 2);
    await node.close(50);
    await eventually("the connection is closed", () => server.open === 0);
    const { accepted } = server;
    assert.equal(accepted, 2, "and none is made any more");
  });

  it("a connection that comes back after close() is closed again, without a subscription", async () => {
    const server = await serve(sayHello);
    const node = await open({ servers: server.url });
    const waiting: Socket[] = [];
    let said = "";
    server.speak = (text, socket) => {
      said += text;
      if (text === "") waiting.push(socket);
      else sayHello(text, socket);
    };
    server.cut();
    await eventually("it connects anew", () => waiting.length === 1);
    await node.close(50);
    waiting[0]?.write(`INFO ${INFO}\r\n`);
    await eventually("the connection is closed", () => server.open === 0);
    assert.ok(said.includes("CONNECT"), said);
    assert.doesNotMatch(said, /^SUB /m);
  });

  it("a server that answers no ping any more is left for another connection", async () => {
    const server = await serve(sayHello);
    await open({ servers: server.url });
    server.speak = () => {};
    await eventually("the stale connection is closed", () => {
      server.speak = server.accepted > 1 ? sayHello : server.speak;
      return server.accepted > 1 && server.open === 1;
    });
  });
});
