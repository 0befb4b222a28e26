/**
 * Worlds in which the lack of one rule shows: for each rule a source of plans. Pure.
 *
 * One idea: a hole that needs three things at once within a second is not found by throwing everything at a cluster. So
 * a recipe of a stubborn rule is the schedule that breaks a cluster without it, with the hosts, and the instants on which
 * it depends, left to chance.
 *
 * Invariant: the plan of a seed is the same on every runtime.
 *
 * @module
 */
import { type Epoch, epoch, type NodeId } from "../../core/ids.ts";
import { below, type Random, seededRandom } from "../../core/random.ts";
import { initialPlaces } from "../../cluster/planner.ts";
import type { RuleName } from "../../cluster/rules.ts";
import type { ClusterOperation } from "../../testkit/cluster_process.ts";
import { CLUSTER_RECIPE } from "../../testkit/cluster_scenario.ts";
import { CALM_WORLD, type FaultPlan, type PlanItem, type WorldSettings } from "../../testkit/fault_plan.ts";
import { KeyedRandom } from "../../testkit/keyed_random.ts";
import { planOf, type PlanRecipe } from "../../testkit/plan_recipe.ts";
import type { RegistryOperation } from "../../testkit/registry_process.ts";
import { REGISTRY_RECIPE } from "../../testkit/registry_scenario.ts";
import { addressOf, idOf } from "../../testkit/sim_node.ts";
import type { ScenarioName } from "./scenarios.ts";

/** A plan for each seed. */
export type PlanSource = (seed: number) => FaultPlan<RegistryOperation>;

type Items = PlanItem<RegistryOperation>[];

/** Where a rule is looked for. */
export interface Search {
  readonly scenario: ScenarioName;
  readonly planOf: (seed: number) => FaultPlan<unknown>;
}

/** The plans in which a rule is looked for; those of the scenario itself, if it has no recipe of its own. */
export function plansFor(rule: RuleName): Search {
  if (OF_THREADS.includes(rule)) return { scenario: "cluster", planOf: slowThreads };
  return { scenario: "registry", planOf: RECIPES[rule] ?? USUAL };
}

/** Rules of the gate between the main thread and the workers. */
const OF_THREADS: readonly RuleName[] = ["generationGate", "parkWhileFrozen"];

/**
 * Whole nodes with two workers each, whose handlers are slow and whose rings stall, while members are removed for no
 * reason: what one identity of a process began is still under way when the next one has a lease.
 */
function slowThreads(seed: number): FaultPlan<unknown> {
  return planOf(seed, {
    ...CLUSTER_RECIPE,
    nodeCounts: [3, 5],
    leftOut: ["crash", "wallStep", "clog", "reset", "lag", "suspend"],
    operation: (random): ClusterOperation => {
      const name = below(random, 6);
      if (below(random, 4) === 0) return { kind: "condemn", member: below(random, 64) };
      return { kind: "message", name, isGrain: true, isAsk: below(random, 2) === 0 };
    },
    tuning: () => ({
      replicas: 3,
      readQuorum: 1,
      voting: 0,
      seeds: 3,
      partitions: 5,
      chunk: 4,
      changesKept: 64,
      barrierMs: 0,
      stepsBack: 0,
      workers: 2,
      ringRecords: 64,
      stalls: 1,
      slow: 1,
    }),
    settings: { ...CLUSTER_RECIPE.settings, ...RELIABLE },
  });
}

const RELIABLE: Partial<WorldSettings> = {
  discoverMs: 500,
  discoveryPercent: 100,
  latencyPercent: 100,
  longPerMille: 0,
  lossPerMille: 0,
  startSpreadMs: 0,
};

const USUAL: PlanSource = (seed) => planOf(seed, REGISTRY_RECIPE);

