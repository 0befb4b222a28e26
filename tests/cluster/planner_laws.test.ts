/**
 * The planner's laws, over generated histories: members join, leave, drain and are lost, transitions recover in any
 * order, and between any two views a plan is made.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { NodeId } from "../../core/ids.ts";
import fc from "fast-check";
import { epoch } from "../../core/ids.ts";
import { initialPlaces, isSettled, type PlanInput, planPlaces } from "../../cluster/planner.ts";
import type { Member, Placed } from "../../cluster/view.ts";
import { copiesMoved, loadsOf, member, planOf, settled, spread } from "./planned.ts";

type Change =
  | { readonly kind: "join"; readonly zone: number; readonly capacity: number }
  | { readonly kind: "lose"; readonly which: number }
  | { readonly kind: "leave"; readonly which: number }
  | { readonly kind: "plan"; readonly recovered: number };

interface History {
  readonly memberCount: number;
  readonly partitionCount: number;
  readonly replicaCount: number;
  readonly movesMax: number;
  readonly movesPerNodeMax: number;
  readonly drainMax: number;
  readonly changes: readonly Change[];
}

function histories(capacities: readonly number[]): fc.Arbitrary<History> {
  const which = fc.nat(20);
  const change: fc.Arbitrary<Change> = fc.oneof(
    fc.record({ kind: fc.constant("join"), zone: fc.nat(3), capacity: fc.constantFrom(...capacities) }),
    fc.record({ kind: fc.constant("lose"), which }),
    fc.record({ kind: fc.constant("leave"), which }),
    fc.record({ kind: fc.constant("plan"), recovered: fc.integer() }),
    fc.record({ kind: fc.constant("plan"), recovered: fc.integer() }),
  );
  return fc.record({
    memberCount: fc.integer({ min: 1, max: 9 }),
    partitionCount: fc.integer({ min: 1, max: 40 }),
    replicaCount: fc.integer({ min: 1, max: 5 }),
    movesMax: fc.nat(6),
    movesPerNodeMax: fc.integer({ min: 1, max: 3 }),
    drainMax: fc.nat(8),
    changes: fc.array(change, { maxLength: 14 }),
  });
}

/** Carries a history out; `see` is shown every plan. */
function carryOut(history: History, see: (input: PlanInput, planned: readonly Placed[]) => void): PlanInput {
  let all: readonly Member[] = Array.from({ length: history.memberCount }, (_, index) => member(`a${index}`));
  let places = initialPlaces(all, history.partitionCount, history.replicaCount, epoch(1));
  const { replicaCount, movesMax, movesPerNodeMax, drainMax } = history;
  const inputAt = (number: number, recovered: PlanInput["recovered"]) =>
    planOf(places, all, { epoch: epoch(number), replicaCount, movesMax, movesPerNodeMax, drainMax, recovered });
  for (const [index, change] of history.changes.entries()) {
    switch (change.kind) {
      case "join":
        all = [...all, member(`b${index}`, { zone: `z${change.zone}`, capacity: change.capacity })];
        break;
      case "lose":
        if (all.length > 1) all = all.filter((_, at) => at !== change.which % all.length);
        break;
      case "leave":
        all = all.map((one, at) => at === change.which % all.length ? { ...one, status: "leaving" } : one);
        break;
      case "plan": {
        const input = inputAt(index + 2, (partition) => ((change.recovered >>> (partition % 31)) & 1) === 1);
        places = planPlaces(input);
        see(input, places);
        break;
      }
      default:
        change satisfies never;
    }
  }
  return inputAt(1000, () => true);
}

const LIKE = histories([1]);
const UNLIKE = histories([0.5, 1, 1, 2, 3]);
const RUNS = { numRuns: 400 };

