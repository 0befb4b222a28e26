/**
 * What subscribers see of a cluster's events: each of them, with what is public of it and nothing else.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ClusterFact, EVENT_TYPES } from "../../core/events.ts";
import { epoch, type NodeId, nodeId, type Partition } from "../../core/ids.ts";
import { factOf, infoOf, type SeenEvent } from "../../system/cluster_facts.ts";
import { memberOf } from "../../cluster/view.ts";
import { founded } from "../cluster/view_values.ts";

const VIEW = founded("a b");
const a = nodeId("a");
const gone = nodeId("gone");
const member = memberOf(VIEW, a);
assert.ok(member !== undefined);
const info = infoOf(member);
const counts = { held: 4, relocated: 1, released: 1, excluded: 1, failed: 1 };
const at = epoch(7);

/** Each event with the fact it is. One that is not listed does not compile. */
const FACTS: {
  readonly [Kind in SeenEvent["kind"]]: readonly [SeenEvent & { readonly kind: Kind }, ClusterFact | undefined];
} = {
  nodeJoined: [{ kind: "nodeJoined", epoch: at, node: member }, { type: "nodeJoined", epoch: 7, node: info }],
  nodeLeaving: [{ kind: "nodeLeaving", epoch: at, node: member }, { type: "nodeLeaving", epoch: 7, node: info }],
  nodeLeft: [
    { kind: "nodeLeft", epoch: at, node: member, reason: "lost" },
    { type: "nodeLeft", epoch: 7, node: info, reason: "lost" },
  ],
  leaderChanged: [
    { kind: "leaderChanged", epoch: at, leader: a, term: epoch(3) },
    { type: "leaderChanged", epoch: 7, leader: info, term: 3 },
  ],
  relocationStarted: [
    { kind: "relocationStarted", node: gone, held: 4 },
    { type: "relocationStarted", node: gone, held: 4 },
  ],
  relocationProgress: [
    { kind: "relocationProgress", node: gone, counts },
    { type: "relocationProgress", node: gone, report: counts },
  ],
  relocationDone: [
    { kind: "relocationDone", node: gone, counts },
    { type: "relocationDone", node: gone, report: counts },
  ],
  relocationBlocked: [
    { kind: "relocationBlocked", node: gone, key: "note:a", kindName: "note", role: "web" },
    { type: "relocationBlocked", node: gone, key: "note:a", kind: "note", role: "web" },
  ],
  leaseFrozen: [{ kind: "leaseFrozen" }, { type: "leaseFrozen" }],
  leaseResumed: [{ kind: "leaseResumed", gapMs: 12 }, { type: "leaseResumed", gapMs: 12 }],
  nodeFenced: [
    { kind: "nodeFenced", node: a, reason: "it was removed" },
    { type: "nodeFenced", node: a, reason: "it was removed" },
  ],
  partitionDataLoss: [
    { kind: "partitionDataLoss", partition: 5 as Partition, epoch: at, recovered: 2 },
    { type: "partitionDataLoss", partition: 5, epoch: 7, recovered: 2 },
  ],
  lostClaim: [
    { kind: "lostClaim", key: "note:a", token: { cfg: at, seq: 1 } },
    { type: "claimLost", key: "note:a" },
  ],
  foreignCluster: [
    { kind: "foreignCluster", clusterId: "other", address: "b:1" },
    { type: "foreignCluster", clusterId: "other", address: "b:1" },
  ],
  ghostReleased: [{ kind: "ghostReleased", key: "note:a", opId: "a#1" }, undefined],
  bootstrapTimedOut: [{ kind: "bootstrapTimedOut", seen: [], reason: "alone" }, undefined],
};

describe("facts of a cluster", () => {
  for (const [event, fact] of Object.values(FACTS)) {
    it(`${event.kind} is ${fact === undefined ? "not public" : fact.type}`, () => {
      assert.deepStrictEqual(factOf(event, known), fact);
    });
  }

  it("are events that somebody can subscribe to", () => {
    const types: readonly string[] = EVENT_TYPES;
    for (const [, fact] of Object.values(FACTS)) {
      if (fact !== undefined) assert.ok(types.includes(fact.type), fact.type);
    }
  });

  it("a leader nobody knows is none", () => {
    for (const leader of [undefined, gone]) {
      const fact = factOf({ kind: "leaderChanged", epoch: at, leader, term: epoch(3) }, known);
      assert.deepStrictEqual(fact, { type: "leaderChanged", epoch: 7, leader: undefined, term: 3 });
    }
  });

  it("a member is shown with what is public of it", () => {
    assert.deepEqual(Object.keys(info).toSorted(), ["address", "id", "kinds", "roles", "status", "zone"]);
  });
});

function known(id: NodeId) {
  return memberOf(VIEW, id);
}
