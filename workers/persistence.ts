/**
 * Stored state on one thread: loads it before a cell's first message, writes it under the activation's
 * token, and ends an activation that has been fenced. Touches the store and promises; one per thread.
 *
 * @module
 */
import type { Cell } from "../core/cell.ts";
import { end, loaded, startFailed } from "../core/cell_life.ts";
import { decodeFromBytes, encodeToBytes } from "../core/codec.ts";
import { ActorError, toActorError } from "../core/failure.ts";
import type { HandlerContext } from "../core/handler_context.ts";
import { STATE_BYTES_MAX } from "../core/limits.ts";
import type { RefCodec } from "../core/ref_data.ts";
import {
  type FencingToken,
  fencingToken,
  generationOfToken,
  type StateStore,
  type StoredState,
} from "../core/store.ts";
import { type WaitingThread, withinLimit } from "./store_deadline.ts";

/** What the tokens of one thread are made from. */
export interface TokenSource {
  /** The store's number for this life of the cluster. */
  readonly generation: number;
  /** This life of this thread: grows when a worker is replaced, so that its tokens beat its predecessor's. */
  readonly configuration: number;
}

/** What the store's users need of their thread. */
export interface PersistenceThread extends WaitingThread {
  /** A cell may have become able to run. */
  readonly changed: () => void;
  /** The token a cluster gave to the activation a cell belongs to; without a cluster the store's user makes them. */
  readonly tokenOf: (cell: Cell) => FencingToken | undefined;
  /** Whether a cluster says which activations there are: then one without a token has lost its right to run. */
  readonly isClustered: boolean;
  /** Whether what an actor makes may leave this thread now. */
  readonly mayLeave: () => boolean;
}

/** The store as one thread's cells see it. */
export class Persistence {
  readonly #store: StateStore;
  readonly #source: TokenSource;
  readonly #refs: RefCodec;
  readonly #thread: PersistenceThread;
  #sequence = 0;

  constructor(store: StateStore, source: TokenSource, refs: RefCodec, thread: PersistenceThread) {
    this.#store = store;
    this.#source = source;
    this.#refs = refs;
    this.#thread = thread;
  }

  /** Fetches the state of a cell that is starting. */
  load(cell: Cell): void {
    const token = this.#tokenOf(cell);
    if (token === undefined) {
      return startFailed(cell, new ActorError("fenced", `Cannot load ${cell.key}: this node has lost it`));
    }
    this.#bounded(this.#fetch(storeKey(cell)), `load ${cell.key}`).then(
      (stored) => this.#loaded(cell, token, stored),
      (thrown) => startFailed(cell, toActorError(thrown)),
    ).finally(this.#thread.changed);
  }

  #tokenOf(cell: Cell): FencingToken | undefined {
    const { tokenOf, isClustered } = this.#thread;
    if (isClustered) return tokenOf(cell);
    return fencingToken(this.#source.generation, this.#source.configuration, ++this.#sequence);
  }

  /** Writes the state of the cell that `ctx` runs in. */
  async save({ cell, handler }: HandlerContext): Promise<void> {
    const token = cell.extras?.token;
    if (token === undefined) {
      throw new ActorError("store-missing", `Cannot save ${cell.key}: kind ${cell.kind.name} is not stored`);
    }
    if (!this.#thread.mayLeave()) {
      throw new ActorError("lease-lost", `Cannot save ${cell.key}: this node's lease is out`);
    }
    // Encoded now, before the first await: the state as the handler sees it.
    const bytes = encodeToBytes(cell.state, this.#refs, STATE_BYTES_MAX);
    const result = await this.#bounded(this.#store.save(storeKey(cell), token, bytes), `save ${cell.key}`);
    if (result.kind === "saved") return;
    const error = fenced(cell, token, result.stored, handler);
    if (cell.extras?.token === token) end(cell, "fenced");
    this.#thread.changed();
    throw error;
  }

  #bounded<T>(answer: Promise<T>, what: string): Promise<T> {
    return withinLimit(answer, what, this.#thread);
  }

  // Async, so that a store that throws instead of rejecting is a failed load too.
  async #fetch(key: string): Promise<StoredState | undefined> {
    return await this.#store.load(key);
  }

  #loaded(cell: Cell, token: FencingToken, stored: StoredState | undefined): void {
    if (stored === undefined) return loaded(cell, token, undefined, false);
    if (stored.token > token) return startFailed(cell, fenced(cell, token, stored.token, "onStart"));
    let state: unknown;
    try {
      state = decodeFromBytes(stored.bytes, this.#refs);
    } catch (thrown) {
      return startFailed(cell, toActorError(thrown));
    }
    loaded(cell, token, state, true);
  }
}

/** The key a cell's state is stored under: its kind, because an actor's name alone does not say it. */
function storeKey(cell: Cell): string {
  return cell.isGrain ? cell.key : `${cell.kind.name}@${cell.key}`;
}

function fenced(cell: Cell, own: FencingToken, stored: FencingToken, where: string): ActorError {
  const [ownGeneration, storedGeneration] = [generationOfToken(own), generationOfToken(stored)];
  return new ActorError(
    "fenced-write",
    `Cannot write ${cell.key} in ${where}: another activation has written under a higher token ` +
      `(generation ${storedGeneration}, this one is of generation ${ownGeneration})`,
    { details: { key: cell.key, ownToken: own, storedToken: stored, ownGeneration, storedGeneration } },
  );
}
