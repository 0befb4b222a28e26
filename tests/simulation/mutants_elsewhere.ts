/**
 * Rules without a recorded plan in `mutants/`, and why. Pure data.
 *
 * One idea: either another test kills them, or the lack of them cannot be seen in a simulated cluster, because other
 * rules or the order of frames already forbid what they forbid. Those are kept all the same: what implies them may change.
 *
 * Invariant: a rule is here or has a plan, never both.
 *
 * @module
 */
import type { RuleName } from "../../cluster/rules.ts";

/** Why there is no plan. */
export type Elsewhere =
  /** This test fails without the rule. */
  | { readonly kind: "test"; readonly path: string }
  /** This is why nothing can be seen. */
  | { readonly kind: "implied"; readonly by: string };

const DIRECTORY: Elsewhere = { kind: "test", path: "tests/cluster/directory.test.ts" };
const ROUTER: Elsewhere = { kind: "test", path: "tests/cluster/router_property.test.ts" };

/** The rules without one. */
export const ELSEWHERE: Readonly<Partial<Record<RuleName, Elsewhere>>> = {
  grantAtEqualEpoch: {
    kind: "implied",
    by: "whoever has a newer view sends it before its answer, on a link that keeps its order",
  },
  viewHasQuorum: {
    kind: "implied",
    by:
      "provenVoters: when votes change, those that stay reach the new need alone; votes that stay have reached it before",
  },
  allFoundersQuiet: {
    kind: "implied",
    by:
      "it is only asked with seeds, and there the quiet seeds that found share one with every quorum that gave a lease",
  },
  joinerBootstrapsAnew: {
    kind: "implied",
    by: "who has accepted an attempt installs no other view, and votes only where it was seen asking for a lease",
  },
  syncIsQuiet: {
    kind: "implied",
    by: "changes and whole copies share a lane, and an owner sends no changes while a whole copy is on its way",
  },
  floor: DIRECTORY,
  holdExcludesLeaving: DIRECTORY,
  attemptsAreUnique: DIRECTORY,
  conflictWithSelf: DIRECTORY,
  auditByOperation: DIRECTORY,
  auditByVersion: DIRECTORY,
  claimBeforeStart: DIRECTORY,
  stopBeforeRelease: DIRECTORY,
  holderCheck: { kind: "test", path: "tests/cluster/owner.test.ts" },
  releasedNeverCounts: { kind: "test", path: "tests/cluster/lease.test.ts" },
  stickyBounce: ROUTER,
  flushThroughMailbox: ROUTER,
  handingEnqueues: ROUTER,
  frozenEnqueues: ROUTER,
  evictRemembers: ROUTER,
  linkGeneration: ROUTER,
  oldLinkNeverBounces: ROUTER,
  epochMarks: ROUTER,
  tokenAtDelivery: ROUTER,
};
