/**
 * Members and tables for tests of the planner: a small cluster of values that joins, loses, drains and settles.
 *
 * @module
 */
import { type Epoch, epoch, type NodeId, nodeId } from "../../core/ids.ts";
import { type PlanInput, planPlaces } from "../../cluster/planner.ts";
import type { Member, Placed } from "../../cluster/view.ts";

/** A member that is up, with usual capacity and no zone, unless said otherwise. */
export function member(name: string, more: Partial<Member> = {}): Member {
  return {
    id: nodeId(name),
    address: `${name}:4000`,
    zone: "",
    roles: [],
    kinds: [],
    joinEpoch: epoch(1),
    status: "up",
    capacity: 1,
    ...more,
  };
}

/** `a0`, `a1`, … */
export function members(count: number, more: (index: number) => Partial<Member> = () => ({})): readonly Member[] {
  return Array.from({ length: count }, (_, index) => member(`a${index}`, more(index)));
}

/** The input of a plan with the usual budgets, in which everything is recovered. */
export function planOf(places: readonly Placed[], of: readonly Member[], more: Partial<PlanInput> = {}): PlanInput {
  return {
    places,
    members: of,
    epoch: epoch(2),
    replicaCount: 3,
    recovered: () => true,
    movesMax: 16,
    movesPerNodeMax: 4,
    drainMax: 64,
    ...more,
  };
}

/** Plans again and again, everything recovered each time, until nothing changes; `undefined` when that takes too long. */
export function settled(
  places: readonly Placed[],
  of: readonly Member[],
  more: Partial<PlanInput> = {},
): { readonly places: readonly Placed[]; readonly rounds: number } | undefined {
  let current = places;
  for (let rounds = 0; rounds < 4 * places.length + 20; rounds++) {
    const next = planPlaces(planOf(current, of, { epoch: epoch(1000 + rounds), ...more }));
    if (next === current) return { places: current, rounds };
    current = next;
  }
  return undefined;
}

/** Copies, and ownerships, of each of these members, of the groups partitions will have. */
export function loadsOf(
  places: readonly Placed[],
  of: readonly Member[],
): { readonly copies: readonly number[]; readonly owned: readonly number[] } {
  const groups = places.map(({ group, next }) => next?.group ?? group);
  return {
    copies: of.map(({ id }) => groups.filter((group) => group.includes(id)).length),
    owned: of.map(({ id }) => groups.filter((group) => group[0] === id).length),
  };
}

/** The difference of the largest and the smallest. */
export function spread(numbers: readonly number[]): number {
  return numbers.length === 0 ? 0 : Math.max(...numbers) - Math.min(...numbers);
}

/** How many copies `after` has at nodes that had none of the partition in `before`. */
export function copiesMoved(before: readonly Placed[], after: readonly Placed[]): number {
  const target = (place: Placed | undefined): readonly NodeId[] => place?.next?.group ?? place?.group ?? [];
  return after.reduce(
    (sum, place, partition) => sum + target(place).filter((id) => !before[partition]?.group.includes(id)).length,
    0,
  );
}

/** A place with nothing on its way. */
export function active(cfg: number, ...group: readonly string[]): Placed {
  return { cfg: epoch(cfg), group: group.map(nodeId), next: undefined };
}

/** A place on its way from `group` to `next`. */
export function moving(
  cfg: number,
  group: readonly string[],
  next: { readonly cfg: number; readonly group: readonly string[]; readonly why: "loss" | "grow" | "move" },
): Placed {
  return {
    cfg: epoch(cfg),
    group: group.map(nodeId),
    next: { cfg: next.cfg as Epoch, group: next.group.map(nodeId), why: next.why },
  };
}
