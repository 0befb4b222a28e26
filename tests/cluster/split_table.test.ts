/**
 * Who goes on when the network is cut.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { nodeId } from "../../core/ids.ts";
import { cutsOf, splitTable, survivorOf, survivors } from "../../cluster/split_table.ts";
import type { Member, QuorumRule } from "../../cluster/view.ts";
import { members } from "./planned.ts";

const DYNAMIC: QuorumRule = { kind: "dynamic" };
const OLDEST: QuorumRule = { kind: "oldest" };
const seedsOf = (all: readonly Member[]): QuorumRule => ({ kind: "seeds", seeds: all.map(({ address }) => address) });

/** `"01|2"`: a0 and a1 against a2. The nodes of the side that goes on, or `-`. */
function goesOn(rule: QuorumRule, memberCount: number, cut: string): string {
  const sides = cut.split("|").map((side) => [...side].map((digit) => nodeId(`a${digit}`)));
  const { survivor } = survivors(rule, members(memberCount), sides);
  return survivor === undefined ? "-" : cut.split("|")[survivor] ?? "?";
}

describe("a cut", () => {
  const three = seedsOf(members(3));
  const rows: readonly (readonly [QuorumRule, number, string, string])[] = [
    [DYNAMIC, 1, "0", "0"],
    [DYNAMIC, 2, "0|1", "0"],
    [DYNAMIC, 3, "0|12", "12"],
    [DYNAMIC, 4, "01|23", "01"],
    [DYNAMIC, 4, "0|123", "123"],
    [DYNAMIC, 4, "03|1|2", "03"],
    [DYNAMIC, 4, "0|12|3", "-"],
    [DYNAMIC, 5, "01|234", "234"],
    [DYNAMIC, 5, "01|23|4", "-"],
    // Only the five oldest vote, however many there are.
    [DYNAMIC, 9, "012|345678", "012"],
    [three, 1, "0", "-"],
    [three, 2, "01", "01"],
    [three, 2, "0|1", "-"],
    [three, 5, "01|234", "01"],
    [three, 5, "0|1|234", "-"],
    [seedsOf(members(4)), 4, "01|23", "-"],
    [seedsOf(members(5)), 5, "01|234", "234"],
    [OLDEST, 2, "0|1", "0"],
    [OLDEST, 3, "0|12", "12"],
    [OLDEST, 4, "0|123", "123"],
    [OLDEST, 4, "01|23", "01"],
    [OLDEST, 5, "04|123", "04"],
    [OLDEST, 5, "0|1234", "1234"],
    [OLDEST, 5, "0|12|34", "-"],
  ];
  for (const [rule, count, cut, side] of rows) {
    const name = rule.kind === "seeds" ? `${rule.seeds.length} seeds` : rule.kind;
    it(`of ${count} by ${name} into ${cut} leaves ${side === "-" ? "none" : side}`, () => {
      assert.equal(goesOn(rule, count, cut), side);
    });
  }

  it("says the votes of each side and the need, and counts a node once and a stranger not at all", () => {
    const [a0, a1, a2] = ["a0", "a1", "a2"].map(nodeId);
    assert.ok(a0 !== undefined && a1 !== undefined && a2 !== undefined);
    const sides = [[a0], [a0, a1, nodeId("stranger")], []];
    assert.deepEqual(survivors(DYNAMIC, members(4), sides), { survivor: undefined, votes: [2, 1, 0], need: 3 });
  });

  it("can be judged by the votes of a view", () => {
    const view = { voters: [{ id: nodeId("a0"), weight: 2 }, { id: nodeId("a1"), weight: 1 }], need: 2 };
    assert.equal(survivorOf(view, [[nodeId("a1")], [nodeId("a0")]]).survivor, 1);
  });
});

describe("cutsOf", () => {
  it("has each cut once: as many as Stirling's numbers of the second kind", () => {
    const counts = [1, 2, 3, 4, 5].map((count) =>
      [1, 2, 3].map((sideCount) => [...cutsOf(members(count).map(({ id }) => id), sideCount)].length)
    );
    assert.deepEqual(counts, [[1, 0, 0], [1, 1, 0], [1, 3, 1], [1, 7, 6], [1, 15, 25]]);
    const five = [...cutsOf(members(5).map(({ id }) => id), 3)].map((sides) => JSON.stringify(sides));
    assert.equal(new Set(five).size, 25);
  });
});

describe("whatever the rule", () => {
  const ruleOf = (all: readonly Member[]) =>
    fc.oneof(fc.constant(DYNAMIC), fc.constant(OLDEST), fc.subarray([...all], { minLength: 1 }).map(seedsOf));
  const clusters = fc.integer({ min: 1, max: 12 }).chain((count) =>
    fc.record({
      all: fc.constant(members(count)),
      rule: ruleOf(members(count + 2)),
      sideOf: fc.array(fc.nat(3), { minLength: count, maxLength: count }),
    })
  );

  it("property: at most one side of a cut has the votes", () => {
    fc.assert(
      fc.property(clusters, ({ all, rule, sideOf }) => {
        const sides = [0, 1, 2, 3].map((side) => all.filter((_, at) => sideOf[at] === side).map(({ id }) => id));
        const { votes, need, survivor } = survivors(rule, all, sides);
        const able = votes.filter((sum) => sum >= need).length;
        assert.ok(able <= 1, `${votes} of ${need}`);
        assert.equal(survivor !== undefined, able === 1);
      }),
      { numRuns: 500 },
    );
  });

  it("property: a side that goes on also goes on with more nodes", () => {
    fc.assert(fc.property(clusters, fc.nat(), ({ all, rule, sideOf }, more) => {
      const side = all.filter((_, at) => sideOf[at] === 0).map(({ id }) => id);
      const larger = [...new Set([...side, ...all.slice(more % all.length).map(({ id }) => id)])];
      if (survivors(rule, all, [side]).survivor === 0) assert.equal(survivors(rule, all, [larger]).survivor, 0);
    }));
  });

  it("every cut of up to five members into two or three leaves one side or none", () => {
    for (const count of [1, 2, 3, 4, 5]) {
      const all = members(count);
      const rules: readonly QuorumRule[] = [DYNAMIC, seedsOf(members(3)), seedsOf(all), OLDEST];
      for (const sideCount of [2, 3]) {
        for (const { verdicts } of splitTable(all, rules, sideCount)) {
          assert.equal(verdicts.length, rules.length);
          for (const { votes, need } of verdicts) assert.ok(votes.filter((sum) => sum >= need).length <= 1);
        }
      }
    }
  });

  it("every cut in two of a cluster by votes of the members leaves exactly one side", () => {
    for (const count of [2, 3, 4, 5]) {
      for (const { sides, verdicts } of splitTable(members(count), [DYNAMIC, OLDEST], 2)) {
        assert.ok(verdicts.every(({ survivor }) => survivor !== undefined), JSON.stringify(sides));
      }
    }
  });
});
