/**
 * The turns of one thread: fire what is due, drain the lanes, run cells, flush the lanes; then go on, let
 * the event loop in, or sleep. Turns follow each other as microtasks, so that promises settle between them,
 * but never for longer than a few milliseconds: sockets and timers get their turn too. Touches the clock,
 * timers and the doorbell; one per thread.
 *
 * @module
 */
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Instant } from "../core/ids.ts";
import { MESSAGES_PER_TURN, TURN_MS_MAX } from "../core/limits.ts";
import type { LaneReader, RecordSink } from "./lane.ts";
import type { LaneSet } from "./lane_set.ts";
import type { PartitionHost } from "./partition_host.ts";

/** Actors one sweep for idle ones looks at in a turn. */
const SWEEP_CELLS = 1024;
/** Milliseconds between two steps of the sweep once it has come around. */
const SWEEP_PAUSE_MS_MAX = 1_000;
/** Turns as microtasks before the clock is asked whether the event loop has waited long enough. */
const TURNS_PER_CLOCK = 8;

/** Runs one host's turns. */
export class ThreadLoop {
  readonly #host: PartitionHost;
  readonly #lanes: LaneSet | undefined;
  readonly #sink: RecordSink;
  readonly #clock: () => Instant;
  readonly #sweepMs: number;
  readonly #turn = () => this.#runTurn();
  #isRequested = false;
  #isRunning = false;
  #isEnded = false;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #timerDueMs = Infinity;
  #sweepDueMs = 0;
  #rung: Promise<unknown> | undefined = undefined;
  #yieldedMs = 0;
  #turnsSinceClock = 0;

  /** `idleMs` is the shortest idle time of any kind: the sweep comes around several times in it. */
  constructor(host: PartitionHost, lanes: LaneSet | undefined, sink: RecordSink, clock: () => Instant, idleMs: number) {
    this.#host = host;
    this.#lanes = lanes;
    this.#sink = sink;
    this.#clock = clock;
    this.#sweepMs = Math.max(1, Math.min(SWEEP_PAUSE_MS_MAX, idleMs / 4));
  }

  /** Something is to be run, sent or timed. Cheap, and safe to repeat. */
  request(): void {
    if (this.#isRequested || this.#isRunning || this.#isEnded) return;
    this.#isRequested = true;
    this.#schedule();
  }

  /** Takes what a thread had published before it died. Call outside of a turn. */
  drainLast(reader: LaneReader): void {
    this.#host.enter();
    while (reader.drain(MESSAGES_PER_TURN, this.#sink) > 0);
    this.#host.leave();
  }

  /** Runs no more turns. */
  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#timer);
  }

  #runTurn(): void {
    this.#isRequested = false;
    if (this.#isEnded) return;
    this.#isRunning = true;
    const hasMore = this.#step();
    this.#isRunning = false;
    if (hasMore) this.#goOn();
    else this.#rest();
  }

  #step(): boolean {
    const host = this.#host;
    host.enter();
    host.fireDue();
    const drained = this.#lanes?.drain(MESSAGES_PER_TURN, this.#sink) ?? 0;
    this.#sweep(host);
    const hasMore = host.runCells(MESSAGES_PER_TURN);
    host.leave();
    this.#lanes?.flush();
    return hasMore || drained > 0;
  }

  #sweep(host: PartitionHost): void {
    const nowMs = host.now();
    if (nowMs < this.#sweepDueMs) return;
    if (host.sweepIdle(SWEEP_CELLS)) this.#sweepDueMs = nowMs + this.#sweepMs;
  }

  /** The next turn: at once, or after the event loop has looked around. */
  #goOn(): void {
    if (this.#isRequested) return;
    this.#isRequested = true;
    this.#schedule();
  }

  /** Also for those that are asked for: code that asks its own thread's actors in a loop makes one turn after the other. */
  #schedule(): void {
    if (++this.#turnsSinceClock < TURNS_PER_CLOCK) return queueMicrotask(this.#turn);
    this.#turnsSinceClock = 0;
    const nowMs = this.#clock();
    if (nowMs - this.#yieldedMs < TURN_MS_MAX) return queueMicrotask(this.#turn);
    setImmediate(() => {
      this.#yieldedMs = this.#clock();
      this.#runTurn();
    });
  }

  #rest(): void {
    this.#arm();
    const lanes = this.#lanes;
    if (lanes === undefined) return;
    const rung = lanes.doorbell.park(lanes.hasWork);
    if (rung === undefined) return this.#goOn();
    if (rung === this.#rung) return; // the doorbell of an earlier rest still waits
    this.#rung = rung;
    rung.then(() => this.request());
  }

  /** One timer of the platform for the whole wheel; set anew only when something is due sooner. */
  #arm(): void {
    const nextMs = Math.min(
      this.#host.nextDueMs() ?? Infinity,
      this.#host.cells.size > 0 ? this.#sweepDueMs : Infinity,
    );
    if (nextMs >= this.#timerDueMs) return;
    clearTimeout(this.#timer);
    this.#timerDueMs = nextMs;
    this.#timer = setTimeout(() => {
      this.#timerDueMs = Infinity;
      this.request();
    }, Math.max(1, Math.ceil(nextMs - this.#clock())));
  }
}
