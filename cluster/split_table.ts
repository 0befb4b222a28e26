/**
 * Who goes on when the network is cut: the answer the voters give, before anybody cuts anything. Pure.
 *
 * One idea: nothing beside the voters of a view decides a split, so its outcome can be computed from them alone, by a
 * user who plans a cluster as well as by a test.
 *
 * Invariant: at most one side of a cut goes on, as long as more than half of all votes are needed.
 *
 * @module
 */
import { nodeId } from "../core/ids.ts";
import type { QuorumRule } from "./view.ts";
import { votersFor, type Votes } from "./voters.ts";

/** A network in pieces: the nodes of each side see each other, and nobody else. Who is on no side is down. */
export type Cut = readonly (readonly string[])[];

/** A node as far as a split depends on it: an id, and the address by which `seeds` knows it. */
export interface SplitMember {
  /** What the sides call it. */
  readonly id: string;
  /** `host:port`, as it stands in the list of seeds. */
  readonly address: string;
}

/** What becomes of a cut. */
export interface SplitVerdict {
  /** Index of the side that goes on; `undefined` when none does, and all freeze until enough of them meet again. */
  readonly survivor: number | undefined;
  /** Votes of each side. */
  readonly votes: readonly number[];
  /** Votes a side needs. */
  readonly need: number;
}

/** One cut, judged by each of several rules. */
export interface SplitRow {
  /** Who sees whom. */
  readonly sides: Cut;
  /** In the order of the rules. */
  readonly verdicts: readonly SplitVerdict[];
}

/**
 * Which side goes on if a cluster of these members is cut so.
 *
 * @param members Those that are up, the oldest first. All of them count as voters if the rule says so; a living cluster
 * admits new voters one view at a time, so one that is growing may answer otherwise.
 * @param sides A node that stands on two sides counts on the first.
 */
export function survivors(rule: QuorumRule, members: readonly SplitMember[], sides: Cut): SplitVerdict {
  return survivorOf(votesOf(rule, members), sides);
}

/** Which side of a cut goes on, by the votes of a view. A view can be given as it is. */
export function survivorOf({ voters, need }: Votes, sides: Cut): SplitVerdict {
  const votes = sides.map(() => 0);
  for (const { id, weight } of voters) {
    const side = sides.findIndex((ids) => ids.includes(id));
    if (side >= 0) votes[side] = (votes[side] ?? 0) + weight;
  }
  const survivor = votes.findIndex((sum) => sum >= need);
  return { survivor: survivor < 0 ? undefined : survivor, votes, need };
}

/**
 * Every cut of these members into so many sides, judged by each rule. Rows are made as they are asked for: there are
 * about `sideCount ** members.length / sideCount!` of them.
 */
export function* splitTable(
  members: readonly SplitMember[],
  rules: readonly QuorumRule[],
  sideCount: number,
): Generator<SplitRow> {
  const votes = rules.map((rule) => votesOf(rule, members));
  for (const sides of cutsOf(members.map(({ id }) => id), sideCount)) {
    yield { sides, verdicts: votes.map((each) => survivorOf(each, sides)) };
  }
}

/** Every way to cut `ids` into `sideCount` sides, none empty, each once. The first node stands on the first side. */
export function* cutsOf(ids: readonly string[], sideCount: number): Generator<Cut> {
  const [first, ...others] = ids;
  if (first === undefined || sideCount < 1) return;
  yield* dealt([[first]], others, sideCount);
}

/** Deals the others to the sides there are, or to a new one, as long as enough are left to fill all. */
function* dealt(sides: Cut, others: readonly string[], sideCount: number): Generator<Cut> {
  if (sides.length + others.length < sideCount) return;
  const [next, ...rest] = others;
  if (next === undefined) {
    yield sides;
    return;
  }
  for (let side = 0; side < sides.length; side++) {
    yield* dealt(sides.map((ids, index) => index === side ? [...ids, next] : ids), rest, sideCount);
  }
  if (sides.length < sideCount) yield* dealt([...sides, [next]], rest, sideCount);
}

function votesOf(rule: QuorumRule, members: readonly SplitMember[]): Votes {
  return votersFor(rule, members.map(({ id, address }) => ({ id: nodeId(id), address })));
}
