/**
 * A thread of `tests/properties/lease_threads.test.ts`: publishes gates as fast as it can. The numbers of each belong
 * together, so a reader can tell one that is half of another. Touches threads.
 *
 * @module
 */
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { instant } from "../../core/ids.ts";
import { type LeaseGate, shutGate } from "../../core/lease_gate.ts";
import { writeGate } from "../../workers/lease_word.ts";

/** What the thread is started with. */
export interface LeaseTask {
  readonly word: SharedArrayBuffer;
  /** One word: not 0 when the reader has seen enough. */
  readonly enough: SharedArrayBuffer;
  readonly writesMax: number;
}

/** The gate of a number. Every seventh is shut. */
export function gateNumber(generation: number): LeaseGate {
  if (generation % 7 === 0) return shutGate(generation);
  const untilMono = instant(generation * 1.5);
  return { generation, untilMono, untilWall: generation * 1e6 + 0.25, marginMs: -generation };
}

if (!isMainThread && parentPort !== null) {
  const { word, enough, writesMax } = workerData as LeaseTask;
  const isEnough = new Int32Array(enough);
  let generation = 0;
  while (generation < writesMax && Atomics.load(isEnough, 0) === 0) writeGate(word, gateNumber(++generation));
  parentPort.postMessage(generation);
}
