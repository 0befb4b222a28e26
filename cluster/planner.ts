/**
 * Which nodes each partition is on: the table of a new cluster, and the next table of one that lost, gained or drains
 * members. Pure; the same inputs give the same table on every node.
 *
 * One idea: the table is carried from view to view and changed as little as can be. Nobody could compute it from the
 * members alone, and nobody has to: it travels in the view. What lost copies is mended at once and all together; what
 * merely lies unevenly is moved a little at a time.
 *
 * Invariant: a partition on its way to another configuration is left alone, until it has arrived or until a node of
 * the group it is on its way to is gone.
 *
 * @module
 */
import type { Epoch, NodeId } from "../core/ids.ts";
import type { Member, Placed, TransitionReason } from "./view.ts";
import { balance, type Budget, findMove, findOwnerPath } from "./planner_balance.ts";
import { at, type Board, boardOf, filled, groupOf, place, replace } from "./planner_board.ts";

/** What the next table depends on. */
export interface PlanInput {
  readonly places: readonly Placed[];
  /** Of the view the table is for. Without any, the table stays as it is. */
  readonly members: readonly Member[];
  /** Of that view: the number of every configuration that begins with it. */
  readonly epoch: Epoch;
  /** Copies of each partition, the owner's included; fewer while fewer members are up. From 1. */
  readonly replicaCount: number;
  /** Whether a transition may be activated: enough nodes of its group have the partition's entries. */
  readonly recovered: (partition: number, cfg: Epoch) => boolean;
  /** Open transitions that only balance, in the whole cluster; 0 begins none. */
  readonly movesMax: number;
  /** Of these, how many one node may take part in. */
  readonly movesPerNodeMax: number;
  /** Open transitions that take partitions from members that leave. */
  readonly drainMax: number;
}

/** The table of a new cluster: balanced, nothing on its way. `members` is not empty. */
export function initialPlaces(
  members: readonly Member[],
  partitionCount: number,
  replicaCount: number,
  cfg: Epoch,
): readonly Placed[] {
  const board = boardOf(members);
  const size = Math.min(replicaCount, board.candidateCount);
  for (let partition = 0; partition < partitionCount; partition++) {
    place(board, filled(board, partition, [], size), true);
  }
  balance(board, undefined);
  return board.groups.map((group) => ({ cfg, group: idsOf(board, group), next: undefined }));
}

/**
 * The next table. First what has recovered is activated; then every partition whose active group lost a member, or is
 * smaller than it could be, begins a transition, as does one that was on its way to a node that is gone. Only when no
 * such transition is open, members that leave are drained and loads are balanced, within the budgets. Places that stay
 * are the same objects, and `places` itself is the answer when nothing changes.
 */
export function planPlaces(input: PlanInput): readonly Placed[] {
  const board = boardOf(input.members);
  if (board.candidateCount === 0) return input.places;
  const plan: Plan = { input, board, size: Math.min(input.replicaCount, board.candidateCount), drafts: undefined };
  mend(plan);
  const placesNow = plan.drafts ?? input.places;
  if (!placesNow.some(({ next }) => next !== undefined && next.why !== "move")) ease(plan);
  return plan.drafts ?? input.places;
}

/**
 * Whether the table is where planning leads to: nothing on its way, every group full, its members all up (or none of
 * the members is), and no replica or ownership that could be moved to a less loaded member. With equal capacities all
 * loads then differ by at most one.
 */
export function isSettled(places: readonly Placed[], members: readonly Member[], replicaCount: number): boolean {
  const board = boardOf(members);
  const size = Math.min(replicaCount, board.candidateCount);
  for (const { group, next } of places) {
    const indices = indicesOf(board, group).filter((member) => board.isCandidate[member]);
    if (next !== undefined || indices.length !== size || group.length !== size) return false;
    place(board, indices, true);
  }
  return findMove(board, undefined) === undefined && findOwnerPath(board) === undefined;
}

/** One call of the planner. */
interface Plan {
  readonly input: PlanInput;
  readonly board: Board;
  /** Copies each partition should have. */
  readonly size: number;
  /** The new table, once anything has changed. */
  drafts: Placed[] | undefined;
}

/** Activates, replaces what cannot arrive, and begins what was lost or lacks copies; fills the board. */
function mend(plan: Plan): void {
  const { board, size } = plan;
  const reasons = new Map<number, TransitionReason>();
  for (const [partition, before] of plan.input.places.entries()) {
    const current = activated(plan, partition, before);
    const why = whyBegin(plan, current);
    if (why === undefined) {
      place(board, indicesOf(board, current.next?.group ?? current.group), current.next === undefined);
    } else {
      place(board, survivors(plan, current), false);
      reasons.set(partition, why);
    }
  }
  // After all survivors are counted: the copies of one loss are shared out among all.
  for (const [partition, why] of reasons) begin(plan, partition, filledTo(plan, partition, size), why);
}

