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
import { type Fault, stoppedWays } from "./fault_plan.ts";
import { PURPOSE } from "./keyed_random.ts";
import type { SimulatedProcess } from "./process.ts";
import type { BreakManner } from "./sim_break.ts";
import { EVENT, hostEvent } from "./sim_event.ts";
import type { SimNode } from "./sim_node.ts";
import type { SimWorld } from "./sim_world.ts";
import { itemLine } from "./transcript.ts";

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
      world.blocks.change(stoppedWays(item, world.nodes.length), 1);
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
    case "crash":
    case "op": {
      const node = liveHost(world, item.host);
      if (node === undefined) return;
      if (item.kind === "crash") crash(world, node, item.downMs, item.stays);
      else world.offer(hostEvent(world.nowUs, EVENT.item, node.host, index));
      return;
    }
    default:
      disturb(world, item);
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
  world.blocks.change(stoppedWays(item, world.nodes.length), -1);
  world.network.flush(world.nowUs);
}

/** What happens at once and needs no end of its own. */
export function disturb<F, O, N, P extends SimulatedProcess<F, O, N>>(
  world: SimWorld<F, O, N, P>,
  fault: Exclude<Fault, { kind: "crash" | "partition" | "clog" }>,
): void {
  const { nowUs } = world;
  if (fault.kind === "reset") {
    const from = liveHost(world, fault.from)?.endpoint;
    const to = liveHost(world, fault.to)?.endpoint;
    if (from !== undefined && to !== undefined && from !== to) world.network.reset(from, to, nowUs);
    return;
  }
  const node = liveHost(world, fault.host);
  if (node === undefined) return;
  switch (fault.kind) {
    case "pause":
      return world.still(node, nowUs + wholeUs(fault.forMs));
    case "suspend":
      node.clock.suspend(nowUs, nowUs + wholeUs(fault.forMs));
      return world.still(node, nowUs + wholeUs(fault.forMs));
    case "lag":
      return world.still(node, nowUs + wholeUs(fault.ms));
    case "wallStep":
      return node.clock.stepWall(fault.byMs);
    default:
      return fault satisfies never;
  }
}

function crash<F, O, N, P extends SimulatedProcess<F, O, N>>(
  world: SimWorld<F, O, N, P>,
  node: SimNode<F, P>,
  downMs: number,
  stays: boolean,
): void {
  world.crash(node, mannerOfCrash(world, node));
  if (stays) node.isGone = true;
  else world.queue.add(hostEvent(world.nowUs + wholeUs(downMs), EVENT.start, node.host, 0));
}

/** Half the crashes leave part of what was sent, a quarter all of it; a quarter are noticed only by silence. */
export function mannerOfCrash<F, O, N, P extends SimulatedProcess<F, O, N>>(
  { random }: SimWorld<F, O, N, P>,
  { host, lives }: SimNode<F, P>,
): BreakManner {
  const draw = random.u32(PURPOSE.breakManner, host, lives, 0);
  return (draw & 1) === 0 ? "tail" : (draw & 2) === 0 ? "flush" : "silent";
}

function hostOrAny<F, O, N, P extends SimulatedProcess<F, O, N>>(
  { nodes }: SimWorld<F, O, N, P>,
  host: number,
): number {
  return host < 0 ? -1 : host % nodes.length;
}

/** The host an index means: of those that are up. */
export function liveHost<F, O, N, P extends SimulatedProcess<F, O, N>>(
  world: SimWorld<F, O, N, P>,
  index: number,
): SimNode<F, P> | undefined {
  const live = world.nodes.filter((node) => node.isUp);
  return live[index % Math.max(1, live.length)];
}

function wholeUs(ms: number): number {
  return Math.floor(ms * 1_000);
}
