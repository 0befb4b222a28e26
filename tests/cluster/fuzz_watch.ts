/**
 * What must be true of a core after every step, whatever it was told.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type ClusterCore, type CoreEffect, viewOf } from "../../cluster/cluster_core.ts";
import { PEERS_KEPT_MAX, REFUSED_KEPT_MAX } from "../../cluster/bootstrap_state.ts";
import type { Now } from "../../cluster/time.ts";
import type { View } from "../../cluster/view.ts";
import type { NodeId, Partition } from "../../core/ids.ts";

/** Looks at one core. */
export interface Watcher {
  onEffect(effect: CoreEffect): void;
  /** The core is about to hear that a node has given its lease back. */
  onRelease(from: NodeId): void;
  onRequest(requestId: number): void;
  afterStep(now: Now): void;
  /** Long after every deadline. */
  atEnd(now: Now): void;
}

/** Begins to look. */
export function watch(core: ClusterCore): Watcher {
  const { views, partitions, client, bootstrap } = core.engine;
  const open = new Set<number>();
  const sealed = new Map<Partition, number>();
  let promises: ReadonlyMap<NodeId, number> = new Map();
  let released: NodeId | undefined;
  let view: View | undefined;
  let round = 0;
  const proposed = new Map<string, string>();
  return {
    onEffect(effect) {
      if (effect.kind === "engineDone" && effect.requestId > 0) {
        assert.ok(open.delete(effect.requestId), `request ${effect.requestId} is answered once, and was asked`);
      }
      if (effect.kind !== "send" || effect.frame.part !== "engine" || effect.frame.message.kind !== "accept") return;
      const { epoch, ballot, view } = effect.frame.message;
      const name = `${epoch} ${ballot.round} ${ballot.by}`;
      const before = proposed.get(name);
      assert.ok(before === undefined || before === view.draft, "one ballot proposes one view");
      assert.equal(ballot.by, core.options.self.id, "a ballot is its proposer's own");
      proposed.set(name, view.draft);
    },
    onRelease(from) {
      released = from;
    },
    onRequest(requestId) {
      open.add(requestId);
    },
    afterStep(now) {
      const present = viewOf(core);
      if (view !== undefined) {
        assert.equal(present?.clusterId, view.clusterId, "a node stays in its cluster");
        assert.ok((present?.epoch ?? 0) >= view.epoch, "the epoch never goes back");
        assert.ok(present === view || present?.epoch !== view.epoch, "one view an epoch");
      }
      view = present;
      assert.ok(views.round >= round, "rounds never go back");
      round = views.round;
      for (const [partition, replica] of partitions.replicas) {
        assert.ok(replica.sealed >= (sealed.get(partition) ?? 0), "a seal never falls");
        assert.ok(replica.bytes >= 0 && replica.seq >= 0, "nothing is counted below nothing");
        assert.ok(replica.sealed >= replica.est, "a copy is sealed against what is older than itself");
        sealed.set(partition, replica.sealed);
      }
      for (const [id, until] of promises) {
        const still = views.acceptor.promisedUntil.get(id);
        if (still !== undefined) assert.ok(still >= until, "a promise never gets shorter");
        else assert.ok(id === released || until <= now.mono, "a promise is kept, unless it was given back");
      }
      promises = new Map(views.acceptor.promisedUntil);
      released = undefined;
      assert.equal(views.loopback.length + partitions.loopback.length, 0, "what a node says to itself is heard");
      assert.equal(partitions.fresh.size, 0, "what a step writes leaves with it");
      assert.ok(views.lease.sentAt.size <= 64 && views.newsAt.size <= 64, "a lease has few memories");
      assert.ok(bootstrap.peers.size <= PEERS_KEPT_MAX && bootstrap.refused.size <= REFUSED_KEPT_MAX);
      assert.ok(client.pending.size <= open.size, "only what was asked is pending");
      assert.ok(partitions.asked.size <= core.options.settings.partitionCount, "one question a partition");
      assert.ok(partitions.replicas.size <= core.options.settings.partitionCount, "one copy a partition");
    },
    atEnd(now) {
      if (core.engine.isRetired) return;
      assert.deepEqual([...open], [], "every request ends by its deadline");
      assert.ok(views.proposal === undefined || views.proposal.deadline > now.mono, "a proposal ends by its deadline");
    },
  };
}
