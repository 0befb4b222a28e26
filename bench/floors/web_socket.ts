/**
 * The floors between two processes: `ws` and nothing else, with frames as long as Troupe's for the same message. The other
 * process is `web_socket_peer.ts`; it is started for a contestant and ends with it.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
// @ts-types="../../remoting/ws_types.ts"
import { WebSocket } from "ws";
import { assert } from "../../core/assert.ts";
import { encodeToBytes } from "../../core/codec.ts";
import { epoch } from "../../core/ids.ts";
import { encodeFrame } from "../../cluster/frame_bytes.ts";
import { BATCH_BYTES_MAX } from "../../remoting/link_limits.ts";
import { askConcurrently, askOneByOne, type AskToAdd } from "../asking.ts";
import { scriptCommand } from "../child.ts";
import { type Contests, type Outcome, secondsNow, type Task } from "../contestant.ts";
import { BATCHES_IN_FLIGHT, paymentOf, Sending } from "../flow.ts";
import { BINARY, LENGTH_BYTES, type PeerPath, readTotal } from "./web_socket_frames.ts";

const SENDERS = 20;

/** One message of WebSocket for each frame. */
export const webSocketFrames: Contests = { "S5.tell": (task) => flood(task, LENGTH_BYTES + FRAME.length) };

/** Frames in batches, as links send them: one batch on its way, and what comes meanwhile is the next. */
export const webSocketBatches: Contests = { "S5.tell": (task) => flood(task, BATCH_BYTES_MAX) };

/** A round trip from main thread to main thread. */
export const webSocketEcho: Contests = {
  "S6.one-in-flight": async (task) => askOneByOne(task, await echo("/echo"), 1),
  "S6.hundred-in-flight": async (task) => askConcurrently(task, await echo("/echo"), 100, true),
};

/** A round trip that goes on to a worker of the other process, and back from it. */
export const webSocketEchoByThread: Contests = {
  "S6.one-in-flight": async (task) => askOneByOne(task, await echo("/thread"), 1),
};

/** The bytes of one message of S5, as a link has them. Its sender's number is put into the first. */
const FRAME = frameBytes();

function frameBytes(): Uint8Array {
  const token = { cfg: epoch(1), seq: 1_000 };
  const payload = encodeToBytes([[paymentOf(1), 3], "pay", "sender", "sender-3", []]);
  return encodeFrame({
    clusterId: "01JD9W9P5V6Q3C8T7B2N4M0XYZ-1",
    epoch: epoch(1),
    part: "router",
    message: {
      kind: "user",
      target: "receiver-12345",
      token,
      actorKind: "receiver",
      sender: { key: "sender-3", token },
      askId: undefined,
      remainingMs: undefined,
      waitedMs: 0,
      bytes: payload.length,
      payload,
    },
  });
}

async function flood(task: Task, batchBytesMax: number): Promise<Outcome> {
  const socket = await connect("/count");
  const framesPerBatch = Math.floor(batchBytesMax / (LENGTH_BYTES + FRAME.length));
  const waiting: number[] = [];
  let isSending = false;
  function flush(): void {
    if (isSending || waiting.length === 0) return;
    isSending = true;
    socket.send(batchOf(waiting.splice(0, framesPerBatch)), BINARY, () => {
      isSending = false;
      flush();
    });
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  const sendings = Array.from({ length: SENDERS }, () => new Sending(task, 1 / SENDERS));
  const totals = new Array<number>(SENDERS).fill(0);
  const startedAt = secondsNow();
  socket.on("message", (data) => {
    const { from, total } = readTotal(data);
    const sending = sendings[from];
    assert(sending !== undefined, "only senders are told");
    totals[from] = total;
    sending.counted();
    sendBatch(sending, from);
    if (sendings.every(({ isDrained }) => isDrained)) resolve();
  });
  function sendBatch(sending: Sending, from: number): void {
    if (!sending.nextBatch()) return;
    for (let index = 0; index < sending.batchMessages; index++) waiting.push(from);
    flush();
  }
  for (let batch = 0; batch < BATCHES_IN_FLIGHT; batch++) sendings.forEach(sendBatch);
  await promise;
  const seconds = secondsNow() - startedAt;
  socket.close();
  const delivered = totals.reduce((sum, total) => sum + total, 0);
  return { sent: sendings.reduce((sum, { sent }) => sum + sent, 0), delivered, seconds };
}

function batchOf(froms: readonly number[]): Uint8Array {
  const batch = new Uint8Array(froms.length * (LENGTH_BYTES + FRAME.length));
  const view = new DataView(batch.buffer);
  let at = 0;
  for (const from of froms) {
    view.setUint32(at, FRAME.length, true);
    batch.set(FRAME, at + LENGTH_BYTES);
    batch[at + LENGTH_BYTES] = from;
    at += LENGTH_BYTES + FRAME.length;
  }
  return batch;
}

/** Replies come in the order of the asks. */
async function echo(path: PeerPath): Promise<AskToAdd> {
  const socket = await connect(path);
  const waiting: ((total: number) => void)[] = [];
  socket.on("message", (data) => waiting.shift()?.(readTotal(data).total));
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      socket.send(FRAME, BINARY, () => {});
    });
}

let port: Promise<number> | undefined;

/** A connection has its own counts. */
async function connect(path: PeerPath): Promise<WebSocket> {
  port ??= startPeer();
  const socket = new WebSocket(`ws://127.0.0.1:${await port}${path}`, [], { perMessageDeflate: false });
  socket.binaryType = "nodebuffer";
  await new Promise<void>((open, failed) => {
    socket.on("open", () => open());
    socket.on("error", failed);
  });
  return socket;
}

let child: ChildProcess | undefined;

async function startPeer(): Promise<number> {
  const command = scriptCommand("./floors/web_socket_peer.ts");
  if (command === undefined) throw new Error("Cannot measure: bench/floors/web_socket_peer.ts is not there");
  child = spawn(command.file, [...command.arguments], { stdio: ["pipe", "pipe", "inherit"] });
  if (child.stdout === null) throw new Error("Cannot measure: the other process says nothing");
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return Number(line);
}
