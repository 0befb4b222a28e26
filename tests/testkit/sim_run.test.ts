/**
 * Runs as a whole: the same each time, in two phases, and always over in the end.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { CALM_WORLD } from "../../testkit/fault_plan.ts";
import { planOf, USUAL_RECIPE } from "../../testkit/plan_recipe.ts";
import type { Scenario } from "../../testkit/scenario.ts";
import { runPlan } from "../../testkit/sim_run.ts";
import { bullies } from "./bully.ts";
import {
  type Gossip,
  gossip,
  type GossipFrame,
  gossiping,
  type GossipNote,
  type GossipOperation,
  OrderChecker,
} from "./gossip.ts";
import { gossipPlan, observe, readsOf } from "./observed.ts";

type GossipScenario = Scenario<GossipFrame, GossipOperation, GossipNote, Gossip>;

describe("a run", () => {
  it("has the same hash twice in a row, and with or without checkers and a transcript", () => {
    const plan = planOf<GossipOperation>(11, USUAL_RECIPE);
    const lines: string[] = [];
    const hashes = [
      runPlan(plan, gossiping()).hash,
      runPlan(plan, gossiping(new OrderChecker())).hash,
      runPlan(plan, gossiping(), { trace: (line) => void lines.push(line) }).hash,
    ];
    assert.deepEqual(new Set(hashes).size, 1);
    assert.ok(lines.length > 1_000);
  });

  it("has the hash it always had, on every runtime", () => {
    const hashes = [1, 2, 3, 4, 5, 6].map((seed) => runPlan(planOf(seed, USUAL_RECIPE), gossiping()).hash);
    assert.deepEqual(hashes, [
      "42e4188f6ed6d919",
      "050b465ded274858",
      "1b514c32183467ed",
      "a46bba1a4f8196aa",
      "81043fcef8f133e1",
      "a75de2a79d1d7c0e",
    ]);
  });

  it("has another hash with another seed", () => {
    const plan = gossipPlan({});
    assert.notEqual(runPlan({ ...plan, seed: 8 }, gossiping()).hash, runPlan(plan, gossiping()).hash);
  });

  it("loses nothing and delays little once all is mended", () => {
    const settings = { lossPerMille: 100, longPerMille: 100, longMsMax: 1_000, chaosMs: 4_000, stableMs: 4_000 };
    const { told } = observe(gossipPlan({ ...settings, nodeCount: 2 }));
    const late = readsOf(told).filter((read) => read.host === 1 && read.atMs > 6_000);
    const [control, data] = ["control", "data"].map((lane) =>
      late.filter((read) => read.lane === lane).map((read) => read.number)
    );
    assert.ok(data !== undefined && data.length > 30);
    assert.deepEqual(control, data);
  });

  it("ends cuts, pauses and suspends with the chaos", () => {
    const { told } = observe(gossipPlan(
      { nodeCount: 3, chaosMs: 5_000 },
      { kind: "partition", atMs: 1_000, cut: 0b001, isOneWay: false, forMs: 60_000 },
      { kind: "pause", atMs: 2_000, host: 1, forMs: 60_000 },
      { kind: "suspend", atMs: 2_000, host: 2, forMs: 60_000 },
    ));
    const heard = readsOf(told).filter((read) => read.atMs > 5_500).map((read) => `${read.from}>${read.host}`);
    assert.equal(new Set(heard).size, 6);
  });

  it("asks for what the cast wants when all is mended", () => {
    const scenario: GossipScenario = {
      name: "gossip",
      begin: () => ({
        subject: gossip,
        checkers: [],
        operationsWhenHealed: () => [{ host: 0, operation: { kind: "throw" } }],
      }),
    };
    const { violation } = runPlan(gossipPlan({}), scenario);
    assert.equal(violation?.checker, "process");
    assert.equal(violation?.atMs, 10_000);
  });

  it("fails when the cluster is not well in time, and says why not", () => {
    const scenario: GossipScenario = {
      name: "gossip",
      begin: () => ({ subject: gossip, checkers: [], converged: () => "three is a crowd" }),
    };
    const { violation, simulatedMs } = runPlan(gossipPlan({ convergeMs: 3_000 }), scenario);
    assert.equal(violation?.checker, "converged");
    assert.match(violation.message, /three is a crowd/);
    assert.equal(simulatedMs, 13_000);
  });

  it("says how long the cluster took to be well", () => {
    const plan = { seed: 1, settings: { ...CALM_WORLD, chaosMs: 5_000 }, items: [] };
    const { violation, convergedAfterMs } = runPlan(plan, bullies);
    assert.equal(violation, undefined);
    assert.ok(convergedAfterMs !== undefined && convergedAfterMs >= 8_000 && convergedAfterMs <= 8_500);
  });

  it("ends as a violation of the process that throws, with its error", () => {
    const { violation } = runPlan(
      gossipPlan({}, { kind: "op", atMs: 3_000, host: 1, op: { kind: "throw" } }),
      gossiping(),
    );
    assert.equal(violation?.checker, "process");
    assert.match(violation.message, /threw at operation: asked to throw/);
    assert.ok(violation.cause instanceof Error);
  });

  it("ends when something sends for ever, in no time or in ever more frames", () => {
    const storm = (toItself: boolean): GossipScenario => ({
      name: "storm",
      begin: () => ({
        subject: {
          ...gossip,
          create: (birth) => {
            const process = gossip.create(birth);
            process.step = (input, _now, out) => {
              if (input.kind === "discovered") {
                for (const address of input.addresses) out.push({ kind: "greet", address, frame: { kind: "hello" } });
              } else if (input.kind === "frame") {
                const to = toItself ? process.id : input.from;
                out.push({ kind: "send", to, lane: "data", frame: input.frame });
                if (!toItself) out.push({ kind: "send", to, lane: "data", frame: input.frame });
              }
            };
            return process;
          },
        },
        checkers: [],
      }),
    });
    const circle = runPlan(gossipPlan({}), storm(true), { eventsMax: 50_000 });
    assert.match(circle.violation?.message ?? "", /More than 50000 events happened/);
    const flood = runPlan(gossipPlan({}), storm(false), { waitingMax: 10_000 });
    assert.match(flood.violation?.message ?? "", /More than 10000 events wait/);
  });

  it("looks closer at one frame in twenty", () => {
    let looked = 0;
    const scenario: GossipScenario = {
      name: "gossip",
      begin: () => ({
        subject: { ...gossip, checkFrame: () => ++looked === 30 ? "the thirtieth is not itself" : undefined },
        checkers: [],
      }),
    };
    const { violation, network } = runPlan(gossipPlan({}), scenario);
    assert.equal(violation?.checker, "frame");
    assert.ok(network.sent <= 600 && network.sent > 550);
  });
});
