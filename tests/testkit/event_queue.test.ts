import { describe, it } from "node:test";
import assert from "node:assert/strict";
import fc from "fast-check";
import { EventQueue } from "../../testkit/event_queue.ts";

interface Entry {
  readonly atUs: number;
  order: number;
  readonly id: number;
}

describe("the event queue", () => {
  it("gives events by time, and those of one time in the order they were added, takes in between or not", () => {
    const step = fc.oneof(fc.nat({ max: 20 }), fc.constant("take" as const));
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new EventQueue<Entry>();
      const model: Entry[] = [];
      const takeBoth = (): void => {
        model.sort((one, other) => one.atUs - other.atUs || one.id - other.id);
        assert.equal(queue.take()?.id, model.shift()?.id);
      };
      steps.forEach((one, id) => {
        if (one === "take") return takeBoth();
        const entry = { atUs: one, order: 0, id };
        queue.add(entry);
        model.push(entry);
      });
      while (model.length > 0) takeBoth();
      assert.equal(queue.take(), undefined);
      assert.equal(queue.size, 0);
    }));
  });
});
