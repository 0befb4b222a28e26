/**
 * One port for everything: links of other nodes, and HTTP for people and probes. Touches the network; on the main thread.
 *
 * One idea: the port belongs to the process and outlives the node's identity. Whoever takes what arrives can change; while
 * nobody does, peers are told to come again.
 *
 * Invariant: what one stranger can keep busy here is a limited number of handshakes, each for a limited time.
 *
 * @module
 */
import { getRequestListener } from "@hono/node-server";
import { createServer as createHttpServer, type IncomingMessage, type Server as HttpServer } from "node:http";
import { createServer as createTcpServer, type Server as TcpServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { clearTimeout, setTimeout } from "node:timers";
import { createServer as createTlsServer } from "node:tls";
import { ActorError } from "../core/failure.ts";
import { addressOf, type HostPort, plainHost } from "./address.ts";
import { HostCounts } from "./host_counts.ts";
import { LINK_LIMITS } from "./link_limits.ts";
import { checkListenOptions, type ListenOptions } from "./listen_options.ts";
import { type Lane, type LinkRefusal, UPGRADE_STATUS, type UpgradeRefusal } from "./link_refusal.ts";
import type { LinkListener, SocketAcceptor } from "./link_socket.ts";
import { authoritiesOf, readCertificates } from "./security.ts";
import { acceptedSocket, LANE_PATHS, SocketServer, SUBPROTOCOL } from "./socket.ts";

export type { ListenOptions } from "./listen_options.ts";

/** A port that is listened at. */
export interface Listener extends LinkListener {
  /** `host:port`, as other nodes should dial it. */
  readonly address: string;
  /** The port that is listened at. */
  readonly port: number;
  /** Listens no more, and closes every socket that came in. Safe to repeat. */
  close(): Promise<void>;
}

/** Handshakes with one IP address that may be under way, unless the options say otherwise. */
export const HANDSHAKES_PER_HOST_MAX = 16;
/** Handshakes that may be under way at all; one address is easily had, and IPv6 gives many. */
const HANDSHAKES_MAX = 1024;
const HEADERS_BYTES_MAX = 16 << 10;
/** Sockets at one time: two for each other node of a large cluster, and some for people. More are closed at once. */
const SOCKETS_MAX = 4096;
/** Sockets of one IP address, so that no one has them all; many nodes may share a machine. */
const SOCKETS_PER_HOST_MAX = 1024;
/** Milliseconds until `close` has closed; what is left then was closed by force and hasn't said so. */
const CLOSE_MS_MAX = 1_000;

/**
 * Begins to listen.
 *
 * @throws {ActorError} `invalid-options`, with every problem; `start-failed` when the port is taken, the host isn't this
 * machine's or the certificates are none. Nothing is left behind; safe to repeat.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  checkListenOptions(options);
  const port = new Port(options);
  await port.open();
  return port;
}

class Port implements Listener {
  readonly isSecure: boolean;
  readonly #options: ListenOptions;
  readonly #handshakeMs: number;
  readonly #http: HttpServer;
  readonly #sockets = new Set<Socket>();
  /** Sockets of which a request is due, and when they are closed if none comes. */
  readonly #silent = new Map<Socket, ReturnType<typeof setTimeout>>();
  /** Requests of each socket that are being answered: however long that takes. */
  readonly #unanswered = new WeakMap<Socket, number>();
  readonly #handshakes: HostCounts;
  readonly #socketCounts = new HostCounts({ ofOne: SOCKETS_PER_HOST_MAX, ofAll: SOCKETS_MAX });
  readonly #upgrades = new SocketServer();
  #server: TcpServer | undefined;
  #acceptor: SocketAcceptor | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ListenOptions) {
    this.#options = options;
    this.isSecure = options.tls !== undefined;
    this.#handshakeMs = options.handshakeMs ?? LINK_LIMITS.handshakeMs;
    const ofOne = options.handshakesPerHostMax ?? HANDSHAKES_PER_HOST_MAX;
    this.#handshakes = new HostCounts({ ofOne, ofAll: HANDSHAKES_MAX });
    const fetch = options.fetch ?? (() => new Response("Not found", { status: 404 }));
    // Without the setting, this would replace the global `Response` for everybody in the process.
    const answer = getRequestListener(fetch, { overrideGlobalObjects: false });
    this.#http = createHttpServer({ maxHeaderSize: HEADERS_BYTES_MAX }, (request, response) => {
      const { socket } = request;
      this.#hasAsked(socket);
      this.#unanswered.set(socket, this.#unansweredOf(socket) + 1);
      response.on("close", () => this.#answered(socket));
      Reflect.apply(answer, undefined, [request, response]); // The same objects, which the package has other typings for.
    });
    this.#http.on("upgrade", (request, stream, head) => {
      this.#hasAsked(request.socket);
      this.#upgrade(request, stream, head);
    });
  }

  get hosts(): readonly string[] {
    const { host, advertise } = this.#options;
    return advertise === undefined ? [host] : [host, advertise.host];
  }

  get port(): number {
    const bound = this.#server?.address();
    return typeof bound === "object" && bound !== null ? bound.port : this.#options.port;
  }

  get address(): string {
    const { host, advertise } = this.#options;
    const reachable: HostPort = { host: advertise?.host ?? host, port: advertise?.port ?? this.port };
    return addressOf(reachable);
  }

  async open(): Promise<void> {
    const { host, port, tls } = this.#options;
    try {
      if (tls !== undefined) readCertificates(tls);
      const server = this.#server = this.#createServer();
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => resolve());
      });
      server.on("error", () => {}); // Of single sockets; the port stays.
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      throw new ActorError("start-failed", `Cannot listen at ${addressOf({ host, port })}: ${reason}`, {
        cause: thrown,
        details: { host, port },
      });
    }
  }

  accept(acceptor: SocketAcceptor): () => void {
    this.#acceptor = acceptor;
    return () => {
      if (this.#acceptor === acceptor) this.#acceptor = undefined;
    };
  }

  close(): Promise<void> {
    return this.#closing ??= new Promise((resolve) => {
      this.#acceptor = undefined;
      if (this.#server === undefined) return resolve();
      const late = setTimeout(resolve, CLOSE_MS_MAX);
      this.#server.close(() => {
        clearTimeout(late);
        resolve();
      });
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  // One way for plain sockets and for TLS: `node:https` tells nothing about certificates on one of the runtimes.
  #createServer(): TcpServer {
    const { tls } = this.#options;
    if (tls === undefined) {
      return createTcpServer((socket) => {
        if (this.#track(socket)) this.#serve(socket);
      });
    }
    const ca = authoritiesOf(tls);
    const isClientKnown = tls.requireClientCertificate === true;
    const server = createTlsServer({
      cert: tls.cert,
      key: tls.key,
      ...(ca.length === 0 ? {} : { ca }),
      requestCert: isClientKnown,
      rejectUnauthorized: isClientKnown,
      ALPNProtocols: ["http/1.1"],
      minVersion: "TLSv1.2",
      handshakeTimeout: this.#handshakeMs,
    }, (socket) => this.#serve(socket));
    server.on("connection", (socket) => this.#track(socket));
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    return server;
  }

  /** Knows the socket until it is closed; `false`, and it is closed, when there are too many. */
  #track(socket: Socket): boolean {
    socket.on("error", () => {}); // A peer that resets is closed next.
    const remoteHost = plainHost(socket.remoteAddress ?? "");
    if (this.#socketCounts.isFull(remoteHost)) {
      socket.destroy();
      return false;
    }
    const uncount = this.#socketCounts.add(remoteHost);
    this.#sockets.add(socket);
    socket.on("close", () => {
      uncount();
      this.#sockets.delete(socket);
    });
    return true;
  }

  /** Reads requests from a socket; the first must come in time, and each next one. */
  #serve(socket: Socket): void {
    socket.on("error", () => {});
    socket.on("close", () => this.#hasAsked(socket));
    this.#mustAsk(socket);
    // The HTTP server has no port of its own, so its own limits of time don't run.
    this.#http.emit("connection", socket);
  }

  #unansweredOf(socket: Socket): number {
    return this.#unanswered.get(socket) ?? 0;
  }

  #answered(socket: Socket): void {
    this.#unanswered.set(socket, this.#unansweredOf(socket) - 1);
    if (this.#unansweredOf(socket) === 0) this.#mustAsk(socket);
  }

  #mustAsk(socket: Socket): void {
    this.#hasAsked(socket);
    if (!socket.destroyed) this.#silent.set(socket, setTimeout(() => socket.destroy(), this.#handshakeMs));
  }

  #hasAsked(socket: Socket): void {
    const timer = this.#silent.get(socket);
    if (timer !== undefined) clearTimeout(timer);
    this.#silent.delete(socket);
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Uint8Array): void {
    stream.on("error", () => {});
    const remoteHost = plainHost(request.socket.remoteAddress ?? "");
    const lane = laneOf(request.url);
    const refusal = this.#whyNot(request, lane, remoteHost);
    const acceptor = this.#acceptor;
    if (refusal !== undefined || lane === undefined || acceptor === undefined) {
      return this.#refuse(stream, refusal ?? "no-node", lane, remoteHost);
    }
    const settled = this.#handshakes.add(remoteHost);
    stream.on("close", settled);
    this.#upgrades.upgrade(request, stream, head, (socket) => {
      acceptor.incoming({
        lane,
        remoteHost,
        take: (events) => acceptedSocket(socket, remoteHost, events),
        settled,
      });
    });
  }

  #whyNot(request: IncomingMessage, lane: Lane | undefined, remoteHost: string): UpgradeRefusal | undefined {
    if (lane === undefined) return "path-unknown";
    const { origin, "sec-websocket-protocol": protocols = "" } = request.headers;
    if (origin !== undefined && this.#options.allowedOrigins?.includes(origin) !== true) return "origin-refused";
    if (!protocols.split(",").some((protocol) => protocol.trim() === SUBPROTOCOL)) return "subprotocol-unknown";
    if (this.#handshakes.isFull(remoteHost)) return "too-many-handshakes";
    return this.#acceptor === undefined ? "no-node" : undefined;
  }

  #refuse(stream: Duplex, code: UpgradeRefusal, lane: Lane | undefined, remoteHost: string): void {
    const status = UPGRADE_STATUS[code];
    // Ended, not destroyed: over TLS on one of the runtimes the answer would be lost.
    stream.end(`HTTP/1.1 ${status} ${code}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    const words = `an upgrade was answered with ${status}`;
    const refusal: LinkRefusal = {
      code,
      words,
      address: remoteHost,
      dialedBy: "them",
      refusedBy: "us",
      lane,
      peer: undefined,
    };
    this.#acceptor?.refused(refusal);
  }
}

function laneOf(url: string | undefined): Lane | undefined {
  const path = url?.split("?")[0];
  if (path === LANE_PATHS.control) return "control";
  return path === LANE_PATHS.data ? "data" : undefined;
}
