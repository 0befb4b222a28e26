import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { epoch, instant, type NodeId, nodeId, type Partition } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import { ACTIVATION_MOVES, type ActivationStatus } from "../../cluster/activation.ts";
import { stepDirectory } from "../../cluster/directory.ts";
import type { Claim, DirectoryEffect, DirectoryInput, DirectoryMessage } from "../../cluster/directory_protocol.ts";
import { createDirectory } from "../../cluster/directory_state.ts";
import { dueQueue, putDue, takeDue } from "../../cluster/due_queue.ts";
import type { CasResult, EngineResult, Entry, Holding, LeaseStatus, Version } from "../../cluster/engine.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
import { TIMINGS } from "../../cluster/settings.ts";
import type { View } from "../../cluster/view.ts";

const SETTINGS = {
  name: "test",
  partitionCount: 2,
  replicaCount: 1,
  writeQuorum: 1,
  readQuorum: 1,
  rule: { kind: "dynamic" },
  minimumPeersQuorum: 1,
} as const;

const node: fc.Arbitrary<NodeId> = fc.constantFrom(nodeId("n0"), nodeId("n1"), nodeId("n2"), nodeId("stranger"));
const key = fc.constantFrom("a", "b", "k:g", "", "a/b", "s");
const small = fc.integer({ min: 0, max: 12 });
const id = fc.integer({ min: 0, max: 999 });
const partition = fc.integer({ min: 0, max: 3 }).map((index) => index as Partition);
const version: fc.Arbitrary<Version> = fc.record({ cfg: small.map(epoch), seq: small });
const opId = fc.integer({ min: 0, max: 30 }).map((number) => `n0#${number}`);
const claim: fc.Arbitrary<Claim> = fc.record({
  type: fc.constantFrom<Holding>("actor", "grain", "singleton"),
  kind: fc.constantFrom("k", "other", "none"),
  spec: fc.constant(new Uint8Array(0)),
  isRelocatable: fc.boolean(),
  isEager: fc.boolean(),
  role: fc.constantFrom("", "", "gpu"),
  idempotencyKey: fc.constantFrom("", "i"),
});
const entry: fc.Arbitrary<Entry> = fc.tuple(key, version, opId, claim, node, small)
  .map(([key, version, opId, claim, holder, join]) => ({
    key,
    version,
    opId,
    record: { ...claim, holder, holderJoin: epoch(join) },
  }));
const deadline = fc.integer({ min: 5_000, max: 90_000 }).map(instant);
const placement = fc.constantFrom({ kind: "local" } as const, { kind: "random" } as const);
const create = fc.option(fc.record({ claim, placement }), { nil: undefined });
const expect = fc.oneof(version, fc.constant("absent" as const));
const maybeEntry = fc.option(entry, { nil: null });

const message: fc.Arbitrary<DirectoryMessage> = fc.oneof(
  fc.record({ kind: fc.constant("want" as const), key, create, notAt: fc.option(version, { nil: undefined }) }),
  fc.record({
    kind: fc.constant("located" as const),
    key,
    entry: fc.option(entry, { nil: undefined }),
    absent: fc.constantFrom(undefined, "absent" as const),
  }),
  fc.record({
    kind: fc.constant("hint" as const),
    key,
    claim,
    expect,
    why: fc.constantFrom("grain" as const, "relocation" as const),
  }),
  fc.record({
    kind: fc.constant("hintRefused" as const),
    key,
    expect,
    why: fc.constantFrom("leaving" as const, "busy" as const),
  }),
  fc.record({ kind: fc.constant("spawnRequest" as const), requestId: id, key, claim, waitMs: fc.double() }),
  fc.record({
    kind: fc.constant("spawnAnswer" as const),
    requestId: small,
    result: fc.constantFrom(
      { kind: "stopped" } as const,
      {
        kind: "failed",
        failure: { code: "system-stopping", fate: "not-delivered", holder: undefined, reason: "" },
      } as const,
    ),
  }),
  fc.record({ kind: fc.constant("stopRequest" as const), requestId: small, key, token: version }),
  fc.record({ kind: fc.constant("stopAnswer" as const), requestId: small }),
  fc.record({
    kind: fc.constant("handoff" as const),
    key,
    version,
    claim,
    snapshot: fc.constantFrom(undefined, new Uint8Array(2)),
  }),
  fc.record({ kind: fc.constant("handoffAck" as const), key, version, isTaken: fc.boolean() }),
  fc.record({
    kind: fc.constant("holdAudit" as const),
    partition,
    at: version,
    lines: fc.array(fc.record({ key, opId }), { maxLength: 3 }),
    isWhole: fc.boolean(),
  }),
  fc.constant({ kind: "leaveRequest" as const }),
);