const RECIPES: Partial<Record<RuleName, PlanSource>> = {
  newVotersWait: voterRemoved,
  anyVoterChangeWaits: voterRemoved,
  stopGrantingOnVoterChange: voterRemoved,
  refuseAcceptedRemoval: lateAccept,
  provenVoters: lostJoiners,
  openNeedsAll: missedFounder,
  noFreeDefection: defector,
  noSecondBootstrap: removedMajority,
  quietSinceIdentity: fencedSeed,
  fenceOnlyFrozen: oldGreeting,
  sealOwner: drainedOwner,
  refetchAfterLoss: lostSource,
  activateThroughView: earlyOwner,
  syncIsQuiet: swarm({ settings: { tickMs: 100, convergeMs: 90_000, hasDuplicateConnections: true } }, {
    chunk: 1,
    changesKept: 4,
    replicas: 3,
  }),
  floor: swarm({ frames: ["registryReply"], nodeCounts: [4, 6] }, { replicas: 1 }),
  grantAtEqualEpoch: swarm({ frames: ["commit", "leaseGrant", "leaseRequest", "accept"], nodeCounts: [4, 7] }),
};

/** The plans of the scenario, with more of something. */
function swarm(
  more: Partial<PlanRecipe<RegistryOperation>>,
  tuning: Readonly<Record<string, number>> = {},
): PlanSource {
  const recipe = { ...REGISTRY_RECIPE, ...more };
  return (seed) => {
    const plan = planOf(seed, recipe);
    return { ...plan, settings: { ...plan.settings, tuning: { ...plan.settings.tuning, ...tuning } } };
  };
}

// --- views and leases -----------------------------------------------------------------------------

/**
 * Four nodes, one of them with two votes. `late` hears of `left` alone of the others, which are its quorum; then `left`
 * is removed, and `late` at once after it.
 */
function voterRemoved(seed: number): FaultPlan<RegistryOperation> {
  const random = randomOf(seed);
  const [late, left, first, second] = shuffled(random, 4);
  const order = ages(seed, 4);
  const at = 8_000 + below(random, 2_000);
  const removeAt = at + below(random, 4_000);
  const againAt = removeAt + 400 + below(random, 6_000);
  const items: Items = [];
  for (const other of [first, second]) items.push(...cutOff(late, other, at, 20_000));
  items.push(condemns(first, order.indexOf(left), removeAt));
  if (below(random, 2) === 0) {
    items.push({ kind: "hold", atMs: removeAt, from: -1, to: left, frame: "commit", count: 20, forMs: 16_000 });
  }
  items.push(condemns(first, order.indexOf(late), againAt), condemns(second, order.indexOf(late), againAt));
  return calmPlan(seed, 4, 30_000, items);
}

/**
 * Six nodes, of which `late` has no vote. Three voters hear nothing of it, so their promises to it end, and they remove
 * it; but one of them accepts much later than the others, and meanwhile `late` reaches the first who has.
 */
function lateAccept(seed: number): FaultPlan<RegistryOperation> {
  const random = randomOf(seed);
  const order = ages(seed, 6);
  const late = order[5] ?? 5;
  const [first = 0, proposer = 1, last = 2] = shuffled(random, 5).map((index) => order[index] ?? index);
  const at = 8_000 + below(random, 1_000);
  const removeAt = at + 5_500 + below(random, 2_500);
  const items: Items = [];
  for (const other of [proposer, last]) items.push(...cutOff(late, other, at, 20_000));
  items.push(
    { kind: "clog", atMs: at, from: late, to: first, forMs: removeAt - at + 300 + below(random, 3_500) },
    condemns(proposer, 5, removeAt),
    {
      kind: "hold",
      atMs: removeAt,
      from: proposer,
      to: last,
      frame: "accept",
      count: 1,
      forMs: 3_500 + below(random, 3_500),
    },
  );
  return calmPlan(seed, 6, 30_000, items);
}