function activated(plan: Plan, partition: number, current: Placed): Placed {
  const { next } = current;
  if (next === undefined || !plan.input.recovered(partition, next.cfg)) return current;
  // Whoever had its state is gone. What it came from may still be there.
  if (!plan.input.members.some(({ id }) => next.group.includes(id))) return current;
  const active: Placed = { cfg: next.cfg, group: next.group, next: undefined };
  draftsOf(plan)[partition] = active;
  return active;
}

/** Why a partition must begin a (new) transition whatever the budgets are; `undefined` when it need not. */
function whyBegin({ board, size }: Plan, { group, next }: Placed): TransitionReason | undefined {
  const isMember = (id: NodeId): boolean => board.indices.has(id);
  if (next !== undefined && next.group.length > 0 && next.group.every(isMember)) return undefined;
  if (!group.every(isMember) || group.length === 0) return "loss";
  if (new Set(group).size < size) return "grow";
  // It may have been sealed for the transition that cannot end now: only another one gets it going again.
  return next === undefined ? undefined : "move";
}

/**
 * The nodes to build a new group on: of the active group those that stay, in order, since they have the entries; then
 * those it was on its way to. Leaving members are left out here already: that saves another transition.
 */
function survivors({ board, size }: Plan, { group, next }: Placed): number[] {
  const known = new Set(indicesOf(board, [...group, ...next?.group ?? []]));
  return [...known].filter((member) => board.isCandidate[member]).slice(0, size);
}

/** Drains what leaves, then balances: a little at a time. */
function ease(plan: Plan): void {
  const { board, input } = plan;
  const open = openMoves(plan);
  let drainsLeft = input.drainMax - open.drains;
  let mustWait = false;
  for (let partition = 0; partition < board.groups.length; partition++) {
    const stay = board.isFree[partition] ? groupOf(board, partition).filter((member) => board.isCandidate[member]) : [];
    if (!board.isFree[partition] || stay.length === groupOf(board, partition).length) continue;
    mustWait = drainsLeft <= 0;
    if (mustWait) break;
    drainsLeft--;
    replace(board, partition, stay);
    begin(plan, partition, filledTo(plan, partition, plan.size), "move");
  }
  if (mustWait || open.budget.left <= 0) return;
  for (const partition of balance(board, open.budget)) begin(plan, partition, groupOf(board, partition), "move");
}

/** What transitions that only balance or drain are open already. */
function openMoves({ board, input, drafts }: Plan): { readonly budget: Budget; readonly drains: number } {
  const budget: Budget = {
    left: input.movesMax,
    perNodeMax: input.movesPerNodeMax,
    moves: new Int32Array(board.members.length),
  };
  let drains = 0;
  for (const { group, next } of drafts ?? input.places) {
    if (next === undefined) continue;
    const before = indicesOf(board, group);
    const after = indicesOf(board, next.group);
    if (before.some((member) => !board.isCandidate[member] && !after.includes(member))) drains++;
    else {
      budget.left--;
      for (const member of changed(before, after)) budget.moves[member] = at(budget.moves, member) + 1;
    }
  }
  return { budget, drains };
}

/** Who gains or loses a copy or the ownership. */
function changed(before: readonly number[], after: readonly number[]): ReadonlySet<number> {
  const result = new Set<number>();
  for (const member of before) if (!after.includes(member)) result.add(member);
  for (const member of after) if (!before.includes(member)) result.add(member);
  const [from, to] = [before[0], after[0]];
  if (from !== undefined && to !== undefined && from !== to) result.add(from).add(to);
  return result;
}

function filledTo({ board }: Plan, partition: number, size: number): number[] {
  const group = filled(board, partition, groupOf(board, partition), size);
  replace(board, partition, group);
  return group;
}

function begin(plan: Plan, partition: number, group: readonly number[], why: TransitionReason): void {
  const { board, input } = plan;
  const drafts = draftsOf(plan);
  const current = drafts[partition];
  if (current === undefined) return;
  board.isFree[partition] = false;
  drafts[partition] = { ...current, next: { cfg: input.epoch, group: idsOf(board, group), why } };
}

function draftsOf(plan: Plan): Placed[] {
  return plan.drafts ??= [...plan.input.places];
}

/** The members among `ids`, each once, in order. */
function indicesOf(board: Board, ids: readonly NodeId[]): number[] {
  const result: number[] = [];
  for (const id of ids) {
    const index = board.indices.get(id);
    if (index !== undefined && !result.includes(index)) result.push(index);
  }
  return result;
}

function idsOf(board: Board, group: readonly number[]): readonly NodeId[] {
  return group.flatMap((index) => board.members[index]?.id ?? []);
}
