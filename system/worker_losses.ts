/**
 * What becomes of a worker that died, on the main thread: who waited for it is told, its lanes are drained, and what begins
 * again on its successor is known. Mutable; one per system.
 *
 * One idea: its words come first. What it had put into its lanes before it died was said, and is heard before anybody is
 * told that it is gone.
 *
 * @module
 */
import { ActorError } from "../core/failure.ts";
import type { ThreadIndex } from "../core/ids.ts";
import type { Log } from "../core/ports.ts";
import { directiveFor } from "../core/supervision.ts";
import type { PeerLanes } from "../workers/ring_layout.ts";
import type { Thread } from "../workers/thread_boot.ts";
import type { SpawnRecord } from "../workers/worker_main.ts";
import type { EventStream } from "./event_stream.ts";
import type { SpawnLedger } from "./spawn_ledger.ts";
import type { SystemCluster } from "./system_cluster.ts";

/** What {@link WorkerLosses} is given. */
export interface WorkerLossesOptions {
  readonly main: Thread;
  readonly ledger: SpawnLedger;
  readonly cluster: SystemCluster | undefined;
  readonly events: EventStream;
  readonly log: Log;
}

/** See the module. */
export class WorkerLosses {
  /** Workers that died. */
  count = 0;
  readonly #options: WorkerLossesOptions;
  /** By thread: actors of the cluster that begin again with its successor. */
  readonly #begunAgain = new Map<ThreadIndex, number>();

  constructor(options: WorkerLossesOptions) {
    this.#options = options;
  }

  /** A worker is gone; `lanes` are new, for its successor. */
  lost(index: ThreadIndex, lanes: PeerLanes, reason: string): void {
    const { main, cluster, events, log } = this.#options;
    const old = main.lanes?.replace(index, lanes);
    if (old !== undefined) main.loop.drainLast(old.reader);
    const asksLost = main.host.threadLost(index, reason, old?.writer.countUnread() ?? 0);
    if (cluster !== undefined) this.#begunAgain.set(index, cluster.workerLost(index));
    this.count++;
    log.error("a worker ended and is replaced", { thread: index, reason, asksLost });
    events.publish({ type: "workerLost", thread: index, reason, asksLost });
  }

  /** Its successor runs, with so many of {@link respawn}. */
  replaced(index: ThreadIndex, respawned: number): void {
    const actorsRestarted = respawned + (this.#begunAgain.get(index) ?? 0);
    this.#options.events.publish({ type: "workerReplaced", thread: index, actorsRestarted });
  }

  /** What begins again on a replaced worker: all whose supervision does not say otherwise. */
  respawn(index: ThreadIndex): readonly SpawnRecord[] {
    const { main, ledger } = this.#options;
    const lost = new ActorError("worker-lost", `Cannot go on: worker ${index} ended`);
    return ledger.of(index).filter(({ key, kind }) => {
      const supervision = main.host.kinds.named(kind)?.supervision;
      const directive = supervision === undefined ? "stop" : directiveFor(supervision, lost);
      if (directive === "stop" || directive === "escalate") {
        ledger.remove(key);
        return false;
      }
      return true;
    });
  }
}
