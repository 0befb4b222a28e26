/**
 * Who runs beside whom: never two handlers that are not reentrant, never more reentrant ones than the limit, whatever
 * settles when; and reentrant handlers do run beside others, or there would be no use in them.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { Traffic } from "../rig/traffic.ts";
import { trafficPlan } from "../rig/traffic_plan.ts";

const plan = trafficPlan(
  { send: 8, turn: 10, open: 5, advance: 1, stop: 1, sweep: 1 },
  ["slow", "look", "look", "peek", "quick", "fail", "forward"],
  80,
);

describe("handlers of one actor", () => {
  it("property: interleave when they are reentrant, up to the limit, and never otherwise", async () => {
    let interleaved = 0;
    await fc.assert(
      fc.asyncProperty(plan, async (one) => {
        const traffic = new Traffic(one);
        await traffic.run();
        interleaved += traffic.interleaved;
        assert.deepEqual(traffic.broken, []);
      }),
      { numRuns: 150 },
    );
    assert.ok(interleaved > 0, "no two handlers ever ran beside each other");
  });
});
