/**
 * What becomes of an actor whose node crashes, as a story one can read: `transcripts/crash_to_relocation.txt`.
 * `UPDATE_TRANSCRIPTS=1` writes it anew: read the difference.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { ALL_RULES } from "../../cluster/rules.ts";
import type { ClusterOperation } from "../../testkit/cluster_process.ts";
import { clusterScenario } from "../../testkit/cluster_scenario.ts";
import { CALM_WORLD, type FaultPlan } from "../../testkit/fault_plan.ts";
import { runPlan } from "../../testkit/sim_run.ts";
import { withStory } from "../../testkit/story.ts";
import { operationWords } from "../../testkit/story_words.ts";

const FILE = new URL("./transcripts/crash_to_relocation.txt", import.meta.url);
const HEAD =
  `Five nodes found a cluster; n4 leads, runs an actor and a singleton, and crashes. Nobody is told: the others find out, wait
until its lease must be over, go on without it, and begin what it ran anew. A message that was sent meanwhile arrives.
Seconds of simulated time; p0 to p4 are partitions.

`;

/** The leader, which runs the singletons. */
const CRASHING = 4;
const PLAN: FaultPlan<ClusterOperation> = {
  seed: 2,
  settings: {
    ...CALM_WORLD,
    nodeCount: 5,
    chaosMs: 20_000,
    stableMs: 500,
    tuning: { replicas: 3, partitions: 5, voting: 0, chunk: 4, changesKept: 64, barrierMs: 0 },
  },
  items: [
    { kind: "op", atMs: 8_000, host: CRASHING, op: { kind: "spawn", name: 1, placement: 0 } },
    { kind: "op", atMs: 8_500, host: 1, op: { kind: "singleton", name: 0 } },
    { kind: "op", atMs: 9_000, host: 0, op: { kind: "message", name: 1, isGrain: false, isAsk: true } },
    { kind: "crash", atMs: 10_000, host: CRASHING, downMs: 0, stays: true },
    { kind: "op", atMs: 15_500, host: 0, op: { kind: "message", name: 1, isGrain: false, isAsk: false } },
  ],
};

describe("the story of a crash", () => {
  it("is what happens, from the crash to the message that arrives elsewhere", () => {
    const lines: string[] = [];
    const told = withStory(clusterScenario(ALL_RULES), (line) => void lines.push(line), operationWords);
    const outcome = runPlan(PLAN, told);
    assert.equal(outcome.violation, undefined);
    const story = `${HEAD}${lines.join("\n")}\n`;
    if (process.env.UPDATE_TRANSCRIPTS === "1") writeFileSync(FILE, story);
    else assert.equal(story, readFileSync(FILE, "utf8"));
  });

  it("changes nothing by being told", () => {
    const told = runPlan(PLAN, withStory(clusterScenario(ALL_RULES), () => {}));
    assert.equal(told.hash, runPlan(PLAN, clusterScenario(ALL_RULES)).hash);
  });
});
