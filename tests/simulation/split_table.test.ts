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
import { type Cut, cutsOf, survivorOf } from "../../cluster/split_table.ts";
import type { View } from "../../cluster/view.ts";
import type { ClusterChecker, WatchedWorld } from "../../testkit/checkers/watched.ts";
import { CALM_WORLD, type FaultPlan } from "../../testkit/fault_plan.ts";
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
        const hosts = Array.from({ length: nodeCount }, (_, host) => String(host));
        let seed = 0;
        for (let sideCount = 1; sideCount <= nodeCount; sideCount++) {
          for (const cut of cutsOf(hosts, sideCount)) assertVerdict(planOfCut(++seed, nodeCount, rule, cut), cut);
        }
      });
    }
  }
});

function planOfCut(
  seed: number,
  nodeCount: number,
  { voting, seeds }: { readonly voting: number; readonly seeds: number },
  cut: Cut,
): FaultPlan<RegistryOperation> {
  const tuning = { replicas: 3, partitions: 3, voting, seeds };
  const settings = { ...CALM_WORLD, nodeCount, tickMs: 100, chaosMs: LOOK_MS + 1_000, convergeMs: 1_000, tuning };
  // Sides are numbered, and each digit of their numbers parts those that have it from those that have not.
  const items = Array.from({ length: digitsOf(cut.length) }, (_, digit) => {
    const apart = cut.flatMap((hosts, side) => (side >>> digit & 1) === 1 ? hosts : []);
    const bits = apart.reduce((sum, host) => sum + 2 ** Number(host), 0);
    return { kind: "partition", atMs: CUT_MS, cut: bits, isOneWay: false, forMs: 10 * LOOK_MS } as const;
  });
  return { seed, settings, items };
}

/** Binary digits that the numbers below `count` need. */
function digitsOf(count: number): number {
  return Math.ceil(Math.log2(count));
}

function assertVerdict(plan: FaultPlan<RegistryOperation>, cut: Cut): void {
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
  const sides = cut.map((hosts) =>
    before?.members.filter(({ address }) => hosts.includes(hostOf(address))).map(({ id }) => id) ?? []
  );
  assert.equal(sides.flat().length, before.members.length, "every member is on a side");
  const { survivor } = survivorOf(before, sides);
  const survivors = survivor === undefined ? [] : sides[survivor] ?? [];
  assert.deepEqual([...serving].sort(), [...survivors].sort(), `the cut ${cut.join(" | ")}`);
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

function hostOf(address: string): string {
  return String(Number(/host-(\d+)/.exec(address)?.[1]));
}
