/**
 * Many operations, one transaction. Operations asked for in one turn of a thread wait in a queue; after
 * the turn they run in one transaction, in order, and their promises resolve after its commit. While
 * another connection holds the medium the queue waits on a timer, never on the medium: the thread goes on.
 * Runs on the thread that opened the store. Knows no SQLite: the medium is an argument, and so are clock,
 * timers and chance.
 *
 * Group commit is as old as IMS/VS Fast Path (Gawlick and Kinkade, *Varieties of Concurrency Control in
 * IMS/VS Fast Path*, 1985).
 *
 * Invariant: an operation leaves the queue exactly when its promise settles, and no promise resolves
 * before the transaction that holds its effect is committed.
 *
 * @module
 */
import { ActorError } from "../core/failure.ts";
import type { Fate } from "../core/failure.ts";
import { after } from "../core/ids.ts";
import type { Instant } from "../core/ids.ts";
import { refusalOfKey, refusalOfState } from "../core/store.ts";
import type { FencingToken, SaveResult, StateStore, StoredState } from "../core/store.ts";
import type { Medium } from "./sqlite_medium.ts";
import { messageOf, retryWaitMs } from "./sqlite_retry.ts";
import type { Outside } from "./sqlite_retry.ts";

/** Operations of one transaction: bounds how long it blocks the thread. The rest runs after the next turn. */
export const BATCH_OPERATIONS_MAX = 512;
/** Bytes read or written after which a transaction takes no further operation. Its last may be larger. */
export const BATCH_BYTES_MAX: number = 4 << 20;

/** What one queue may hold, and for how long. */
export interface GroupCommitLimits {
  /** Milliseconds an operation waits while others hold the medium. At the limit: `store-failed`. */
  readonly timeoutMs: number;
  /** Operations that may wait. At the limit: `store-failed`, not delivered. */
  readonly waitingOperationsMax: number;
  /** Bytes of states that may wait to be written. At the limit: `store-failed`, not delivered. */
  readonly waitingBytesMax: number;
}

/** One load, save or question that waits. */
interface Operation {
  readonly isWriting: boolean;
  /** Bytes it holds while it waits. */
  readonly bytes: number;
  readonly expiresAt: Instant;
  readonly perform: (medium: Medium) => Performed;
  readonly reject: (error: ActorError) => void;
}

/** An operation that ran in a transaction not yet committed. */
interface Performed {
  /** Bytes it read or wrote. */
  readonly bytes: number;
  /** Resolves its promise. */
  readonly settle: () => void;
}

type Outcome =
  | { readonly kind: "committed"; readonly performed: readonly Performed[] }
  | { readonly kind: "busy" }
  | { readonly kind: "split"; readonly count: number }
  | { readonly kind: "failed"; readonly thrown: unknown; readonly lostCount: number };

/** A {@link StateStore} over a {@link Medium}. `place` names the medium in messages: a path. */
export class GroupCommit implements StateStore {
  readonly #place: string;
  readonly #medium: Medium;
  readonly #limits: GroupCommitLimits;
  readonly #outside: Outside;
  #waiting: Operation[] = [];
  #waitingBytes = 0;
  #isScheduled = false;
  /** Retries since the medium was last ours. */
  #retries = 0;
  /** How many from the head run one a transaction, because their common one failed. */
  #aloneCount = 0;
  #closing: PromiseWithResolvers<void> | undefined;

  /** Takes `medium` over: nobody else uses it from now on. */
  constructor(place: string, medium: Medium, limits: GroupCommitLimits, outside: Outside) {
    this.#place = place;
    this.#medium = medium;
    this.#limits = limits;
    this.#outside = outside;
  }

