/**
 * Troupe as a cluster of three: S9, S10, S12, and S5 with a receiver that stands still. This process only starts the nodes
 * and tells them what to do.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { assert } from "../core/assert.ts";
import type { Crash } from "./cluster/crash.ts";
import type { ActivateOrder, WarmOrder, WarmOutcome } from "./cluster/grains.ts";
import type { Pushed } from "./cluster/kinds.ts";
import type { NamesOrder } from "./cluster/names.ts";
import type { PushOrder } from "./cluster/tells.ts";
import { Troop, type TroopNode } from "./cluster/troop.ts";
import { type Contests, type Outcome, takePart, type Task } from "./contestant.ts";
import { quantiles } from "./statistics.ts";

const NODES = 3;
const SETUP_MS = 60_000;
const DRAIN_SECONDS = 60;
/** S10: spawned actors on each node. */
const RESIDENTS = 50;
/** S5 with a stopped receiver. */
const PUSH = { payloadBytes: 1_024, senders: 4, receivers: 200 };
const PUSH_WARM_SECONDS = 2;
const PUSH_STOPPED_SECONDS = 10;
const SAMPLE_MS = 100;

const CONTESTS: Contests = {
  "S5.stopped-receiver": pushToStopped,
  "S9.grains": activateAll,
  "S10.member": (task) => crashOne(task, "default", false),
  "S10.leader": (task) => crashOne(task, "default", true),
  "S10.member-fast": (task) => crashOne(task, "fast", false),
  "S12.names": names,
};

let started: Promise<Troop> | undefined;
let calls = 0;

/** Three nodes, kept from the warm-up to the measurement. */
function three(): Promise<Troop> {
  return started ??= Troop.start(NODES);
}

/** All three activate at once, each a third. */
async function activateAll(task: Task): Promise<Outcome> {
  const troop = await three();
  const call = ++calls;
  const share = { ...task, countMax: Math.ceil(task.countMax / NODES) };
  const cold = await troop.costing(async () =>
    together(
      await eachNode(troop, (node, index) => {
        const order: ActivateOrder = { task: share, prefix: `${call}-${index}` };
        return node.ask("activate", order, patienceMs(task)) as Promise<Outcome>;
      }),
    )
  );
  const order: WarmOrder = { task: { ...task, seconds: task.seconds / 2 }, prefix: `${call}-0`, count: share.countMax };
  const { sequential, concurrent } = await troop.at(0).ask("askWarm", order, patienceMs(task)) as WarmOutcome;
  const extra = {
    ...cold.extra,
    warmMedianMicros: sequential.extra?.["medianMicros"] ?? NaN,
    warmP99Micros: sequential.extra?.["p99Micros"] ?? NaN,
    warmPerSecond: concurrent.delivered / concurrent.seconds,
  };
  return { ...cold, extra };
}

/** Takes names on all nodes at once; then each looks up its neighbour's, and gives back its own. */
async function names(task: Task): Promise<Outcome> {
  const troop = await three();
  const call = ++calls;
  const share = { ...task, countMax: Math.ceil(task.countMax / NODES) };
  const run = (command: string, ofNeighbour: number, orders: readonly { task: Task; count: number }[]) =>
    eachNode(troop, (node, index) => {
      const owner = (index + ofNeighbour) % NODES;
      const { count, task } = orders[owner] ?? { count: 1, task: share };
      const order: NamesOrder = { task, prefix: `name-${call}-${owner}`, count };
      return node.ask(command, order, patienceMs(task)) as Promise<Outcome>;
    });
  const all = Array.from({ length: NODES }, () => ({ task: share, count: share.countMax }));
  let taken: readonly number[] = [];
  const claimed = await troop.costing(async () => {
    const each = await run("claim", 0, all);
    taken = each.map(({ sent }) => sent);
    return together(each);
  });
  const found = together(
    await run("lookUp", 1, taken.map((count) => ({ task: { ...share, countMax: Number.MAX_SAFE_INTEGER }, count }))),
  );
  const freed = together(
    await run("release", 0, taken.map((count) => ({ task: { ...share, seconds: 60, countMax: count }, count }))),
  );
  assert(freed.delivered === freed.sent, "every name that was taken is given back");
  const extra = {
    ...claimed.extra,
    lookUpsPerSecond: found.delivered / found.seconds,
    releasesPerSecond: freed.delivered / freed.seconds,
    lookUpsFailed: found.sent - found.delivered,
  };
  return { ...claimed, extra };
}

