/**
 * A store in memory that fails on demand, in each way a real one may.
 *
 * @module
 */
import { ActorError, memoryStore, type StateStore, type StoreProvider } from "../../mod.ts";

/** What becomes of one save: done; failed and not done; done, and reported as failed. */
export type SaveFate = "saved" | "lost" | "saved-unheard";

/** What goes wrong. Mutable: a test mends it. */
export interface Trouble {
  /** Fates of the next saves, in order; after the last one all are saved. */
  readonly saves: SaveFate[];
  /** Keys that cannot be loaded. */
  readonly unreadable: Set<string>;
}

/** A store with `trouble`. */
export function troubledStore(trouble: Trouble): StoreProvider {
  const provider = memoryStore();
  return { ...provider, open: async () => troubled(await provider.open(), trouble) };
}

function troubled(store: StateStore, { saves, unreadable }: Trouble): StateStore {
  return {
    async load(key) {
      if (unreadable.has(key)) throw storeFailed();
      return await store.load(key);
    },
    async save(key, token, bytes) {
      const fate = saves.shift() ?? "saved";
      if (fate === "lost") throw storeFailed();
      const result = await store.save(key, token, bytes);
      if (fate === "saved-unheard") throw storeFailed();
      return result;
    },
    generationOf: (clusterId) => store.generationOf(clusterId),
    close: () => store.close(),
  };
}

function storeFailed(): ActorError {
  return new ActorError("store-failed", "the test makes the store fail");
}
