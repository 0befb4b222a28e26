/**
 * The sending end of the `postMessage` floor, on the main thread or in a worker: the flow of `flow.ts` over a
 * port. The other end counts, see `thread.ts`.
 *
 * @module
 */
import { once } from "node:events";
import type { MessagePort, Worker } from "node:worker_threads";
import { type Outcome, secondsNow, type Task } from "../contestant.ts";
import { BATCHES_IN_FLIGHT, paymentOf, Sending } from "../flow.ts";
import { payloadBytesIn } from "../scenarios.ts";

/** What is posted, and the buffers that go with it. */
export interface Posted {
  readonly message: unknown;
  readonly transfer: readonly ArrayBuffer[];
}
/** The message with this number. */
export type MakeMessage = (id: number) => Posted;

const NOTHING: readonly ArrayBuffer[] = [];

/** Three-field objects. */
export function payments(id: number): Posted {
  return { message: paymentOf(id), transfer: NOTHING };
}

/**
 * The same bytes again and again: they are copied by the posting. A buffer and no array of bytes: Deno's
 * node:worker_threads looks at every element of what arrives, which makes a MiB of Uint8Array take 60 ms.
 */
export function copiedBytes(payloadBytes: number): MakeMessage {
  const message = new Uint8Array(payloadBytes).fill(7).buffer;
  return () => ({ message, transfer: NOTHING });
}

/** New bytes each time: they are gone after the posting. */
export function transferredBytes(payloadBytes: number): MakeMessage {
  return () => {
    const message = new ArrayBuffer(payloadBytes);
    return { message, transfer: [message] };
  };
}

/** Sends what `task` asks for, and ends when the other end has counted all of it. */
export async function produce(port: Worker | MessagePort, task: Task, make: MakeMessage): Promise<Outcome> {
  const payloadBytes = payloadBytesIn(task.scenario);
  const sending = new Sending(task, 1, payloadBytes);
  port.postMessage({ begin: sending.batchMessages });
  await once(port, "message");
  const drained = Promise.withResolvers<number>();
  function counted(total: number): void {
    sending.counted();
    if (sending.nextBatch()) sendBatch(port, sending, make);
    if (sending.isDrained) drained.resolve(total);
  }
  port.on("message", counted);
  const startedAt = secondsNow();
  for (let batch = 0; batch < BATCHES_IN_FLIGHT; batch++) if (sending.nextBatch()) sendBatch(port, sending, make);
  const delivered = await drained.promise;
  const seconds = secondsNow() - startedAt;
  port.off("message", counted);
  const megabytesPerSecond = delivered * payloadBytes / seconds / 1e6;
  return { sent: sending.sent, delivered, seconds, extra: { megabytesPerSecond } };
}

function sendBatch(port: Worker | MessagePort, sending: Sending, make: MakeMessage): void {
  for (let id = sending.sent - sending.batchMessages; id < sending.sent; id++) {
    const { message, transfer } = make(id);
    if (transfer.length === 0) port.postMessage(message);
    else port.postMessage(message, transfer);
  }
}