/** Kills one under load. Nothing can be warmed up: the cluster is another one afterwards. */
async function crashOne(task: Task, profile: "default" | "fast", isLeader: boolean): Promise<Outcome> {
  if (task.isWarmUp) return { sent: 1, delivered: 1, seconds: 1 };
  using troop = await Troop.start(NODES, profile);
  const spawned = await eachNode(
    troop,
    (node, index) => node.ask("spawnResidents", { node: index, count: RESIDENTS }, SETUP_MS) as Promise<string[]>,
  );
  const leads = await eachNode(troop, (node) => node.ask("isLeader", undefined, SETUP_MS));
  const victim = troop.nodes.find((_, index) => (leads[index] === true) === isLeader);
  const asker = troop.nodes.find((node) => node !== victim);
  assert(victim !== undefined && asker !== undefined, "a cluster has one leader, and others");
  const order = { pid: victim.pid, spawned: spawned.flat() };
  const { keys, backMillis, gapMillis } = await asker.ask("crash", order, patienceMs(task)) as Crash;
  const [p50Millis = NaN, p99Millis = NaN, maxMillis = NaN] = quantiles(backMillis, [0.5, 0.99, 1]);
  const extra = { p50Millis, p99Millis, maxMillis, othersMaxMillis: Math.max(...gapMillis) };
  return { sent: keys, delivered: backMillis.length, seconds: maxMillis / 1_000, extra };
}

/** What the sender's process grows by, while one that it sends to stands still and the third node looks on. */
async function pushToStopped(task: Task): Promise<Outcome> {
  if (task.isWarmUp) return { sent: 1, delivered: 1, seconds: 1 };
  const troop = await three();
  const [sender, receiver] = [troop.at(0), troop.at(1)];
  await Promise.all([
    sender.ask("spawnSenders", PUSH.senders, SETUP_MS),
    receiver.ask("spawnReceivers", PUSH.receivers, SETUP_MS),
  ]);
  await sender.ask("touch", PUSH.receivers, SETUP_MS);
  const before = await peakBytes(sender, pushFor(sender, PUSH_WARM_SECONDS));
  receiver.freeze(PUSH_STOPPED_SECONDS + 2);
  const pushing = pushFor(sender, PUSH_STOPPED_SECONDS);
  const peak = await peakBytes(sender, pushing);
  const { taken, refused } = await pushing;
  const MiB = 1 << 20;
  const extra = { healthyMiB: before / MiB, peakMiB: peak / MiB, growthMiB: (peak - before) / MiB, refused };
  return { sent: taken, delivered: 0, seconds: PUSH_STOPPED_SECONDS, extra };
}

function pushFor(sender: TroopNode, seconds: number): Promise<Pushed> {
  const order: PushOrder = { ...PUSH, seconds };
  return sender.ask("push", order, (seconds + DRAIN_SECONDS) * 1_000) as Promise<Pushed>;
}

/** The largest resident set of a node until `work` has ended. */
async function peakBytes(node: TroopNode, work: Promise<unknown>): Promise<number> {
  let peak = 0;
  let isOver = false;
  const watched = work.finally(() => isOver = true);
  while (!isOver) {
    peak = Math.max(peak, await node.ask("residentBytes", undefined, SETUP_MS) as number);
    await delay(SAMPLE_MS);
  }
  await watched;
  return peak;
}

function eachNode<T>(troop: Troop, run: (node: TroopNode, index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(troop.nodes.map(run));
}

/** Outcomes of the same seconds as one. */
function together(outcomes: readonly Outcome[]): Outcome {
  return {
    sent: outcomes.reduce((sum, { sent }) => sum + sent, 0),
    delivered: outcomes.reduce((sum, { delivered }) => sum + delivered, 0),
    seconds: Math.max(...outcomes.map(({ seconds }) => seconds)),
  };
}

function patienceMs({ seconds }: Task): number {
  return (seconds + DRAIN_SECONDS) * 1_000;
}

await takePart(({ scenario }) => CONTESTS[scenario]);
