/**
 * The part of `ws` that links use, as types. The package `@types/ws` would do, but it brings types of Node along that
 * take the place of those the runtime has itself.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/** What a message is given as. */
export type RawData = Buffer | ArrayBuffer | Buffer[];

/** Options of a socket that dials. */
export interface ClientOptions {
  readonly maxPayload?: number;
  readonly maxFragments?: number;
  readonly maxBufferedChunks?: number;
  readonly perMessageDeflate?: boolean;
  readonly handshakeTimeout?: number;
  readonly followRedirects?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly autoPong?: boolean;
  readonly ca?: string | string[];
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized?: boolean;
  readonly servername?: string;
}

/** A socket. */
export declare class WebSocket {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;
  constructor(address: string, protocols: readonly string[], options: ClientOptions);
  binaryType: "nodebuffer" | "arraybuffer" | "fragments";
  readonly readyState: 0 | 1 | 2 | 3;
  readonly bufferedAmount: number;
  readonly protocol: string;
  send(data: Uint8Array, options: { readonly binary: boolean }, sent: (error?: Error) => void): void;
  close(code?: number, words?: string): void;
  terminate(): void;
  on(event: "open", listener: () => void): this;
  on(event: "message", listener: (data: RawData, isBinary: boolean) => void): this;
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "close", listener: (code: number, words: Buffer) => void): this;
  on(event: "unexpected-response", listener: (request: unknown, response: IncomingMessage) => void): this;
}

/** Options of a server. */
export interface ServerOptions {
  readonly noServer?: boolean;
  readonly clientTracking?: boolean;
  readonly maxPayload?: number;
  readonly maxFragments?: number;
  readonly maxBufferedChunks?: number;
  readonly perMessageDeflate?: boolean;
  readonly autoPong?: boolean;
  readonly handleProtocols?: (protocols: Set<string>, request: IncomingMessage) => string | false;
}

/** What answers upgrades. */
export declare class WebSocketServer {
  constructor(options: ServerOptions);
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
    done: (socket: WebSocket, request: IncomingMessage) => void,
  ): void;
  close(done?: () => void): void;
}
