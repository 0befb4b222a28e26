/**
 * One reader of a stream: bounded, in order, and ended once.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ActorError } from "../../core/failure.ts";
import { Subscription, type SubscriptionOptions } from "../../system/subscription.ts";

const open = (options?: SubscriptionOptions, describeLoss?: (count: number) => number) => {
  let closings = 0;
  const subscription = new Subscription<number>(options ?? {}, describeLoss, () => closings++);
  return { subscription, closings: () => closings };
};

describe("Subscription", () => {
  it("gives items in order, to readers that wait and to those that come later", async () => {
    const { subscription } = open();
    const [first, second] = [subscription.next(), subscription.next()];
    for (const item of [1, 2, 3]) subscription.offer(item);
    assert.deepEqual([await first, await second, await subscription.next()].map(({ value }) => value), [1, 2, 3]);
  });

  it("loses the oldest at its limit, and says how many in their place", async () => {
    const { subscription } = open({ buffer: 2 }, (count) => -count);
    for (const item of [1, 2, 3, 4, 5]) subscription.offer(item);
    assert.deepEqual(
      [await subscription.next(), await subscription.next(), await subscription.next()].map(({ value }) => value),
      [-3, 4, 5],
    );
    assert.equal(subscription.lostCount, 3);
  });

  it("without words for a loss only counts it", async () => {
    const { subscription } = open({ buffer: 1 });
    for (const item of [1, 2, 3]) subscription.offer(item);
    assert.deepEqual(await subscription.next(), { done: false, value: 3 });
    assert.equal(subscription.lostCount, 2);
  });

  it("ends once: waiting readers are told, what is held is read, what comes later is not taken", async () => {
    const { subscription, closings } = open();
    const waiting = [subscription.next(), subscription.next()];
    subscription.offer(1);
    subscription.close();
    subscription.close();
    subscription.offer(2);
    assert.deepEqual(await Promise.all(waiting), [{ done: false, value: 1 }, { done: true, value: undefined }]);
    assert.deepEqual(await subscription.next(), { done: true, value: undefined });
    assert.deepEqual([closings(), subscription.isClosed], [1, true]);
    const held = open().subscription;
    held.offer(7);
    held.close();
    const read: number[] = [];
    for await (const item of held) read.push(item);
    assert.deepEqual(read, [7]);
  });

  it("ends by its signal, also one that has aborted before, and lets go of it", async () => {
    const abort = new AbortController();
    const { subscription, closings } = open({ signal: abort.signal });
    const waiting = subscription.next();
    abort.abort();
    assert.equal((await waiting).done, true);
    assert.equal(closings(), 1);
    const late = open({ signal: abort.signal });
    assert.deepEqual([late.subscription.isClosed, late.closings()], [true, 1]);
    const other = new AbortController();
    const left = open({ signal: other.signal });
    await left.subscription.return();
    other.abort();
    assert.equal(left.closings(), 1);
  });

  it("ends when its loop is left, and by await using", async () => {
    const { subscription, closings } = open();
    subscription.offer(1);
    for await (const item of subscription) {
      assert.equal(item, 1);
      break;
    }
    assert.equal(closings(), 1);
    let used = 0;
    {
      await using scoped = new Subscription<number>({}, undefined, () => used++);
      scoped.offer(1);
    }
    assert.equal(used, 1);
  });

  it("refuses a buffer out of range and a signal that is none", () => {
    // A program without types can pass anything here.
    const wrong: SubscriptionOptions[] = JSON.parse(
      '[{"buffer":0},{"buffer":1.5},{"buffer":1048577},{"buffer":"9"},{"signal":{}}]',
    );
    for (const options of wrong) {
      assert.throws(() => open(options), (error) => error instanceof ActorError && error.code === "invalid-options");
    }
  });
});
