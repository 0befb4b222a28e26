/**
 * The split table is what clusters do: every cut of small clusters, under every rule for votes, is simulated, and who still
 * has a lease is who the table says.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { NodeId } from "../../core/ids.ts";
import { standing } from "../../cluster/lease.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
import { survivorOf } from "../../cluster/split_table.ts";
import type { View } from "../../cluster/view.ts";
import type { ClusterChecker, WatchedWorld } from "../../testkit/checkers/watched.ts";
import { CALM_WORLD, type FaultPlan, isInCut } from "../../testkit/fault_plan.ts";
import type { RegistryOperation } from "../../testkit/registry_process.ts";
import { registryScenario } from "../../testkit/registry_scenario.ts";
import { runPlan } from "../../testkit/sim_run.ts";

/** By then every cluster has come together. */
const CUT_MS = 15_000;
/** Longer than a lease, and than the first removals after it. */
const LOOK_MS = CUT_MS + 25_000;
const NODES_MAX = 5;

/** As the numbers of the registry scenario's tuning. */
const RULES = [
  { name: "dynamic", voting: 0, seeds: 3, nodesMin: 1 },
  { name: "three seeds", voting: 1, seeds: 3, nodesMin: 3 },
  { name: "all seeds", voting: 1, seeds: NODES_MAX, nodesMin: 1 },
  { name: "oldest", voting: 2, seeds: 3, nodesMin: 1 },
];

describe("the split table", () => {
  for (const rule of RULES) {
    for (let nodeCount = rule.nodesMin; nodeCount <= NODES_MAX; nodeCount++) {
      it(`says who survives every cut of ${nodeCount} nodes with ${rule.name}`, () => {
        // Cuts are sides of a coin: the first host is always on the same one.
        for (let cut = 0; cut < 2 ** (nodeCount - 1); cut++) {
          assertVerdict(planOfCut(nodeCount, rule, 2 * cut), 2 * cut);
        }
      });
    }
  }
});

function planOfCut(
  nodeCount: number,
  { voting, seeds }: { readonly voting: number; readonly seeds: number },
  cut: number,
): FaultPlan<RegistryOperation> {
  const tuning = { replicas: 3, partitions: 3, voting, seeds };
  const settings = { ...CALM_WORLD, nodeCount, tickMs: 100, chaosMs: LOOK_MS + 1_000, convergeMs: 1_000, tuning };
  const items = cut === 0
    ? []
    : [{ kind: "partition", atMs: CUT_MS, cut, isOneWay: false, forMs: 10 * LOOK_MS } as const];
  return { seed: 1 + cut, settings, items };
}

function assertVerdict(plan: FaultPlan<RegistryOperation>, cut: number): void {
  let before: View | undefined;
  let serving: ReadonlySet<NodeId> | undefined;
  const scenario = registryScenario(ALL_RULES);
  const watched: typeof scenario = {
    name: "split",
    begin: () => {
      const { subject, checkers } = scenario.begin(plan);
      const watch: ClusterChecker = {
        name: "watch",
        onStep(world) {
          if (before === undefined && world.nowMs >= CUT_MS - 200) {
            before = world.nodes[0]?.process?.core.engine.views.view;
          }
          if (serving === undefined && world.nowMs >= LOOK_MS) serving = servingIn(world);
        },
      };
      return { subject, checkers: [...checkers, watch] };
    },
  };
  const { violation } = runPlan(plan, watched);
  assert.equal(violation, undefined);
  assert.ok(before !== undefined && serving !== undefined, "the cluster came together, and was looked at");
  const sides = [true, false].map((side) =>
    before?.members.filter(({ address }) => isInCut(cut, hostOf(address)) === side).map(({ id }) => id) ?? []
  );
  const { survivor } = survivorOf(before, sides);
  const survivors = survivor === undefined ? [] : sides[survivor] ?? [];
  const text = `cut ${cut.toString(2)} of ${before.members.length}`;
  assert.deepEqual([...serving].sort(), [...survivors].sort(), text);
}

/** Nodes that hold a lease, by their own clocks. */
function servingIn(world: WatchedWorld): ReadonlySet<NodeId> {
  const ids = world.nodes.flatMap((node) => {
    const { process } = node;
    const view = process?.core.engine.views.view;
    if (process === undefined || view === undefined) return [];
    const { lease } = process.core.engine.views;
    const { status } = standing(lease, view, world.clockOf(node), process.core.options.timings);
    return status === "held" || status === "soft" ? [process.id] : [];
  });
  return new Set(ids);
}

function hostOf(address: string): number {
  return Number(/host-(\d+)/.exec(address)?.[1]);
}
