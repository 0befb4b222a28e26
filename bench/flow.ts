/**
 * The shape of the tell scenarios, the same for everyone: a sender has at most two batches on their way, and
 * sends the next when the receiver says that it has counted one. So no contestant wins by an endless queue, nobody's memory
 * is the benchmark, and the clock is read once a batch. {@link Sending} is the sender's bookkeeping. Mutable.
 *
 * @module
 */
import { assert } from "../core/assert.ts";
import { type Outcome, secondsNow, type Task } from "./contestant.ts";

/** Messages of one batch: two of them fill Troupe's default mailbox. */
export const BATCH_MESSAGES = 512;
/** Batches on their way at most. */
export const BATCHES_IN_FLIGHT = 2;
/** Bytes of one batch at most, for the payload sweep: two batches of large payloads must not be gigabytes. */
export const BATCH_BYTES_MAX = 4 << 20;

/** How many messages of `payloadBytes` one batch has. */
export function batchMessagesOf(payloadBytes: number): number {
  return Math.max(1, Math.min(BATCH_MESSAGES, Math.floor(BATCH_BYTES_MAX / Math.max(1, payloadBytes))));
}

/** The three-field object that S1 and S3 send. */
export interface Payment {
  readonly id: number;
  readonly name: string;
  readonly amount: number;
}

/** The payment with this id. A new object each time, as a real sender makes one. */
export function paymentOf(id: number): Payment {
  return { id, name: "alice", amount: 1 };
}

/** A sender's side of the flow: whole batches, until the count or the time is used up. */
export class Sending {
  readonly batchMessages: number;
  readonly #countMax: number;
  readonly #endsAt: number;
  #sent = 0;
  #inFlight = 0;

  /** Begins now. `share` of the task's count is this sender's. */
  constructor(task: Task, share: number = 1, payloadBytes: number = 0) {
    this.batchMessages = batchMessagesOf(payloadBytes);
    this.#countMax = Math.max(1, Math.floor(task.countMax * share));
    this.#endsAt = secondsNow() + task.seconds;
  }

  /** Messages that {@link nextBatch} has allowed. */
  get sent(): number {
    return this.#sent;
  }

  /** Whether nothing more is to be sent and everything sent has been counted. */
  get isDrained(): boolean {
    return this.#inFlight === 0;
  }

  /**
   * Allows one more batch: `true`, and the caller sends {@link batchMessages} messages; `false` when sending is over. The
   * first batch is always allowed: on a busy machine the time may be over before a sender first runs, and who
   * sends nothing never drains.
   */
  nextBatch(): boolean {
    if (this.#sent > 0 && (this.#sent >= this.#countMax || secondsNow() >= this.#endsAt)) return false;
    assert(this.#inFlight < BATCHES_IN_FLIGHT, "a sender waits for the receiver");
    this.#inFlight++;
    this.#sent += this.batchMessages;
    return true;
  }

  /** The receiver has counted one batch. */
  counted(): void {
    assert(this.#inFlight > 0, "only what was sent is counted");
    this.#inFlight--;
  }
}

/** Starts one pair's sender. */
export type StartPair = () => void;
/** Builds one sender and one receiver; `drained` is told the receiver's own count once everything sent has been counted. */
export type MakePair = (sending: Sending, drained: (delivered: number) => void, index: number) => StartPair;

/** Runs `pairCount` pairs at the same time until all have drained. */
export async function runPairs(task: Task, pairCount: number, makePair: MakePair): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let pairsLeft = pairCount;
  let delivered = 0;
  function drained(count: number): void {
    delivered += count;
    pairsLeft--;
    if (pairsLeft === 0) resolve();
  }
  const sendings = Array.from({ length: pairCount }, () => new Sending(task, 1 / pairCount));
  const starts = sendings.map((sending, index) => makePair(sending, drained, index));
  const startedAt = secondsNow();
  for (const start of starts) start();
  await promise;
  const seconds = secondsNow() - startedAt;
  return { sent: sendings.reduce((sum, sending) => sum + sending.sent, 0), delivered, seconds };
}
