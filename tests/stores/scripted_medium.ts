/**
 * A medium that fails on demand and a time that stands still: what the queue of `sqlite_group_commit.ts` is
 * tested with.
 *
 * @module
 */
import assert from "node:assert/strict";
import { instant } from "../../core/ids.ts";
import type { FencingToken, SaveResult, StoredState } from "../../core/store.ts";
import type { Medium } from "../../stores/sqlite_medium.ts";
import type { Outside } from "../../stores/sqlite_retry.ts";

/** What the scripted medium throws when others hold it. */
export const BUSY = new Error("busy");

/** A medium in memory that writes down what it did and fails where it is told to. */
export class ScriptedMedium implements Medium {
  readonly log: string[] = [];
  readonly failing: Map<string, Error> = new Map();
  readonly #states: Map<string, StoredState> = new Map();

  begin(isWriting: boolean): void {
    this.#do(isWriting ? "begin writing" : "begin reading");
  }

  load(key: string): StoredState | undefined {
    this.#do(`load ${key}`);
    return this.#states.get(key);
  }

  save(key: string, token: FencingToken, bytes: Uint8Array): SaveResult {
    this.#do(`save ${key}`);
    this.#states.set(key, { token, bytes });
    return { kind: "saved" };
  }

  generationOf(clusterId: string): number {
    this.#do(`generation ${clusterId}`);
    return 1;
  }

  commit(): void {
    this.#do("commit");
  }

  rollback(): void {
    this.log.push("rollback");
  }

  isBusy(thrown: unknown): boolean {
    return thrown === BUSY;
  }

  close(): void {
    this.#do("close");
  }

  fail(how: "busy" | "broken commit" | "broken save" | "well"): void {
    this.failing.clear();
    if (how === "busy") this.failing.set("begin writing", BUSY).set("begin reading", BUSY);
    if (how === "broken commit") this.failing.set("commit", new Error("disk I/O error"));
    if (how === "broken save") this.failing.set("save k1", new Error("disk full"));
  }

  count(what: string): number {
    return this.log.filter((line) => line.startsWith(what)).length;
  }

  #do(what: string): void {
    const failure = this.failing.get(what);
    if (failure !== undefined) throw failure;
    this.log.push(what);
  }
}

/** Time that stands still until a test moves it. */
export class StillOutside implements Outside {
  nowMs = 0;
  readonly turns: (() => void)[] = [];
  readonly timers: { readonly waitMs: number; readonly task: () => void }[] = [];
  readonly waits: number[] = [];

  now(): ReturnType<Outside["now"]> {
    return instant(this.nowMs);
  }

  random(): number {
    return 0.5;
  }

  later(waitMs: number, task: () => void): void {
    this.waits.push(waitMs);
    this.timers.push({ waitMs, task });
  }

  afterTurn(task: () => void): void {
    this.turns.push(task);
  }

  endTurn(): void {
    assert.equal(this.turns.length, 1, "one turn at most is asked for");
    this.endTurns(1);
  }

  endTurns(count: number): void {
    for (let turn = 0; turn < count; turn++) this.turns.shift()?.();
  }

  fireTimer(advanceMs: number | undefined = undefined): void {
    const timer = this.timers.shift();
    assert.ok(timer !== undefined, "a timer is waiting");
    this.nowMs += advanceMs ?? timer.waitMs;
    timer.task();
  }

  /** Ends turns and fires timers until nothing is left to do. */
  runOut(): void {
    while (this.turns.length > 0 || this.timers.length > 0) {
      this.endTurns(1);
      if (this.timers.length > 0) this.fireTimer();
    }
  }
}
