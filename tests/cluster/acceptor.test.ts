/**
 * One voter: what it grants, what it accepts, and how long its promises stand.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { epoch, instant, nodeId } from "../../core/ids.ts";
import {
  accept,
  type Acceptor,
  createAcceptor,
  grantLease,
  installed,
  leaseReleased,
  prepare,
} from "../../cluster/acceptor.ts";
import { ALL_RULES, type RuleName, type Rules, without } from "../../cluster/rules.ts";
import type { View } from "../../cluster/view.ts";
import type { Ballot } from "../../cluster/view_protocol.ts";
import { member } from "./planned.ts";
import { following, founded, lacking, TIMES, voters } from "./view_values.ts";

const [a, b, c] = [nodeId("a"), nodeId("b"), nodeId("c")];
const view = founded("a b c");
const withoutC = lacking(view, "c");

describe("V1: a voter grants", () => {
  it("leases to members only", () => {
    const voter = createAcceptor();
    assert.equal(grant(voter, "b", 0), true);
    assert.equal(grant(voter, "z", 0), false);
    assert.deepEqual([...voter.promisedUntil], [[b, 6_300]]);
  });

  it("nothing when it has no vote, but notes who asked", () => {
    const voter = createAcceptor();
    assert.equal(grantLease(voter, view, nodeId("d"), b, instant(0), TIMES, ALL_RULES), false);
    assert.deepEqual([voter.promisedUntil.size, [...voter.proven]], [0, [b]]);
  });

  it("promises that last longer than the lease", () => {
    const voter = createAcceptor();
    grant(voter, "b", 1_000);
    assert.ok((voter.promisedUntil.get(b) ?? 0) - 1_000 > TIMES.leaseMs);
  });

  it("and never shortens a promise", () => {
    const voter = createAcceptor();
    voter.promisedUntil.set(b, instant(90_000));
    grant(voter, "b", 0);
    assert.equal(voter.promisedUntil.get(b), 90_000);
  });

  it("nothing to a member whose removal it has accepted, and goes on granting to the others", () => {
    const voter = accepting(withoutC, without("stopGrantingOnVoterChange"));
    assert.equal(grant(voter, "c", 0, without("stopGrantingOnVoterChange")), false);
    assert.equal(grant(voter, "b", 0, without("stopGrantingOnVoterChange")), true);
  });

  it("to nobody once it has accepted other voters", () => {
    const voter = accepting(withoutC);
    assert.equal(grant(voter, "b", 0), false);
  });

  it("to everybody while the view it has accepted has the same voters", () => {
    const voter = accepting(following(view, { members: [...view.members, member("z", { joinEpoch: epoch(0) })] }, {
      isProven: () => false,
    }));
    assert.equal(grant(voter, "b", 0), true);
  });
});

describe("V2: a voter accepts", () => {
  it("a removal at once when it has promised nothing to the removed", () => {
    assert.deepEqual(propose(createAcceptor(), withoutC, 0), { kind: "accepted" });
  });

  it("a removal only when its promise to the removed has ended", () => {
    const voter = createAcceptor();
    grant(voter, "c", 1_000);
    assert.deepEqual(propose(voter, withoutC, 1_300), { kind: "wait", remainingMs: 6_000 });
    assert.deepEqual(propose(voter, withoutC, 7_299), { kind: "wait", remainingMs: 1 });
    assert.deepEqual(propose(voter, withoutC, 7_300), { kind: "accepted" });
  });

  it("and grants nothing meanwhile to whom it waits for, or the wait would never end", () => {
    const voter = createAcceptor();
    grant(voter, "c", 0);
    propose(voter, withoutC, 100);
    assert.equal(grant(voter, "c", 200), false);
    assert.equal(grant(voter, "b", 200), true);
  });

  it("and grants again after three leases, if the removal came to nothing", () => {
    const voter = createAcceptor();
    grant(voter, "c", 0);
    propose(voter, withoutC, 100);
    assert.equal(grant(voter, "c", 18_099), false);
    assert.equal(grant(voter, "c", 18_100), true);
  });

  it("a removal at once after the removed has given its lease back", () => {
    const voter = createAcceptor();
    grant(voter, "c", 0);
    leaseReleased(voter, c);
    assert.deepEqual(propose(voter, withoutC, 1), { kind: "accepted" });
  });

  it("any other view at once, whatever it has promised to those who stay", () => {
    const voter = createAcceptor();
    for (const name of ["a", "b", "c"]) grant(voter, name, 0);
    assert.deepEqual(propose(voter, following(view, {}), 1), { kind: "accepted" });
  });

  it("nothing under a ballot lower than one it has promised", () => {
    const voter = createAcceptor();
    assert.equal(prepare(voter, ballot(5, "b")).kind, "promise");
    assert.deepEqual(propose(voter, withoutC, 0, ballot(4, "c")), {
      kind: "refused",
      promised: ballot(5, "b"),
      reason: "a higher ballot was promised",
    });
    assert.equal(prepare(voter, ballot(5, "a")).kind, "refused");
    assert.equal(prepare(voter, ballot(5, "c")).kind, "promise");
  });

  it("nothing that breaks a rule of views, and says which", () => {
    const alien = { ...withoutC, clusterId: "other" };
    assert.deepEqual(propose(createAcceptor(), alien, 0), {
      kind: "refused",
      promised: ballot(1, "a"),
      reason: "it is of another cluster",
    });
  });

  it("and names what it has accepted to whoever prepares next", () => {
    const voter = accepting(withoutC);
    assert.deepEqual(prepare(voter, ballot(2, "b")), {
      kind: "promise",
      accepted: { ballot: ballot(1, "a"), view: withoutC },
    });
  });

  it("a second view under a higher ballot, which takes the place of the first", () => {
    const voter = accepting(withoutC);
    const other = lacking(view, "b");
    assert.equal(propose(voter, other, 0, ballot(2, "b")).kind, "accepted");
    assert.equal(voter.accepted?.view, other);
  });
});

describe("V3: after a view was installed a voter", () => {
  it("has promised everybody when the voters are others", () => {
    const voter = createAcceptor();
    install(voter, "a", withoutC, view, 1_000);
    assert.deepEqual([...voter.promisedUntil], [[a, 7_300], [b, 7_300]]);
  });

  it("has promised everybody when only a weight changed", () => {
    const next: View = { ...following(view, {}), voters: voters("a:2 b c"), need: 3 };
    const voter = createAcceptor();
    install(voter, "a", next, view, 1_000);
    assert.deepEqual([...voter.promisedUntil.values()], [7_300, 7_300, 7_300]);
  });

  it("has promised everybody when it does not know the view before", () => {
    for (const previous of [undefined, { ...view, epoch: epoch(1) }]) {
      const voter = createAcceptor();
      install(voter, "a", { ...view, epoch: epoch(3) }, previous, 1_000);
      assert.equal(voter.promisedUntil.size, 3);
    }
  });

  it("has promised nothing new when the voters are the same", () => {
    const voter = createAcceptor();
    install(voter, "a", following(view, {}), view, 1_000);
    assert.equal(voter.promisedUntil.size, 0);
  });

  it("therefore accepts no removal for as long as a promise lasts", () => {
    const four = founded("a b c d");
    const voter = createAcceptor();
    const next = lacking(four, "d");
    install(voter, "a", next, four, 1_000);
    const verdict = accept(voter, next, ballot(1, "a"), lacking(next, "c"), instant(2_000), TIMES, ALL_RULES);
    assert.deepEqual(verdict, { kind: "wait", remainingMs: 5_300 });
  });
});

describe("V4: promises", () => {
  it("survive views", () => {
    const voter = createAcceptor();
    grant(voter, "c", 0);
    const next = following(view, {});
    install(voter, "a", next, view, 100);
    assert.equal(accept(voter, next, ballot(1, "a"), lacking(next, "c"), instant(200), TIMES, ALL_RULES).kind, "wait");
  });

  it("are forgotten when they have ended and their member is gone", () => {
    const voter = createAcceptor();
    grant(voter, "c", 0);
    install(voter, "a", withoutC, view, 6_200);
    assert.ok(voter.promisedUntil.has(c));
    install(voter, "a", following(withoutC, {}), withoutC, 6_300);
    assert.ok(!voter.promisedUntil.has(c));
  });

  it("to proposers end with the epoch they were for", () => {
    const voter = accepting(withoutC);
    install(voter, "a", withoutC, view, 0);
    assert.deepEqual([voter.promised, voter.accepted, voter.acceptedAt], [undefined, undefined, undefined]);
    assert.equal(prepare(voter, ballot(1, "a")).kind, "promise");
  });
});

describe("without its rule a voter", () => {
  const holes: readonly (readonly [RuleName, string, () => boolean])[] = [
    ["leaseWait", "accepts a removal while the removed holds a lease", () => {
      const voter = createAcceptor();
      grant(voter, "c", 0);
      return propose(voter, withoutC, 1, ballot(1, "a"), without("leaseWait")).kind === "accepted";
    }],
    ["promiseOutlastsLease", "forgets a lease that still holds", () => {
      const voter = createAcceptor();
      grant(voter, "c", 0, without("promiseOutlastsLease"));
      return propose(voter, withoutC, 5_000).kind === "accepted";
    }],
    ["newVotersWait", "accepts a removal that old voters' grants forbid", () => {
      const voter = createAcceptor();
      install(voter, "a", withoutC, view, 0, without("newVotersWait"));
      return voter.promisedUntil.size === 0;
    }],
    ["anyVoterChangeWaits", "takes other weights for the same voters", () => {
      const voter = createAcceptor();
      const next: View = { ...following(view, {}), voters: voters("a:2 b c"), need: 3 };
      install(voter, "a", next, view, 0, without("anyVoterChangeWaits"));
      return voter.promisedUntil.size === 0;
    }],
    ["stopGrantingOnVoterChange", "grants under voters it has replaced", () => {
      return grant(accepting(withoutC), "b", 0, without("stopGrantingOnVoterChange"));
    }],
    ["refuseAcceptedRemoval", "grants a lease to a member it has removed", () => {
      const rules = without("refuseAcceptedRemoval", "stopGrantingOnVoterChange");
      return grant(accepting(withoutC), "c", 0, rules);
    }],
    ["promisesSurviveViews", "forgets its promises with each view", () => {
      const voter = createAcceptor();
      grant(voter, "c", 0);
      install(voter, "a", following(view, {}), view, 1, without("promisesSurviveViews"));
      return voter.promisedUntil.size === 0;
    }],
  ];
  for (const [rule, hole, shows] of holes) it(`${rule} ${hole}`, () => assert.ok(shows()));
});

function grant(voter: Acceptor, from: string, now: number, rules: Rules = ALL_RULES): boolean {
  return grantLease(voter, view, a, nodeId(from), instant(now), TIMES, rules);
}

function propose(voter: Acceptor, next: View, now: number, under = ballot(1, "a"), rules: Rules = ALL_RULES) {
  return accept(voter, view, under, next, instant(now), TIMES, rules);
}

/** A voter that has accepted `next` at 0. */
function accepting(next: View, rules: Rules = ALL_RULES): Acceptor {
  const voter = createAcceptor();
  assert.equal(propose(voter, next, 0, ballot(1, "a"), rules).kind, "accepted");
  return voter;
}

function install(
  voter: Acceptor,
  self: string,
  next: View,
  previous: View | undefined,
  now: number,
  rules: Rules = ALL_RULES,
): void {
  installed(voter, nodeId(self), next, previous, instant(now), TIMES, rules);
}

function ballot(round: number, by: string): Ballot {
  return { round, by: nodeId(by) };
}
