/**
 * What the machine hears of an activation that ends, by what it was given and what of that was seen.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Version } from "../../cluster/engine.ts";
import { type ActorKey, epoch, type ThreadIndex } from "../../core/ids.ts";
import type { StopReason } from "../../core/lifecycle.ts";
import { type Ending, GivenActivations } from "../../system/given_activations.ts";

const token: Version = { cfg: epoch(2), seq: 1 };
const thread = 1 as ThreadIndex;
const bob = "bob" as ActorKey;

class Rig {
  readonly given = new GivenActivations();

  begin(key: ActorKey = bob): this {
    this.given.begin({ key, token, thread, kind: "note", init: undefined });
    return this;
  }

  /** The router gives the numbers up to `last`; the thread takes those up to `offered`. */
  give(last: number, offered: number = last, key: ActorKey = bob): this {
    for (let number = 1; number <= last; number++) {
      const entry = this.given.next(key, token, thread, number);
      if (number <= offered) entry.offered = number;
    }
    return this;
  }

  ended(through: number, reason: StopReason = "stop", key: ActorKey = bob): string {
    return lineOf(this.given.ended({ key, token, reason, items: [], letters: [], through }));
  }
}

function lineOf({ handedBack, end, isAll }: Ending): string {
  assert.ok(handedBack.kind === "handedBack");
  return `${handedBack.reason} through ${handedBack.through}, ${end?.kind ?? "nothing"}${isAll ? ", all" : ""}`;
}

describe("the activations of a node", () => {
  for (
    const [what, heard, lines] of [
      ["all it was given was seen", ["stopped through 3, ended, all"], () => [new Rig().begin().give(3).ended(3)]],
      ["it was given nothing", ["stopped through 0, ended, all"], () => [new Rig().begin().ended(0)]],
      ["nobody knows it", ["not-here through 0, ended, all"], () => [new Rig().ended(0, "not-found")]],
      [
        "what its thread did not take is not waited for",
        ["stopped through 5, ended, all"],
        () => [new Rig().begin().give(5, 3).ended(3)],
      ],
      ["something is on the way to it", [
        "stopped through 1, ended",
        "stopped through 2, nothing",
        "stopped through 3, nothing, all",
      ], () => {
        const rig = new Rig().begin().give(3);
        return [rig.ended(1), rig.ended(2, "not-found"), rig.ended(3, "not-found")];
      }],
      ["it was told to", ["moved through 0, stoppedFor, all"], () => {
        const rig = new Rig().begin();
        rig.given.stop(bob, token);
        return [rig.ended(0, "moved")];
      }],
      ["it was told to, and was faster", ["stopped through 0, ended, all"], () => {
        const rig = new Rig().begin();
        rig.given.stop(bob, token);
        return [rig.ended(0, "failed")];
      }],
      [
        "the router gives it more, and knows then",
        ["moved through 0, ended, all", "moved through 2, nothing, all"],
        () => {
          const rig = new Rig().begin();
          const before = rig.ended(0, "moved");
          const late = rig.give(2).ended(2, "not-found");
          rig.given.forget(bob, token);
          return [before, late];
        },
      ],
      [
        "a grain ends",
        ["not-here through 0, ended, all"],
        () => [new Rig().begin("note:a" as ActorKey).ended(0, "stop", "note:a" as ActorKey)],
      ],
    ] as const
  ) {
    it(`are heard of when they end: ${what}`, () => assert.deepEqual(lines(), heard));
  }

  it("are live until they end, and known to their thread until nothing is on the way", () => {
    const rig = new Rig().begin().give(2);
    assert.deepEqual([rig.given.live.length, rig.given.on(thread).length], [1, 1]);
    rig.ended(1);
    assert.deepEqual([rig.given.live.length, rig.given.on(thread).length], [0, 1]);
    rig.ended(2);
    assert.deepEqual([rig.given.live.length, rig.given.on(thread).length], [0, 0]);
    assert.deepEqual(new Rig().begin().given.on(0 as ThreadIndex), []);
  });

  it("remember why they ended only until the router knows it", () => {
    const rig = new Rig().begin();
    rig.ended(0, "moved");
    rig.given.forget(bob, token);
    assert.equal(rig.give(1).ended(1, "not-found"), "not-here through 1, nothing, all");
  });
});
