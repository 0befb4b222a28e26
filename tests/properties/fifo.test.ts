/**
 * Order for each pair of sender and receiver: whatever the threads do when, however full lanes and mailboxes are,
 * messages that begin do so in the order they were sent, tells and asks alike.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { Traffic } from "../rig/traffic.ts";
import { trafficPlan } from "../rig/traffic_plan.ts";

const plan = trafficPlan(
  { send: 8, turn: 12, open: 3, advance: 2, sweep: 1 },
  ["quick", "slow", "peek", "look", "refuse", "fail"],
  80,
);

describe("messages of one sender to one receiver", () => {
  it("property: begin in the order they were sent", async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (one) => {
        const traffic = new Traffic(one);
        await traffic.run();
        for (const [pair, orders] of traffic.beginningsOfPairs()) {
          assert.deepEqual(orders, [...orders].sort((a, b) => a - b), pair);
        }
        assert.deepEqual(traffic.broken, []);
      }),
      { numRuns: 150 },
    );
  });
});
