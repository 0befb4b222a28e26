/**
 * What runs on which worker because somebody spawned it, as the main thread remembers it: enough to begin it again
 * when the worker dies. A spawn whose answer is still on its way is not here: nobody has been told that it runs. Nor are
 * grains, which come back by themselves, and children, which their parents make again. Mutable; lives on the main thread;
 * empty when there are no workers, since then nothing can die alone.
 *
 * @module
 */
import type { ActorKey, ThreadIndex } from "../core/ids.ts";
import type { SpawnRecord } from "../workers/worker_main.ts";

/** The spawned actors of a node's workers. */
export class SpawnLedger {
  readonly #records = new Map<ActorKey, SpawnRecord & { readonly thread: ThreadIndex }>();

  /** Remembers an actor that runs on `thread`. Who has the name already keeps it. */
  add(thread: ThreadIndex, record: SpawnRecord): void {
    if (!this.#records.has(record.key)) this.#records.set(record.key, { ...record, thread });
  }

  /** Forgets it: it has ended for good. */
  remove(key: ActorKey): void {
    this.#records.delete(key);
  }

  /** What was spawned on `thread`, in the order of spawning. */
  of(thread: ThreadIndex): readonly SpawnRecord[] {
    return [...this.#records.values()].filter((record) => record.thread === thread)
      .map(({ key, kind, init }) => ({ key, kind, init }));
  }
}
