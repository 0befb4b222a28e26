/**
 * Views: proposed, chosen, learned, refused.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { epoch, nodeId } from "../../core/ids.ts";
import { ALL_RULES, without } from "../../cluster/rules.ts";
import { lookAtLease, metEpoch, propose, releaseLease, tickView } from "../../cluster/view_machine.ts";
import type { Ballot, ViewMessage } from "../../cluster/view_protocol.ts";
import { member } from "./planned.ts";
import { at, following, founded, lacking } from "./view_values.ts";
import { type Sent, ViewNet } from "./view_net.ts";

const view = founded("a b c");
const withZ = { members: [...view.members, member("z", { joinEpoch: epoch(0) })] };
const withoutC = { members: view.members.slice(0, 2) };

describe("a proposal", () => {
  it("is chosen by voters, installed by all members, and ends as committed", () => {
    const net = new ViewNet("a b c", view);
    net.propose("a", withZ);
    net.deliver();
    assert.equal(net.epochs, "a2 b2 c2");
    assert.deepEqual(net.results("a"), [{ kind: "committed", epoch: 2 }]);
  });

  it("is chosen by a majority alone", () => {
    const net = new ViewNet("a b c", view);
    net.crash("c");
    net.propose("a", withZ);
    net.deliver();
    assert.equal(net.epochs, "a2 b2 c1");
  });

  it("without a majority ends as unavailable at its deadline, and may still take effect", () => {
    const net = new ViewNet("a b c", view);
    net.crash("b");
    net.crash("c");
    net.propose("a", withZ, 1, 2_000);
    net.pass(1_950);
    assert.deepEqual(net.results("a"), []);
    net.pass(50);
    const [result] = net.results("a");
    assert.ok(result?.kind === "unavailable" && result.reason === "no-quorum" && result.indeterminate);
  });

  it("is cast again when messages were lost", () => {
    const net = new ViewNet("a b c", view);
    net.propose("a", withZ);
    net.deliver(() => false);
    net.pass(300);
    assert.equal(net.epochs, "a2 b2 c2");
  });

  it("to remove a member that holds a lease is chosen when that lease has certainly ended", () => {
    const net = new ViewNet("a b c", view);
    net.pass(6_500); // Until the first promises, which count for everybody, have ended.
    assert.equal(net.at("c").status, "held");
    const lastAsked = Math.max(...Array.from(net.at("c").lease.sentAt.values(), ({ mono }) => mono));
    net.crash("c");
    net.propose("a", withoutC);
    for (; net.at("a").view?.epoch === 1 && net.nowMs < 30_000;) net.pass(50);
    assert.equal(net.epochs, "a2 b2 c1");
    assert.ok(net.nowMs >= lastAsked + 6_000, `${net.nowMs} is after ${lastAsked} + 6000`);
  });

  it("for another epoch than the installed one is a conflict", () => {
    const net = new ViewNet("a b c", view);
    net.act(
      "a",
      (out) => propose(net.at("a"), 1, epoch(7), { ...withZ, partitions: view.partitions }, at(9_000).mono, at(0), out),
    );
    assert.deepEqual(net.results("a"), [{ kind: "conflict", epoch: 1 }]);
  });

  it("beside another one of the same node is refused as busy", () => {
    const net = new ViewNet("a b c", view);
    net.propose("a", withZ, 1);
    net.propose("a", withoutC, 2);
    assert.equal(net.results("a").map((result) => result.kind === "unavailable" && result.reason).join(), "busy");
  });

  it("that breaks a rule of views is refused, and nobody is asked", () => {
    const net = new ViewNet("a b c", { ...view, removed: [{ id: nodeId("z"), epoch: epoch(1), hasLeft: false }] });
    net.propose("a", withZ);
    assert.deepEqual(net.results("a"), [{ kind: "refused", reason: "it brings back a member that was removed" }]);
    assert.deepEqual(net.queue, []);
  });

  it("adopts what a voter had accepted, and ends as a conflict", () => {
    const net = new ViewNet("a b c", view);
    net.propose("b", withZ);
    // Only c has accepted it when b dies.
    net.deliver(({ to, message }) => to === "c" || message.kind === "promise");
    net.crash("b");
    net.at("a").round = 1;
    net.propose("a", { partitions: [...view.partitions] });
    net.pass(1_000, ({ from }) => from !== "b");
    assert.deepEqual(net.results("a"), [{ kind: "conflict", epoch: 2 }]);
    assert.equal(net.at("a").view?.draft, "b/1");
  });

  it("that is outbid gives way", () => {
    const net = new ViewNet("a b c", view);
    net.at("b").round = 5;
    net.propose("a", withZ);
    net.propose("b", withZ);
    net.deliver();
    assert.equal(net.at("a").view?.draft, "b/1");
  });
});

describe("V5: what a voter has accepted and nobody finished", () => {
  const orphaned = (rules = ALL_RULES) => {
    const net = new ViewNet("a b c", view, rules);
    net.propose("a", withZ);
    net.deliver(({ message }) => message.kind !== "accepted" && message.kind !== "commit");
    net.crash("a");
    return net;
  };

  it("it proposes again, and it is chosen", () => {
    const net = orphaned();
    net.pass(1_400);
    assert.equal(net.epochs, "a1 b1 c1");
    net.pass(3_000);
    assert.equal(net.epochs, "a1 b2 c2");
    assert.equal(net.at("b").view?.draft, "a/1");
  });

  it("without the rule stays unfinished", () => {
    const net = orphaned(without("finishAccepted"));
    net.pass(20_000);
    assert.equal(net.epochs, "a1 b1 c1");
  });
});

describe("a voter", () => {
  const ballot: Ballot = { round: 1, by: nodeId("z") };
  const proposals: readonly ViewMessage[] = [
    { kind: "prepare", epoch: epoch(2), ballot },
    { kind: "accept", epoch: epoch(2), ballot, view: following(view, {}) },
  ];

  it("takes no proposals from strangers", () => {
    for (const message of proposals) {
      const net = new ViewNet("a b c", view);
      net.hear("z", "a", message);
      assert.deepEqual([net.queue, net.at("a").acceptor.promised], [[], undefined]);
    }
  });

  it("that has a newer view sends it in place of an answer", () => {
    const net = new ViewNet("a b c", following(view, {}));
    net.hear("b", "a", proposals[0] ?? assert.fail());
    assert.deepEqual(kindsOf(net.queue), ["commit to b"]);
  });

  it("that has an older one asks for the newer", () => {
    const net = new ViewNet("a b c", view);
    net.hear("b", "a", { kind: "prepare", epoch: epoch(5), ballot });
    assert.deepEqual(kindsOf(net.queue), ["pull to b"]);
  });

  it("reports a proposal that is broken in itself", () => {
    const net = new ViewNet("a b c", view);
    net.hear("b", "a", { kind: "accept", epoch: epoch(2), ballot, view: { ...following(view, {}), members: [] } });
    assert.deepEqual(net.done.at(-1), [
      nodeId("a"),
      { kind: "odd", from: nodeId("b"), reason: "a proposal of which it has no members" },
    ]);
    assert.equal(net.at("a").acceptor.accepted, undefined);
  });

  it("without a vote takes no proposals", () => {
    const six = founded("a b c d e f");
    const net = new ViewNet("a b c d e f", six);
    net.hear("a", "f", { kind: "prepare", epoch: epoch(2), ballot });
    assert.deepEqual(net.queue, []);
  });
});

describe("a proposer", () => {
  it("counts nobody but voters", () => {
    const net = new ViewNet("a b c d e f", founded("a b c d e f"));
    net.propose("a", {});
    const { ballot } = net.at("a").proposal ?? assert.fail();
    for (const from of ["f", "z", "x"]) {
      net.hear(from, "a", { kind: "promise", epoch: epoch(2), ballot, accepted: undefined });
    }
    assert.equal(net.at("a").proposal?.promises.size, 1, "its own");
  });

  it("is not outbid by a stranger", () => {
    const net = new ViewNet("a b c", view);
    net.propose("a", withZ);
    const { ballot } = net.at("a").proposal ?? assert.fail();
    const promised = { round: 99, by: nodeId("z") };
    net.hear("z", "a", { kind: "refused", epoch: epoch(2), ballot, promised, reason: "so there" });
    assert.notEqual(net.at("a").proposal, undefined);
    net.hear("b", "a", { kind: "refused", epoch: epoch(2), ballot, promised, reason: "a higher ballot was promised" });
    assert.deepEqual([net.at("a").proposal, net.at("a").round], [undefined, 99]);
  });
});

describe("a view", () => {
  it("is learned from anybody who has it, once", () => {
    const net = new ViewNet("a b c", view);
    const next = following(view, {});
    for (let count = 0; count < 2; count++) net.hear("b", "a", { kind: "commit", view: next });
    assert.equal(net.done.filter(([name, { kind }]) => name === "a" && kind === "installed").length, 2);
    assert.equal(net.at("a").view, next);
  });

  it("of another cluster, or an older one, changes nothing", () => {
    const net = new ViewNet("a", following(view, {}));
    net.hear("b", "a", { kind: "commit", view });
    net.hear("b", "a", { kind: "commit", view: { ...following(view, {}), epoch: epoch(9), clusterId: "other" } });
    assert.equal(net.epochs, "a2");
  });

  it("that is broken is refused and reported", () => {
    const net = new ViewNet("a", view);
    net.hear("b", "a", { kind: "commit", view: { ...following(view, {}), need: 0 } });
    assert.equal(net.epochs, "a1");
    assert.equal(net.done.at(-1)?.[1].kind, "odd");
  });

  it("without this node ends its identity, and is not installed", () => {
    const net = new ViewNet("a b c", view);
    net.hear("a", "c", { kind: "commit", view: lacking(view, "c") });
    assert.deepEqual(net.done.at(-1), [nodeId("c"), { kind: "removed", by: epoch(2) }]);
    assert.equal(net.at("c").view, view);
  });

  it("is told to whoever is behind and asked of whoever is ahead, not more than ten times a second", () => {
    const net = new ViewNet("a", following(view, {}));
    const meet = (theirs: number) =>
      net.act("a", (out) => metEpoch(net.at("a"), nodeId("b"), epoch(theirs), at(net.nowMs), out));
    net.nowMs = 1_000;
    for (let count = 0; count < 5; count++) meet(1);
    assert.deepEqual(kindsOf(net.queue), ["commit to b"]);
    for (let count = 0; count < 5; count++) meet(3);
    assert.deepEqual(kindsOf(net.queue), ["commit to b", "pull to b"]);
    net.nowMs += 100;
    for (const theirs of [1, 3]) meet(theirs);
    assert.equal(net.queue.length, 4);
  });
});

describe("a lease", () => {
  it("is granted only under the same view, and the other side is told the news", () => {
    const net = new ViewNet("a b c", view);
    net.hear("b", "a", { kind: "leaseRequest", epoch: epoch(2), request: 1 });
    assert.deepEqual(kindsOf(net.queue), ["pull to b"]);
    assert.equal(net.at("a").acceptor.promisedUntil.get(nodeId("b")), 6_300, "the one of installing, no later one");
  });

  it("does not count grants given under another view", () => {
    const net = new ViewNet("a b c", view);
    net.pass(50, () => false);
    for (const from of ["b", "c"]) net.hear(from, "a", { kind: "leaseGrant", epoch: epoch(2), request: 1 });
    assert.equal(net.at("a").status, "frozen");
    for (const from of ["b", "c"]) net.hear(from, "a", { kind: "leaseGrant", epoch: epoch(1), request: 1 });
    assert.equal(net.at("a").status, "held");
  });

  it("that ran out between two ticks is over for whoever looks first", () => {
    const net = new ViewNet("a b c", view);
    net.pass(100);
    assert.equal(net.at("a").status, "held");
    net.act("a", (out) => lookAtLease(net.at("a"), at(150, 3_600_000), out));
    assert.equal(net.at("a").status, "frozen");
  });

  it("that was given back is told to voters and leader, and never comes back", () => {
    const net = new ViewNet("a b c", view);
    net.pass(100);
    net.queue = [];
    net.act("c", (out) => releaseLease(net.at("c"), at(net.nowMs), out));
    assert.equal(net.at("c").status, "frozen");
    assert.deepEqual(kindsOf(net.queue), ["leaseRelease to a", "leaseRelease to b"]);
    net.deliver();
    assert.ok(net.done.some(([name, effect]) => name === "a" && effect.kind === "leaseReleased"));
    net.pass(10_000);
    assert.equal(net.at("c").status, "frozen");
  });

  it("of a removed member cannot be given back by somebody else's word", () => {
    const net = new ViewNet("a b", lacking(view, "c"));
    net.hear("c", "a", { kind: "leaseRelease" });
    assert.ok(!net.done.some(([, effect]) => effect.kind === "leaseReleased"));
  });

  it("asked for by a newcomer shows that it could vote, once", () => {
    const net = new ViewNet("a b", founded("a b"));
    net.propose("a", { members: [...founded("a b").members, member("c", { joinEpoch: epoch(0) })] });
    net.deliver();
    net.add("c", ALL_RULES, net.at("a").view);
    net.pass(5_000);
    const proven = net.done.filter(([name, { kind }]) => name === "a" && kind === "votersProven");
    assert.equal(proven.length, 1);
    assert.deepEqual(net.at("a").view?.voters.map(({ id }) => id), ["a", "b"]);
    net.propose("a", {});
    net.pass(50);
    assert.deepEqual(net.at("a").view?.voters.map(({ id }) => id), ["a", "b", "c"]);
  });

  it("asked for while a view is on its way that has not heard of it shows again, when that is there, who could vote", () => {
    const net = new ViewNet("a b c", view);
    net.propose("a", { members: [...view.members, member("d", { joinEpoch: epoch(0) })] });
    net.deliver();
    net.propose("a", {});
    net.hear("d", "a", { kind: "leaseRequest", epoch: epoch(2), request: 1 });
    net.deliver();
    assert.deepEqual([net.at("a").view?.epoch, net.at("a").view?.voters.length], [3, 3]);
    const told = net.done.flatMap(([name, { kind }]) => name === "a" ? [kind] : []);
    assert.ok(told.lastIndexOf("votersProven") > told.lastIndexOf("installed"), told.join(" "));
  });
});

describe("a leader without votes", () => {
  it("hears who could vote, and goes on when the only voter leaves", () => {
    const alone = founded("a");
    const members = [member("a", { status: "leaving" }), member("b", { joinEpoch: epoch(2) })];
    const led = following(alone, { members }, { isProven: () => false });
    assert.deepEqual([led.leader, led.voters.map(({ id }) => id)], ["b", ["a"]]);
    const net = new ViewNet("a b", led);
    net.act("a", (out) => releaseLease(net.at("a"), at(0), out));
    net.pass(2_000);
    assert.ok(net.done.some(([name, { kind }]) => name === "b" && kind === "votersProven"));
    net.propose("b", {});
    net.pass(50);
    assert.deepEqual(net.at("b").view?.voters.map(({ id }) => id), ["a", "b"]);
    // Votes have changed, and who votes anew waits as if it had promised everybody a lease.
    net.propose("b", { members: members.slice(1) });
    net.pass(8_000);
    assert.deepEqual([net.epochs, net.at("b").status], ["a3 b4", "held"]);
  });
});

describe("a machine without a view", () => {
  it("does nothing and answers nobody", () => {
    const net = new ViewNet("a", view);
    net.add("x", ALL_RULES, undefined);
    net.queue = [];
    net.done.length = 0;
    net.act("x", (out) => tickView(net.at("x"), at(0), out));
    net.hear("a", "x", { kind: "pull", epoch: epoch(1) });
    net.hear("a", "x", { kind: "leaseRequest", epoch: epoch(1), request: 1 });
    net.act("x", (out) => propose(net.at("x"), 4, epoch(1), view, at(9_000).mono, at(0), out));
    assert.deepEqual(net.queue, []);
    const [result] = net.results("x");
    assert.ok(result?.kind === "unavailable" && result.reason === "not-member" && !result.indeterminate);
  });
});

function kindsOf(queue: readonly Sent[]): readonly string[] {
  return queue.filter(({ message }) => message.kind !== "leaseRequest").map(({ to, message }) =>
    `${message.kind} to ${to}`
  );
}
