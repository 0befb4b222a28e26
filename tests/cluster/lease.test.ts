/**
 * What a holder believes of its lease, by two clocks that may both be wrong.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { nodeId } from "../../core/ids.ts";
import { createLease, granted, type Lease, renew, standing, viewChanged } from "../../cluster/lease.ts";
import { ALL_RULES, without } from "../../cluster/rules.ts";
import { elapsedAtMost, type Now } from "../../cluster/time.ts";
import type { View } from "../../cluster/view.ts";
import { at, founded, lacking, TIMES, voters } from "./view_values.ts";

const view = founded("a b c");

describe("a lease", () => {
  it("is none until voters with enough votes have granted it", () => {
    const lease = createLease();
    const request = ask(lease, at(0));
    assert.deepEqual(look(lease, at(10)), ["frozen", undefined]);
    grant(lease, "a", request);
    assert.deepEqual(look(lease, at(10)), ["frozen", undefined]);
    grant(lease, "b", request);
    assert.deepEqual(look(lease, at(10)), ["held", 6_000]);
  });

  it("counts from the sending of its request, not from the grant", () => {
    const lease = createLease();
    const request = ask(lease, at(0));
    for (const voter of ["a", "b", "c"]) grant(lease, voter, request);
    assert.deepEqual(statuses(lease, [3_599, 3_600, 5_999, 6_000]), ["held", "soft", "soft", "frozen"]);
  });

  it("lasts as long as the grant that completes the quorum, of the newest of each voter", () => {
    const lease = createLease();
    for (const [now, voter] of [[0, "a"], [1_500, "b"], [3_000, "c"]] as const) {
      grant(lease, voter, ask(lease, at(now)));
    }
    assert.deepEqual(look(lease, at(3_100)), ["held", 7_500]);
  });

  it("takes votes by weight", () => {
    const weighed: View = { ...view, voters: voters("a:2 b c"), need: 3 };
    const lease = createLease();
    grant(lease, "b", ask(lease, at(0)));
    grant(lease, "c", ask(lease, at(1_500)));
    assert.equal(standing(lease, weighed, at(1_600), TIMES).status, "frozen");
    grant(lease, "a", ask(lease, at(3_000)));
    assert.equal(standing(lease, weighed, at(3_100), TIMES).until?.mono, 7_500);
  });

  it("is not made longer by an answer that comes late or twice", () => {
    const lease = createLease();
    const [first, second] = [ask(lease, at(0)), ask(lease, at(1_500))];
    assert.equal(grant(lease, "a", second), true);
    assert.equal(grant(lease, "a", second), false);
    assert.equal(grant(lease, "a", first), false);
    grant(lease, "b", first);
    assert.deepEqual(look(lease, at(1_600)), ["held", 6_000]);
  });

  it("ignores grants of requests it never made, or made long ago", () => {
    const lease = createLease();
    assert.equal(grant(lease, "a", 7), false);
    const first = ask(lease, at(0));
    for (let count = 1; count <= 64; count++) ask(lease, at(1_500 * count));
    assert.equal(grant(lease, "a", first), false);
  });

  it("that was given back counts no grant again", () => {
    const lease = createLease();
    const request = ask(lease, at(0));
    lease.isReleased = true;
    assert.equal(grant(lease, "a", request), false);
    assert.equal(granted(lease, nodeId("a"), request, without("releasedNeverCounts")), true);
  });

  it("that was given back asks for nothing", () => {
    const lease = { ...createLease(), isReleased: true };
    assert.equal(renew(lease, "held", at(1_000_000), TIMES), undefined);
  });

  it("is renewed each 1,500 ms, and each 300 ms while it is not held", () => {
    const lease = createLease();
    const times: number[] = [];
    for (let now = 0; now <= 4_000; now += 50) {
      if (renew(lease, now < 3_000 ? "held" : "soft", at(now), TIMES) !== undefined) times.push(now);
    }
    assert.deepEqual(times, [0, 1_500, 3_000, 3_300, 3_600, 3_900]);
  });

  it("counts under a new view only what its voters have granted, and asks them at once", () => {
    const lease = createLease();
    const request = ask(lease, at(0));
    for (const voter of ["b", "c"]) grant(lease, voter, request);
    const next = lacking(view, "c");
    viewChanged(lease, next, at(100));
    assert.deepEqual([...lease.grants.keys()], [nodeId("b")]);
    assert.equal(standing(lease, next, at(100), TIMES).status, "frozen");
    assert.notEqual(renew(lease, "held", at(100), TIMES), undefined);
  });
});

describe("by two clocks a lease", () => {
  it("is over after a suspension that only the wall clock saw", () => {
    const lease = held(at(0, 1_000_000));
    assert.equal(look(lease, at(100, 1_005_999))[0], "soft");
    assert.equal(look(lease, at(100, 1_006_000))[0], "frozen");
  });

  it("does not last longer when the wall clock is set back", () => {
    const lease = held(at(0, 1_000_000));
    assert.equal(look(lease, at(6_000, 400_000))[0], "frozen");
    assert.equal(look(lease, at(5_999, 400_000))[0], "soft");
  });

  it("ends early when the wall clock is set forward", () => {
    assert.equal(look(held(at(0, 1_000_000)), at(1, 2_000_000))[0], "frozen");
  });

  it("is over when the first of its two terms is reached, and not before (law)", () => {
    const clock = fc.record({ mono: fc.nat(8_000), wall: fc.integer({ min: -8_000, max: 8_000 }) });
    fc.assert(fc.property(fc.array(clock, { minLength: 1, maxLength: 6 }), clock, (sendings, end) => {
      const lease = createLease();
      let now: Now = at(0, 0);
      const names = ["a", "b", "c"];
      for (const [index, { mono, wall }] of sendings.entries()) {
        now = at(now.mono + mono % 1_000, now.wall + wall % 1_000);
        lease.renewAt = now.mono;
        grant(lease, names[index % 3] ?? "a", ask(lease, now));
      }
      now = at(now.mono + end.mono, now.wall + end.wall);
      const { status, until } = standing(lease, view, now, TIMES);
      if (until === undefined) return assert.equal(status, "frozen");
      const isOver = now.mono >= until.mono || now.wall >= until.wall;
      assert.equal(status === "frozen", isOver);
    }));
  });

  it("never outlasts the promises of those who granted it, whatever the network did (law)", () => {
    // Real time, and a holder whose clock is up to 2 % slow. A voter promises when the request arrives.
    const round = fc.record({ waitMs: fc.nat(2_000), wayMs: fc.array(fc.nat(3_000), { minLength: 3, maxLength: 3 }) });
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 8 }), fc.integer({ min: 0, max: 20 }), (rounds, slow) => {
        const byHolder = (realMs: number) => at(realMs * (1 - slow / 1_000));
        const promisedUntil = new Map<string, number>();
        const lease = createLease();
        let realMs = 0;
        for (const { waitMs, wayMs } of rounds) {
          realMs += waitMs;
          const request = ask(lease, byHolder(realMs));
          for (const [index, ms] of wayMs.entries()) {
            const voter = ["a", "b", "c"][index] ?? "a";
            promisedUntil.set(voter, Math.max(promisedUntil.get(voter) ?? 0, realMs + ms + TIMES.promiseMs));
            grant(lease, voter, request);
          }
        }
        const promises = [...promisedUntil.values()].sort((one, other) => other - one);
        const quorumPromisesUntil = promises[1] ?? 0;
        assert.equal(standing(lease, view, byHolder(quorumPromisesUntil), TIMES).status, "frozen");
      }),
    );
  });

  it("measures by whichever clock has gone further", () => {
    assert.equal(elapsedAtMost(at(0, 0), at(5, 9)), 9);
    assert.equal(elapsedAtMost(at(0, 0), at(5, -9)), 5);
  });
});

function ask(lease: Lease, now: Now): number {
  lease.renewAt = now.mono;
  const request = renew(lease, "held", now, TIMES);
  assert.ok(request !== undefined);
  return request;
}

function grant(lease: Lease, from: string, request: number): boolean {
  return granted(lease, nodeId(from), request, ALL_RULES);
}

/** A lease of one request, granted by all. */
function held(sent: Now): Lease {
  const lease = createLease();
  const request = ask(lease, sent);
  for (const voter of ["a", "b", "c"]) grant(lease, voter, request);
  return lease;
}

function look(lease: Lease, now: Now): readonly [string, number | undefined] {
  const { status, until } = standing(lease, view, now, TIMES);
  return [status, until?.mono];
}

function statuses(lease: Lease, times: readonly number[]): readonly string[] {
  return times.map((now) => look(lease, at(now))[0]);
}
