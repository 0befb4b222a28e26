/**
 * What `true` means: the message begins exactly once or is a dead letter; `false`: it never begins. And mailboxes keep
 * to their bounds.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { Traffic, trafficPlan } from "../rig/traffic.ts";

const plan = trafficPlan(
  { send: 8, turn: 12, open: 3, advance: 2, sweep: 1, stop: 1 },
  ["quick", "slow", "peek", "look", "fail", "leave", "put", "take"],
  80,
);

describe("a tell", () => {
  it("property: that was taken begins once or is one dead letter; one that was refused never begins", async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (one) => {
        const traffic = new Traffic(one);
        await traffic.run();
        for (const sent of traffic.sent) {
          assert.ok(sent.begun <= 1, `${sent.from} → ${sent.to} ${sent.order} began ${sent.begun} times`);
          if (!sent.isTaken) assert.equal(sent.begun, 0, `${sent.from} → ${sent.to} ${sent.order} was refused`);
        }
        assert.equal(traffic.tellsMissing(), 0);
        assert.deepEqual(traffic.broken, []);
      }),
      { numRuns: 150 },
    );
  });
});

describe("a mailbox", () => {
  it("property: never holds more user messages than its kind allows", async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (one) => {
        const traffic = new Traffic(one);
        let most = 0;
        const look = () => {
          for (const { host } of traffic.rig.threads) {
            for (const cell of host.cells.values()) {
              const user = [...cell.mailbox].filter(({ handler }) => handler >= 0).length;
              most = Math.max(most, user);
            }
          }
        };
        for (const thread of traffic.rig.threads) {
          const turn = thread.turn.bind(thread);
          thread.turn = (limits) => {
            look();
            const hasMore = turn(limits);
            look();
            return hasMore;
          };
        }
        await traffic.run();
        assert.ok(most <= one.mailbox, `${most} > ${one.mailbox}`);
      }),
      { numRuns: 60 },
    );
  });
});
