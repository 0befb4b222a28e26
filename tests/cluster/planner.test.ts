/**
 * The planner, by examples: what each change of members does to a table, and what it leaves alone.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { epoch, nodeId } from "../../core/ids.ts";
import { initialPlaces, isSettled, planPlaces } from "../../cluster/planner.ts";
import type { Member, Placed } from "../../cluster/view.ts";
import { active, copiesMoved, loadsOf, member, members, moving, planOf, settled, spread } from "./planned.ts";

const ABC = ["a0", "a1", "a2"];
const none = { recovered: () => false };

describe("the table of a new cluster", () => {
  for (const [count, partitions] of [[1, 7], [2, 7], [3, 271], [4, 271], [9, 271], [100, 271], [40, 1021], [50, 7]]) {
    it(`is even for ${count} members and ${partitions} partitions`, () => {
      const all = members(count ?? 0);
      const places = initialPlaces(all, partitions ?? 0, 3, epoch(1));
      const { copies, owned } = loadsOf(places, all);
      assert.ok(spread(copies) <= 1 && spread(owned) <= 1, `${copies} ${owned}`);
      assert.ok(places.every(({ group }) => new Set(group).size === Math.min(3, count ?? 0)));
      assert.ok(isSettled(places, all, 3));
    });
  }

  it("spreads each partition over three zones where loads allow it", () => {
    const all = members(9, (index) => ({ zone: `z${index % 3}` }));
    const zoneOf = new Map(all.map(({ id, zone }) => [id, zone]));
    const places = initialPlaces(all, 271, 3, epoch(1));
    const spreadOut = places.filter(({ group }) => new Set(group.map((id) => zoneOf.get(id))).size === 3);
    assert.ok(spreadOut.length > 260, `${spreadOut.length} of 271`);
  });

  it("lets every member share partitions with every other, so that all help when one is lost", () => {
    const places = initialPlaces(members(10), 271, 3, epoch(1));
    for (const { id } of members(10)) {
      assert.equal(new Set(places.filter(({ group }) => group.includes(id)).flatMap(({ group }) => group)).size, 10);
    }
  });

  it("gives a member of capacity 2 twice the copies and twice the ownership", () => {
    const all = members(8, (index) => ({ capacity: index === 0 ? 2 : 1 }));
    const { copies, owned } = loadsOf(initialPlaces(all, 270, 3, epoch(1)), all);
    assert.deepEqual([copies[0], owned[0]], [180, 60]);
    assert.ok(spread(copies.slice(1)) <= 1 && spread(owned.slice(1)) <= 1, `${copies} ${owned}`);
  });

  it("places nothing on a member that leaves, unless all leave", () => {
    const leaving = member("x", { status: "leaving" });
    const places = initialPlaces([leaving, ...members(3)], 31, 3, epoch(1));
    assert.ok(places.every(({ group }) => !group.includes(leaving.id)));
    assert.deepEqual(initialPlaces([leaving], 1, 3, epoch(1)), [active(1, "x")]);
  });

  it("is the same whatever the capacity that came in as nonsense", () => {
    for (const capacity of [0, -1, NaN, Infinity, 5e-324]) {
      const all = members(4, (index) => index === 0 ? { capacity } : {});
      assert.ok(initialPlaces(all, 31, 3, epoch(1)).every(({ group }) => group.length === 3), `${capacity}`);
    }
  });
});

describe("a loss", () => {
  it("makes the first surviving backup the owner, and adds a new last backup", () => {
    assert.deepEqual(planPlaces(planOf([active(1, "gone", "a0", "a1")], members(3))), [
      moving(1, ["gone", "a0", "a1"], { cfg: 2, group: ["a0", "a1", "a2"], why: "loss" }),
    ]);
  });

  it("of a whole group starts afresh", () => {
    const [place] = planPlaces(planOf([active(1, "x", "y", "z")], members(3)));
    assert.equal(place?.next?.why, "loss");
    assert.deepEqual([...place?.next?.group ?? []].sort(), ABC);
    assert.deepEqual(place?.group, ["x", "y", "z"]);
  });

  it("is mended for all partitions at once, whatever the budgets", () => {
    const all = members(6);
    const places = initialPlaces(all, 271, 3, epoch(1));
    const left = all.slice(1);
    const next = planPlaces(planOf(places, left, { movesMax: 0, movesPerNodeMax: 0, drainMax: 0 }));
    for (const [partition, place] of next.entries()) {
      const before = places[partition];
      assert.equal(place.next?.why, before?.group.includes(nodeId("a0")) ? "loss" : undefined);
      if (place.next === undefined) assert.equal(place, before);
    }
  });

  it("leaves out a survivor that leaves anyway", () => {
    const all = [...members(2), member("l", { status: "leaving" })];
    const [place] = planPlaces(planOf([active(1, "gone", "l", "a1")], all));
    assert.deepEqual(place?.next?.group, ["a1", "a0"]);
  });

  it("is not mended while there is nobody to mend it with", () => {
    const places = [active(1, "gone")];
    assert.equal(planPlaces(planOf(places, [])), places);
  });
});

describe("growing", () => {
  it("adds a backup to every partition when the second member comes, the owners as they were", () => {
    const places = initialPlaces(members(1), 31, 3, epoch(1));
    const next = planPlaces(planOf(places, members(2)));
    assert.ok(next.every((place) => place.next?.why === "grow" && place.next.group.join() === "a0,a1"));
  });

  it("keeps balancing back until it has ended", () => {
    const grows = moving(1, ["a0"], { cfg: 2, group: ["a0", "a1"], why: "grow" });
    const places = [grows, active(1, "a0", "a1"), active(1, "a0", "a1"), active(1, "a0", "a1")];
    const more = { replicaCount: 2, epoch: epoch(3) };
    assert.equal(planPlaces(planOf(places, members(2), { ...none, ...more })), places);
    const next = planPlaces(planOf(places, members(2), more));
    assert.ok(next.some((place) => place.next?.why === "move"));
  });
});

describe("a partition on its way", () => {
  const onItsWay = moving(1, ABC, { cfg: 2, group: ["a1", "a0", "a3"], why: "move" });

  it("is activated when it has recovered, and not before", () => {
    const asked: unknown[] = [];
    const recovered = (...of: readonly unknown[]) => asked.push(of) > 1;
    const places = [onItsWay];
    const input = planOf(places, members(4), { recovered, epoch: epoch(3), movesMax: 0 });
    assert.equal(planPlaces(input), places);
    assert.deepEqual(planPlaces(input), [active(2, "a1", "a0", "a3")]);
    assert.deepEqual(asked, [[0, 2], [0, 2]]);
  });

  it("stays as it is when its active group loses a member", () => {
    const places = [moving(1, ["x", "y", "a2"], { cfg: 2, group: ABC, why: "loss" })];
    assert.equal(planPlaces(planOf(places, members(4), { ...none, epoch: epoch(3) })), places);
  });

  it("is sent another way when a node of the new group is gone, with those that have the entries first", () => {
    const places = [moving(1, ABC, { cfg: 2, group: ["gone", "a4", "a1"], why: "move" })];
    const [place] = planPlaces(planOf(places, members(5), { ...none, epoch: epoch(3) }));
    assert.deepEqual(place, moving(1, ABC, { cfg: 3, group: ABC, why: "move" }));
    const without1 = members(5).filter(({ id }) => id !== "a1");
    const [lost] = planPlaces(planOf(places, without1, { ...none, epoch: epoch(3) }));
    assert.deepEqual(lost, moving(1, ABC, { cfg: 3, group: ["a0", "a2", "a4"], why: "loss" }));
  });

  it("is activated and begins the next loss in the same view", () => {
    const places = [moving(1, ["x", "a0", "a1"], { cfg: 2, group: ["a0", "a1", "y"], why: "loss" })];
    const [place] = planPlaces(planOf(places, members(3), { epoch: epoch(3) }));
    assert.deepEqual(place, moving(2, ["a0", "a1", "y"], { cfg: 3, group: ["a0", "a1", "a2"], why: "loss" }));
  });
});

describe("balancing", () => {
  for (const [count, partitions] of [[3, 271], [4, 271], [9, 271], [99, 271], [99, 1021]] as const) {
    it(`after a join to ${count} members moves no more of ${partitions} partitions than it must`, () => {
      const all = members(count + 1);
      const before = initialPlaces(all.slice(0, count), partitions, 3, epoch(1));
      const { places } = settled(before, all) ?? assert.fail("settles");
      assert.ok(copiesMoved(before, places) <= Math.floor((partitions * 3) / (count + 1)));
      assertEven(places, all);
    });

    it(`after a loss of one of ${count + 1} copies what was lost of ${partitions} partitions, and no more`, () => {
      const all = members(count + 1);
      const before = initialPlaces(all, partitions, 3, epoch(1));
      const left = all.filter(({ id }) => id !== "a1");
      const { places } = settled(before, left) ?? assert.fail("settles");
      const lost = count < 3 ? 0 : before.filter(({ group }) => group.includes(nodeId("a1"))).length;
      assert.equal(copiesMoved(before, places), lost);
      assertEven(places, left);
    });
  }

  it("begins no more moves than its budgets, open ones counted", () => {
    const places = initialPlaces(members(3), 271, 3, epoch(1));
    const moves = (table: readonly Placed[]) => table.filter(({ next }) => next?.why === "move");
    const first = planPlaces(planOf(places, members(8), { ...none, movesMax: 5, movesPerNodeMax: 50 }));
    assert.equal(moves(first).length, 5);
    assert.equal(planPlaces(planOf(first, members(8), { ...none, movesMax: 5 })), first);
    const second = planPlaces(planOf(first, members(8), { ...none, movesMax: 6, movesPerNodeMax: 50 }));
    assert.equal(moves(second).length, 6);
    const perNode = planPlaces(planOf(places, members(4), { ...none, movesMax: 50, movesPerNodeMax: 2 }));
    assert.equal(moves(perNode).length, 2, "the one that joined takes part in all");
    assert.equal(planPlaces(planOf(places, members(8), { movesMax: 0 })), places);
  });

  it("evens out ownership by swapping roles, without moving a copy", () => {
    const all = members(3);
    const before = Array.from({ length: 9 }, () => active(1, ...ABC));
    const { places } = settled(before, all) ?? assert.fail("settles");
    assert.deepEqual(loadsOf(places, all).owned, [3, 3, 3]);
    assert.equal(copiesMoved(before, places), 0);
  });

  it("passes ownership along a chain, a swap a plan if the budget says so", () => {
    // a0 owns two and a3 none. Every member is in two groups, so no copy moves: a0 to a1 to a2 to a3.
    const groups = [["a0", "a1"], ["a1", "a2"], ["a2", "a3"], ["a0", "a4"], ["a4", "a5"], ["a5", "a3"]] as const;
    const all = members(6);
    let places: readonly Placed[] = groups.map(([owner, backup]) => active(1, owner, backup));
    const owned: string[] = [];
    for (let round = 2; round < 6; round++) {
      const more = { replicaCount: 2, movesMax: 1, movesPerNodeMax: 1, epoch: epoch(round) };
      places = planPlaces(planOf(places, all, more));
      owned.push(loadsOf(places, all).owned.join());
    }
    assert.deepEqual(owned, ["2,1,0,1,1,1", "2,0,1,1,1,1", "1,1,1,1,1,1", "1,1,1,1,1,1"]);
    assert.ok(isSettled(places, all, 2));
  });

  it("leaves ownership alone while copies wait, and leaves partitions alone that are on their way", () => {
    const owners = Array.from({ length: 9 }, () => active(1, ...ABC));
    const next = planPlaces(planOf(owners, members(4), { ...none, movesPerNodeMax: 2 }));
    assert.equal(next.filter((place) => place.next !== undefined).length, 2);
    const onTheirWay = owners.map(() => moving(1, ABC, { cfg: 2, group: ["a0", "a2", "a1"], why: "move" }));
    const more = { ...none, epoch: epoch(3), movesMax: 99, movesPerNodeMax: 99 };
    assert.equal(planPlaces(planOf(onTheirWay, members(3), more)), onTheirWay);
    assert.equal(planPlaces(planOf(onTheirWay, members(4), more)), onTheirWay);
  });

  it("counts an open swap of roles at both nodes", () => {
    const swap = moving(1, ABC, { cfg: 2, group: ["a1", "a0", "a2"], why: "move" });
    const places = [swap, ...Array.from({ length: 8 }, () => active(1, ...ABC))];
    const begun = (movesPerNodeMax: number) =>
      planPlaces(planOf(places, members(3), { ...none, epoch: epoch(3), movesPerNodeMax }))
        .filter(({ next }) => next?.cfg === 3).length;
    assert.deepEqual([begun(1), begun(2)], [0, 1]);
  });

  it("changes nothing in a table that is settled: the same objects come back", () => {
    const places = initialPlaces(members(7), 271, 3, epoch(1));
    assert.equal(planPlaces(planOf(places, members(7))), places);
  });
});

describe("a member that leaves", () => {
  const all = members(5, (index) => index === 0 ? { status: "leaving" } : {});

  it("is drained within the budget, and ends with nothing", () => {
    const before = initialPlaces(members(5), 271, 3, epoch(1));
    const first = planPlaces(planOf(before, all, { ...none, drainMax: 10, movesMax: 0 }));
    assert.equal(first.filter(({ next }) => next !== undefined).length, 10);
    assert.equal(planPlaces(planOf(first, all, { ...none, drainMax: 10 })), first);
    const { places } = settled(before, all) ?? assert.fail("settles");
    assert.ok(places.every(({ group }) => !group.includes(nodeId("a0"))));
    assertEven(places, all.slice(1));
    assert.ok(isSettled(places, all, 3));
    assert.equal(isSettled(before, all, 3), false);
  });

  it("keeps what it has while all leave", () => {
    const places = initialPlaces(members(3), 31, 3, epoch(1));
    assert.equal(planPlaces(planOf(places, members(3, () => ({ status: "leaving" })))), places);
  });

  it("is no reason to look for a copy that nobody could hold", () => {
    const three = members(3, (index) => index === 0 ? { status: "leaving" } : {});
    const { places } = settled(initialPlaces(members(3), 31, 3, epoch(1)), three) ?? assert.fail("settles");
    assert.ok(places.every(({ group }) => group.length === 2 && !group.includes(nodeId("a0"))));
  });
});

describe("isSettled", () => {
  const all = members(4);

  it("refuses a table with something on its way, a gone member, a missing copy, or uneven loads", () => {
    const even = initialPlaces(all, 8, 2, epoch(1));
    const [first, ...others] = even;
    assert.ok(first !== undefined && isSettled(even, all, 2));
    const next = { cfg: epoch(2), group: first.group, why: "move" } as const;
    assert.equal(isSettled([{ ...first, next }, ...others], all, 2), false);
    assert.equal(isSettled(even, all.slice(1), 2), false);
    assert.equal(isSettled(even, all, 3), false);
    assert.equal(isSettled(even, members(6), 2), false);
    assert.equal(isSettled(members(4).map(() => active(1, "a0", "a1", "a2")), all.slice(0, 3), 3), false, "owners");
  });
});

function assertEven(places: readonly Placed[], all: readonly Member[]): void {
  const { copies, owned } = loadsOf(places, all);
  assert.ok(spread(copies) <= 1 && spread(owned) <= 1, `copies ${copies}, owned ${owned}`);
}