describe("every plan", () => {
  const everyPlan = (law: (input: PlanInput, planned: readonly Placed[]) => void) => {
    fc.assert(fc.property(UNLIKE, (history) => void carryOut(history, law)), RUNS);
  };

  it("property: begins groups of distinct members, none larger than it should be", () => {
    everyPlan((input, planned) => {
      for (const { begun } of begunIn(input, planned)) {
        assert.equal(new Set(begun.group).size, begun.group.length);
        assert.ok(begun.group.every((id) => input.members.some((one) => one.id === id)));
        assert.equal(begun.group.length, Math.min(input.replicaCount, candidatesOf(input).length));
        assert.equal(begun.cfg, input.epoch);
      }
    });
  });

  it("property: gives nothing new to a member that leaves while another is up", () => {
    everyPlan((input, planned) => {
      const candidates = candidatesOf(input).map(({ id }) => id);
      for (const { begun } of begunIn(input, planned)) {
        assert.ok(begun.group.every((id) => candidates.includes(id)));
      }
    });
  });

  it("property: is the same again, and changes none of its inputs", () => {
    everyPlan((input, planned) => {
      const before = JSON.stringify(input);
      assert.deepEqual(planPlaces(input), planned);
      assert.equal(JSON.stringify(input), before);
    });
  });

  it("property: touches a partition on its way only to activate it, or because a node of its new group is gone", () => {
    everyPlan((input, planned) => {
      for (const [partition, before] of input.places.entries()) {
        const after = planned[partition];
        if (before.next === undefined || after === before) continue;
        const isThere = (id: NodeId) => input.members.some((one) => one.id === id);
        // What nobody of the new group could serve is not activated.
        const isReady = input.recovered(partition, before.next.cfg) && before.next.group.some(isThere);
        const isLost = !before.next.group.every(isThere);
        assert.ok(isReady || isLost);
        const active = isReady ? { cfg: before.next.cfg, group: before.next.group } : before;
        assert.deepEqual([after?.cfg, after?.group], [active.cfg, active.group]);
      }
    });
  });

  it("property: leaves no partition without a transition that lost a member or lacks a copy", () => {
    everyPlan((input, planned) => {
      const ids = input.members.map(({ id }) => id);
      const size = Math.min(input.replicaCount, candidatesOf(input).length);
      for (const { group, next } of planned) {
        if (next !== undefined) assert.ok(next.group.every((id) => ids.includes(id)));
        else {assert.ok(
            group.every((id) => ids.includes(id)) && group.length >= size,
          );}
      }
    });
  });

  it("property: keeps survivors in order, the first of them the owner", () => {
    everyPlan((input, planned) => {
      const candidates = candidatesOf(input).map(({ id }) => id);
      for (const { place, begun } of begunIn(input, planned)) {
        if (begun.why === "move") continue;
        const stay = place.group.filter((id) => candidates.includes(id)).slice(0, input.replicaCount);
        assert.deepEqual(begun.group.slice(0, stay.length), stay);
      }
    });
  });

  it("property: begins moves within its budgets, and none while something lost is being mended", () => {
    everyPlan((input, planned) => {
      const isMending = planned.some(({ next }) => next !== undefined && next.why !== "move");
      const stays = candidatesOf(input).map(({ id }) => id);
      const isDrain = ({ group, next }: Placed) =>
        group.some((id) =>
          input.members.some((one) => one.id === id) && !stays.includes(id) && !next?.group.includes(id)
        );
      const eased = begunIn(input, planned).filter(({ begun, before, place }) =>
        // One sent another way is no new move.
        begun.why === "move" && (before.next === undefined || place.cfg === before.next.cfg)
      );
      if (isMending) assert.equal(eased.length, 0);
      const open = planned.filter(({ next }) => next?.why === "move");
      const [drains, moves] = [open.filter(isDrain), open.filter((place) => !isDrain(place))];
      if (eased.some(({ place }) => isDrain(place))) assert.ok(drains.length <= input.drainMax);
      const begunMoves = eased.filter(({ place }) => !isDrain(place));
      if (begunMoves.length > 0) assert.ok(moves.length <= input.movesMax);
      for (const { id } of input.members) {
        if (!begunMoves.some(({ place }) => takesPart(place, id))) continue;
        assert.ok(moves.filter((place) => takesPart(place, id)).length <= input.movesPerNodeMax);
      }
    });
  });
});

