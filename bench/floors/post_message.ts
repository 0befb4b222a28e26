/**
 * The floor between threads: `postMessage` with the same flow, payloads and asks as everyone. Runs on the main
 * thread; the other end is `thread.ts`. The threads are kept between the warm-up and the measurement, or
 * their code would be cold.
 *
 * @module
 */
import { once } from "node:events";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { askConcurrently, askOneByOne, type AskToAdd } from "../asking.ts";
import type { Contests, Outcome, Task } from "../contestant.ts";
import { payloadBytesIn, SWEEP_IDS } from "../scenarios.ts";
import { copiedBytes, payments, produce, transferredBytes } from "./producer.ts";
import type { Role } from "./thread.ts";

/** Three-field objects, to a worker and from worker to worker. */
export const postMessageTell: Contests = {
  "S3.main-to-worker": (task) => produce(counterThread(), task, payments),
  "S3.worker-to-worker": tellBetweenWorkers,
};

/** Asks by `postMessage` and back. */
export const postMessageAsk: Contests = {
  "S4.one-in-flight": async (task) => askOneByOne(task, await askThread(), 1),
  "S4.hundred-in-flight": async (task) => askConcurrently(task, await askThread(), 100),
};

/** Byte arrays that are copied. */
export const postMessageBytes: Contests = Object.fromEntries(
  SWEEP_IDS.map((id) => [id, (task: Task) => produce(counterThread(), task, copiedBytes(payloadBytesIn(id)))]),
);

/** Byte arrays that are made new for each message and handed over. */
export const postMessageBytesTransferred: Contests = Object.fromEntries(
  SWEEP_IDS.map((id) => [id, (task: Task) => produce(counterThread(), task, transferredBytes(payloadBytesIn(id)))]),
);

/** Starts a thread of `thread.ts`. */
export function startThread(role: Role, transfer: MessagePort[] = []): Worker {
  const thread = new Worker(new URL("./thread.ts", import.meta.url), {
    workerData: { floor: role },
    transferList: transfer,
  });
  thread.on("error", (error) => {
    throw error;
  });
  return thread;
}

let counter: Worker | undefined;

function counterThread(): Worker {
  counter ??= startThread({ kind: "counter" });
  return counter;
}

let producer: Worker | undefined;

async function tellBetweenWorkers(task: Task): Promise<Outcome> {
  if (producer === undefined) {
    const { port1, port2 } = new MessageChannel();
    startThread({ kind: "counter", from: port1 }, [port1]);
    producer = startThread({ kind: "producer", to: port2 }, [port2]);
  }
  producer.postMessage(task);
  const [outcome]: Outcome[] = await once(producer, "message");
  if (outcome === undefined) throw new Error("Cannot measure: the producing worker reported nothing");
  return outcome;
}

/** Replies come in the order of the asks, so the oldest waiting caller is the one meant. */
async function askThread(): Promise<AskToAdd> {
  const thread = counterThread();
  thread.removeAllListeners("message");
  thread.postMessage({ begin: Number.MAX_SAFE_INTEGER });
  await once(thread, "message");
  const waiting: ((total: number) => void)[] = [];
  thread.on("message", (total: number) => waiting.shift()?.(total));
  return (ask) =>
    new Promise((resolve) => {
      waiting.push(resolve);
      thread.postMessage({ ask });
    });
}
