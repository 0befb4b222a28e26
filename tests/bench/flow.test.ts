import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BATCH_BYTES_MAX, BATCH_MESSAGES, batchMessagesOf, runPairs, Sending } from "../../bench/flow.ts";
import { quantile, quantiles, spreadOf } from "../../bench/statistics.ts";

const TASK = { scenario: "S0.test", contestant: "test", seconds: 60, countMax: 2_000 };

describe("Sending", () => {
  it("allows whole batches until the count is used up, two on their way at most", () => {
    const sending = new Sending(TASK);
    assert.equal(sending.nextBatch() && sending.nextBatch(), true);
    assert.throws(() => sending.nextBatch(), /a sender waits/);
    for (let batch = 0; batch < 2; batch++) {
      sending.counted();
      assert.equal(sending.nextBatch(), true);
    }
    assert.equal(sending.sent, 4 * BATCH_MESSAGES);
    sending.counted();
    assert.equal(sending.nextBatch(), false);
    assert.equal(sending.isDrained, false);
    sending.counted();
    assert.equal(sending.isDrained, true);
  });

  it("allows the first batch when the time is over already", () => {
    const sending = new Sending({ ...TASK, seconds: -1 });
    assert.equal(sending.nextBatch(), true);
    assert.equal(sending.nextBatch(), false);
  });
});

describe("runPairs()", () => {
  it("adds up what every receiver counted and every sender sent", async () => {
    const outcome = await runPairs({ ...TASK, countMax: 4 * BATCH_MESSAGES }, 4, (sending, drained) => () => {
      sending.nextBatch();
      sending.counted();
      drained(sending.sent - 1);
    });
    assert.equal(outcome.sent, 4 * BATCH_MESSAGES);
    assert.equal(outcome.delivered, 4 * BATCH_MESSAGES - 4);
  });
});

describe("batchMessagesOf()", () => {
  it("bounds the bytes of a batch, and sends at least one message", () => {
    assert.equal(batchMessagesOf(0), BATCH_MESSAGES);
    assert.equal(batchMessagesOf(1 << 20) << 20, BATCH_BYTES_MAX);
    assert.equal(batchMessagesOf(1 << 30), 1);
  });
});

describe("spreadOf(), quantile() and quantiles()", () => {
  it("interpolate between neighbours and leave the values alone", () => {
    const values = [4, 1, 3, 2];
    assert.deepEqual(spreadOf(values), { median: 2.5, min: 1, max: 4, count: 4 });
    assert.equal(quantile([0, 10], 0.99), 9.9);
    assert.deepEqual(quantiles(values, [0, 0.5, 1]), [1, 2.5, 4]);
    assert.deepEqual(values, [4, 1, 3, 2]);
  });
});
