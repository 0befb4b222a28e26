/**
 * The other process of the `ws` floors: prints its port, counts or answers, and ends when its standard input does.
 *
 * @module
 */
import { createServer } from "node:http";
import process from "node:process";
// @ts-types="../../remoting/ws_types.ts"
import { type WebSocket, WebSocketServer } from "ws";
import { BATCH_MESSAGES } from "../flow.ts";
import { startThread } from "./post_message.ts";
import { CELLS_BYTES, REPLY_WORD, REQUEST_WORD } from "./thread.ts";
import { BINARY, LENGTH_BYTES, type PeerPath, totalBytes } from "./web_socket_frames.ts";

function main(): void {
  process.stdin.once("end", () => process.exit(0));
  process.stdin.resume();
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const server = createServer();
  server.on("upgrade", (request, stream, head) => {
    sockets.handleUpgrade(request, stream, head, (socket) => {
      socket.binaryType = "nodebuffer";
      serve(socket, request.url as PeerPath);
    });
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    console.log(typeof address === "object" ? address?.port : 0);
  });
}

function serve(socket: WebSocket, path: PeerPath): void {
  switch (path) {
    case "/count":
      return count(socket);
    case "/echo":
      return answer(socket);
    case "/thread":
      return answerByThread(socket);
    default:
      return path satisfies never;
  }
}

function count(socket: WebSocket): void {
  const counts: number[] = [];
  socket.on("message", (data) => {
    if (!(data instanceof Uint8Array)) return;
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    for (let at = 0; at < data.length;) {
      const length = view.getUint32(at, true);
      const from = data[at + LENGTH_BYTES] ?? 0;
      const total = (counts[from] ?? 0) + 1;
      counts[from] = total;
      if (total % BATCH_MESSAGES === 0) socket.send(totalBytes(from, total), BINARY, () => {});
      at += LENGTH_BYTES + length;
    }
  });
}

function answer(socket: WebSocket): void {
  let total = 0;
  socket.on("message", () => socket.send(totalBytes(0, ++total), BINARY, () => {}));
}

/** Two hops: to the worker and back. */
function answerByThread(socket: WebSocket): void {
  const cells = new Int32Array(new SharedArrayBuffer(CELLS_BYTES));
  startThread({ kind: "waiter", cells });
  let total = 0;
  socket.on("message", async () => {
    Atomics.add(cells, REQUEST_WORD, 1);
    Atomics.notify(cells, REQUEST_WORD, 1);
    while (Atomics.load(cells, REPLY_WORD) === total) {
      const wait = Atomics.waitAsync(cells, REPLY_WORD, total);
      if (wait.async) await wait.value;
    }
    total = Atomics.load(cells, REPLY_WORD);
    socket.send(totalBytes(0, total), BINARY, () => {});
  });
}

main();
