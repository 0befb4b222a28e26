/**
 * The table of a cell's life, move by move, and the words that cross threads.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { AssertionFailure } from "../../core/assert.ts";
import { type CellStatus, moved, STOP_REASONS, type StopReason } from "../../core/lifecycle.ts";

const STATUSES: readonly CellStatus[] = [
  "created",
  "starting",
  "running",
  "awaiting",
  "restarting",
  "stopping",
  "stopped",
];

/** Every move a cell may make, written out once more: a change of the table is a decision, not a slip. */
const MOVES: readonly string[] = [
  "created → starting",
  "created → stopping",
  "starting → running",
  "starting → restarting",
  "starting → stopping",
  "running → awaiting",
  "running → restarting",
  "running → stopping",
  "awaiting → running",
  "awaiting → restarting",
  "awaiting → stopping",
  "restarting → starting",
  "restarting → stopping",
  "stopping → stopped",
];

describe("moved", () => {
  it("lets a cell make the moves of its life and asserts at every other", () => {
    const allowed = STATUSES.flatMap((from) =>
      STATUSES.filter((to) => isAllowed(from, to)).map((to) => `${from} → ${to}`)
    );
    assert.deepEqual(allowed.sort(), [...MOVES].sort());
  });

  it("answers the new status", () => {
    assert.equal(moved("created", "starting"), "starting");
  });

  it("lets nothing follow the end", () => {
    for (const to of STATUSES) assert.throws(() => moved("stopped", to), AssertionFailure);
  });
});

describe("STOP_REASONS", () => {
  it("has every reason once, for the thread that decodes them", () => {
    // A reason that is missing here does not compile; one that is missing there is not decoded.
    const every: Readonly<Record<StopReason, true>> = {
      "stop": true,
      "passivated": true,
      "failed": true,
      "restart-budget-spent": true,
      "start-failed": true,
      "fenced": true,
      "moved": true,
      "parent-stopped": true,
      "system-stopping": true,
      "worker-lost": true,
      "node-lost": true,
      "not-found": true,
    };
    assert.deepEqual([...STOP_REASONS].sort(), Object.keys(every).sort());
  });
});

function isAllowed(from: CellStatus, to: CellStatus): boolean {
  try {
    moved(from, to);
    return true;
  } catch (thrown) {
    assert.ok(thrown instanceof AssertionFailure);
    return false;
  }
}
