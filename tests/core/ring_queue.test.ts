/**
 * The queue against an array, and its limits.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { RingQueue } from "../../core/ring_queue.ts";

function queueOf(capacity: number, ...elements: readonly string[]): RingQueue<string> {
  const queue = new RingQueue<string>(capacity);
  for (const element of elements) assert.ok(queue.push(element));
  return queue;
}

describe("RingQueue", () => {
  it("gives elements back in the order they were pushed", () => {
    const queue = queueOf(8, "a", "b", "c");
    assert.deepEqual([queue.shift(), queue.shift(), queue.shift(), queue.shift()], ["a", "b", "c", undefined]);
    assert.equal(queue.size, 0);
  });

  it("refuses an element at either end when it holds its capacity", () => {
    const queue = queueOf(3, "a", "b", "c");
    assert.equal(queue.push("d"), false);
    assert.equal(queue.unshift("d"), false);
    assert.deepEqual([...queue], ["a", "b", "c"]);
    queue.shift();
    assert.equal(queue.push("d"), true);
    assert.deepEqual([...queue], ["b", "c", "d"]);
  });

  it("holds its capacity exactly, whether that is a power of two or not", () => {
    for (const capacity of [1, 2, 3, 4, 5, 63, 64, 65, 1_000]) {
      const queue = new RingQueue<number>(capacity);
      for (let element = 0; element < capacity; element++) assert.ok(queue.push(element));
      assert.equal(queue.push(capacity), false);
      assert.equal(queue.size, capacity);
    }
  });

  it("puts an unshifted element before all others", () => {
    const queue = queueOf(8, "b", "c");
    assert.ok(queue.unshift("a"));
    assert.deepEqual([...queue], ["a", "b", "c"]);
    assert.equal(queue.shift(), "a");
  });

  it("removes an element from the middle and keeps the order of the others", () => {
    const queue = queueOf(8, "a", "b", "c", "d", "e");
    assert.equal(queue.removeAt(2), "c");
    assert.deepEqual([...queue], ["a", "b", "d", "e"]);
    assert.equal(queue.removeAt(3), "e");
    assert.equal(queue.removeAt(0), "a");
    assert.deepEqual([...queue], ["b", "d"]);
  });

  it("has nothing at an index that is not below its size", () => {
    const queue = queueOf(8, "a", "b");
    for (const index of [-1, 2, 0.5, NaN, Infinity]) {
      assert.equal(queue.at(index), undefined);
      assert.equal(queue.removeAt(index), undefined);
    }
    assert.equal(queue.size, 2);
  });

  it("works on after it has drained from large and after it was cleared", () => {
    const queue = new RingQueue<number>(1_000);
    for (let lap = 0; lap < 3; lap++) {
      for (let element = 0; element < 1_000; element++) queue.push(element);
      for (let element = 0; element < 1_000; element++) assert.equal(queue.shift(), element);
      queue.push(7);
      assert.deepEqual([...queue], [7]);
      queue.clear();
      assert.deepEqual([...queue], []);
    }
  });

  it("shows elements that are pushed while it is iterated", () => {
    const queue = queueOf(8, "a", "b");
    const seen: string[] = [];
    for (const element of queue) {
      seen.push(element);
      if (element === "a") queue.push("c");
    }
    assert.deepEqual(seen, ["a", "b", "c"]);
  });

  it("refuses a capacity that is not a count", () => {
    for (const capacity of [0, -1, 1.5, NaN, Infinity]) {
      assert.throws(() => new RingQueue(capacity), /Broken claim/);
    }
  });

  it("property: does what an array with a limit does", () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant("push" as const), times: fc.integer({ min: 1, max: 60 }) }),
      },
      {
        weight: 5,
        arbitrary: fc.record({ kind: fc.constant("shift" as const), times: fc.integer({ min: 1, max: 60 }) }),
      },
      fc.record({ kind: fc.constant("unshift" as const), times: fc.integer({ min: 1, max: 10 }) }),
      fc.record({ kind: fc.constant("removeAt" as const), times: fc.nat(200) }),
      fc.record({ kind: fc.constant("clear" as const), times: fc.constant(1) }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.array(step, { maxLength: 60, size: "max" }),
        (capacity, steps) => {
          const queue = new RingQueue<number>(capacity);
          const model: number[] = [];
          let next = 0;
          for (const { kind, times } of steps) {
            if (kind === "clear") {
              queue.clear();
              model.length = 0;
            } else if (kind === "removeAt") {
              assert.equal(queue.removeAt(times), model.splice(times, 1)[0]);
            } else {
              for (let time = 0; time < times; time++) perform(kind, queue, model, capacity, next++);
            }
            assert.equal(queue.size, model.length);
            assert.deepEqual([...queue], model);
            assert.deepEqual([queue.at(0), queue.at(model.length - 1)], [model[0], model.at(-1)]);
          }
        },
      ),
    );
  });
});

function perform(
  kind: "push" | "shift" | "unshift",
  queue: RingQueue<number>,
  model: number[],
  capacity: number,
  element: number,
): void {
  if (kind === "shift") return assert.equal(queue.shift(), model.shift());
  const hasRoom = model.length < capacity;
  if (hasRoom && kind === "push") model.push(element);
  if (hasRoom && kind === "unshift") model.unshift(element);
  assert.equal(queue[kind](element), hasRoom);
}
