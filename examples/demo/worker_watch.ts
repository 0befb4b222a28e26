/**
 * Notes when workers die and when their successors run. Runs on the main thread.
 *
 * @module
 */
import type { ActorSystem } from "../../mod.ts";

/** One death of one worker. */
export interface Death {
  readonly thread: number;
  readonly reason: string;
  /** Asks of the main thread that ended `unknown`. */
  readonly asksLost: number;
  /** Milliseconds until its successor took messages; `undefined` while it does not. */
  replacedMs: number | undefined;
}

/** The deaths of `system`'s workers from now on: the list grows until the system stops. */
export function watchWorkers(system: ActorSystem): readonly Death[] {
  const deaths: Death[] = [];
  const diedAtMs = new Map<number, number>();
  const events = system.events({ types: ["workerLost", "workerReplaced"] });
  (async () => {
    for await (const event of events) {
      if (event.type === "workerLost") {
        diedAtMs.set(event.thread, performance.now());
        deaths.push({ ...event, replacedMs: undefined });
      } else if (event.type === "workerReplaced") {
        const death = deaths.findLast(({ thread }) => thread === event.thread);
        if (death !== undefined) death.replacedMs = performance.now() - (diedAtMs.get(event.thread) ?? 0);
      }
    }
  })();
  return deaths;
}
