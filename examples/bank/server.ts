/**
 * An HTTP server with limits, the same on Deno, Bun and Node. Runs on the main thread.
 *
 * @module
 */
import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";

const HOST = "127.0.0.1";
/** Connections at once. At the limit: closed at once. */
const CONNECTIONS_MAX = 1024;
/** Milliseconds a client has for its headers, and for its whole request. At the limit: 408. */
const HEADERS_MS = 5_000;
const REQUEST_MS = 10_000;
/** Milliseconds a connection may rest between two requests. */
const KEEP_ALIVE_MS = 30_000;
/** Milliseconds requests under way have when the server stops. At the limit: their connections are cut. */
const STOP_MS = 10_000;

/** A server that listens. */
export interface Listening {
  readonly url: string;
  /** Takes no more connections, answers what is under way, and is gone. */
  stop(): Promise<void>;
}

/** Serves `app` on this machine. Port `0` takes a free one. Rejects when the port is taken. */
export async function listen(app: Hono, port: number): Promise<Listening> {
  // Without the option it replaces the global Response, and every other server of the process suffers.
  const server = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }));
  server.maxConnections = CONNECTIONS_MAX;
  server.headersTimeout = HEADERS_MS;
  server.requestTimeout = REQUEST_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, () => resolve());
  });
  return { url: `http://${HOST}:${portOf(server)}`, stop: () => stop(server) };
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), STOP_MS);
  await closed;
  clearTimeout(late);
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") {
    throw new Error("Cannot tell the port: the server does not listen");
  }
  return address.port;
}
