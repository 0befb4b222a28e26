/**
 * Rules without a recorded plan in `mutants/`, and why. Pure data.
 *
 * One idea: either another test kills them, named here, or the lack of them cannot be seen, because other rules and the
 * order of frames already forbid what they forbid. These are kept: what implies them may change.
 *
 * Invariant: a rule is here or has a plan, never both.
 *
 * @module
 */
import type { RuleName } from "../../cluster/rules.ts";

/** Why there is no plan. */
export interface Elsewhere {
  readonly why: "implied" | "other test" | "later";
  /** What implies it, or where it is killed. */
  readonly where: string;
}

/** The rules without one. */
export const ELSEWHERE: Partial<Record<RuleName, Elsewhere>> = {
  grantAtEqualEpoch: {
    why: "implied",
    where: "whoever has a newer view sends it before its answer, on a link that keeps its order, and promises and grants " +
      "last across views: so a grant of another epoch counts for no longer than it was given for",
  },
  viewHasQuorum: {
    why: "implied",
    where: "provenVoters: when votes change, those that stay must reach the new need, so all together reach it too; and " +
      "votes that do not change have reached it before",
  },
  allFoundersQuiet: {
    why: "implied",
    where: "it is only looked at with seeds, and there a majority of them, which is in every founding, shares a seed with " +
      "every quorum that granted a lease; that seed has been quiet for long enough",
  },
  joinerBootstrapsAnew: {
    why: "implied",
    where: "who has accepted an attempt installs no view but that of its attempt, and votes in no cluster it has not " +
      "asked for a lease; another cluster that lets it in only waits for it in vain and removes it again",
  },
  floor: {
    why: "implied",
    where: "an answer counts only of the node and under the epoch that were asked last, and who reports what it holds has " +
      "installed the view under which it asks anew; what comes of a removed owner is a stranger's",
  },
  syncIsQuiet: {
    why: "implied",
    where: "changes and whole copies take one lane, and an owner sends no changes while a whole copy is on its way",
  },
  releasedNeverCounts: { why: "later", where: "nodes leave in the scenario of whole nodes" },
  holdExcludesLeaving: { why: "later", where: "needs a directory: the scenario of whole nodes" },
  generationGate: { why: "later", where: "needs threads: the gate is in workers/" },
  parkWhileFrozen: { why: "later", where: "needs a router: the scenario of whole nodes" },
  holderCheck: { why: "other test", where: "tests/cluster/directory_property.test.ts" },
};
