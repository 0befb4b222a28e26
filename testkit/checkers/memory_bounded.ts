/**
 * I13: what a node remembers is bounded by what exists: members, partitions, names, and what is under way. Looks now and
 * then, and closer when the cluster has come to rest. Mutable; one a run.
 *
 * @module
 */
import { SimulationViolation } from "../scenario.ts";
import type { ClusterChecker, Watched } from "./watched.ts";

/** Milliseconds between two looks. */
const LOOK_MS = 1_000;
/** What a node may remember for each host that has ever been: lives come and go, and some news of them is kept. */
const PER_LIFE = 4;
const SPARE = 64;

/** Watches the sizes of everything that could grow. */
export function memoryBounded(): ClusterChecker {
  let lookAtMs = 0;
  let lives = 0;
  return {
    name: "I13 memory bounded",
    onBorn() {
      lives++;
    },
    onStep(world, node) {
      if (world.nowMs < lookAtMs || node.process === undefined) return;
      lookAtMs = world.nowMs + LOOK_MS;
      for (const { process } of world.nodes) {
        if (process !== undefined) look(this.name, process, PER_LIFE * lives + SPARE);
      }
    },
    onEnd(world) {
      for (const { process } of world.nodes) {
        if (process?.core.engine.views.status !== "held") continue;
        const waiting = process.core.engine.client.pending.size;
        if (waiting > SPARE) {
          throw new SimulationViolation(this.name, `${process.id} waits for ${waiting} answers at rest`);
        }
      }
    },
  };
}

function look(name: string, { id, core }: Watched, limit: number): void {
  const { views, bootstrap, partitions } = core.engine;
  const sizes: Readonly<Record<string, number>> = {
    promises: views.acceptor.promisedUntil.size,
    grants: views.lease.grants.size,
    requests: views.lease.sentAt.size,
    news: views.newsAt.size,
    peers: bootstrap.peers.size,
    replicas: partitions.replicas.size - (views.view?.partitions.length ?? 0),
    opinions: core.detector.opinions.size,
    joiners: core.leader.joiners.size,
    suspects: core.leader.cut.suspects.size,
    removed: (views.view?.removed.length ?? 0) - 128,
  };
  for (const [what, size] of Object.entries(sizes)) {
    if (size > limit) throw new SimulationViolation(name, `${id} remembers ${size} ${what}, more than ${limit}`);
  }
}