  load(key: string): Promise<StoredState | undefined> {
    return this.#enqueue({
      refusal: refusalOfKey(key),
      isWriting: false,
      bytes: 0,
      perform: (medium) => medium.load(key),
      bytesOf: (stored) => stored?.bytes.byteLength ?? 0,
    });
  }

  save(key: string, token: FencingToken, bytes: Uint8Array): Promise<SaveResult> {
    return this.#enqueue({
      refusal: refusalOfKey(key) ?? refusalOfState(bytes),
      isWriting: true,
      bytes: bytes.byteLength,
      perform: (medium) => medium.save(key, token, bytes),
      bytesOf: () => bytes.byteLength,
    });
  }

  generationOf(clusterId: string): Promise<number> {
    return this.#enqueue({
      refusal: refusalOfKey(clusterId, "cluster id"),
      isWriting: true,
      bytes: 0,
      perform: (medium) => medium.generationOf(clusterId),
      bytesOf: () => 0,
    });
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = Promise.withResolvers<void>();
      this.#goOn();
    }
    return this.#closing.promise;
  }

  #enqueue<Result>(asked: Asked<Result>): Promise<Result> {
    const refusal = asked.refusal ?? this.#refusal(asked.bytes);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        isWriting: asked.isWriting,
        bytes: asked.bytes,
        expiresAt: after(this.#outside.now(), this.#limits.timeoutMs),
        perform: (medium) => {
          const result = asked.perform(medium);
          return { bytes: asked.bytesOf(result), settle: () => resolve(result) };
        },
        reject,
      });
      this.#waitingBytes += asked.bytes;
      this.#goOn();
    });
  }

  #refusal(bytes: number): ActorError | undefined {
    const { waitingOperationsMax, waitingBytesMax } = this.#limits;
    if (this.#closing !== undefined) return this.#failure("it is closed", "not-delivered");
    if (this.#waiting.length >= waitingOperationsMax) {
      return this.#failure(`its limit of ${waitingOperationsMax} operations is waiting`, "not-delivered");
    }
    if (this.#waitingBytes + bytes > waitingBytesMax) {
      return this.#failure(`its limit of ${waitingBytesMax} bytes is waiting`, "not-delivered");
    }
    return undefined;
  }

  /** Takes care that what waits will run, or that a closing store with nothing left closes. */
  #goOn(): void {
    if (this.#isScheduled) return;
    if (this.#waiting.length > 0) {
      this.#isScheduled = true;
      this.#outside.afterTurn(() => this.#runBatch());
    } else if (this.#closing !== undefined) {
      this.#closeMedium(this.#closing);
    }
  }

  #runBatch(): void {
    this.#isScheduled = false;
    const batch = this.#waiting.slice(0, this.#aloneCount > 0 ? 1 : BATCH_OPERATIONS_MAX);
    const outcome = this.#attempt(batch);
    if (outcome.kind === "busy") return this.#retryLater();
    this.#retries = 0;
    switch (outcome.kind) {
      case "committed":
        this.#removeFirst(outcome.performed.length);
        for (const { settle } of outcome.performed) settle();
        break;
      case "split":
        this.#aloneCount = outcome.count;
        break;
      case "failed":
        this.#rejectFirst(outcome.lostCount, this.#errorOf(outcome.thrown));
        break;
      default:
        outcome satisfies never;
    }
    this.#goOn();
  }

  #attempt(batch: readonly Operation[]): Outcome {
    const performed: Performed[] = [];
    let isCommitting = false;
    try {
      this.#medium.begin(batch.some((operation) => operation.isWriting));
      let bytes = 0;
      for (const operation of batch) {
        const done = operation.perform(this.#medium);
        performed.push(done);
        bytes += done.bytes;
        if (bytes >= BATCH_BYTES_MAX) break;
      }
      isCommitting = true;
      this.#medium.commit();
      return { kind: "committed", performed };
    } catch (thrown) {
      this.#medium.rollback();
      // After a failed commit nobody knows: whatever the reason was, those operations are not repeated.
      if (isCommitting) return { kind: "failed", thrown, lostCount: performed.length };
      if (this.#medium.isBusy(thrown)) return { kind: "busy" };
      // Nothing has happened yet, so one bad operation need not take the others with it: each runs alone.
      if (batch.length > 1) return { kind: "split", count: batch.length };
      return { kind: "failed", thrown, lostCount: batch.length };
    }
  }

  #rejectFirst(count: number, error: ActorError): void {
    const lost = this.#waiting.slice(0, count);
    this.#removeFirst(count);
    for (const { reject } of lost) reject(error);
  }

  #retryLater(): void {
    this.#expire();
    const first = this.#waiting[0];
    if (first === undefined) return this.#goOn();
    const remainingMs = first.expiresAt - this.#outside.now();
    const waitMs = Math.min(retryWaitMs(this.#retries, this.#outside.random()), Math.ceil(remainingMs));
    this.#retries++;
    this.#isScheduled = true;
    this.#outside.later(waitMs, () => this.#runBatch());
  }

  /** All wait equally long, so the queue is in order of expiry. */
  #expire(): void {
    const now = this.#outside.now();
    const keptIndex = this.#waiting.findIndex((operation) => operation.expiresAt > now);
    const expiredCount = keptIndex < 0 ? this.#waiting.length : keptIndex;
    this.#rejectFirst(expiredCount, this.#failure(`others held it for ${this.#limits.timeoutMs} ms`, "unknown"));
  }

  #removeFirst(count: number): void {
    for (const { bytes } of this.#waiting.splice(0, count)) this.#waitingBytes -= bytes;
    this.#aloneCount = Math.max(0, this.#aloneCount - count);
  }

  #closeMedium(closing: PromiseWithResolvers<void>): void {
    try {
      this.#medium.close();
      closing.resolve();
    } catch (thrown) {
      closing.reject(this.#errorOf(thrown));
    }
  }

  #errorOf(thrown: unknown): ActorError {
    return thrown instanceof ActorError ? thrown : this.#failure(messageOf(thrown), "unknown", thrown);
  }

  #failure(reason: string, fate: Fate, cause?: unknown): ActorError {
    return new ActorError("store-failed", `Cannot use the store ${this.#place}: ${reason}`, { fate, cause });
  }
}

/** What `#enqueue` is asked: an operation with the type of its result. */
interface Asked<Result> {
  readonly refusal: ActorError | undefined;
  readonly isWriting: boolean;
  readonly bytes: number;
  readonly perform: (medium: Medium) => Result;
  readonly bytesOf: (result: Result) => number;
}
