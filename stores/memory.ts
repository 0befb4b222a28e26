/**
 * State in one thread's memory: for tests, and for systems with `workers: 0` whose state may end with the
 * process. The data belongs to the provider, not to the store: a store opened later finds it, so a restart
 * can be tested in one process. Runs on the thread that made the provider; every operation takes effect
 * at once.
 *
 * @module
 */
import { ActorError } from "../core/failure.ts";
import { OptionsCheck } from "../core/options_check.ts";
import { refusalOfKey, refusalOfState } from "../core/store.ts";
import type { FencingToken, SaveResult, StateStore, StoredState, StoreProvider } from "../core/store.ts";

/** Bytes of states a {@link memoryStore} holds by default. */
export const MEMORY_BYTES_DEFAULT: number = 256 << 20;

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** Bytes of all states together, `1` to 2^53 - 1; 256 MiB by default. A save over it: `store-failed`, not delivered. */
  readonly bytesMax?: number;
}

/**
 * A store in the memory of the thread that calls this. Not shared between threads: `start` refuses it
 * together with workers.
 */
export function memoryStore(options: MemoryStoreOptions = {}): StoreProvider {
  const check = checkOf(options);
  const contents = new Contents(options.bytesMax ?? MEMORY_BYTES_DEFAULT);
  return {
    kind: "memory",
    isShared: false,
    problems: () => check.problems,
    open: () => settled(() => openStore(check, contents)),
  };
}

/** What the provider keeps while stores come and go. */
class Contents {
  readonly #bytesMax: number;
  readonly #states: Map<string, StoredState> = new Map();
  readonly #generations: Map<string, number> = new Map();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  load(key: string): StoredState | undefined {
    const stored = this.#states.get(key);
    return stored && { token: stored.token, bytes: stored.bytes.slice() };
  }

  save(key: string, token: FencingToken, bytes: Uint8Array): SaveResult {
    const stored = this.#states.get(key);
    if (stored !== undefined && token < stored.token) return { kind: "fenced", stored: stored.token };
    const bytesAfter = this.#bytes - (stored?.bytes.byteLength ?? 0) + bytes.byteLength;
    if (bytesAfter > this.#bytesMax) throw refused(`it would hold more than its limit of ${this.#bytesMax} bytes`);
    // Copied on the way in and on the way out: a file would not change with the caller's array either.
    this.#states.set(key, { token, bytes: bytes.slice() });
    this.#bytes = bytesAfter;
    return { kind: "saved" };
  }

  generationOf(clusterId: string): number {
    const known = this.#generations.get(clusterId);
    // None is ever forgotten, so the highest given is how many were given.
    const generation = known ?? this.#generations.size + 1;
    this.#generations.set(clusterId, generation);
    return generation;
  }
}

/** One opening of the contents. */
class MemoryStore implements StateStore {
  readonly #contents: Contents;
  #isClosed = false;

  constructor(contents: Contents) {
    this.#contents = contents;
  }

  load(key: string): Promise<StoredState | undefined> {
    return this.#answer(refusalOfKey(key), () => this.#contents.load(key));
  }

  save(key: string, token: FencingToken, bytes: Uint8Array): Promise<SaveResult> {
    return this.#answer(refusalOfKey(key) ?? refusalOfState(bytes), () => this.#contents.save(key, token, bytes));
  }

  generationOf(clusterId: string): Promise<number> {
    return this.#answer(refusalOfKey(clusterId, "cluster id"), () => this.#contents.generationOf(clusterId));
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  #answer<Result>(refusal: ActorError | undefined, work: () => Result): Promise<Result> {
    const reason = refusal ?? (this.#isClosed ? refused("it is closed") : undefined);
    return reason === undefined ? settled(work) : Promise.reject(reason);
  }
}

function openStore(check: OptionsCheck, contents: Contents): StateStore {
  check.throwIfAny("open a store");
  return new MemoryStore(contents);
}

function checkOf(options: MemoryStoreOptions): OptionsCheck {
  const check = new OptionsCheck();
  check.unknownKeys("memoryStore", options, ["bytesMax"]);
  const range = { min: 1, max: Number.MAX_SAFE_INTEGER, optional: true };
  check.wholeNumber("memoryStore.bytesMax", options.bytesMax, range);
  return check;
}

function refused(reason: string): ActorError {
  return new ActorError("store-failed", `Cannot use the store in memory: ${reason}`, { fate: "not-delivered" });
}

/** What `work` returns or throws, as a promise. */
function settled<Result>(work: () => Result): Promise<Result> {
  return new Promise((resolve) => resolve(work()));
}
