/**
 * The bank's HTTP server over real sockets: it answers what is under way before it goes.
 *
 * @module
 */
import { Hono } from "hono";
import assert from "node:assert/strict";
import { Agent, get, type IncomingMessage } from "node:http";
import { describe, it } from "node:test";
import { listen } from "../../examples/bank/server.ts";
import { HttpClient } from "../../examples/demo/http_client.ts";

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
    const server = await listen(new Hono(), 0);
    const http = new HttpClient(server.url, 4);
    const replies = await Promise.all([1, 2, 3, 4].map(() => http.get("/")));
    assert.ok(replies.every(({ kind }) => kind !== "unavailable"));
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
  it("says unknown when the connection is lost or the answer makes no sense, unavailable on 503", async () => {
    const app = new Hono();
    app.get("/busy", (c) => c.json({}, 503));
    app.get("/broken", (c) => c.json({}, 500));
    app.get("/text", (c) => c.text("hello"));
    app.get("/done", (c) => c.json({ done: true }));
    const server = await listen(app, 0);
    const http = new HttpClient(server.url, 4);
    const kinds = [];
    for (const path of ["/busy", "/broken", "/text", "/done"]) kinds.push((await http.get(path)).kind);
    assert.deepEqual(kinds, ["unavailable", "unknown", "unknown", "answer"]);
    http.close();
    await server.stop();
    assert.equal((await new HttpClient(server.url, 1).get("/done")).kind, "unknown");
  });
});

function statusOf(url: string, agent: Agent): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response: IncomingMessage) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject);
  });
}