const casResult: fc.Arbitrary<CasResult> = fc.oneof(
  fc.record({ kind: fc.constant("ok" as const), version }),
  fc.record({ kind: fc.constant("conflict" as const), current: maybeEntry }),
  fc.record({
    kind: fc.constant("unavailable" as const),
    reason: fc.constant("moving" as const),
    retryAfterMs: small,
    indeterminate: fc.boolean(),
  }),
);
const engineResult: fc.Arbitrary<EngineResult> = fc.oneof(
  {
    weight: 6,
    arbitrary: version.map((version) => ({ kind: "cas" as const, result: { kind: "ok" as const, version } })),
  },
  { weight: 4, arbitrary: casResult.map((result) => ({ kind: "cas" as const, result })) },
  maybeEntry.map((entry) => ({ kind: "get" as const, result: { kind: "found" as const, entry } })),
  fc.array(casResult, { maxLength: 3 }).map((results) => ({ kind: "casMany" as const, results })),
  fc.tuple(fc.array(entry, { maxLength: 4 }), fc.boolean())
    .map(([entries, isComplete]) => ({ kind: "scan" as const, entries, isComplete })),
  fc.constant({ kind: "releaseLease" as const }),
);

/** What ends everything, so that not much would be seen if it came often. */
const rarely = fc.integer({ min: 0, max: 99 }).map((number) => number === 50);

const view: fc.Arbitrary<View> = fc.tuple(
  rarely,
  fc.uniqueArray(fc.constantFrom("n1", "n2", "n3"), { minLength: 1, maxLength: 3 })
    .chain((ids) => fc.shuffledSubarray(["n0", ...ids], { minLength: ids.length + 1 })),
  fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant(nodeId("n0")) }, node), { minLength: 1, maxLength: 2 }),
  fc.integer({ min: 0, max: 5 }).map((number) => number === 3),
).map(([isOut, ids, owners, isLeaving]) => ({
  clusterId: "c",
  draft: "",
  epoch: epoch(0), // Numbered as they come.
  rule: { kind: "dynamic" },
  members: ids.filter((id) => id !== "n0" || !isOut).map((id) => ({
    id: nodeId(id),
    address: id,
    zone: "",
    roles: id === "n1" ? ["gpu"] : [],
    kinds: ["k", "other"],
    joinEpoch: epoch(1),
    status: isLeaving && id === "n0" ? "leaving" : "up",
    capacity: 1,
  })),
  voters: [],
  need: 0,
  leader: nodeId(ids[0] ?? "n0"),
  leaderTerm: epoch(1),
  partitions: owners.map((owner) => ({ cfg: epoch(1), group: [owner], next: undefined })),
  removed: [],
}));

const FIRST_VIEW: View = {
  clusterId: "c",
  draft: "",
  epoch: epoch(5),
  rule: { kind: "dynamic" },
  members: ["n0", "n1"].map((id) => ({
    id: nodeId(id),
    address: id,
    zone: "",
    roles: [],
    kinds: ["k", "other"],
    joinEpoch: epoch(1),
    status: "up",
    capacity: 1,
  })),
  voters: [],
  need: 0,
  leader: nodeId("n0"),
  leaderTerm: epoch(1),
  partitions: [0, 1].map(() => ({ cfg: epoch(1), group: [nodeId("n0")], next: undefined })),
  removed: [],
};

/** Versions that the state knows make many more inputs matter: `pick` chooses one of its tokens. */
type Wish =
  | DirectoryInput
  | { readonly kind: "advance"; readonly ms: number }
  | { readonly kind: "host"; readonly pick: number; readonly what: "started" | "broken" | "ended" | "stopped" }
  | { readonly kind: "answer"; readonly pick: number; readonly result: EngineResult };