/** Three found a cluster, two come; before the two can know that they are in, they end for ever, and one of the three. */
function lostJoiners(seed: number): FaultPlan<RegistryOperation> {
  const random = randomOf(seed);
  const [one, two, third, joiner, other] = shuffled(random, 5);
  const joinAt = 9_000;
  const lostAt = joinAt + 300 + below(random, 4_000);
  const holds = [joiner, other].map((to): Items[number] => {
    return { kind: "hold", atMs: joinAt, from: -1, to, frame: "commit", count: 100, forMs: 15_000 };
  });
  const down: number[] = [];
  const crashes = [joiner, other, [one, two, third][below(random, 3)] ?? one].map((host, index): Items[number] => {
    const live = liveIndex(host, down);
    down.push(host);
    return { kind: "crash", atMs: lostAt + index, host: live, downMs: 0, stays: true };
  });
  const cut = bitsOf(joiner, other);
  const items: Items = [{ kind: "partition", atMs: 0, cut, isOneWay: false, forMs: joinAt }, ...holds, ...crashes];
  return calmPlan(seed, 5, 25_000, items);
}

// --- beginning ------------------------------------------------------------------------------------

/** Three of five are about to found a cluster, when one of them is cut off with the other two. */
function missedFounder(seed: number): FaultPlan<RegistryOperation> {
  return founders(seed, 400 + below(randomOf(seed), 2_600));
}

/** As {@link missedFounder}, but it has accepted. */
function defector(seed: number): FaultPlan<RegistryOperation> {
  return founders(seed, 2_000 + below(randomOf(seed), 4_500));
}

function founders(seed: number, cutAt: number): FaultPlan<RegistryOperation> {
  const random = randomOf(seed + 1);
  const [one, two, , four, five] = shuffled(random, 5);
  const items: Items = [
    { kind: "partition", atMs: 0, cut: bitsOf(four, five), isOneWay: false, forMs: cutAt },
    { kind: "partition", atMs: cutAt, cut: bitsOf(one, two), isOneWay: false, forMs: 30_000 },
  ];
  return calmPlan(seed, 5, 35_000, items);
}

/** Three of five members are removed together, hear of it, and are then cut off: more than half of everybody. */
function removedMajority(seed: number): FaultPlan<RegistryOperation> {
  const random = randomOf(seed);
  const [one, two, ...gone] = shuffled(random, 5);
  const order = ages(seed, 5);
  const at = 9_000;
  const cutAt = at + 6_000 + below(random, 2_000);
  const items: Items = gone.map((host) => condemns(one, order.indexOf(host), at));
  items.push({ kind: "partition", atMs: cutAt, cut: bitsOf(one, two), isOneWay: false, forMs: 30_000 });
  return calmPlan(seed, 5, 40_000, items);
}

/**
 * Three seeds and `member`, which has a lease of `fenced` and `third` when these remove `fenced`. It hears nothing of
 * that. `fenced` becomes another node in the same, old process, and founds a cluster with `young`, a seed that was
 * started anew.
 */
function fencedSeed(seed: number): FaultPlan<RegistryOperation> {
  const random = randomOf(seed);
  const [fenced, young, third] = shuffled(random, 3);
  const member = 3;
  const order = ages(seed, 4);
  const at = 9_000;
  const cutAt = at + 6_000 + below(random, 1_500);
  const crashAt = at + 400 + below(random, 600);
  const items: Items = [
    condemns(third, order.indexOf(fenced), at),
    { kind: "hold", atMs: at + 900, from: -1, to: member, frame: "commit", count: 50, forMs: 20_000 },
    { kind: "partition", atMs: crashAt - 50, cut: bitsOf(young), isOneWay: false, forMs: cutAt - crashAt + 50 },
    { kind: "crash", atMs: crashAt, host: young, downMs: 50, stays: false },
    { kind: "partition", atMs: cutAt, cut: bitsOf(fenced, young), isOneWay: false, forMs: 20_000 },
  ];
  return calmPlan(seed, 4, 35_000, items, { voting: 1, seeds: 3 }, { discoverMs: 500 });
}

/**
 * Three seeds. One is started anew and greets a cluster whose answers are long on their way; the others are started anew
 * too, and found another with it. Then the answers come.
 */
