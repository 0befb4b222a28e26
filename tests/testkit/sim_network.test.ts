/**
 * What a simulated network promises, seen by processes that number what they send.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { planArbitrary } from "../../testkit/plan_arbitrary.ts";
import { SimulationViolation } from "../../testkit/scenario.ts";
import { type GossipChecker, type GossipNote, type GossipOperation, OrderChecker } from "./gossip.ts";
import { gossipPlan, observe, type Read, readsOf } from "./observed.ts";

/** An end that has read from one connection is told of its loss, once, before it reads from the next. */
class LossChecker implements GossipChecker {
  readonly name = "link loss";
  readonly #present: Map<string, number> = new Map();
  readonly #told: Map<string, number> = new Map();
  readonly #lost: Set<string> = new Set();

  onNote(_world: unknown, _node: unknown, note: GossipNote): void {
    if (note.kind !== "heard") return;
    const { input } = note;
    if (input.kind === "linkLost") {
      const route = `${note.self}<${input.peer}/${input.lane}`;
      const lost = `${route}#${input.generation}`;
      if (this.#lost.has(lost)) throw new SimulationViolation(this.name, `${lost} is lost twice`);
      this.#lost.add(lost);
      this.#told.set(route, input.generation);
    } else if (input.kind === "frame" && input.generation > 0) {
      const route = `${note.self}<${input.from}/${input.lane}`;
      const present = this.#present.get(route);
      const told = this.#told.get(route) ?? 0;
      if (present !== undefined && present > told && input.generation > present) {
        throw new SimulationViolation(this.name, `${route}: #${input.generation} before the loss of #${present}`);
      }
      this.#present.set(route, Math.max(present ?? 0, input.generation));
    }
  }
}

const operation: fc.Arbitrary<GossipOperation> = fc.oneof(
  fc.record({ kind: fc.constant("burst" as const), count: fc.integer({ min: 1, max: 30 }) }),
  fc.constant({ kind: "retire" as const }),
);

describe("the simulated network", () => {
  it("keeps the order of each connection, loses nothing within one on the data lane, and tells of each loss once", () => {
    const plans = planArbitrary({ nodeCounts: [2, 5], chaosMs: 12_000, itemsMax: 40, operation });
    fc.assert(fc.property(plans, (plan) => void observe(plan, new OrderChecker(), new LossChecker())), { numRuns: 60 });
  });

  it("loses frames of the control lane as often as it is set to, and none of the data lane", () => {
    const checker = new OrderChecker();
    const { outcome, told } = observe(gossipPlan({ lossPerMille: 100 }), checker);
    const reads = readsOf(told);
    const [control, data] = ["control", "data"].map((lane) => reads.filter((read) => read.lane === lane).length);
    const share = 1 - (control ?? 0) / (data ?? 1);
    assert.ok(share > 0.07 && share < 0.13, `lost ${share}`);
    assert.ok(checker.controlGapCount > 10);
    assert.equal(outcome.network.cutOff, 0);
    assert.equal(outcome.network.broken, 0);
  });

  it("uses one connection a pair and lane while nothing goes wrong", () => {
    const { outcome, told } = observe(gossipPlan({ nodeCount: 4 }));
    assert.equal(outcome.network.connections, 4 * 3 / 2 * 2);
    assert.ok(readsOf(told).every((read) => read.generation === 1));
    assert.ok(told.every(({ input }) => input.kind !== "linkLost"));
  });

  it("has two connections of one pair at a time only in worlds that have duplicates", () => {
    const generations = (hasDuplicateConnections: boolean): readonly number[] => {
      const settings = { nodeCount: 2, latencyPercent: 10_000, startSpreadMs: 0, hasDuplicateConnections };
      const reads = readsOf(observe(gossipPlan(settings), new LossChecker()).told);
      return [...new Set(reads.map((read) => read.generation))].sort();
    };
    assert.deepEqual(generations(false), [1]);
    assert.deepEqual(generations(true), [1, 2]);
  });

  it("after a reset gives both ends the loss and then the next generation", () => {
    const { told } = observe(gossipPlan({ nodeCount: 2 }, { kind: "reset", atMs: 5_000, from: 0, to: 1 }));
    for (const host of [0, 1]) {
      const data = told.filter((one) => one.host === host)
        .flatMap(({ input }) =>
          (input.kind === "linkLost" || input.kind === "frame") && input.lane === "data"
            ? [`${input.kind} ${input.generation}`]
            : []
        );
      const runs = data.filter((line, index) => line !== data[index - 1]);
      assert.deepEqual(runs, ["frame 1", "linkLost 1", "frame 2"]);
    }
  });

  it("loses the tail of what was in flight when a connection is reset, and never the middle", () => {
    const burst = { kind: "op", atMs: 4_990, host: 1, op: { kind: "burst", count: 200 } } as const;
    const reset = { kind: "reset", atMs: 5_000, from: 0, to: 1 } as const;
    const plan = gossipPlan({ nodeCount: 2, latencyPercent: 20_000 }, burst, reset);
    const { told } = observe(plan, new OrderChecker());
    const data = readsOf(told).filter((read) => read.host === 0 && read.lane === "data");
    const [before, after] = [1, 2].map((generation) => data.filter((read) => read.generation === generation));
    assert.ok(before?.every((read) => read.atMs <= 5_000));
    const gap = (after?.[0]?.number ?? 0) - (before?.at(-1)?.number ?? 0);
    assert.ok(gap > 100, `${gap}`);
  });

  it("may show an old connection's frames after a newer one's, when one end is late to notice", () => {
    const resets = Array.from({ length: 30 }, (_, at) => (
      { kind: "reset", atMs: 1_000 + at * 300, from: at, to: at + 1 } as const
    ));
    const checker = new OrderChecker();
    observe(gossipPlan({ nodeCount: 2, longPerMille: 100, longMsMax: 3_000 }, ...resets), checker);
    assert.ok(checker.lateCount > 0);
  });

  it("holds what is sent into a short cut, and lets it through in order", () => {
    const cut = { kind: "partition", atMs: 5_000, cut: 0b01, isOneWay: false, forMs: 900 } as const;
    const { told } = observe(gossipPlan({ nodeCount: 2, linkTimeoutMs: 8_000 }, cut), new OrderChecker());
    const reads = readsOf(told).filter((read) => read.lane === "data" && read.host === 1);
    assert.ok(!reads.some((read) => read.atMs > 5_000 && read.atMs < 5_900));
    assert.ok(reads.filter((read) => Math.round(read.atMs) === 5_900).length > 10);
    assert.ok(told.every(({ input }) => input.kind !== "linkLost"));
  });

  it("gives up a connection in a long cut, at both ends, and joins them again after it", () => {
    const cut = { kind: "partition", atMs: 2_000, cut: 0b01, isOneWay: false, forMs: 6_000 } as const;
    const { told } = observe(gossipPlan({ nodeCount: 2, linkTimeoutMs: 1_000 }, cut));
    for (const host of [0, 1]) {
      const lost = told.filter((one) => one.host === host && one.input.kind === "linkLost");
      assert.ok(lost.some((one) => one.atMs > 2_000 && one.atMs < 4_100));
    }
    const after = readsOf(told).filter((read) => read.atMs > 9_000);
    assert.ok(after.some((read) => read.host === 0) && after.some((read) => read.host === 1));
  });

  it("cuts one way only when told so", () => {
    const cut = { kind: "partition", atMs: 2_000, cut: 0b01, isOneWay: true, forMs: 6_000 } as const;
    const { told } = observe(gossipPlan({ nodeCount: 2, linkTimeoutMs: 60_000 }, cut));
    const during = readsOf(told).filter((read) => read.atMs > 2_100 && read.atMs < 7_900);
    assert.ok(during.some((read) => read.host === 0));
    assert.ok(!during.some((read) => read.host === 1));
  });

  it("delays one direction of one pair in a clog, and breaks nothing", () => {
    const clog = { kind: "clog", atMs: 2_000, from: 0, to: 1, forMs: 5_000 } as const;
    const { told, outcome } = observe(gossipPlan({ nodeCount: 3, linkTimeoutMs: 1_000 }, clog), new OrderChecker());
    const during = readsOf(told).filter((read) => read.atMs > 2_100 && read.atMs < 6_900);
    const route = (read: Read): string => `${read.from.split("-")[1]?.split(".")[0]}>${read.host}`;
    assert.deepEqual([...new Set(during.map(route))].sort(), ["0>2", "1>0", "1>2", "2>0", "2>1"]);
    assert.equal(outcome.network.broken, 0);
  });

  it("gives every frame the delay it would have had without a fault elsewhere", () => {
    const times = (plan: ReturnType<typeof gossipPlan>): readonly number[] =>
      readsOf(observe(plan).told).filter((read) => read.host === 1 && read.lane === "data" && read.from.includes("-0."))
        .map((read) => read.atMs);
    const crash = { kind: "crash", atMs: 3_000, host: 2, downMs: 1_000, stays: false } as const;
    assert.deepEqual(times(gossipPlan({ nodeCount: 3 }, crash)), times(gossipPlan({ nodeCount: 3 })));
  });
});
