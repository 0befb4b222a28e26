/**
 * A store whose answers a test holds back.
 *
 * @module
 */
import type { FencingToken, SaveResult, StateStore, StoredState } from "../../core/store.ts";
import { Gates } from "./gates.ts";

/** A store that answers when the test says so, by the names `load 1`, `load 2`, `save 1`, … */
export class GatedStore implements StateStore {
  readonly gates = new Gates();
  readonly calls: string[] = [];
  isGated = false;
  readonly #store: StateStore;
  #loads = 0;
  #saves = 0;

  constructor(store: StateStore) {
    this.#store = store;
  }

  async load(key: string): Promise<StoredState | undefined> {
    const name = `load ${++this.#loads}`;
    this.calls.push(`${name} ${key}`);
    if (this.isGated) await this.gates.wait(name);
    return await this.#store.load(key);
  }

  async save(key: string, token: FencingToken, bytes: Uint8Array): Promise<SaveResult> {
    const name = `save ${++this.#saves}`;
    this.calls.push(`${name} ${key}`);
    if (this.isGated) await this.gates.wait(name);
    return await this.#store.save(key, token, bytes);
  }

  generationOf(clusterId: string): Promise<number> {
    return this.#store.generationOf(clusterId);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
