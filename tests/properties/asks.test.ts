/**
 * Every ask ends exactly once: by reply, refusal, deadline, its caller's signal or the loss of a thread, whatever fails,
 * restarts, stops, passivates or answers late meanwhile; and its fate tells the truth about whether it began.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { Traffic } from "../rig/traffic.ts";
import { DEEDS, trafficPlan } from "../rig/traffic_plan.ts";

const plan = trafficPlan(
  { send: 8, turn: 12, open: 3, advance: 3, sweep: 1, stop: 1, abort: 2, lose: 1 },
  DEEDS,
  80,
);

describe("an ask", () => {
  it("property: ends exactly once, and its fate is true", async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (one) => {
        const traffic = new Traffic(one);
        await traffic.run();
        for (const sent of traffic.sent) {
          const { ask, begun, deed } = sent;
          if (ask === undefined || traffic.isOrphan(sent)) continue;
          const what = `${sent.from} → ${sent.to} ${deed}: ${String(ask.outcome)}, began ${begun} times`;
          assert.notEqual(ask.state, "pending", what);
          assert.ok(begun <= 1, what);
          if (ask.error === undefined) assert.ok(ask.state === "ok" && begun === 1, what);
          if (ask.error?.fate === "not-delivered") assert.equal(begun, 0, what);
          if (ask.error?.fate === "delivered") assert.equal(begun, 1, what);
        }
        for (const { host } of traffic.rig.threads) {
          assert.equal(host.answeredTwice, 0, "a cell answers each ask once");
          assert.equal(host.asks.count, 0, "nothing is waited for any more");
        }
        assert.deepEqual(traffic.broken, []);
      }),
      { numRuns: 200 },
    );
  });
});