function oldGreeting(seed: number): FaultPlan<RegistryOperation> {
  const random = randomOf(seed);
  const [again, one, two] = shuffled(random, 3);
  const at = 9_000;
  const forMs = 11_000 + below(random, 12_000);
  const items: Items = [{ kind: "crash", atMs: at, host: again, downMs: 500, stays: false }];
  for (const from of [one, two]) {
    items.push({ kind: "hold", atMs: at + 400, from, to: again, frame: "hello", count: 1, forMs });
    items.push({ kind: "crash", atMs: at + 900 + below(random, 1_200), host: from, downMs: 0, stays: false });
  }
  return calmPlan(seed, 3, 40_000, items, { voting: 1, seeds: 3 }, { discoverMs: 500, linkTimeoutMs: 8_000 });
}

// --- partitions -----------------------------------------------------------------------------------

/** An owner is cut off while its partitions are moved to others, and is read from while its lease still lasts. */
function drainedOwner(seed: number): FaultPlan<RegistryOperation> {
  const random = randomOf(seed);
  const owner = below(random, 5);
  const order = ages(seed, 5);
  const at = 9_000 + below(random, 1_000);
  const items: Items = claims(random, 5, 8_000, 1_000);
  for (let host = 0; host < 5; host++) items.push(leaves(host, order.indexOf(owner), at));
  items.push({ kind: "partition", atMs: at + below(random, 300), cut: bitsOf(owner), isOneWay: false, forMs: 12_000 });
  for (let left = 60; left > 0; left--) {
    const atMs = at + 500 + below(random, 6_000);
    const key = below(random, 10);
    const draw = below(random, 3);
    if (draw === 0) items.push({ kind: "op", atMs, host: owner, op: { kind: "get", key } });
    else items.push({ kind: "op", atMs, host: below(random, 5), op: { kind: draw === 1 ? "claim" : "release", key } });
  }
  return calmPlan(seed, 5, 25_000, items, { readQuorum: 1 });
}

/**
 * `gone` owns, `source` has what it acknowledged, `taker` has not. `gone` ends while `source` is being drained, so
 * `taker` takes over without it; and `source` ends after it was sealed and before it was fetched.
 */
function lostSource(seed: number): FaultPlan<RegistryOperation> {
  const random = randomOf(seed);
  const order = ages(seed, 6);
  const groups = groupsOf(seed, 6);
  const [gone = 0, source = 1, taker = 2] = groups[below(random, groups.length)] ?? [];
  const at = 9_000;
  const lostAt = at + 1_500 + below(random, 500);
  const items: Items = claims(random, 6, at + 100, 1_000);
  items.push({ kind: "clog", atMs: at, from: gone, to: taker, forMs: 20_000 });
  for (let host = 0; host < 6; host++) items.push(leaves(host, order.indexOf(source), lostAt - below(random, 400)));
  items.push({ kind: "hold", atMs: lostAt, from: source, to: taker, frame: "fetched", count: 50, forMs: 28_000 });
  items.push({ kind: "crash", atMs: lostAt, host: gone, downMs: 20_000, stays: false });
  const sourceAt = lostAt + 7_000 + below(random, 6_000);
  items.push({ kind: "crash", atMs: sourceAt, host: liveIndex(source, [gone]), downMs: 20_000, stays: false });
  return calmPlan(seed, 6, 45_000, items, { chunk: 1 });
}

/**
 * A backup is drained, so the owner has the next configuration ready and nobody says so; it is asked nevertheless. Then
 * it ends, and who takes over from the old configuration has not heard.
 */
function earlyOwner(seed: number): FaultPlan<RegistryOperation> {
  const random = randomOf(seed);
  const order = ages(seed, 6);
  const groups = groupsOf(seed, 6);
  const [owner = 0, one = 1, two = 2] = groups[below(random, groups.length)] ?? [];
  const [drained, behind] = below(random, 2) === 0 ? [one, two] : [two, one];
  const at = 9_000;
  const clogAt = at + 105 + below(random, 300);
  const lostAt = clogAt + 500 + below(random, 2_000);
  const items: Items = [];
  for (let host = 0; host < 6; host++) items.push(leaves(host, order.indexOf(drained), at));
  items.push(
    { kind: "drop", atMs: at, from: owner, to: -1, frame: "ready", count: 10_000, forMs: 30_000 },
    { kind: "clog", atMs: clogAt, from: owner, to: behind, forMs: 30_000 },
    ...claims(random, 6, clogAt + 20, 400),
    { kind: "crash", atMs: lostAt, host: owner, downMs: 15_000, stays: false },
    ...claims(random, 5, lostAt + 8_000, 8_000),
  );
  return calmPlan(seed, 6, 45_000, items);
}