describe("planning on", () => {
  const able = { movesMax: 4, movesPerNodeMax: 2, drainMax: 8 };

  it("property: settles, with loads that differ by one at most", () => {
    fc.assert(
      fc.property(LIKE, (history) => {
        const { places, members: all, replicaCount } = carryOut(history, () => undefined);
        const end = settled(places, all, { ...able, replicaCount }) ?? assert.fail("settles");
        assert.ok(isSettled(end.places, all, replicaCount));
        const { copies, owned } = loadsOf(end.places, candidatesOf({ members: all }));
        assert.ok(spread(copies) <= 1 && spread(owned) <= 1, `copies ${copies}, owned ${owned}`);
      }),
      RUNS,
    );
  });

  it("property: settles with capacities of any sort, where no move would help", () => {
    fc.assert(
      fc.property(UNLIKE, (history) => {
        const { places, members: all, replicaCount } = carryOut(history, () => undefined);
        const end = settled(places, all, { ...able, replicaCount }) ?? assert.fail("settles");
        assert.ok(isSettled(end.places, all, replicaCount));
        for (const giver of candidatesOf({ members: all })) {
          for (const taker of candidatesOf({ members: all })) assertNoGain(end.places, giver, taker);
        }
      }),
      RUNS,
    );
  });

  it("property: drains whoever leaves", () => {
    fc.assert(
      fc.property(UNLIKE, (history) => {
        const { places, members: all, replicaCount } = carryOut(history, () => undefined);
        const end = settled(places, all, { ...able, replicaCount }) ?? assert.fail("settles");
        const candidates = candidatesOf({ members: all }).map(({ id }) => id);
        assert.ok(end.places.every(({ group }) => group.every((id) => candidates.includes(id))));
      }),
      RUNS,
    );
  });

  const sizes = [
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 1, max: 80 }),
    fc.integer({ min: 1, max: 5 }),
  ] as const;

  it("property: after a join moves no more copies than the newcomer's even share", () => {
    fc.assert(
      fc.property(...sizes, (count, partitionCount, replicaCount) => {
        const all = Array.from({ length: count + 1 }, (_, index) => member(`a${index}`));
        const before = initialPlaces(all.slice(0, count), partitionCount, replicaCount, epoch(1));
        const end = settled(before, all, { ...able, replicaCount }) ?? assert.fail("settles");
        const grown = count < replicaCount ? partitionCount : Math.floor((partitionCount * replicaCount) / (count + 1));
        assert.ok(copiesMoved(before, end.places) <= grown);
      }),
      RUNS,
    );
  });

  it("property: after a loss copies at once exactly what was lost, as far as there are members", () => {
    fc.assert(
      fc.property(...sizes, fc.nat(), (count, partitionCount, replicaCount, which) => {
        const all = Array.from({ length: count + 1 }, (_, index) => member(`a${index}`));
        const before = initialPlaces(all, partitionCount, replicaCount, epoch(1));
        const lost = all[which % all.length];
        const left = all.filter((one) => one !== lost);
        const after = planPlaces(planOf(before, left, { replicaCount }));
        const copies = before.filter(({ group }) => group.some((id) => id === lost?.id)).length;
        assert.equal(copiesMoved(before, after), count < replicaCount ? 0 : copies);
      }),
      RUNS,
    );
  });
});

/** The transitions that a plan began. */
function begunIn(input: PlanInput, planned: readonly Placed[]) {
  return planned.flatMap((place, partition) => {
    const before = input.places[partition];
    const { next: begun } = place;
    return before === undefined || begun === undefined || begun === before.next ? [] : [{ before, place, begun }];
  });
}

function candidatesOf({ members: all }: Pick<PlanInput, "members">): readonly Member[] {
  const up = all.filter(({ status }) => status === "up");
  return up.length > 0 ? up : all;
}

/** Whether a node gains or loses a copy or the ownership. */
function takesPart({ group, next }: Placed, id: Member["id"]): boolean {
  if (next === undefined) return false;
  return group.includes(id) !== next.group.includes(id) || (group[0] === id) !== (next.group[0] === id);
}

function assertNoGain(places: readonly Placed[], giver: Member, taker: Member): void {
  const copies = (one: Member) => places.filter(({ group }) => group.includes(one.id)).length;
  const canMove = places.some(({ group }) => group.includes(giver.id) && !group.includes(taker.id));
  const gains = (copies(taker) + 1) / taker.capacity < copies(giver) / giver.capacity;
  assert.ok(!(canMove && gains), `${giver.id} could give to ${taker.id}`);
}
