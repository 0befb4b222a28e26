/**
 * The other end of the floors between threads: counts what is posted to it, replies to asks, or, as a producer, sends to another such
 * thread. Runs in a worker; what it is comes in `workerData`.
 *
 * @module
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { assert } from "../../core/assert.ts";
import type { Task } from "../contestant.ts";
import { payments, produce } from "./producer.ts";

/** What a thread is to do. */
export type Role =
  /** Counts what comes from `from`, or from the main thread. */
  | { readonly kind: "counter"; readonly from?: MessagePort }
  /** Runs each task that the main thread posts, towards `to`. */
  | { readonly kind: "producer"; readonly to: MessagePort }
  /** Waits for the request word of `cells` to change, adds up, and changes the reply word. */
  | { readonly kind: "waiter"; readonly cells: Int32Array };

/** The request word of a waiter, on a cache line of its own. */
export const REQUEST_WORD = 0;
/** The reply word of a waiter. */
export const REPLY_WORD = 32;
/** Bytes of a waiter's cells. */
export const CELLS_BYTES = 256;

function run(role: Role, parent: MessagePort): void {
  switch (role.kind) {
    case "counter":
      return count(role.from ?? parent);
    case "producer":
      parent.on("message", async (task: Task) => parent.postMessage(await produce(role.to, task, payments)));
      return;
    case "waiter":
      // A pending waitAsync alone does not keep a worker alive.
      parent.on("message", () => {});
      void waitAndReply(role.cells);
      return;
    default:
      return role satisfies never;
  }
}

type Arrived =
  | { readonly begin: number }
  | { readonly ask: number }
  | { readonly amount: number }
  | ArrayBuffer;

function count(port: MessagePort): void {
  let total = 0;
  let batchMessages = 1;
  function add(amount: number): void {
    total += amount;
    if (total % batchMessages === 0) port.postMessage(total);
  }
  port.on("message", (message: Arrived) => {
    if (message instanceof ArrayBuffer) return add(1);
    if ("amount" in message) return add(message.amount);
    if ("ask" in message) {
      total += message.ask;
      return port.postMessage(total);
    }
    batchMessages = message.begin;
    total = 0;
    port.postMessage(total);
  });
}

async function waitAndReply(cells: Int32Array): Promise<never> {
  let seen = 0;
  for (;;) {
    const wait = Atomics.waitAsync(cells, REQUEST_WORD, seen);
    if (wait.async) await wait.value;
    seen = Atomics.load(cells, REQUEST_WORD);
    // The request word is the sum of what was asked, so adding up is copying it.
    Atomics.store(cells, REPLY_WORD, seen);
    Atomics.notify(cells, REPLY_WORD, 1);
  }
}

if (workerData?.floor !== undefined) {
  assert(parentPort !== null, "a floor's thread has a parent");
  run(workerData.floor, parentPort);
}
