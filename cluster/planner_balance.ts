/**
 * Evening out: one copy at a time from the most loaded member to the least loaded one, then ownership along chains of
 * groups. Pure; changes the planner's {@link Board}.
 *
 * One idea: a step is taken only if the taker ends below where the giver was. So the loads, sorted, only ever get
 * smaller, and balancing ends. Copies go first: with even copies and full groups, even ownership can always be reached
 * by swapping roles inside groups, for sharing each partition equally among its group would be even, and a flow that
 * is possible in shares is possible in whole numbers.
 *
 * Invariant: only free partitions change, and with a budget each of them once.
 *
 * @module
 */
import { at, type Board, clashes, groupOf, loadAt, rendezvous, replace } from "./planner_board.ts";

/** What may still be begun. Mutable, of one plan. */
export interface Budget {
  /** Partitions. */
  left: number;
  readonly perNodeMax: number;
  /** Moves each member takes part in, by member. */
  readonly moves: Int32Array;
}

/** One copy of a partition, from a member to one that has none of it. */
export interface CopyMove {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** The ownership of a partition, from its owner to one of its backups. */
export interface OwnerSwap {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Steps one call may take without a budget. Greedy filling leaves next to nothing to do, so this is never reached; at
 * the limit the table is less even than it could be, and the budgeted plans go on from there.
 */
export const BALANCE_STEPS_MAX = 1 << 16;

/**
 * Changes the board towards even loads as far as the budget goes; without a budget, to the end. Ownership waits until
 * copies are even, since every copy that moves may move an ownership too.
 *
 * @returns The partitions that changed.
 */
export function balance(board: Board, budget: Budget | undefined): ReadonlySet<number> {
  const changed = new Set<number>();
  for (let step = 0; step < BALANCE_STEPS_MAX; step++) {
    const move = findMove(board, budget);
    if (move === undefined) break;
    if (move === "wait") return changed;
    moveCopy(board, move);
    spend(board, budget, move, changed);
  }
  for (let step = 0; step < BALANCE_STEPS_MAX; step++) {
    const path = findOwnerPath(board);
    if (path === undefined) break;
    // From the far end: each swap on its own then makes nothing worse and the rest of the chain shorter, so a budget
    // that ends in the middle loses nothing.
    for (const swap of path.toReversed()) {
      if (!affords(budget, swap.from, swap.to)) return changed;
      swapOwner(board, swap);
      spend(board, budget, swap, changed);
    }
  }
  return changed;
}

/**
 * The next copy to move: from the most loaded member that can give one to the least loaded that can take it and gains
 * by it; `wait` when it exists but must wait for the budget or for a transition to end. Taking the second best
 * meanwhile would cost a move more in the end. `undefined` when copies are even.
 */
export function findMove(board: Board, budget: Budget | undefined): CopyMove | "wait" | undefined {
  if (!isUneven(board, board.replicas)) return undefined;
  const givers = ordered(board, budget, (member) => -loadAt(board, member, at(board.replicas, member)));
  const takers = ordered(board, budget, (member) => loadAt(board, member, at(board.replicas, member) + 1));
  for (const from of givers) {
    const load = loadAt(board, from, at(board.replicas, from));
    for (const to of takers) {
      if (loadAt(board, to, at(board.replicas, to) + 1) >= load) break;
      const partition = partitionFor(board, from, to);
      if (partition === undefined) continue;
      if (partition === "wait" || !affords(budget, from, to)) return "wait";
      return { partition, from, to };
    }
  }
  return undefined;
}

/**
 * A shortest chain of swaps by which a member with much to own passes one ownership to one with little, each swap
 * inside one group; first swap first. `undefined` when there is none: with equal capacities ownership is then even.
 */
export function findOwnerPath(board: Board): readonly OwnerSwap[] | undefined {
  if (!isUneven(board, board.owned)) return undefined;
  const ownedBy = partitionsByOwner(board);
  const sources = ordered(board, undefined, (member) => -loadAt(board, member, at(board.owned, member)));
  const arrivals = new Map<number, OwnerSwap | undefined>();
  for (let first = 0; first < sources.length;) {
    const load = ownedLoad(board, sources[first] ?? 0);
    // All of one load begin together. Members that more loaded ones have reached lead nowhere: they are not asked again.
    const queue: number[] = [];
    for (; first < sources.length && ownedLoad(board, sources[first] ?? 0) === load; first++) {
      const source = sources[first];
      if (source === undefined || arrivals.has(source)) continue;
      arrivals.set(source, undefined);
      queue.push(source);
    }
    const end = search(board, ownedBy, queue, arrivals, load);
    if (end !== undefined) return pathTo(arrivals, end);
  }
  return undefined;
}

/** Goes through the groups, breadth first, to a member that gains from owning one partition more. */
function search(
  board: Board,
  ownedBy: readonly (readonly number[])[],
  queue: number[],
  arrivals: Map<number, OwnerSwap | undefined>,
  load: number,
): number | undefined {
  for (const from of queue) { // Grows while it is read.
    for (const partition of ownedBy[from] ?? []) {
      for (const to of groupOf(board, partition)) {
        if (arrivals.has(to) || board.isCandidate[to] !== true) continue;
        arrivals.set(to, { partition, from, to });
        if (loadAt(board, to, at(board.owned, to) + 1) < load) return to;
        queue.push(to);
      }
    }
  }
  return undefined;
}

function pathTo(arrivals: ReadonlyMap<number, OwnerSwap | undefined>, end: number): readonly OwnerSwap[] {
  const path: OwnerSwap[] = [];
  for (let swap = arrivals.get(end); swap !== undefined; swap = arrivals.get(swap.from)) path.push(swap);
  return path.reverse();
}

/** Whether moving one from the most to the least loaded candidate would help, were it possible. */
function isUneven(board: Board, counts: Int32Array): boolean {
  let most = 0;
  let least = Infinity;
  for (let member = 0; member < counts.length; member++) {
    if (board.isCandidate[member] !== true) continue;
    const count = at(counts, member);
    most = Math.max(most, loadAt(board, member, count));
    if (count < board.groups.length) least = Math.min(least, loadAt(board, member, count + 1));
  }
  return least < most;
}

/** Candidates by `rank`, then those that take part in fewer moves, then as members stand. */
function ordered(board: Board, budget: Budget | undefined, rank: (member: number) => number): readonly number[] {
  const ranks = board.members.map((_, member) => rank(member));
  const moves = budget?.moves;
  return [...ranks.keys()].filter((member) => board.isCandidate[member]).sort((one, other) => {
    const difference = (ranks[one] ?? 0) - (ranks[other] ?? 0);
    if (difference !== 0) return difference;
    return moves === undefined ? one - other : at(moves, one) - at(moves, other) || one - other;
  });
}

/**
 * The partition whose copy is best moved: without a clash of zones; the owner's copy when that evens out ownership
 * too, else a backup's; then by hash. `wait` when all there are, are on their way elsewhere.
 */
function partitionFor(board: Board, from: number, to: number): number | "wait" | undefined {
  const ownerGains = loadAt(board, to, at(board.owned, to) + 1) < ownedLoad(board, from);
  let best: number | "wait" | undefined;
  let bestFit = -1;
  let bestHash = 0;
  for (let partition = 0; partition < board.groups.length; partition++) {
    const group = groupOf(board, partition);
    const index = group.indexOf(from);
    if (index < 0 || group.includes(to)) continue;
    if (board.isFree[partition] !== true) {
      best ??= "wait";
      continue;
    }
    const role = index > 0 ? 1 : ownerGains ? 2 : 0;
    const fit = role + (clashes(board, group.filter((member) => member !== from), to) ? 0 : 3);
    const hash = rendezvous(board, partition, to);
    if (fit < bestFit || (fit === bestFit && hash <= bestHash)) continue;
    best = partition;
    bestFit = fit;
    bestHash = hash;
  }
  return best;
}

function partitionsByOwner(board: Board): readonly (readonly number[])[] {
  const result: number[][] = board.members.map(() => []);
  for (let partition = 0; partition < board.groups.length; partition++) {
    const owner = groupOf(board, partition)[0];
    if (owner !== undefined && board.isFree[partition] === true) result[owner]?.push(partition);
  }
  return result;
}

function ownedLoad(board: Board, member: number): number {
  return loadAt(board, member, at(board.owned, member));
}

function moveCopy(board: Board, { partition, from, to }: CopyMove): void {
  replace(board, partition, groupOf(board, partition).map((member) => member === from ? to : member));
}

function swapOwner(board: Board, { partition, from, to }: OwnerSwap): void {
  const swapped = groupOf(board, partition).map((member) => member === from ? to : member === to ? from : member);
  replace(board, partition, swapped);
}

function affords(budget: Budget | undefined, one: number, other: number): boolean {
  if (budget === undefined) return true;
  return budget.left > 0 && at(budget.moves, one) < budget.perNodeMax && at(budget.moves, other) < budget.perNodeMax;
}

function spend(
  board: Board,
  budget: Budget | undefined,
  { partition, from, to }: CopyMove,
  changed: Set<number>,
): void {
  changed.add(partition);
  if (budget === undefined) return;
  budget.left--;
  budget.moves[from] = at(budget.moves, from) + 1;
  budget.moves[to] = at(budget.moves, to) + 1;
  board.isFree[partition] = false; // One change a transition: its group is what its nodes are told.
}
