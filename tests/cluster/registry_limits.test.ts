import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { firstView } from "../../cluster/next_view.ts";
import { ANSWERED_MAX, OPERATIONS_MAX } from "../../cluster/owner.ts";
import {
  foundPartitions,
  leaseChanged,
  partitionMessage,
  partitionsInstalled,
} from "../../cluster/partition_machine.ts";
import { createPartitions, type PartitionEffect, type Partitions } from "../../cluster/partition_state.ts";
import { createRegistryClient, request } from "../../cluster/registry_client.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
import { TIMINGS } from "../../cluster/settings.ts";
import type { Member, View } from "../../cluster/view.ts";
import { epoch, instant, nodeId, type Partition } from "../../core/ids.ts";

const SELF = nodeId("a");
const CLIENT = nodeId("b");
const NOW = { mono: instant(1_000), wall: 1_780_000_000_000 };
const VIEW = firstView("c", { kind: "dynamic" }, ["a", "b"].map(memberOf), [
  { cfg: epoch(1), group: [SELF], next: undefined },
]);

describe("the registry of a node at its limits", () => {
  it("an owner remembers a bounded number of answers for a client that waits for an old one, and then is busy", () => {
    const { state, view } = owner();
    for (let requestId = 1; requestId <= ANSWERED_MAX; requestId++) {
      assert.equal(answerOf(state, view, requestId, 1), "found");
    }
    assert.equal(answerOf(state, view, ANSWERED_MAX + 1, 1), "busy");
    assert.equal(state.owned.get(0 as Partition)?.clients.get(CLIENT)?.answered.size, ANSWERED_MAX);
    assert.equal(answerOf(state, view, 7, 1), "found", "what was answered is answered again");
    assert.equal(answerOf(state, view, ANSWERED_MAX + 2, ANSWERED_MAX), "found", "and then the old ones are forgotten");
    assert.equal(state.owned.get(0 as Partition)?.clients.get(CLIENT)?.answered.size, 2);
  });

  it("a request with more operations than an owner takes ends at once, and certainly did nothing", () => {
    const operations = Array.from({ length: OPERATIONS_MAX + 1 }, (_, index) => ({
      kind: "cas" as const,
      key: `k${index}`,
      expect: "absent" as const,
      record: null,
      opId: `o${index}`,
    }));
    const effects: Parameters<typeof request>[8] = [];
    request(createRegistryClient(), VIEW, 1, "casMany", 0 as Partition, operations, instant(9_000), NOW, effects);
    const [effect] = effects;
    assert.ok(effects.length === 1 && effect?.kind === "answered" && effect.result.kind === "casMany");
    assert.equal(effect.result.results.length, operations.length);
    assert.ok(effect.result.results.every((result) => result.kind === "unavailable" && !result.indeterminate));
  });
});

function owner(): { readonly state: Partitions; readonly view: View } {
  const state = createPartitions({
    self: SELF,
    settings: {
      name: "c",
      partitionCount: 1,
      replicaCount: 1,
      writeQuorum: 1,
      readQuorum: 1,
      rule: { kind: "dynamic" },
      minimumPeersQuorum: 1,
    },
    timings: TIMINGS,
    rules: ALL_RULES,
    chunkEntries: 8,
    changesKept: 8,
    tableBytes: 1 << 20,
  });
  foundPartitions(state, VIEW);
  partitionsInstalled(state, VIEW, undefined, NOW, []);
  leaseChanged(state, true);
  return { state, view: VIEW };
}

function answerOf(state: Partitions, view: View, requestId: number, oldest: number): string {
  const out: PartitionEffect[] = [];
  const { epoch } = view;
  const operations = [{ kind: "get", key: "k" }] as const;
  const partition = 0 as Partition;
  partitionMessage(
    state,
    CLIENT,
    { kind: "registryRequest", epoch, requestId, oldest, partition, operations },
    NOW,
    out,
  );
  const [effect] = out;
  if (effect?.kind !== "send" || effect.message.kind !== "registryReply") return assert.fail("an answer");
  const [answer] = effect.message.answers;
  if (answer === undefined) return assert.fail("an answer to the operation");
  return answer.result.kind === "unavailable" ? answer.result.reason : answer.result.kind;
}

function memberOf(name: string): Member {
  return {
    id: nodeId(name),
    address: `${name}:1`,
    zone: "",
    roles: [],
    kinds: [],
    joinEpoch: epoch(0),
    status: "up",
    capacity: 1,
  };
}