const wish: fc.Arbitrary<Wish> = fc.oneof(
  fc.record({ kind: fc.constant("advance" as const), ms: fc.integer({ min: 0, max: 3_000 }) }),
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("host" as const),
      pick: small,
      what: fc.constantFrom("started" as const, "broken" as const, "ended" as const, "stopped" as const),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("answer" as const), pick: small, result: engineResult }) },
  fc.record({ kind: fc.constant("message" as const), from: node, message }),
  fc.record({
    kind: fc.constant("spawn" as const),
    requestId: id,
    key,
    claim,
    placement: fc.constant({ kind: "local" as const }),
    deadline,
  }),
  fc.record({ kind: fc.constant("singleton" as const), requestId: small, key, claim, deadline }),
  fc.record({ kind: fc.constantFrom("stop" as const, "locate" as const), requestId: small, key, deadline }),
  fc.record({ kind: fc.constant("resolve" as const), key, create, notAt: fc.constant(undefined) }),
  fc.record({ kind: fc.constant("engineDuty" as const), partition, isOn: fc.boolean() }),
  fc.record({ kind: fc.constant("engineEntry" as const), partition, key, entry: maybeEntry }),
  fc.record({ kind: fc.constant("holdingsWanted" as const), partition, cfg: small.map(epoch) }),
  fc.tuple(rarely, fc.constantFrom<LeaseStatus>("none", "held", "held", "held", "soft", "frozen"))
    .map(([isOut, status]) => ({ kind: "engineLease" as const, status: isOut ? "fenced" as const : status })),
  view.map((view) => ({ kind: "engineView" as const, view, previous: undefined })),
);
const leaving = fc.record({ kind: fc.constant("leave" as const), requestId: fc.constant(99), deadline });

describe("a directory", () => {
  it("never throws, ends no request twice, and starts nothing that it did not claim, whatever it is told", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 120, arbitrary: wish }, leaving), { minLength: 40, maxLength: 120, size: "max" }),
        (wishes) => {
          const directory = createDirectory({
            self: nodeId("n0"),
            settings: SETTINGS,
            timings: TIMINGS,
            rules: ALL_RULES,
            random: seededRandom(1),
            barrier: { minimumMembers: 2, timeoutMs: 1_000, onTimeout: "fail" },
          });
          let now = 0;
          const asked: number[] = [];
          const tokens: { readonly key: string; readonly token: Version }[] = [];
          let open = 0;
          let views = 5;
          const step = (input: DirectoryInput) => {
            const out: DirectoryEffect[] = [];
            stepDirectory(directory, input, { mono: instant(now), wall: now }, out);
            for (const effect of out) {
              if (effect.kind === "engine") asked.push(effect.requestId);
              if (effect.kind === "start") tokens.push(effect);
              if (effect.kind === "done") open--;
            }
          };
          step({ kind: "engineLease", status: "held" });
          step({ kind: "engineView", view: FIRST_VIEW, previous: undefined });
          for (const each of wishes) {
            if (each.kind === "advance") {
              now += each.ms;
              step({ kind: "tick" });
            } else if (each.kind === "answer") {
              step({ kind: "engineDone", requestId: asked.at(-1 - each.pick % 4) ?? 0, result: each.result });
            } else if (each.kind === "host") {
              const { key, token } = tokens.at(-1 - each.pick % 3) ??
                { key: "a", token: { cfg: epoch(1), seq: 1 } };
              if (each.what === "ended") step({ kind: "ended", key, token });
              else if (each.what === "stopped") step({ kind: "stoppedFor", key, token, snapshot: undefined });
              else step({ kind: "started", key, token, error: each.what === "broken" ? "no" : undefined });
            } else {
              if ("requestId" in each && each.kind !== "engineDone") open++;
              step(each.kind === "engineView" ? { ...each, view: { ...each.view, epoch: epoch(++views) } } : each);
            }
          }
          const beginning = [...directory.activations.values()].filter(({ status }) =>
            status === "claiming" || status === "starting"
          );
          assert.equal(directory.startingCount, beginning.length);
          assert.ok(open >= 0);
          for (const [partition, siblings] of directory.byPartition) {
            for (const [key, activation] of siblings) {
              assert.equal(directory.activations.get(key), activation);
              assert.equal(activation.partition, partition);
            }
          }
        },
      ),
      { numRuns: 600 },
    );
  });
});

describe("the moves of an activation", () => {
  it("lead from every status to its end, and never back to a claim", () => {
    const ends = new Set<ActivationStatus>(["claiming", "handing", "releasing", "lost"]);
    for (const [status, next] of Object.entries(ACTIVATION_MOVES)) {
      assert.ok(!next.includes("claiming"), status);
      const isEnding = [...ends].some((end) => end === status) || next.some((each) => ends.has(each));
      assert.ok(isEnding, status);
    }
  });
});

describe("the queue of what is due", () => {
  it("gives things by time, then in the order in which they were put in, and nothing before its time", () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60 }), small, (times, now) => {
      const queue = dueQueue<number>();
      times.forEach((at, index) => putDue(queue, instant(at), index));
      const taken: number[] = [];
      for (let next = takeDue(queue, instant(now)); next; next = takeDue(queue, instant(now))) taken.push(next.item);
      const wanted = times.map((at, index) => ({ at, index })).filter(({ at }) => at <= now)
        .toSorted((one, other) => one.at - other.at || one.index - other.index);
      assert.deepEqual(taken, wanted.map(({ index }) => index));
    }));
  });
});
