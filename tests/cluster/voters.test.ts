/**
 * Votes, and the views that may follow each other.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { epoch, type NodeId, nodeId } from "../../core/ids.ts";
import { nextView, problemOfView, refusalOfNext, removedBy } from "../../cluster/next_view.ts";
import { ALL_RULES, without } from "../../cluster/rules.ts";
import { type Member, type QuorumRule, REMOVED_KEPT_MAX, type View } from "../../cluster/view.ts";
import { votersAfter, votersFor } from "../../cluster/voters.ts";
import { active, member, moving } from "./planned.ts";
import { aged, following, founded, ids, lacking, voters, votesText } from "./view_values.ts";

const DYNAMIC: QuorumRule = { kind: "dynamic" };
const OLDEST: QuorumRule = { kind: "oldest" };
const seedsOf = (names: string): QuorumRule => ({ kind: "seeds", seeds: ids(names).map((name) => `${name}:4000`) });

describe("votersFor()", () => {
  const table: readonly (readonly [string, QuorumRule, string, string, number])[] = [
    ["dynamic", DYNAMIC, "a", "a", 1],
    ["dynamic", DYNAMIC, "a b", "a:2 b", 2],
    ["dynamic", DYNAMIC, "a b c", "a b c", 2],
    ["dynamic", DYNAMIC, "a b c d", "a:2 b c d", 3],
    ["dynamic", DYNAMIC, "a b c d e", "a b c d e", 3],
    ["dynamic", DYNAMIC, "a b c d e f g", "a b c d e", 3],
    ["oldest", OLDEST, "a", "a", 1],
    ["oldest", OLDEST, "a b", "a:2 b", 2],
    ["oldest", OLDEST, "a b c", "a b c", 2],
    ["oldest", OLDEST, "a b c d", "a:2 b c d", 3],
    ["oldest", OLDEST, "a b c d e f", "a:4 b c d e f", 5],
    ["three seeds", seedsOf("a b c"), "a b c d e", "a b c", 2],
    ["three seeds", seedsOf("a b c"), "b d", "b", 2],
    ["four seeds", seedsOf("a b c d"), "a b c d", "a b c d", 3],
    ["five seeds", seedsOf("a b c d e"), "a c e f", "a c e", 3],
  ];
  for (const [name, rule, members, votes, need] of table) {
    it(`${name}: of ${members} vote ${votes}, and ${need} are needed`, () => {
      const given = votersFor(rule, aged(members));
      assert.deepEqual([votesText(given.voters), given.need], [votes, need]);
    });
  }
});

describe("votersAfter()", () => {
  const two = founded("a b");
  const joined = [...two.members, ...["c", "d", "e"].map((name) => member(name, { joinEpoch: epoch(2) }))];

  it("gives no vote to a member that nobody has seen as one", () => {
    assert.equal(votesText(votersAfter(two, joined, () => false, ALL_RULES).voters), "a:2 b");
  });

  it("admits proven members, the older first, as long as those who voted before can decide alone", () => {
    const { voters: given, need } = votersAfter(two, joined, () => true, ALL_RULES);
    assert.deepEqual([votesText(given), need], ["a:2 b c d", 3]);
  });

  it("comes to all of them one view at a time", () => {
    let view: View = { ...two, members: joined };
    const seen: string[] = [];
    for (let count = 0; count < 4; count++) {
      view = { ...view, ...votersAfter(view, joined, () => true, ALL_RULES) };
      seen.push(votesText(view.voters));
    }
    assert.deepEqual(seen, ["a:2 b c d", "a b c d e", "a b c d e", "a b c d e"]);
  });

  it("keeps the vote of a voter that leaves, and gives none to a leaving member that had none", () => {
    const leaving = (name: string) => member(name, { status: "leaving" });
    const three = founded("a b");
    const given = votersAfter(three, [leaving("a"), member("b"), leaving("c")], () => true, ALL_RULES);
    assert.equal(votesText(given.voters), "a:2 b");
  });

  it("without provenVoters admits everybody at once", () => {
    assert.equal(votesText(votersAfter(two, joined, () => false, without("provenVoters")).voters), "a b c d e");
  });

  it("leaves kept voters with the votes that are needed, unless no others are to blame (law)", () => {
    forHistories(({ before, next }) => {
      const old = new Set(before.voters.map(({ id }) => id));
      const kept = weightOf(next, old);
      assert.ok(kept >= next.need || next.voters.every(({ id }) => old.has(id)), votesText(next.voters));
    });
  });
});

describe("the views of a cluster", () => {
  it("have no two quorums without a common voter (law)", () => {
    forHistories(({ next }) => {
      for (const some of subsetsOf(next.voters.map(({ id }) => id))) {
        const others = new Set(next.voters.map(({ id }) => id).filter((id) => !some.has(id)));
        assert.ok(weightOf(next, some) < next.need || weightOf(next, others) < next.need, votesText(next.voters));
      }
    });
  });

  it("are such that what nextView() makes is refused for a lack of votes only, and has no problem (law)", () => {
    forHistories(({ before, next }) => {
      const refusal = refusalOfNext(before, next, ALL_RULES);
      const kept = weightOf(next, new Set(before.voters.map(({ id }) => id)));
      if (kept >= next.need) assert.equal(refusal, undefined);
      else assert.match(refusal ?? "", /could not decide$/);
      assert.equal(problemOfView(next, 1), undefined);
    });
  });

  it("are in order of age, led by the oldest that is up, with a term that begins with its leader (law)", () => {
    forHistories(({ before, next }) => {
      const ages = next.members.map(({ joinEpoch, id }) => `${String(joinEpoch).padStart(6, "0")} ${id}`);
      assert.deepEqual(ages, [...ages].sort());
      assert.equal(next.leader, next.members.find(({ status }) => status === "up")?.id);
      assert.equal(next.leaderTerm, next.leader === before.leader ? before.leaderTerm : next.epoch);
      for (const id of removedBy(before, next)) assert.ok(next.removed.some((removed) => removed.id === id));
    });
  });
});

describe("nextView()", () => {
  const view = founded("a b c");

  it("gives newcomers its epoch as their join epoch, and leaves the others theirs", () => {
    const next = following(view, { members: [member("z", { joinEpoch: epoch(0) }), ...view.members] });
    assert.deepEqual(next.members.map(({ id, joinEpoch }) => `${id}@${joinEpoch}`), ["a@1", "b@1", "c@1", "z@2"]);
  });

  it("changes the leader with the members, never by itself", () => {
    assert.deepEqual([following(view, {}).leader, following(view, {}).leaderTerm], [nodeId("a"), 1]);
    assert.deepEqual([lacking(view, "a").leader, lacking(view, "a").leaderTerm], [nodeId("b"), 2]);
  });

  it("has no leader when all are leaving", () => {
    const members = view.members.map((one) => ({ ...one, status: "leaving" as const }));
    assert.equal(following(view, { members }).leader, undefined);
  });

  it("remembers whom it removed, the last 128", () => {
    const removed = Array.from(
      { length: REMOVED_KEPT_MAX },
      (_, index) => ({ id: nodeId(`x${index}`), epoch: epoch(1), hasLeft: false }),
    );
    const next = lacking({ ...view, removed }, "c");
    assert.equal(next.removed.length, REMOVED_KEPT_MAX);
    assert.deepEqual(next.removed.at(-1), { id: nodeId("c"), epoch: 2, hasLeft: false });
    assert.equal(next.removed[0]?.id, "x1");
  });
});

describe("refusalOfNext() refuses", () => {
  const view = founded("a b c");
  const good = following(view, {});
  const table: readonly (readonly [string, View, View, RegExp])[] = [
    ["a view of another cluster", view, { ...good, clusterId: "other" }, /another cluster/],
    ["a view that skips an epoch", view, { ...good, epoch: epoch(3) }, /does not follow/],
    ["the same epoch again", view, { ...good, epoch: epoch(1) }, /does not follow/],
    [
      "a member that was removed",
      { ...view, removed: [{ id: nodeId("z"), epoch: epoch(1), hasLeft: false }] },
      { ...good, members: [...good.members, member("z")] },
      /brings back/,
    ],
    ["voters without the votes to go on", view, { ...good, voters: voters("a"), need: 2 }, /could not decide/],
    ["new voters that outvote the old", view, { ...good, voters: voters("a x y"), need: 2 }, /that stay could not/],
  ];
  for (const [what, before, next, reason] of table) {
    it(what, () => assert.match(refusalOfNext(before, next, ALL_RULES) ?? "", reason));
  }

  it("nothing of that without the rules", () => {
    assert.equal(
      refusalOfNext(view, { ...good, voters: voters("a x y"), need: 2 }, without("provenVoters")),
      undefined,
    );
    const rules = without("provenVoters", "viewHasQuorum");
    assert.equal(refusalOfNext(view, { ...good, voters: voters("a"), need: 2 }, rules), undefined);
  });
});

describe("problemOfView() finds", () => {
  const view = founded("a b c");
  const table: readonly (readonly [string, View, RegExp])[] = [
    ["no members", { ...view, members: [] }, /no members/],
    ["a member twice", { ...view, members: [...view.members, ...view.members.slice(0, 1)] }, /twice/],
    [
      "two members at one address",
      { ...view, members: [...view.members, member("z", { address: "a:4000" })] },
      /share/,
    ],
    ["another number of partitions", { ...view, partitions: [] }, /0 partitions are not 1/],
    ["a voter that is no member", { ...view, voters: voters("a b z") }, /no member/],
    ["a voter without votes", { ...view, voters: voters("a b c:0") }, /no member/],
    ["a voter with no number of votes", { ...view, voters: [{ id: nodeId("a"), weight: NaN }] }, /no member/],
    ["a need that two sides could reach", { ...view, voters: voters("a b"), need: 1 }, /two quorums/],
    ["a partition without an owner", { ...view, partitions: [active(1)] }, /no owner/],
    [
      "a partition on its way to nobody",
      { ...view, partitions: [moving(1, ["a"], { cfg: 2, group: [], why: "move" })] },
      /no owner/,
    ],
  ];
  for (const [what, broken, problem] of table) it(what, () => assert.match(problemOfView(broken, 1) ?? "", problem));

  it("nothing in a good one", () => assert.equal(problemOfView(view, 1), undefined));
});

interface Step {
  readonly before: View;
  readonly next: View;
}

/** Histories of a cluster in which members join, are lost and leave, and some are proven; `see` is shown every step. */
function forHistories(see: (step: Step) => void): void {
  const rule = fc.constantFrom(DYNAMIC, OLDEST, seedsOf("m0 m1 m2"), seedsOf("m0 m1 m2 m3 m4"));
  const change = fc.record({
    joins: fc.nat(3),
    lost: fc.array(fc.nat(20), { maxLength: 2 }),
    leaves: fc.array(fc.nat(20), { maxLength: 1 }),
    proven: fc.nat(0xffff),
  });
  const histories = fc.record({
    rule,
    count: fc.integer({ min: 1, max: 7 }),
    changes: fc.array(change, { minLength: 1, maxLength: 6 }),
  });
  fc.assert(
    fc.property(histories, ({ rule, count, changes }) => {
      const names = Array.from({ length: count }, (_, index) => `m${index}`).join(" ");
      let view = founded(names, { rule });
      let made = count;
      for (const { joins, lost, leaves, proven } of changes) {
        const { length } = view.members;
        const gone = new Set(lost.map((which) => which % length));
        const going = new Set(leaves.map((which) => which % length));
        const stay: Member[] = view.members.filter((_, index) => !gone.has(index) || length === 1)
          .map((one, index) => going.has(index) ? { ...one, status: "leaving" } : one);
        for (let join = 0; join < joins; join++) stay.push(member(`m${made++}`, { joinEpoch: epoch(0) }));
        if (stay.length === 0) return;
        const isProven = (id: NodeId) => ((proven >> (Number(id.slice(1)) % 16)) & 1) === 1;
        const next = nextView(view, { members: stay, partitions: view.partitions }, "next", isProven, ALL_RULES);
        see({ before: view, next });
        if (refusalOfNext(view, next, ALL_RULES) !== undefined) return;
        view = next;
      }
    }),
    { numRuns: 150 },
  );
}

function weightOf({ voters: given }: Pick<View, "voters">, among: ReadonlySet<NodeId>): number {
  return given.reduce((sum, { id, weight }) => among.has(id) ? sum + weight : sum, 0);
}

/** All subsets, of up to five voters; of more, those that leave out or hold one or two. */
function subsetsOf(all: readonly NodeId[]): readonly ReadonlySet<NodeId>[] {
  if (all.length <= 6) {
    return Array.from({ length: 1 << all.length }, (_, bits) => new Set(all.filter((_, index) => (bits >> index) & 1)));
  }
  const pairs = all.flatMap((one) => all.map((other) => new Set([one, other])));
  return [...pairs, ...pairs.map((pair) => new Set(all.filter((id) => !pair.has(id))))];
}
