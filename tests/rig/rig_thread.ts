/**
 * One thread of a rig: the real host, outbox, lanes and inbox, with a loop that does nothing by itself. All threads of a
 * rig live in the thread of the test and share memory as real ones do.
 *
 * @module
 */
import { type Instant, instant, type ThreadIndex } from "../../core/ids.ts";
import type { TroupeEvent } from "../../core/events.ts";
import { EVENT_TYPES } from "../../core/events.ts";
import type { AnyKind } from "../../core/kind.ts";
import { MESSAGES_PER_TURN } from "../../core/limits.ts";
import type { Log } from "../../core/ports.ts";
import { seededRandom } from "../../core/random.ts";
import type { StateStore } from "../../core/store.ts";
import { Inbox } from "../../workers/inbox.ts";
import { KindTable } from "../../workers/kind_table.ts";
import { LaneSet } from "../../workers/lane_set.ts";
import { Outbox } from "../../workers/outbox.ts";
import { Persistence } from "../../workers/persistence.ts";
import type { ThreadLanes } from "../../workers/ring_layout.ts";
import { WatchedHost } from "./watched_host.ts";

/** What a rig gives each of its threads. */
export interface RigThreadOptions {
  readonly index: number;
  /** Which life of this thread it is, from 1. */
  readonly life: number;
  readonly workers: number;
  readonly kinds: readonly AnyKind[];
  readonly lanes: ThreadLanes | undefined;
  readonly store: StateStore | undefined;
  readonly clock: () => number;
  readonly seed: number;
  readonly askTimeoutMs: number;
  readonly asksMax: number;
  readonly resources: ReadonlyMap<string, unknown>;
  readonly overflowRecordsMax: number | undefined;
  readonly event: (event: TroupeEvent) => void;
  readonly log: (line: string) => void;
}

/** How much one turn does. */
export interface TurnLimits {
  /** Records taken from each lane. */
  readonly drain?: number;
  /** Messages run. */
  readonly run?: number;
  /** Whether what was sent is shown to the other threads. */
  readonly flush?: boolean;
}

const ALL_EVENTS = (1 << EVENT_TYPES.length) - 1;
const INVOCATIONS_PER_LIFE = 2 ** 32;

/** One thread. */
export class RigThread {
  readonly index: ThreadIndex;
  readonly host: WatchedHost;
  readonly lanes: LaneSet | undefined;
  readonly inbox: Inbox;
  /** Whether the host has asked for a turn, or the last one left something to do. */
  isRequested = false;
  readonly #clock: () => number;

  constructor(options: RigThreadOptions) {
    const { index, life, store } = options;
    this.index = index as ThreadIndex;
    this.#clock = options.clock;
    const lanes = options.lanes === undefined
      ? undefined
      : new LaneSet(options.lanes, { spinUs: 0, overflowRecordsMax: options.overflowRecordsMax });
    this.lanes = lanes;
    const kinds = new KindTable(options.kinds);
    this.host = new WatchedHost({
      system: "rig",
      thread: this.index,
      workers: options.workers,
      partitionCount: 271,
      kinds,
      askTimeoutMs: options.askTimeoutMs,
      asksMax: options.asksMax,
      clock: (): Instant => instant(options.clock()),
      wallClock: () => 1_700_000_000_000 + options.clock(),
      random: seededRandom(options.seed * 64 + index),
      firstInvocation: (life * 64 + index) * INVOCATIONS_PER_LIFE,
      log: logTo(options.log),
      resources: options.resources,
      outbound: lanes === undefined ? undefined : (refs) => new Outbox(lanes, kinds, refs),
      persistence: store === undefined
        ? undefined
        : (refs, changed) => new Persistence(store, { generation: 1, configuration: life }, refs, changed),
      request: () => {
        this.isRequested = true;
      },
      report: options.event,
      wantedEvents: () => ALL_EVENTS,
      released: () => {},
    });
    this.inbox = new Inbox(this.host, {
      event: ({ event }) => options.event(event),
      released: () => {},
      cluster: undefined,
    });
  }

  /** One turn, as `ThreadLoop` does it; whether another should follow at once. */
  turn({ drain = MESSAGES_PER_TURN, run = MESSAGES_PER_TURN, flush = true }: TurnLimits = {}): boolean {
    const { host, lanes } = this;
    this.isRequested = false;
    host.enter();
    host.fireDue();
    const drained = lanes?.drain(drain, this.inbox) ?? 0;
    const hasMore = host.runCells(run);
    host.leave();
    if (flush) lanes?.flush();
    if (hasMore || drained > 0 || !flush) this.isRequested = true;
    return this.isRequested;
  }

  /** Whether `ThreadLoop` would run a turn now: it was asked to, something is due, or a lane has work. */
  get wantsTurn(): boolean {
    if (this.isRequested || (this.lanes?.hasWork() ?? false)) return true;
    const dueMs = this.host.nextDueMs();
    return dueMs !== undefined && dueMs <= this.#clock();
  }
}

function logTo(write: (line: string) => void): Log {
  const at = (level: string) => (message: string) => write(`${level}: ${message}`);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
