/**
 * Who owns which key, and how few keys change hands when the members do.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { ConsistentHashRing, RING_MEMBERS_MAX } from "../../core/consistent_hash.ts";

const names = (count: number) => Array.from({ length: count }, (_, index) => `worker-${index}`);
const KEYS = Array.from({ length: 20_000 }, (_, index) => `user-${index}`);

/** Keys of `KEYS` each member owns. */
function loads(ring: ConsistentHashRing): Map<string, number> {
  const counts = new Map(ring.members.map((member) => [member, 0]));
  for (const key of KEYS) counts.set(ring.ownerOf(key) ?? "?", (counts.get(ring.ownerOf(key) ?? "?") ?? 0) + 1);
  return counts;
}

describe("ConsistentHashRing", () => {
  it("finds the frozen owners", () => {
    const ring = new ConsistentHashRing(["east", "north", "south", "west"]);
    const owners = ["", "alice", "bob", "carol", "dave", "erin", "user-1", "user-2"].map((key) => ring.ownerOf(key));
    assert.deepEqual(owners, ["south", "east", "west", "west", "west", "south", "west", "west"]);
  });

  it("has no owner without members, and one owner with one", () => {
    assert.equal(new ConsistentHashRing([]).ownerOf("alice"), undefined);
    const ring = new ConsistentHashRing(["only"]);
    assert.deepEqual(new Set(KEYS.map((key) => ring.ownerOf(key))), new Set(["only"]));
  });

  it("gives every one of ten members between 4/5 and 5/4 of a tenth of the keys", () => {
    for (const [member, load] of loads(new ConsistentHashRing(names(10)))) {
      assert.ok(load >= 1_600 && load <= 2_500, `${member} has ${load} of 20000 keys`);
    }
  });

  it("names each member once, in an order of its own", () => {
    assert.deepEqual(new ConsistentHashRing(["b", "a", "b", "C"]).members, ["C", "a", "b"]);
  });

  it("moves about a member's share of the keys when a tenth member joins", () => {
    const nine = new ConsistentHashRing(names(9));
    const ten = new ConsistentHashRing(names(10));
    const moved = KEYS.filter((key) => nine.ownerOf(key) !== ten.ownerOf(key)).length;
    assert.ok(moved >= 1_600 && moved <= 2_500, `${moved} of 20000 keys moved`);
  });

  const members = fc.uniqueArray(fc.string({ maxLength: 8 }), { minLength: 1, maxLength: 12 });
  const keys = fc.array(fc.string(), { minLength: 1, maxLength: 100, size: "max" });

  it("property: a key moves to a member that joins or not at all, and back when it leaves", () => {
    fc.assert(fc.property(members, fc.string({ maxLength: 8 }), keys, (members, joining, keys) => {
      const before = new ConsistentHashRing(members.filter((member) => member !== joining));
      const after = new ConsistentHashRing([...members, joining]);
      for (const key of keys) {
        const owner = after.ownerOf(key);
        if (owner !== joining) assert.equal(owner, before.ownerOf(key));
      }
    }));
  });

  it("property: the owner is a member, whatever order the members come in", () => {
    fc.assert(fc.property(members, keys, (members, keys) => {
      const ring = new ConsistentHashRing(members);
      const reversed = new ConsistentHashRing(members.toReversed());
      for (const key of keys) {
        const owner = ring.ownerOf(key);
        assert.ok(owner !== undefined && members.includes(owner));
        assert.equal(reversed.ownerOf(key), owner);
      }
    }));
  });

  it("refuses more members than its points can name", () => {
    assert.throws(() => new ConsistentHashRing(names(RING_MEMBERS_MAX + 1)), /a limited number of members/);
  });
});
