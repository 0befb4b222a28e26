/**
 * Who votes, and with how many votes: the only thing in which the ways to survive a split differ. Pure.
 *
 * One idea: keep-majority, a quorum of seeds and keep-oldest are not three protocols but three ways to give out votes;
 * everything else is the same majority.
 *
 * Invariant: two sets of voters that each reach `need` share one.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import type { Rules } from "./rules.ts";
import type { Member, QuorumRule, View, Voter } from "./view.ts";

/** Voters of a cluster without an arbiter outside: more would only make every decision slower. */
export const VOTERS_MAX = 5;

/** The votes of one view. */
export interface Votes {
  readonly voters: readonly Voter[];
  /** Votes needed to decide. With `seeds` it may be more than there are: then nothing can be decided. */
  readonly need: number;
}

/** As much of a member as matters for its votes. */
export type Candidate = Pick<Member, "id" | "address">;

/**
 * The votes that `rule` gives to these members.
 *
 * @param members The candidates, oldest first.
 */
export function votersFor(rule: QuorumRule, members: readonly Candidate[]): Votes {
  switch (rule.kind) {
    case "dynamic":
      return majority(withOddTotal(members.slice(0, VOTERS_MAX).map(({ id }) => ({ id, weight: 1 }))));
    case "seeds": {
      const seeds = members.filter(({ address }) => rule.seeds.includes(address));
      const voters = seeds.map(({ id }) => ({ id, weight: 1 }));
      return { voters, need: Math.floor(rule.seeds.length / 2) + 1 };
    }
    case "oldest":
      return majority(
        members.map(({ id }, index) => ({ id, weight: index === 0 ? weightOfOldest(members.length) : 1 })),
      );
    default:
      return rule satisfies never;
  }
}

/**
 * The votes of the view after `view`. A member votes only once it was seen as a member, and those that voted before
 * must be able to decide alone: were the new ones to die before they ever heard of it, nobody could decide any more.
 *
 * @param members The next view's members, oldest first.
 * @param isProven Whether a member of `view` has asked for its lease as a member.
 */
export function votersAfter(
  view: View,
  members: readonly Member[],
  isProven: (id: NodeId) => boolean,
  rules: Rules,
): Votes {
  const before = new Set(view.voters.map(({ id }) => id));
  const up = members.filter((member) => member.status === "up" || before.has(member.id));
  if (!rules.provenVoters) return votersFor(view.rule, up);
  const candidates = up.filter(({ id }) => before.has(id) || isProven(id));
  for (;;) {
    const votes = votersFor(view.rule, candidates);
    const youngest = candidates.findLastIndex(({ id }) => !before.has(id));
    if (youngest < 0 || votesKept(votes, before) >= votes.need) return votes;
    candidates.splice(youngest, 1); // It has to wait for a later view.
  }
}

/** Votes of those who had some before. */
export function votesKept(votes: Votes, before: ReadonlySet<NodeId>): number {
  return votes.voters.reduce((sum, { id, weight }) => before.has(id) ? sum + weight : sum, 0);
}

/** All votes there are. */
export function votesOfAll({ voters }: Pick<Votes, "voters">): number {
  return voters.reduce((sum, { weight }) => sum + weight, 0);
}

function withOddTotal(voters: readonly Voter[]): readonly Voter[] {
  const [oldest] = voters;
  if (oldest === undefined || voters.length % 2 === 1) return voters;
  return [{ ...oldest, weight: 2 }, ...voters.slice(1)];
}

/** With two members the oldest alone must do; with more it needs one other, or all others without it. */
function weightOfOldest(count: number): number {
  return count === 2 ? 2 : Math.max(1, count - 2);
}

function majority(voters: readonly Voter[]): Votes {
  return { voters, need: Math.floor(votesOfAll({ voters }) / 2) + 1 };
}
