/**
 * A store for simulated nodes: one set of states that all of them see, behind a way that takes time, loses answers and
 * fails. Pure but for its promises; changes in place.
 *
 * One idea: a write has two instants, when it takes effect and when its writer hears of it. Whatever crashes or fails
 * in between is exactly what a fencing token and an honest `unknown` are for.
 *
 * Invariant: what one node asks for takes effect in the order it was asked for. A write under a lower token than the
 * stored one changes nothing, whenever it comes.
 *
 * @module
 */
import { ActorError } from "../core/failure.ts";
import { decodeFromBytes } from "../core/codec.ts";
import {
  type FencingToken,
  refusalOfKey,
  refusalOfState,
  type SaveResult,
  type StateStore,
  type StoredState,
} from "../core/store.ts";

/** How a simulated store behaves. */
export interface SimStoreSettings {
  /** Milliseconds until an operation takes effect, and as much again until its answer, at most. */
  readonly latencyMsMax: number;
  /** Of a thousand operations, how many fail; half of those that fail have taken effect. */
  readonly failPerMille: number;
}

/** Quick, and never fails. */
export const STORE_CALM: SimStoreSettings = { latencyMsMax: 2, failPerMille: 0 };

/** Calls `go` after so many simulated milliseconds. */
export type Later = (ms: number, go: () => void) => void;

/** A number from `0` to below `count`, the next one of a node. */
export type Draw = (count: number) => number;

/** Hears what became of a write when it reached the store; `undefined` when it failed there, without effect. */
export type SaveHeard = (key: string, result: SaveResult | undefined, isFailing: boolean) => void;

/** What is stored. It outlives every node. */
export class SimStoreContents {
  /** Changed at any time: the next operation goes by it. */
  settings: SimStoreSettings;
  /** Writes refused for their token. */
  fencedCount = 0;
  readonly #states = new Map<string, StoredState>();
  readonly #generations = new Map<string, number>();

  constructor(settings: SimStoreSettings) {
    this.settings = settings;
  }

  load(key: string): StoredState | undefined {
    const stored = this.#states.get(key);
    return stored && { token: stored.token, bytes: stored.bytes.slice() };
  }

  save(key: string, token: FencingToken, bytes: Uint8Array): SaveResult {
    const stored = this.#states.get(key);
    if (stored !== undefined && token < stored.token) {
      this.fencedCount++;
      return { kind: "fenced", stored: stored.token };
    }
    this.#states.set(key, { token, bytes });
    return { kind: "saved" };
  }

  generationOf(clusterId: string): number {
    const known = this.#generations.get(clusterId) ?? this.#generations.size + 1;
    this.#generations.set(clusterId, known);
    return known;
  }

  /** The saved states of a kind's grains by name, decoded; refs in them are left out. */
  statesOf(kindName: string): ReadonlyMap<string, unknown> {
    const prefix = `${kindName}:`;
    const found = new Map<string, unknown>();
    for (const [key, { bytes }] of this.#states) {
      if (key.startsWith(prefix)) found.set(key.slice(prefix.length), decodeFromBytes(bytes));
    }
    return found;
  }
}

/** The store as one life of one node sees it. */
export class SimStore implements StateStore {
  readonly #contents: SimStoreContents;
  readonly #later: Later;
  readonly #draw: Draw;
  readonly #heard: SaveHeard | undefined;
  #isGone = false;
  /** Operations sent and not yet in effect, in order. */
  readonly #queue: (() => void)[] = [];
  readonly #waiting = new Map<string, number>();

  constructor(contents: SimStoreContents, later: Later, draw: Draw, heard?: SaveHeard) {
    this.#heard = heard;
    this.#contents = contents;
    this.#later = later;
    this.#draw = draw;
  }

  load(key: string): Promise<StoredState | undefined> {
    return this.#perform(key, refusalOfKey(key), () => this.#contents.load(key));
  }

  save(key: string, token: FencingToken, bytes: Uint8Array): Promise<SaveResult> {
    const copy = bytes.slice();
    return this.#perform(
      key,
      refusalOfKey(key) ?? refusalOfState(bytes),
      () => this.#contents.save(key, token, copy),
      (result, isFailing) => this.#heard?.(key, result, isFailing),
    );
  }

  generationOf(clusterId: string): Promise<number> {
    return this.#perform(clusterId, undefined, () => this.#contents.generationOf(clusterId));
  }

  close(): Promise<void> {
    this.#isGone = true;
    return Promise.resolve();
  }

  /** The node is no more: what is on its way may still take effect, nobody hears of it. */
  abandon(): void {
    this.#isGone = true;
  }

  /** Whether somebody waits for an operation on this key. */
  isBusy(key: string): boolean {
    return this.#waiting.has(key);
  }

  #perform<T>(
    key: string,
    refusal: ActorError | undefined,
    work: () => T,
    done?: (result: T | undefined, isFailing: boolean) => void,
  ): Promise<T> {
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#waiting.set(key, (this.#waiting.get(key) ?? 0) + 1);
    const { latencyMsMax, failPerMille } = this.#contents.settings;
    const isFailing = this.#draw(1_000) < failPerMille;
    const hasEffect = !isFailing || this.#draw(2) === 0;
    const [toMs, backMs] = [this.#latency(latencyMsMax), this.#latency(latencyMsMax)];
    return new Promise((resolve, reject) => {
      this.#queue.push(() => {
        const result = hasEffect ? work() : undefined;
        done?.(result, isFailing);
        this.#later(backMs, () => {
          this.#answered(key);
          if (this.#isGone) return;
          if (isFailing) reject(failure());
          else resolve(result as T);
        });
      });
      // The next one of the queue, whichever timer fires first.
      this.#later(toMs, () => this.#queue.shift()?.());
    });
  }

  #answered(key: string): void {
    const left = (this.#waiting.get(key) ?? 1) - 1;
    if (left === 0) this.#waiting.delete(key);
    else this.#waiting.set(key, left);
  }

  #latency(msMax: number): number {
    return (1 + this.#draw(Math.max(1, msMax * 1_000))) / 1_000;
  }
}

function failure(): ActorError {
  return new ActorError("store-failed", "Cannot tell what became of it: the simulated store has failed");
}
