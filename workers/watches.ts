/**
 * Who is told when an actor ends, here and on other threads. A watch is always answered in the end: at once
 * when there is no such actor, and when the thread it lived on is lost. Mutable state is in the cells; one
 * per thread.
 *
 * @module
 */
import type { Cell } from "../core/cell.ts";
import { watchedEnded } from "../core/cell_life.ts";
import { ActorError } from "../core/failure.ts";
import type { ActorKey, ThreadIndex } from "../core/ids.ts";
import type { StopReason } from "../core/lifecycle.ts";
import type { Watcher } from "../core/ports.ts";
import type { Target } from "../core/ref.ts";
import { NO_THREAD } from "./foreign_ask.ts";
import type { KindTable } from "./kind_table.ts";
import type { Outbound } from "./outbox.ts";
import type { Refs } from "./refs.ts";

/** What {@link Watches} is given. */
export interface WatchesOptions {
  readonly thread: ThreadIndex;
  readonly cells: ReadonlyMap<ActorKey, Cell>;
  readonly kinds: KindTable;
  readonly refs: Refs;
  readonly outbound: () => Outbound;
  /** Whether an actor may live on another thread or node, and only the cluster knows where. */
  readonly isAbroad: (key: ActorKey) => boolean;
  /** Watches through the cluster; none where that is not possible. */
  readonly watchAbroad: ((watcher: ActorKey, key: ActorKey, kind: string, isOn: boolean) => void) | undefined;
  /** Told of ends whose watcher is no actor of this thread. */
  readonly elsewhere: (watcher: ActorKey, key: ActorKey, kind: string, reason: StopReason) => void;
}

/** The watches of one thread. */
export class Watches {
  readonly #options: WatchesOptions;

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  /** `watcher`, a cell of this thread, wants to know when `target` ends. */
  watch(watcher: Cell, target: Target): void {
    const { thread, outbound } = this.#options;
    const { key } = watcher;
    if (this.#options.isAbroad(target.key)) return this.#watchAbroad(key, target, true);
    if (target.thread === thread) this.watchHere({ thread, key }, target.key, target.kind.name);
    else {outbound().notice(target.thread, {
        notice: "watch",
        watcher: key,
        thread,
        key: target.key,
        kind: target.kind.name,
      });}
  }

  /** It no longer does. */
  unwatch(watcher: Cell, target: Target): void {
    const { thread, outbound } = this.#options;
    const { key } = watcher;
    if (this.#options.isAbroad(target.key)) this.#watchAbroad(key, target, false);
    else if (target.thread === thread) this.unwatchHere({ thread, key }, target.key);
    else {outbound().notice(target.thread, {
        notice: "unwatch",
        watcher: key,
        thread,
        key: target.key,
        kind: target.kind.name,
      });}
  }

  /** `watcher`, wherever it is, wants to know when the actor `key` of this thread ends. */
  watchHere(watcher: Watcher, key: ActorKey, kind: string): void {
    const cell = this.#options.cells.get(key);
    if (cell === undefined) return this.tell(watcher, key, kind, "not-found");
    const watchers = cell.more.watchers ??= [];
    // A watcher that moves may be told in two ways for a while: the one from where it was must not stand for the other.
    if (!watchers.some((known) => isSame(known, watcher))) watchers.push(watcher);
  }

  /** It no longer does. */
  unwatchHere(watcher: Watcher, key: ActorKey): void {
    const extras = this.#options.cells.get(key)?.extras;
    if (extras?.watchers !== undefined) extras.watchers = extras.watchers.filter((known) => !isSame(known, watcher));
  }

  /** Tells a watcher that the actor `key` of this thread has ended. */
  tell(watcher: Watcher, key: ActorKey, kind: string, reason: StopReason): void {
    const { thread, elsewhere, watchAbroad } = this.#options;
    const goesOn = reason === "moved" || reason === "fenced";
    if (watcher.thread === NO_THREAD) elsewhere(watcher.key, key, kind, reason);
    // It goes on elsewhere: the cluster, which wasn't needed for a neighbour, finds it for its watchers.
    else if (watcher.thread === thread && goesOn && watchAbroad !== undefined) {
      watchAbroad(watcher.key, key, kind, true);
    } else if (watcher.thread === thread) this.endedHere(watcher.key, key, kind, reason);
    else this.#options.outbound().notice(watcher.thread, { notice: "ended", watcher: watcher.key, key, kind, reason });
  }

  /** Tells the actor `watcher` of this thread that `key`, wherever it was, has ended. */
  endedHere(watcher: ActorKey, key: ActorKey, kind: string, reason: StopReason): void {
    const cell = this.#options.cells.get(watcher);
    const known = this.#options.kinds.named(kind);
    if (cell === undefined) return this.#options.elsewhere(watcher, key, kind, reason);
    if (known !== undefined) watchedEnded(cell, this.#options.refs.refByKey(known, key), reason);
  }

  #watchAbroad(watcher: ActorKey, { key, kind }: Target, isOn: boolean): void {
    const { watchAbroad } = this.#options;
    if (watchAbroad === undefined) throw cannotWatch(key);
    watchAbroad(watcher, key, kind.name, isOn);
  }

  /** A thread is gone: what was watched there has ended, and nobody there watches any more. */
  threadLost(thread: ThreadIndex): void {
    for (const cell of [...this.#options.cells.values()]) this.#forget(cell, thread);
  }

  #forget(cell: Cell, thread: ThreadIndex): void {
    const { extras } = cell;
    if (extras === undefined) return;
    if (extras.watchers !== undefined) extras.watchers = extras.watchers.filter((watcher) => watcher.thread !== thread);
    for (const target of [...extras.watching?.values() ?? []]) {
      if (target.thread === thread) watchedEnded(cell, this.#options.refs.refTo(target), "worker-lost");
    }
  }
}

function isSame(one: Watcher, other: Watcher): boolean {
  return one.key === other.key && one.thread === other.thread;
}

// Where the threads of a cluster are rigs of a test, which have nobody to find it.
function cannotWatch(key: ActorKey): ActorError {
  return new ActorError("not-supported", `Cannot watch ${key}: it may live on another node of the cluster`);
}
