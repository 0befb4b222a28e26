/**
 * What `true` means: the message begins exactly once or is a dead letter; `false`: it never begins. And mailboxes keep
 * to their bounds.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { Traffic } from "../rig/traffic.ts";
import { trafficPlan } from "../rig/traffic_plan.ts";

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

/** Without a stash: what is put back may go over the limit by as much as the stash holds. */
const planWithoutStash = trafficPlan(
  { send: 10, turn: 8, open: 3, advance: 1, stop: 1 },
  ["quick", "slow", "look", "fail"],
  80,
);

describe("a mailbox", () => {
  it("property: never holds more user messages than its kind allows, and does hold as many", async () => {
    let full = 0;
    await fc.assert(
      fc.asyncProperty(planWithoutStash, async (one) => {
        const traffic = new Traffic(one);
        const most = await mostHeld(traffic);
        assert.ok(most <= one.mailbox, `${most} > ${one.mailbox}`);
        if (most === one.mailbox) full++;
      }),
      { numRuns: 100 },
    );
    assert.ok(full > 0, "no mailbox was ever full");
  });
});

/** The most user messages any mailbox held before or after a turn. */
async function mostHeld(traffic: Traffic): Promise<number> {
  let most = 0;
  const look = () => {
    const cells = traffic.rig.threads.flatMap(({ host }) => [...host.cells.values()]);
    const held = cells.map(({ mailbox }) => [...mailbox].filter(({ handler }) => handler >= 0).length);
    most = Math.max(most, ...held);
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
  return most;
}
