/**
 * The rules a cluster stands on, by name, so that tests can take one away and see the simulator find the hole.
 * Pure data.
 *
 * One idea: a rule nobody has seen fail may not be needed, or may not be watched. Each one here has a plan in
 * `tests/simulation/mutants/` under which a cluster without it breaks a promise.
 *
 * Invariant: production code is given {@link ALL_RULES} and nothing else; no option leads here.
 *
 * @module
 */

/** Every rule with what it forbids. */
export const RULES = {
  // --- views and leases ---
  leaseWait: "a voter accepts a removal only when its promise to the removed has ended",
  promiseOutlastsLease: "a voter's promise lasts longer than the lease it backs, by the difference clocks may have",
  newVotersWait: "after a change of voters each voter waits as if it had just promised everybody",
  anyVoterChangeWaits: "… also when only weights changed, not only voters that are new",
  stopGrantingOnVoterChange: "a voter that has accepted other voters grants no more under the old ones",
  refuseAcceptedRemoval: "a voter that has accepted a removal grants the removed nothing more",
  grantAtEqualEpoch: "a grant counts only under the view it was given under",
  promisesSurviveViews: "promises are kept across views",
  finishAccepted: "a voter with an accepted view that nobody finished proposes it again",
  viewHasQuorum: "no view is accepted whose own voters could not choose the next one",
  provenVoters: "a member votes only after it was seen alive as a member, and the kept voters carry the new need",
  releasedNeverCounts: "after giving its lease back a node counts no grant again",
  // --- beginning ---
  openNeedsAll: "a new cluster opens with a second view that all members of the first have accepted",
  quietSinceIdentity: "nothing is served until every founder has been without a lease, under any name, for long enough",
  allFoundersQuiet: "… every founder, not only the seeds",
  noFreeDefection: "whoever accepted the opening view leaves the attempt only where it can no longer open",
  noSecondBootstrap: "with dynamic voters, a process that was ever in a cluster founds no other",
  provableLoss: "a frozen member gives up at once when the seeds show that its voters cannot come back",
  fenceOnlyFrozen: "another cluster's id fences only a member that has long been frozen",
  joinerBootstrapsAnew: "a node that asked to join takes a new id before it helps to found a cluster",
  // --- partitions ---
  quorumWrite: "a write counts when its quorum of copies is stored",
  replyAfterCommit: "an answer waits for the write it depends on",
  requestsOnce: "a request that comes again is answered as before, and one of before this configuration is not run",
  ownerLease: "an owner answers only under its lease",
  sealOwner: "a new configuration begins after the old owner is sealed, or removed",
  sealCoverage: "… and after enough backups are sealed to hold every acknowledged write",
  refetchAfterLoss: "when the source of a fetch is removed, sealing is judged anew",
  activateThroughView: "a new owner serves only after the view says so",
  floor: "after a rebuild an acknowledgement of an older configuration counts no more",
  syncIsQuiet: "while a whole copy is on its way nothing is acknowledged from before it",
  holdExcludesLeaving: "an activation that has stopped is not reported as held",
  // --- directory ---
  holderCheck: "a repeated operation is recognised only from the node that made it",
  attemptsAreUnique: "an operation id names one attempt of one node",
  conflictWithSelf: "a record that names us and that we do not hold is released at once",
  auditByOperation: "an audit compares operations, not names",
  auditByVersion: "an audit judges only what is as old as itself",
  claimBeforeStart: "an activation starts only under an acknowledged claim and a lease",
  stopBeforeRelease: "a name is released after its actor has stopped",
  // --- messages ---
  stickyBounce: "after one bounce all later frames of the same route bounce, until its flush",
  flushThroughMailbox: "a flush travels through the mailbox",
  handingEnqueues: "an activation on its way elsewhere still takes messages, until it has stopped",
  frozenEnqueues: "a frozen activation takes messages",
  evictRemembers: "a forgotten route is flushed before another is used",
  linkGeneration: "what comes by an older link of a pair is dropped once there is a newer one",
  oldLinkNeverBounces: "a message that came by an older link is a dead letter where it would be bounced",
  epochMarks: "frames sent under a view are read when that view is installed, and none of a node that it removed",
  tokenAtDelivery: "a message for another activation than the one here is bounced",
  // --- the gate ---
  freezeAtExpiry: "without a lease nothing runs and nothing leaves",
  generationGate: "what began under another identity of the process is dropped",
  parkWhileFrozen: "replies and timers wait while the lease is out",
} as const satisfies Readonly<Record<string, string>>;

/** The name of a rule. */
export type RuleName = keyof typeof RULES;

/** Which rules hold. */
export type Rules = Readonly<Record<RuleName, boolean>>;

/** What runs in production. */
export const ALL_RULES: Rules = without();

/** All rules but these. For tests: nothing in the product calls it with a name. */
export function without(...names: readonly RuleName[]): Rules {
  const entries = (Object.keys(RULES) as RuleName[]).map((name) => [name, !names.includes(name)] as const);
  return Object.fromEntries(entries) as Rules;
}
