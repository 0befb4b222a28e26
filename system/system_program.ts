/**
 * What a system tells its threads of itself, and the number its store gives it. Pure, but for the store.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { ActorError, toActorError } from "../core/failure.ts";
import { openStore, type ThreadProgram, type ThreadSettings } from "../workers/thread_boot.ts";
import type { CheckedOptions } from "./system_options.ts";

/** What all threads have from the program itself. */
export function programOf(options: CheckedOptions): ThreadProgram {
  return {
    system: options.name,
    kinds: options.kinds,
    store: options.store,
    resources: options.resources,
    log: options.log,
    ...settingsOf(options),
  };
}

/** What the main thread tells its workers. */
export function settingsOf(options: CheckedOptions): ThreadSettings {
  const { workers, partitionCount, askTimeoutMs, asksMax, maxMessageBytes } = options;
  return { workers, partitionCount, askTimeoutMs, asksMax, maxMessageBytes };
}

/** The store's number for a node without a cluster: that is a cluster of one, with a new id in every process. */
export async function loneGeneration({ store }: CheckedOptions): Promise<number> {
  if (store === undefined) return 0;
  const opened = await openStore(store);
  try {
    return await opened.generationOf(randomUUID());
  } catch (thrown) {
    const cause = toActorError(thrown);
    throw new ActorError("start-failed", `Cannot have a generation from the ${store.kind} store: ${cause.message}`, {
      cause,
    });
  } finally {
    await opened.close().catch(() => {}); // Nothing was written that could be lost.
  }
}
