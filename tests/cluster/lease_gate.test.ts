/**
 * The gate in front of the workers: what it says in each case, and that no thread ever finds it open too late, whatever
 * its clock shows and however long its messages take.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { instant } from "../../core/ids.ts";
import {
  CLOCK_GRAIN_MS,
  gateOf,
  type GateVerdict,
  isOpen,
  mayLeave,
  mayResume,
  measured,
  seenFrom,
  shutGate,
  UNMEASURED,
  verdictOf,
} from "../../core/lease_gate.ts";
import { createLease, granted, renew, standing } from "../../cluster/lease.ts";
import { ALL_RULES, without } from "../../cluster/rules.ts";
import { TIMINGS } from "../../cluster/settings.ts";
import type { Now } from "../../cluster/time.ts";
import { founded, ids } from "./view_values.ts";

const GATE = gateOf(3, { mono: instant(10_000), wall: 60_000 }, TIMINGS);

describe("lease gate", () => {
  const cases: readonly (readonly [string, number, number, number, GateVerdict])[] = [
    ["long before its end everything may begin", 3, 5_000, 55_000, "open"],
    ["until the margin begins", 3, 7_599, 57_599, "open"],
    ["in the margin nothing begins, and what runs may end", 3, 7_600, 55_000, "closing"],
    ["the wall clock counts as well", 3, 5_000, 57_600, "closing"],
    ["up to the last millisecond", 3, 9_999, 59_999, "closing"],
    ["at its end it is shut", 3, 10_000, 55_000, "shut"],
    ["by the wall clock too: the machine may have slept", 3, 5_000, 60_000, "shut"],
    ["a wall clock set back changes nothing", 3, 10_000, -1_000_000, "shut"],
    ["what began before is over, whatever the lease", 2, 5_000, 55_000, "over"],
    ["so is what is said to begin later", 4, 5_000, 55_000, "over"],
    ["a clock that shows no number shuts it", 3, NaN, 55_000, "shut"],
    ["on either side", 3, 5_000, NaN, "shut"],
  ];
  for (const [claim, generation, mono, wall, verdict] of cases) {
    it(claim, () => assert.equal(verdictOf(GATE, generation, { mono: instant(mono), wall }, ALL_RULES), verdict));
  }

  it("without a lease it is shut, from the beginning of time on", () => {
    const now: Now = { mono: instant(-1e12), wall: -1e12 };
    assert.equal(verdictOf(shutGate(1), 1, now, ALL_RULES), "shut");
    assert.equal(verdictOf(gateOf(1, undefined, TIMINGS), 1, now, ALL_RULES), "shut");
  });

  it("begins only when it is open, and lets out until it is shut", () => {
    const at = (ms: number): Now => ({ mono: instant(ms), wall: ms + 50_000 });
    const ask = (ms: number) => [isOpen(GATE, 3, at(ms), ALL_RULES), mayLeave(GATE, 3, at(ms), ALL_RULES)];
    assert.deepEqual([ask(7_000), ask(8_000), ask(10_000)], [[true, true], [false, true], [false, false]]);
  });

  it("each of its rules is one that can be missing", () => {
    const late: Now = { mono: instant(20_000), wall: 70_000 };
    assert.equal(verdictOf(GATE, 3, late, without("freezeAtExpiry")), "open");
    assert.equal(verdictOf(GATE, 2, late, without("freezeAtExpiry")), "over");
    assert.equal(verdictOf(GATE, 2, { mono: instant(0), wall: 0 }, without("generationGate")), "open");
    assert.equal(mayResume(GATE, 3, late, ALL_RULES), false);
    assert.equal(mayResume(GATE, 3, late, without("parkWhileFrozen")), true);
    assert.equal(mayResume(GATE, 2, late, without("parkWhileFrozen")), false);
  });

  it("is shut for a worker that has measured nothing", () => {
    const seen = seenFrom(GATE, UNMEASURED);
    assert.equal(verdictOf(seen, 3, { mono: instant(-1e12), wall: 0 }, ALL_RULES), "shut");
  });
});

describe("lease gate: laws", () => {
  const ms = (max: number) => fc.double({ min: 0, max, noNaN: true });
  const whole = (max: number) => fc.integer({ min: 0, max });

  it("nothing passes a gate that is later refused at an earlier time", () => {
    const order: readonly GateVerdict[] = ["open", "closing", "shut"];
    fc.assert(
      fc.property(ms(100_000), ms(100_000), ms(20_000), ms(20_000), (mono, wall, byMono, byWall) => {
        const first = verdictOf(GATE, 3, { mono: instant(mono), wall }, ALL_RULES);
        const then = verdictOf(GATE, 3, { mono: instant(mono + byMono), wall: wall + byWall }, ALL_RULES);
        assert.ok(order.indexOf(then) >= order.indexOf(first));
      }),
    );
  });

  it("what begins when it is open and takes no longer than the margin ends under the lease", () => {
    fc.assert(
      fc.property(whole(20_000), whole(TIMINGS.leaseMs - TIMINGS.softAfterMs), (mono, stretchMs) => {
        const now: Now = { mono: instant(mono), wall: 50_000 + mono };
        fc.pre(isOpen(GATE, 3, now, ALL_RULES));
        const then: Now = { mono: instant(mono + stretchMs), wall: now.wall + stretchMs };
        assert.ok(mayLeave(GATE, 3, then, ALL_RULES));
      }),
    );
  });

  // Times of one real clock. A thread's clock has an origin of its own, and shows whole grains.
  const round = fc.record({ sentMs: ms(1e6), tookMs: ms(5_000) });
  it("a worker never finds it open later than the main thread, by whatever it has measured", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e9, max: 1e9, noNaN: true }),
        fc.double({ min: -1e9, max: 1e9, noNaN: true }),
        fc.array(round, { maxLength: 6 }),
        ms(1e6),
        ms(20_000),
        (workerOrigin, mainOrigin, rounds, untilMs, afterMs) => {
          const worker = (real: number) => instant(Math.floor((real + workerOrigin) / CLOCK_GRAIN_MS) * CLOCK_GRAIN_MS);
          const main = (real: number) => instant(Math.floor((real + mainOrigin) / CLOCK_GRAIN_MS) * CLOCK_GRAIN_MS);
          let lead = UNMEASURED;
          for (const { sentMs, tookMs } of rounds) lead = measured(lead, worker(sentMs), main(sentMs + tookMs));
          const until = { mono: main(untilMs), wall: Infinity };
          const seen = seenFrom(gateOf(1, until, TIMINGS), lead);
          // A whole grain after its end the main thread's clock certainly shows that it is over.
          const now: Now = { mono: worker(untilMs + CLOCK_GRAIN_MS + afterMs), wall: 0 };
          assert.equal(verdictOf(seen, 1, now, ALL_RULES), "shut");
        },
      ),
    );
  });

  it("a quick measurement costs the worker little of the lease", () => {
    const lead = measured(UNMEASURED, instant(500_000), instant(1_002));
    assert.equal(lead, 498_998 - CLOCK_GRAIN_MS);
    assert.equal(measured(lead, instant(600_000), instant(109_000)), lead);
  });

  it("says the same as the lease it is made of, at every time", () => {
    const soleVoter = founded("a");
    const [voter] = ids("a");
    assert.ok(voter !== undefined);
    const span = fc.integer({ min: -20_000, max: 20_000 });
    fc.assert(
      fc.property(fc.array(fc.tuple(span, span), { minLength: 1, maxLength: 4 }), span, span, (sends, mono, wall) => {
        const lease = createLease();
        for (const [sentMono, sentWall] of sends) {
          lease.renewAt = instant(-Infinity);
          const sent: Now = { mono: instant(sentMono), wall: sentWall };
          const request = renew(lease, "held", sent, TIMINGS);
          if (request !== undefined) granted(lease, voter, request, ALL_RULES);
        }
        const now: Now = { mono: instant(mono), wall };
        const { status, until } = standing(lease, soleVoter, now, TIMINGS);
        const said = verdictOf(gateOf(1, until, TIMINGS), 1, now, ALL_RULES);
        assert.equal(said, status === "held" ? "open" : status === "soft" ? "closing" : "shut");
      }),
    );
  });
});
