/**
 * What a slow reader sees of a stream: a gap with a number in it, never a wrong order.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { BoundedBuffer, type Taken } from "../../core/bounded_buffer.ts";

function bufferOf(capacity: number, ...items: readonly string[]): BoundedBuffer<string> {
  const buffer = new BoundedBuffer<string>(capacity);
  for (const item of items) assert.ok(buffer.offer(item));
  return buffer;
}

/** All that can be taken now; the last one says why there is no more. */
function drain<T>(buffer: BoundedBuffer<T>): readonly Taken<T>[] {
  const taken = buffer.take();
  return taken.kind === "empty" || taken.kind === "closed" ? [taken] : [taken, ...drain(buffer)];
}

describe("BoundedBuffer", () => {
  it("gives items in the order they were offered", () => {
    assert.deepEqual(drain(bufferOf(4, "a", "b")), [
      { kind: "item", item: "a" },
      { kind: "item", item: "b" },
      { kind: "empty" },
    ]);
  });

  it("drops the oldest at its capacity, and says how many where they were", () => {
    const buffer = bufferOf(2, "a", "b", "c", "d", "e");
    assert.equal(buffer.size, 2);
    assert.deepEqual(drain(buffer), [
      { kind: "lost", lostCount: 3 },
      { kind: "item", item: "d" },
      { kind: "item", item: "e" },
      { kind: "empty" },
    ]);
  });

  it("counts each gap from the one before", () => {
    const buffer = bufferOf(1, "a", "b");
    assert.deepEqual(buffer.take(), { kind: "lost", lostCount: 1 });
    buffer.offer("c");
    buffer.offer("d");
    assert.deepEqual(drain(buffer), [{ kind: "lost", lostCount: 2 }, { kind: "item", item: "d" }, { kind: "empty" }]);
  });

  it("gives what it held when it was closed, then is closed for ever", () => {
    const buffer = bufferOf(1, "a", "b");
    buffer.close();
    buffer.close();
    assert.equal(buffer.isClosed, true);
    assert.equal(buffer.offer("c"), false);
    assert.deepEqual(drain(buffer), [{ kind: "lost", lostCount: 1 }, { kind: "item", item: "b" }, { kind: "closed" }]);
    assert.deepEqual(buffer.take(), { kind: "closed" });
  });

  it("holds undefined as it holds anything else", () => {
    const buffer = new BoundedBuffer<undefined>(1);
    buffer.offer(undefined);
    assert.deepEqual(drain(buffer), [{ kind: "item", item: undefined }, { kind: "empty" }]);
  });

  it("property: every item offered is taken in its place or counted in the gap at its place", () => {
    const step = fc.oneof(fc.constant("offer" as const), fc.constant("take" as const));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 80, size: "max" }), (capacity, steps) => {
        const buffer = new BoundedBuffer<number>(capacity);
        let offered = 0;
        let seen = 0;
        const see = (taken: Taken<number>) => {
          if (taken.kind === "item") assert.equal(taken.item, seen++);
          if (taken.kind === "lost") seen += taken.lostCount;
          assert.ok(taken.kind !== "lost" || taken.lostCount > 0);
        };
        for (const one of steps) {
          if (one === "offer") buffer.offer(offered++);
          else see(buffer.take());
          assert.ok(buffer.size <= capacity);
        }
        buffer.close();
        for (const taken of drain(buffer)) see(taken);
        assert.equal(seen, offered);
      }),
    );
  });
});
