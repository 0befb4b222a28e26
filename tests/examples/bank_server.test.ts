/**
 * The bank's HTTP server over real sockets: it answers what is under way before it goes.
 *
 * @module
 */
import { Hono } from "hono";
import assert from "node:assert/strict";
import { Agent, get, type IncomingMessage } from "node:http";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { listen } from "../../examples/bank/server.ts";
import { HttpClient, type Reply } from "../../examples/demo/http_client.ts";

describe("the bank's server", () => {
  it("answers what is under way before it stops, and takes nothing more", async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: allowed, resolve: allow } = Promise.withResolvers<void>();
    const app = new Hono();
    app.get("/slow", async (c) => {
      begin();
      await allowed;
      return c.json("answered");
    });
    const server = await listen(app, 0);
    const agent = new Agent({ keepAlive: true });
    const answer = statusOf(`${server.url}/slow`, agent);
    await begun;
    const stopped = server.stop();
    allow();
    assert.equal(await answer, 200);
    agent.destroy();
    await stopped;
    await assert.rejects(statusOf(server.url, new Agent()));
  });

  it("stops although clients keep their idle connections open", async () => {
    const server = await listen(new Hono().get("/", (c) => c.json("here")), 0);
    const http = new HttpClient(server.url, 4);
    const replies = await Promise.all([1, 2, 3, 4].map(() => http.get("/")));
    assert.ok(replies.every(({ kind }) => kind === "answer"));
    await server.stop();
    http.close();
  });

  it("refuses to start on a port that is taken", async () => {
    const server = await listen(new Hono(), 0);
    await assert.rejects(listen(new Hono(), Number(new URL(server.url).port)));
    await server.stop();
  });
});

describe("the client's HTTP", () => {
  it("says for every request what the bank said, or a code and a fate", async () => {
    const app = new Hono();
    app.get("/done", (c) => c.json({ done: true }));
    app.get("/refused", (c) => c.json({ error: "insufficient-funds" }, 409));
    app.get("/busy", (c) => c.json({ error: "lease-lost", reason: "wait", fate: "not-delivered" }, 503));
    app.get("/unfinished", (c) => c.json({ error: "transfer-unfinished", fate: "delivered" }, 504));
    app.get("/broken", (c) => c.json({}, 500));
    app.get("/text", (c) => c.text("hello"));
    const server = await listen(app, 0);
    const http = new HttpClient(server.url, 4);
    const said = [];
    for (const path of ["/done", "/refused", "/busy", "/unfinished", "/broken", "/text"]) {
      said.push(saidBy(await http.get(path)));
    }
    http.close();
    await server.stop();
    said.push(saidBy(await new HttpClient(server.url, 1).get("/done")));
    assert.deepEqual(said, [
      "answer 200",
      "answer 409",
      "not-delivered lease-lost",
      "delivered transfer-unfinished",
      "unknown status-500",
      "unknown nonsense",
      "not-delivered refused",
    ]);
  });

  it("says unknown when the connection ends before the answer, or in the middle of it", async () => {
    const server = createServer((socket) => {
      socket.once("data", (bytes) => {
        if (String(bytes).startsWith("GET /half")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
        socket.end();
      }).on("error", () => {});
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const http = new HttpClient(`http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`, 1);
    const said = [saidBy(await http.get("/none")), saidBy(await http.get("/half"))];
    http.close();
    server.close();
    assert.deepEqual(said, ["unknown lost", "unknown lost"]);
  });
});

function saidBy(reply: Reply): string {
  return reply.kind === "answer" ? `answer ${reply.status}` : `${reply.fate} ${reply.code}`;
}

function statusOf(url: string, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response: IncomingMessage) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject);
  });
}
