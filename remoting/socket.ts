/**
 * Real sockets: the one file that knows `ws`, and that its callback comes when a batch has left the process. Touches the
 * network, the clock and chance.
 *
 * One code path for all runtimes: Bun has a `ws` of its own, so only what both do is used here.
 *
 * Invariant: after `closed` a socket says nothing more, and `closed` is said once.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { clearTimeout, setTimeout } from "node:timers";
// @ts-types="./ws_types.ts"
import { WebSocket, WebSocketServer } from "ws";
import { assert } from "../core/assert.ts";
import { BATCH_BYTES_MAX } from "./link_limits.ts";
import type { CloseReason, Lane } from "./link_refusal.ts";
import { type LinkOutside, type LinkSocket, NO_SOCKET, type SocketEvents } from "./link_socket.ts";
import { authoritiesOf, freshNonce, type TlsOptions } from "./security.ts";

/** What both sides must ask for and grant. */
export const SUBPROTOCOL = "troupe.v1";
/** Where the links of each lane arrive. */
export const LANE_PATHS: Readonly<Record<Lane, string>> = {
  control: "/troupe/v1/control",
  data: "/troupe/v1/data",
};

/** Milliseconds an orderly close may take; then the socket is closed by force. */
const CLOSE_MS = 500;
/** Bytes of the words of a close: the rest of a control frame of WebSocket. */
const CLOSE_WORDS_BYTES_MAX = 123;
/** Parts of one message: nodes send one, something on the way may cut it. Each costs more than its bytes. */
const FRAGMENTS_MAX = 16;
/** Reads that one message may take, however little each brings: as above. */
const READS_MAX = 2048;
/** The code of a socket that ended without one. */
const NO_CODE = 1006;

/** The platform's sockets, timers and chance, with the node's own clock. */
export function platformOutside(clock: () => number, tls: TlsOptions | undefined): LinkOutside {
  return {
    now: clock,
    later: (waitMs, task) => {
      const timer = setTimeout(task, waitMs);
      return () => clearTimeout(timer);
    },
    soon: (task) => queueMicrotask(task),
    nonce: freshNonce,
    dial: (address, lane, events) => dial(address, lane, tls, events),
  };
}

// Compression off: it costs more than it saves on a fast network, and tells secrets by their length. No answer to pings of
// WebSocket: answers to one who asks and doesn't read would pile up, and links have pings of their own.
const WS_OPTIONS = {
  maxPayload: BATCH_BYTES_MAX,
  maxFragments: FRAGMENTS_MAX,
  maxBufferedChunks: READS_MAX,
  perMessageDeflate: false,
  autoPong: false,
};

/** Turns upgrades into sockets. */
export class SocketServer {
  readonly #server = new WebSocketServer({
    ...WS_OPTIONS,
    noServer: true,
    clientTracking: false,
    handleProtocols: (protocols) => protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false,
  });

  /** Completes the upgrade and gives the socket to `take`; if the request is no upgrade, it has had its answer. */
  upgrade(request: IncomingMessage, stream: Duplex, head: Uint8Array, take: (socket: WebSocket) => void): void {
    this.#server.handleUpgrade(request, stream, head, take);
  }
}

/** A socket that arrived, for a link. */
export function acceptedSocket(socket: WebSocket, remoteHost: string, events: SocketEvents): LinkSocket {
  return new RealSocket(socket, remoteHost, events);
}

function dial(address: string, lane: Lane, tls: TlsOptions | undefined, events: SocketEvents): LinkSocket {
  const scheme = tls === undefined ? "ws" : "wss";
  const options = { ...WS_OPTIONS, followRedirects: false, ...(tls === undefined ? {} : tlsOf(tls)) };
  try {
    const socket = new WebSocket(`${scheme}://${address}${LANE_PATHS[lane]}`, [SUBPROTOCOL], options);
    return new RealSocket(socket, "", events);
  } catch (thrown) {
    // A host that no URL can have, or certificates that are none.
    const words = thrown instanceof Error ? thrown.message : String(thrown);
    queueMicrotask(() => events.closed(NO_CODE, words));
    return NO_SOCKET;
  }
}

function tlsOf(tls: TlsOptions): { cert: string; key: string; ca?: string[]; rejectUnauthorized: true } {
  const ca = authoritiesOf(tls);
  return { cert: tls.cert, key: tls.key, rejectUnauthorized: true, ...(ca.length === 0 ? {} : { ca }) };
}

class RealSocket implements LinkSocket {
  readonly remoteHost: string;
  readonly #socket: WebSocket;
  #errorWords = "";
  #force: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: WebSocket, remoteHost: string, events: SocketEvents) {
    this.#socket = socket;
    this.remoteHost = remoteHost;
    socket.binaryType = "nodebuffer";
    socket.on("open", () => events.opened());
    socket.on("message", (data, isBinary) => events.batch(isBinary ? bytesOf(data) : undefined));
    // What went wrong in the network is said by `close`, which always follows.
    socket.on("error", (error) => {
      this.#errorWords = error.message;
      const reason = reasonOfError(error);
      if (reason !== undefined) events.fault(reason, error.message);
    });
    socket.on("close", (code, words) => {
      if (this.#force !== undefined) clearTimeout(this.#force);
      events.closed(code === 0 ? NO_CODE : code, words.length > 0 ? new TextDecoder().decode(words) : this.#errorWords);
    });
  }

  send(batch: Uint8Array, sent: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#socket.send(batch, { binary: true }, (error) => {
      if (error === undefined || error === null) sent(); // Else it is closing, and there is nothing more to send.
    });
  }

  close(code: number, words: string): void {
    const { readyState } = this.#socket;
    if (readyState === WebSocket.CLOSED || this.#force !== undefined) return;
    if (readyState === WebSocket.CONNECTING) return this.terminate();
    this.#force = setTimeout(() => this.#socket.terminate(), CLOSE_MS);
    this.#socket.close(code, fitting(words));
  }

  terminate(): void {
    this.#socket.terminate();
  }
}

/** What a peer did wrong by the rules of WebSocket; `undefined` for what the network did. */
function reasonOfError(error: Error): CloseReason | undefined {
  const code = "code" in error ? error.code : undefined;
  if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") return "frame-too-large";
  return typeof code === "string" && code.startsWith("WS_ERR_") ? "malformed" : undefined;
}

function bytesOf(data: unknown): Uint8Array {
  assert(data instanceof Uint8Array, "a socket gives each message as one Buffer, as it was told to");
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** As much of `words` as a close can carry, whole characters only. */
function fitting(words: string): string {
  let fitted = words.slice(0, CLOSE_WORDS_BYTES_MAX);
  while (Buffer.byteLength(fitted) > CLOSE_WORDS_BYTES_MAX) fitted = fitted.slice(0, -1);
  return fitted;
}
