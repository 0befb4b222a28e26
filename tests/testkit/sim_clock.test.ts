import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { SimClock } from "../../testkit/sim_clock.ts";

const SECOND_US = 1_000_000;

describe("a simulated clock", () => {
  it("runs at its rate from where it starts", () => {
    const clock = new SimClock({ rate: 1.01, monoMs: 500, wallMs: 1_000_000 }, 3 * SECOND_US);
    assert.deepEqual(clock.now(3 * SECOND_US), { mono: 500, wall: 1_000_000 });
    assert.equal(clock.monoMs(13 * SECOND_US), 500 + 10_100);
    assert.equal(clock.wallMs(13 * SECOND_US), 1_010_100);
    assert.equal(clock.realUs(10_100), 10 * SECOND_US);
  });

  it("steps its wall side only", () => {
    const clock = new SimClock({ rate: 1, monoMs: 0, wallMs: 5_000 }, 0);
    clock.stepWall(-3_600_000);
    assert.deepEqual(clock.now(SECOND_US), { mono: 1_000, wall: 6_000 - 3_600_000 });
  });

  it("stands still in a suspend on its monotonic side only", () => {
    const clock = new SimClock({ rate: 1, monoMs: 0, wallMs: 0 }, 0);
    clock.suspend(SECOND_US, 4 * SECOND_US);
    assert.equal(clock.monoMs(2 * SECOND_US), 1_000);
    assert.equal(clock.wallMs(2 * SECOND_US), 2_000);
    assert.deepEqual(clock.now(5 * SECOND_US), { mono: 2_000, wall: 5_000 });
  });

  it("lengthens a suspend by another within it, and starts anew after it", () => {
    const clock = new SimClock({ rate: 1, monoMs: 0, wallMs: 0 }, 0);
    clock.suspend(SECOND_US, 3 * SECOND_US);
    clock.suspend(2 * SECOND_US, 6 * SECOND_US);
    clock.suspend(2 * SECOND_US, 4 * SECOND_US);
    assert.equal(clock.monoMs(7 * SECOND_US), 2_000);
    clock.suspend(8 * SECOND_US, 9 * SECOND_US);
    assert.equal(clock.monoMs(10 * SECOND_US), 4_000);
  });

  it("goes on from where a suspend is ended early", () => {
    const clock = new SimClock({ rate: 1, monoMs: 0, wallMs: 0 }, 0);
    clock.suspend(SECOND_US, 100 * SECOND_US);
    clock.wake(2 * SECOND_US);
    assert.equal(clock.monoMs(3 * SECOND_US), 2_000);
  });

  it("never goes back on its monotonic side, whatever happens", () => {
    const act = fc.record({
      do: fc.constantFrom("suspend", "wake", "step", "look"),
      afterUs: fc.nat({ max: 5 * SECOND_US }),
      forUs: fc.nat({ max: 5 * SECOND_US }),
    });
    fc.assert(fc.property(fc.array(act, { maxLength: 40 }), fc.integer({ min: -20_000, max: 20_000 }), (acts, ppm) => {
      const clock = new SimClock({ rate: 1 + ppm / 1_000_000, monoMs: 10, wallMs: 0 }, 0);
      let atUs = 0;
      let last = clock.monoMs(0);
      for (const one of acts) {
        atUs += one.afterUs;
        if (one.do === "suspend") clock.suspend(atUs, atUs + one.forUs);
        else if (one.do === "wake") clock.wake(atUs);
        else if (one.do === "step") clock.stepWall(-one.forUs);
        const mono = clock.monoMs(atUs);
        assert.ok(mono >= last, `${mono} after ${last}`);
        last = mono;
      }
    }));
  });
});
