/**
 * What the items of a plan do to a world. Acts on the world it is given; keeps nothing.
 *
 * One idea: hosts of an item are taken modulo those that are up when it happens, so an item means something in every
 * smaller plan too. Cuts alone name hosts as they are: both sides of a cut are always the same.
 *
 * Invariant: what an item begins ends by itself, by its `forMs` or by the healing.
 *
 * @module
 */
import { isInCut, type PlanItem } from "./fault_plan.ts";
import { PURPOSE } from "./keyed_random.ts";
import type { SimulatedProcess } from "./process.ts";
import type { BreakManner } from "./sim_break.ts";
import { EVENT, hostEvent } from "./sim_event.ts";
import type { SimNode } from "./sim_node.ts";
import type { SimWorld } from "./sim_world.ts";
import { itemLine } from "./transcript.ts";

type BlockingItem<O> = Extract<PlanItem<O>, { kind: "partition" | "clog" }>;
type HostItem<O> = Exclude<PlanItem<O>, { kind: "partition" | "clog" | "reset" | "hold" | "drop" }>;

/** The time of an item has come. */
export function beginItem<F, O, N, P extends SimulatedProcess<F, O, N>>(
  world: SimWorld<F, O, N, P>,
  index: number,
): void {
  const item = world.plan.items[index];
  if (item === undefined || world.phase !== "chaos") return;
  if (world.isTraced && item.kind !== "op") world.trace(undefined, itemLine(item));
  switch (item.kind) {
    case "partition":
    case "clog":
      block(world, item, 1);
      world.queue.add(hostEvent(world.nowUs + wholeUs(item.forMs), EVENT.itemEnd, -1, index));
      return;
    case "hold":
    case "drop": {
      const { kind, frame, count } = item;
      const [from, to] = [hostOrAny(world, item.from), hostOrAny(world, item.to)];
      const untilUs = wholeUs(Math.min(item.atMs + item.forMs, world.plan.settings.chaosMs));
      world.catches.push({ from, to, frame, isLost: kind === "drop", left: count, untilUs });
      return;
    }
    case "reset": {
      const from = liveHost(world, item.from)?.endpoint;
      const to = liveHost(world, item.to)?.endpoint;
      if (from !== undefined && to !== undefined && from !== to) world.network.reset(from, to, world.nowUs);
      return;
    }
    default: {
      const node = liveHost(world, item.host);
      if (node !== undefined) befall(world, node, item, index);
    }
  }
}

/** The time of an item is over. The healing has ended all of them before. */
export function endItem<F, O, N, P extends SimulatedProcess<F, O, N>>(
  world: SimWorld<F, O, N, P>,
  index: number,
): void {
  const item = world.plan.items[index];
  if (world.phase !== "chaos" || (item?.kind !== "partition" && item?.kind !== "clog")) return;
  if (world.isTraced) world.trace(undefined, `.. ${item.kind} ends`);
  block(world, item, -1);
  world.network.flush(world.nowUs);
}

function block<F, O, N, P extends SimulatedProcess<F, O, N>>(
  { blocks, nodes }: SimWorld<F, O, N, P>,
  item: BlockingItem<O>,
  by: 1 | -1,
): void {
  if (item.kind === "clog") {
    const [from, to] = [item.from % nodes.length, item.to % nodes.length];
    if (from !== to) blocks.change(from, to, false, by);
    return;
  }
  for (const { host: from } of nodes) {
    if (!isInCut(item.cut, from)) continue;
    for (const { host: to } of nodes) {
      if (isInCut(item.cut, to)) continue;
      blocks.change(from, to, true, by);
      if (!item.isOneWay) blocks.change(to, from, true, by);
    }
  }
}

function befall<F, O, N, P extends SimulatedProcess<F, O, N>>(
  world: SimWorld<F, O, N, P>,
  node: SimNode<F, P>,
  item: HostItem<O>,
  index: number,
): void {
  const { nowUs } = world;
  switch (item.kind) {
    case "crash":
      crash(world, node, item.downMs, item.stays);
      return;
    case "pause":
      world.still(node, nowUs + wholeUs(item.forMs));
      return;
    case "suspend":
      node.clock.suspend(nowUs, nowUs + wholeUs(item.forMs));
      world.still(node, nowUs + wholeUs(item.forMs));
      return;
    case "lag":
      world.still(node, nowUs + wholeUs(item.ms));
      return;
    case "wallStep":
      node.clock.stepWall(item.byMs);
      return;
    case "op":
      world.offer(hostEvent(nowUs, EVENT.item, node.host, index));
      return;
    default:
      return item satisfies never;
  }
}

/** Half the crashes leave part of what was sent, a quarter all of it; a quarter are noticed only by silence. */
function crash<F, O, N, P extends SimulatedProcess<F, O, N>>(
  world: SimWorld<F, O, N, P>,
  node: SimNode<F, P>,
  downMs: number,
  stays: boolean,
): void {
  const draw = world.random.u32(PURPOSE.breakManner, node.host, node.lives, 0);
  const manner: BreakManner = (draw & 1) === 0 ? "tail" : (draw & 2) === 0 ? "flush" : "silent";
  world.crash(node, manner);
  if (stays) node.isGone = true;
  else world.queue.add(hostEvent(world.nowUs + wholeUs(downMs), EVENT.start, node.host, 0));
}

function hostOrAny<F, O, N, P extends SimulatedProcess<F, O, N>>(
  { nodes }: SimWorld<F, O, N, P>,
  host: number,
): number {
  return host < 0 ? -1 : host % nodes.length;
}

function liveHost<F, O, N, P extends SimulatedProcess<F, O, N>>(
  world: SimWorld<F, O, N, P>,
  index: number,
): SimNode<F, P> | undefined {
  const live = world.nodes.filter((node) => node.isUp);
  return live[index % Math.max(1, live.length)];
}

function wholeUs(ms: number): number {
  return Math.floor(ms * 1_000);
}
