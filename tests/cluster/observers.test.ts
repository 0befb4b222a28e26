/**
 * Who observes whom.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { nodeId } from "../../core/ids.ts";
import { isObserver, OBSERVERS_MAX, observersOf, ringOf, subjectsOf } from "../../cluster/observers.ts";
import { idsOf, viewOf } from "./detector_rig.ts";

describe("the ring of observers", () => {
  it("gives each member min(10, n-1) others as observers, and as many subjects", () => {
    for (const count of [1, 2, 3, 5, 10, 11, 12, 40]) {
      const view = viewOf(idsOf(count));
      const expected = Math.min(OBSERVERS_MAX, count - 1);
      for (const { id } of view.members) {
        for (const near of [observersOf(view, id), subjectsOf(view, id)]) {
          assert.equal(new Set(near).size, expected);
          assert.ok(!near.includes(id));
        }
      }
    }
  });

  it("is the same seen from both ends", () => {
    const view = viewOf(idsOf(30));
    const ring = ringOf(view);
    for (const { id } of view.members) {
      for (const { id: other } of view.members) {
        const expected = observersOf(view, id).includes(other);
        assert.equal(subjectsOf(view, other).includes(id), expected);
        assert.equal(isObserver(ring, other, id), expected);
      }
    }
  });

  it("depends on the ids alone, not on the order of the members", () => {
    const ids = idsOf(25);
    const one = viewOf(ids);
    const other = viewOf([...ids].reverse());
    for (const id of ids) assert.deepEqual(observersOf(one, id), observersOf(other, id));
  });

  it("changes little when one member goes: who observed only others still does", () => {
    const ids = idsOf(100);
    const before = viewOf(ids);
    const [gone, ...left] = ids;
    assert.ok(gone !== undefined);
    const behind = viewOf(left, 2);
    const changed = left.filter((id) => observersOf(before, id).join() !== observersOf(behind, id).join());
    assert.equal(changed.length, OBSERVERS_MAX);
    assert.deepEqual(new Set(changed), new Set(subjectsOf(before, gone)));
  });

  it("knows nothing of strangers", () => {
    const view = viewOf(idsOf(3));
    assert.deepEqual(observersOf(view, nodeId("stranger")), []);
    assert.deepEqual(subjectsOf(view, nodeId("stranger")), []);
    assert.equal(isObserver(ringOf(view), nodeId("stranger"), nodeId("n000")), false);
  });
});
