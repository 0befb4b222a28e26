/**
 * The planner's working table: members by index, the nodes each partition will be on, and how loaded that makes each
 * member. Pure; a board is mutable and belongs to one call of the planner.
 *
 * One idea: loads count where partitions will be, not where they are, so a plan half carried out is not made twice.
 *
 * Invariant: `replicas` and `owned` are the counts of `groups`, of every group that was {@link place}d.
 *
 * @module
 */
import { hash32 } from "../core/hash.ts";
import type { NodeId } from "../core/ids.ts";
import type { Member } from "./view.ts";

/** The smallest share a member counts with. A capacity that is no share at all must not stop the planning of others. */
export const CAPACITY_MIN = 1 / 1024;
/** The largest share a member counts with. */
export const CAPACITY_MAX = 1024;

/** Members and loads while planning. Nodes and partitions are indices. */
export interface Board {
  readonly members: readonly Member[];
  readonly indices: ReadonlyMap<NodeId, number>;
  /** Whether a member may be given partitions: those that are up; all, when none is. By member. */
  readonly isCandidate: readonly boolean[];
  readonly candidateCount: number;
  /** {@link CAPACITY_MIN} to {@link CAPACITY_MAX}. By member. */
  readonly capacities: Float64Array;
  /** Failure domains, numbered from 1; 0 is none. By member. */
  readonly zones: Int32Array;
  /** Of the id, so that ties are broken alike whatever the order of members. */
  readonly hashes: Int32Array;
  /** Copies each member will hold. */
  readonly replicas: Int32Array;
  /** The load each candidate would have with one copy more; infinite for the others. */
  readonly loadsNext: Float64Array;
  /** Partitions each member will own. */
  readonly owned: Int32Array;
  /** The nodes each partition will be on, its owner first. */
  readonly groups: number[][];
  /** Whether a partition may be changed in this plan: it is not on its way anywhere. */
  readonly isFree: boolean[];
}

/** A board without partitions. */
export function boardOf(members: readonly Member[]): Board {
  const indices = new Map<NodeId, number>();
  const zones = new Map<string, number>([["", 0]]);
  const hasUp = members.some((member) => member.status === "up");
  const board = {
    members,
    indices,
    isCandidate: members.map((member) => !hasUp || member.status === "up"),
    candidateCount: 0,
    capacities: new Float64Array(members.length),
    zones: new Int32Array(members.length),
    hashes: new Int32Array(members.length),
    replicas: new Int32Array(members.length),
    loadsNext: new Float64Array(members.length).fill(Infinity),
    owned: new Int32Array(members.length),
    groups: [],
    isFree: [],
  };
  for (const [index, { id, zone, capacity }] of members.entries()) {
    indices.set(id, index);
    if (!zones.has(zone)) zones.set(zone, zones.size);
    board.zones[index] = zones.get(zone) ?? 0;
    board.hashes[index] = hash32(id);
    board.capacities[index] = Number.isNaN(capacity) ? 1 : Math.min(Math.max(capacity, CAPACITY_MIN), CAPACITY_MAX);
    if (board.isCandidate[index] !== true) continue;
    board.candidateCount++;
    board.loadsNext[index] = 1 / (board.capacities[index] ?? 1);
  }
  return board;
}

/** Puts the next partition on `group`, and counts it. */
export function place(board: Board, group: number[], isFree: boolean): void {
  board.groups.push(group);
  board.isFree.push(isFree);
  count(board, group, 1);
}

/** Puts a placed partition on another group. */
export function replace(board: Board, partition: number, group: number[]): void {
  count(board, groupOf(board, partition), -1);
  board.groups[partition] = group;
  count(board, group, 1);
}

/** Where a partition will be. */
export function groupOf(board: Board, partition: number): readonly number[] {
  return board.groups[partition] ?? [];
}

/** The load of a member that has `count` of something: 1 is the load of one at the usual capacity. */
export function loadAt(board: Board, member: number, count: number): number {
  return count / (board.capacities[member] ?? 1);
}

/** The number in a typed array of the board; every member has one. */
export function at(numbers: Int32Array, member: number): number {
  return numbers[member] ?? 0;
}

/**
 * `group` with further candidates until it has `size`: at each step the one least loaded with one copy more, then one
 * whose zone is not there yet, then by the hash of partition and id. An owner is chosen among a group that is all new
 * by what each owns already; the first of a group that was there stays the owner.
 */
export function filled(board: Board, partition: number, group: readonly number[], size: number): number[] {
  const result = [...group];
  while (result.length < size) {
    const best = leastLoaded(board, partition, result);
    if (best < 0) break;
    result.push(best);
  }
  if (group.length > 0) return result;
  const owner = result.reduce(
    (best, each) => ownedLoad(board, each) < ownedLoad(board, best) ? each : best,
    result[0] ?? -1,
  );
  return owner < 0 ? result : [owner, ...result.filter((each) => each !== owner)];
}

/** Whether a member's zone is that of another one of `group`. */
export function clashes(board: Board, group: readonly number[], member: number): boolean {
  const zone = at(board.zones, member);
  if (zone === 0) return false;
  for (const other of group) if (other !== member && at(board.zones, other) === zone) return true;
  return false;
}

/** A number of a partition and a member together, the same on every node; signed 32 bits. */
export function rendezvous(board: Board, partition: number, member: number): number {
  let mixed = Math.imul(partition + 0x7f4a7c15, 0xc2b2ae35) ^ at(board.hashes, member);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

function leastLoaded(board: Board, partition: number, group: readonly number[]): number {
  let best = -1;
  let bestLoad = Infinity;
  let bestClashes = false;
  let bestHash = 0;
  const { loadsNext } = board;
  for (let member = 0; member < loadsNext.length; member++) {
    const load = loadsNext[member] ?? Infinity;
    if (load > bestLoad || load === Infinity || group.includes(member)) continue;
    const isClash = clashes(board, group, member);
    if (best >= 0 && load === bestLoad && isClash && !bestClashes) continue;
    const hash = rendezvous(board, partition, member);
    if (best >= 0 && load === bestLoad && isClash === bestClashes && hash <= bestHash) continue;
    best = member;
    bestLoad = load;
    bestClashes = isClash;
    bestHash = hash;
  }
  return best;
}

function ownedLoad(board: Board, member: number): number {
  return loadAt(board, member, at(board.owned, member) + 1);
}

function count(board: Board, group: readonly number[], step: 1 | -1): void {
  for (const member of group) {
    const replicas = board.replicas[member] = at(board.replicas, member) + step;
    if (board.isCandidate[member] === true) board.loadsNext[member] = loadAt(board, member, replicas + 1);
  }
  const owner = group[0];
  if (owner !== undefined) board.owned[owner] = at(board.owned, owner) + step;
}
