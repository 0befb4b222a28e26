/**
 * A client that speaks WebSocket byte by byte, so that it can say what no library would. For `tests/integration` only.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";

/** One socket to a port. */
export class RawClient {
  /** Everything that came. */
  received = Buffer.alloc(0);
  isClosed = false;
  readonly socket: Socket;

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.setNoDelay();
    this.socket.on("error", () => {});
    this.socket.on("data", (bytes) => this.received = Buffer.concat([this.received, bytes]));
    this.socket.on("close", () => this.isClosed = true);
  }

  /** Asks for a link. */
  upgrade(path: string, headers: Readonly<Record<string, string>> = { "Sec-WebSocket-Protocol": "troupe.v1" }): void {
    const all = {
      Host: "127.0.0.1",
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
      "Sec-WebSocket-Version": "13",
      ...headers,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    this.socket.write(`GET ${path} HTTP/1.1\r\n${lines}\r\n`);
  }

  /** The status of the answer, when it has come. */
  get status(): number | undefined {
    const status = /^HTTP\/1\.1 ([0-9]{3})/.exec(this.received.toString("latin1"))?.[1];
    return status === undefined ? undefined : Number(status);
  }

  /** Sends one message of WebSocket. `opcode`: 2 for bytes, 1 for text, 9 for a ping. */
  send(payload: Uint8Array, opcode: number = 2): boolean {
    const length = payload.length < 126
      ? Buffer.from([0x80 | payload.length])
      : Buffer.from([0x80 | 127, 0, 0, 0, 0, ...u32(payload.length)]);
    // Masked with zeros, which changes nothing.
    this.socket.write(Buffer.concat([Buffer.from([0x80 | opcode]), length, Buffer.alloc(4)]));
    return this.socket.write(payload);
  }

  /** The code of the close that the server sent, if it has. */
  get closeCode(): number | undefined {
    for (const { opcode, payload } of this.messages()) if (opcode === 8) return payload.readUInt16BE(0);
    return undefined;
  }

  /** The messages that came, in order. */
  messages(): readonly { readonly opcode: number; readonly payload: Buffer }[] {
    const messages: { opcode: number; payload: Buffer }[] = [];
    let at = this.received.indexOf("\r\n\r\n") + 4;
    while (at >= 4 && at + 2 <= this.received.length) {
      const opcode = (this.received[at] ?? 0) & 0x0f;
      const short = (this.received[at + 1] ?? 0) & 0x7f;
      const start = at + (short === 126 ? 4 : short === 127 ? 10 : 2);
      if (start > this.received.length) break;
      const length = short === 126
        ? this.received.readUInt16BE(at + 2)
        : short === 127
        ? this.received.readUInt32BE(at + 6)
        : short;
      if (start + length > this.received.length) break;
      messages.push({ opcode, payload: this.received.subarray(start, start + length) });
      at = start + length;
    }
    return messages;
  }

  end(): void {
    this.socket.destroy();
  }
}

function u32(value: number): readonly number[] {
  return [value >>> 24, value >>> 16, value >>> 8, value].map((part) => part & 0xff);
}
