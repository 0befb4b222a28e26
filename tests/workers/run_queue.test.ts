import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Cell } from "../../core/cell.ts";
import { RunQueue } from "../../workers/run_queue.ts";

/** The run queue looks at nothing of a cell but its mark. */
function cellNamed(key: string): Cell {
  return { key, isQueued: false } as Partial<Cell> as Cell;
}

function named(cell: Cell | undefined): string | undefined {
  return cell?.key;
}

describe("RunQueue", () => {
  it("runs cells in the order they were queued, each once", () => {
    const queue = new RunQueue();
    const [a, b] = [cellNamed("a"), cellNamed("b")];
    assert.deepEqual([queue.add(a), queue.add(b), queue.add(a)], [true, true, false]);
    assert.deepEqual([named(queue.begin()), named(queue.begin()), queue.begin()], ["a", "b", undefined]);
  });

  it("runs the cell that the running one woke before those that wait", () => {
    const queue = new RunQueue();
    const [a, b, c] = [cellNamed("a"), cellNamed("b"), cellNamed("c")];
    queue.add(a);
    queue.add(b);
    queue.begin();
    queue.add(c);
    queue.end(a, false);
    assert.deepEqual([named(queue.begin()), queue.size], ["c", 1]);
  });

  it("puts a cell that wakes itself, or has more, behind all others", () => {
    const queue = new RunQueue();
    const [a, b] = [cellNamed("a"), cellNamed("b")];
    queue.add(a);
    queue.add(b);
    queue.begin();
    queue.add(a);
    queue.end(a, true);
    assert.deepEqual([named(queue.begin()), named(queue.begin())], ["b", "a"]);
  });

  it("lets others run though two cells wake each other for ever", () => {
    const queue = new RunQueue();
    const [a, b, waiting] = [cellNamed("a"), cellNamed("b"), cellNamed("waiting")];
    queue.add(a);
    queue.add(waiting);
    let turns = 0;
    for (let cell = queue.begin(); cell !== undefined && cell !== waiting; cell = queue.begin()) {
      assert.ok(++turns < 10, "the waiting cell has its turn soon");
      queue.add(cell === a ? b : a);
      queue.end(cell, false);
    }
    assert.equal(turns, 4);
  });
});