// --- parts ----------------------------------------------------------------------------------------

/** Chance for the choices of a recipe. */
function randomOf(seed: number): Random {
  return seededRandom(seed);
}

/** A world in which only these items happen. */
function calmPlan(
  seed: number,
  nodeCount: number,
  chaosMs: number,
  items: Items,
  tuning: Readonly<Record<string, number>> = {},
  settings: Partial<WorldSettings> = {},
): FaultPlan<RegistryOperation> {
  const world = { ...CALM_WORLD, tickMs: 100, startSpreadMs: 0, convergeMs: 90_000, discoverMs: 500, ...settings };
  const told = { replicas: 3, readQuorum: 1, voting: 0, seeds: 3, partitions: 5, chunk: 4, changesKept: 64, ...tuning };
  const sorted = items.toSorted((one, other) => one.atMs - other.atMs);
  return { seed, settings: { ...world, nodeCount, chaosMs, tuning: told }, items: sorted };
}

/** The first five hosts of a world, or fewer, in any order. The rest are hosts that do not exist. */
function shuffled(random: Random, count: number): readonly [number, number, number, number, number] {
  const hosts = Array.from({ length: count }, (_, host) => host);
  for (let index = count - 1; index > 0; index--) {
    const other = below(random, index + 1);
    [hosts[index], hosts[other]] = [hosts[other] ?? 0, hosts[index] ?? 0];
  }
  const [one = 0, two = 1, three = 2, four = 3, five = 4] = hosts;
  return [one, two, three, four, five];
}

/** Hosts in the order in which a view of all first lives names them. */
function ages(seed: number, count: number): readonly number[] {
  return firstLives(seed, count).map(({ host }) => host);
}

function firstLives(seed: number, count: number): readonly { readonly host: number; readonly id: NodeId }[] {
  const random = new KeyedRandom(seed);
  const lives = Array.from({ length: count }, (_, host) => ({ host, id: idOf(host, 0, random) }));
  return lives.toSorted((one, other) => one.id < other.id ? -1 : 1);
}

/** The hosts of each partition's first group when all have founded together. */
function groupsOf(seed: number, count: number): readonly (readonly number[])[] {
  const lives = firstLives(seed, count);
  const members = lives.map(({ id, host }) => ({
    id,
    address: addressOf(host),
    zone: "",
    roles: [],
    kinds: [],
    joinEpoch: 0 as Epoch,
    status: "up" as const,
    capacity: 1,
  }));
  const hosts = new Map(lives.map(({ id, host }) => [id, host]));
  return initialPlaces(members, 5, 3, epoch(1)).map(({ group }) => group.map((id) => hosts.get(id) ?? 0));
}

function bitsOf(...hosts: readonly number[]): number {
  return hosts.reduce((bits, host) => bits | 1 << host, 0);
}

/** The index by which an item names a host while others are down. */
function liveIndex(host: number, down: readonly number[]): number {
  return host - down.filter((other) => other < host).length;
}

function cutOff(one: number, other: number, atMs: number, forMs: number): Items {
  return [{ kind: "clog", atMs, from: one, to: other, forMs }, { kind: "clog", atMs, from: other, to: one, forMs }];
}

function condemns(host: number, member: number, atMs: number): Items[number] {
  return { kind: "op", atMs, host, op: { kind: "condemn", member } };
}

function leaves(host: number, member: number, atMs: number): Items[number] {
  return { kind: "op", atMs, host, op: { kind: "leave", member } };
}

/** Each name is claimed a few times within a while. */
function claims(random: Random, hosts: number, atMs: number, forMs: number): Items {
  return Array.from({ length: 24 }, (_, index): Items[number] => ({
    kind: "op",
    atMs: atMs + below(random, forMs),
    host: below(random, hosts),
    op: { kind: "claim", key: index % 10 },
  }));
}
